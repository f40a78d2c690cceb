import GPUDevice
import HopperKernels
import LatentAttention
import PTX

/// Partial results in device memory, for plans of up to some number of rows.
struct PartialMemory {
  private(set) var output, lse: DeviceMemory?
  private var byteCount = 0
  private var rowCount = 0

  /// Makes room, if there is not enough.
  mutating func reserve(
    rows: Int, type: ElementType, on device: any GPUDevice
  ) throws(HopperEngineError) {
    let bytes = try asProblem { () throws(ProblemError) in
      try rows.multiplied(by: HopperKernels.latentWidth * type.byteCount, field: "plan.partialRowCount")
    }
    guard bytes > byteCount || rows > rowCount else { return }
    (output, lse, byteCount, rowCount) = (nil, nil, 0, 0)
    try onDevice { () throws(GPUDeviceError) in
      output = try device.allocate(byteCount: bytes)
      lse = try device.allocate(byteCount: rows * MemoryLayout<Float>.size)
    }
    (byteCount, rowCount) = (bytes, rows)
  }
}

/// What an engine keeps between runs: compiled kernels, the tables of the last plan, and memory for partials.
struct EngineState: ~Copyable {
  private struct LoadedKernel {
    let kernel: any GPUKernel
    let dynamicSharedByteCount: Int
  }

  private var decodeKernels: [DecodeVariant: LoadedKernel] = [:]
  private var mergeKernels: [StorageFormat: LoadedKernel] = [:]
  private var tables: PlanTables?
  private var partials = PartialMemory()
  /// The counter of blocks that have done their pieces, for each number of blocks: it is always a multiple of it.
  private var counters: [Int: DeviceMemory] = [:]

  /// Puts a run into the device's default stream.
  mutating func launch(
    _ call: EngineCall, on device: any GPUDevice, _ options: HopperEngineOptions
  ) throws(HopperEngineError) {
    let tables = try tables(of: call, on: device, options)
    try partials.reserve(rows: call.plan.partialRowCount, type: call.partialType, on: device)
    let decode = try decodeKernel(call.variant, on: device)
    let merges = !call.plan.mergeJobs.isEmpty
    let mergesInPlace = merges && options.secondStage == .sameLaunch
    let counter = mergesInPlace ? try counter(tables.blockCount, on: device) : nil
    var launch = LaunchConfiguration(
      grid: Extent(tables.blockCount), block: Extent(call.variant.pipeline.threadCount))
    launch.dynamicSharedByteCount = decode.dynamicSharedByteCount
    launch.isCooperative = mergesInPlace
    let (partials, stream) = (partials, device.defaultStream)
    try onDevice { () throws(GPUDeviceError) in
      let parameters = try call.parameters(
        tables, partials: partials, arrivedBlocks: counter?.address)
      let maps = try call.tensorMaps(device)
      try stream.launch(decode.kernel, launch, arguments: [parameters] + maps)
    }
    guard merges && !mergesInPlace else { return }
    let merge = try mergeKernel(call.variant.elementType, on: device)
    var mergeLaunch = LaunchConfiguration(
      grid: Extent(tables.blockCount), block: Extent(MergeKernel.threadCount))
    mergeLaunch.dynamicSharedByteCount = merge.dynamicSharedByteCount
    mergeLaunch.allowsEarlyStart = true
    try onDevice { () throws(GPUDeviceError) in
      let parameters = try call.parameters(
        tables, partials: partials, arrivedBlocks: nil)
      try stream.launch(merge.kernel, mergeLaunch, arguments: [parameters])
    }
  }

  private mutating func tables(
    of call: EngineCall, on device: any GPUDevice, _ options: HopperEngineOptions
  ) throws(HopperEngineError) -> PlanTables {
    // Layers of a step pass the same plan: its arrays are the same memory, and compare at once.
    if let tables, tables.plan == call.plan, tables.partialType == call.partialType { return tables }
    let made = try PlanTables(
      call.plan, blocksPerWorker: call.variant.cluster.blockCount, on: device, options,
      partialType: call.partialType)
    tables = made
    return made
  }

  private mutating func counter(
    _ blockCount: Int, on device: any GPUDevice
  ) throws(HopperEngineError) -> DeviceMemory {
    if let known = counters[blockCount] { return known }
    let counter = try onDevice { () throws(GPUDeviceError) in try device.upload([UInt64(0)]) }
    counters[blockCount] = counter
    return counter
  }

  private mutating func decodeKernel(
    _ variant: DecodeVariant, on device: any GPUDevice
  ) throws(HopperEngineError) -> LoadedKernel {
    if let known = decodeKernels[variant] { return known }
    let loaded = try load(on: device) { () throws(KernelError) in try DecodeKernel(variant).kernel }
    decodeKernels[variant] = loaded
    return loaded
  }

  private mutating func mergeKernel(
    _ type: StorageFormat, on device: any GPUDevice
  ) throws(HopperEngineError) -> LoadedKernel {
    if let known = mergeKernels[type] { return known }
    let loaded = try load(on: device) { () throws(KernelError) in try MergeKernel(elementType: type).kernel }
    mergeKernels[type] = loaded
    return loaded
  }

  private func load(
    on device: any GPUDevice, _ record: () throws(KernelError) -> Kernel
  ) throws(HopperEngineError) -> LoadedKernel {
    let kernel: Kernel
    do { kernel = try record() } catch { throw .kernel(error) }
    let loaded = try onDevice { () throws(GPUDeviceError) in
      try device.load(ptx: kernel.module.description).kernel(kernel.function.name)
    }
    return LoadedKernel(kernel: loaded, dynamicSharedByteCount: kernel.dynamicSharedByteCount)
  }
}
