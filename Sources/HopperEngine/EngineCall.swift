import GPUDevice
import HopperKernels
import LatentAttention
import PTX

/// One run: the tensors, and which kernel takes them.
struct EngineCall {
  let plan: AttentionPlan
  let queries: QueryView
  let cache: CacheView
  let output: OutputView
  let variant: DecodeVariant
  /// Number format of partial results.
  let partialType: ElementType

  /// - Throws: `ProblemError.outOfRange` for a tuning that the pipeline cannot have.
  init(
    plan: AttentionPlan, queries: QueryView, cache: CacheView, output: OutputView,
    _ options: HopperEngineOptions, choice: TunedChoice?
  ) throws(ProblemError) {
    self.plan = plan
    self.queries = queries
    self.cache = cache
    self.output = output
    partialType = options.partialType(of: plan, output: output.output.view.elementType)
    let mapsAreAllowed =
      options.usesTensorMaps && Self.fitsTensorMap(cache.latent) && Self.fitsTensorMap(cache.rope)
    let untuned = DecodeVariant(
      elementType: queries.latent.elementType.storageFormat, hasRope: plan.geometry.ropeWidth > 0,
      loading: mapsAreAllowed ? .init(pageSize: plan.batch.pageSize) : .rows,
      pipeline: options.pipeline ?? choice?.pipeline ?? .twoWarpgroups,
      cluster: plan.pieces.contains { $0.rowCount > HopperKernels.tileRows }
        ? options.cluster.ofPairs(choice) : .none)
    let tuning = options.tuning ?? (options.pipeline == nil ? choice?.tuning : nil)
    do { variant = try untuned.tuned(tuning ?? PipelineTuning()) } catch {
      throw ProblemError(
        .outOfRange, "tuning.\(error.field)", value: error.value, requirement: error.requirement)
    }
  }

  /// Whether TMA can read a tensor: rows aligned to 16 bytes, strides below 2⁴⁰ bytes, and not empty.
  private static func fitsTensorMap(_ view: TensorView?) -> Bool {
    guard let view else { return true }
    let strides = [view.innerStride, view.outerStride].map { $0.multipliedReportingOverflow(by: 2) }
    return isAligned(view) && !view.isEmpty
      && strides.allSatisfy { !$0.overflow && $0.partialValue < 1 << 40 }
  }

  /// Whether all rows of a tensor are aligned to 16 bytes.
  private static func isAligned(_ view: TensorView?) -> Bool {
    guard let view, !view.isEmpty else { return true }
    let elements = 16 / view.elementType.byteCount
    return view.addresses.lowerBound % 16 == 0
      && (view.outerStride % elements == 0 || view.outerCount == 1)
      && (view.innerStride % elements == 0 || view.innerCount == 1)
  }

  /// The tensor maps of the cache, in the order of the kernel's parameters.
  func tensorMaps(_ device: any GPUDevice) throws(GPUDeviceError) -> [KernelArgument] {
    guard let tokens = variant.loading.boxTokens else { return [] }
    var maps: [KernelArgument] = []
    for view in [cache.latent, cache.rope].compactMap({ $0 }) {
      var description = TensorMapDescription(
        elementType: view.elementType == .bfloat16 ? .bfloat16 : .float16,
        address: DeviceAddress(UInt64(view.addresses.lowerBound)),
        sizes: [view.width, view.innerCount, view.outerCount],
        byteStrides: [2 * view.innerStride, 2 * view.outerStride], box: [64, tokens, 1])
      description.swizzle = .bytes128
      description.l2Promotion = .bytes256
      maps.append(.tensorMap(try device.makeTensorMap(description)))
    }
    return maps
  }

  /// The struct parameter of the kernels.
  func parameters(
    _ tables: PlanTables, partials: PartialMemory, arrivedBlocks: DeviceAddress?
  ) throws(GPUDeviceError) -> KernelArgument {
    let fields = CallLayout.standard
    var call = CallBytes(byteCount: fields.layout.byteCount)
    try call.put(queries.latent, fields.queryLatent, fields.queryLatentToken, fields.queryLatentHead)
    try call.put(queries.rope, fields.queryRope, fields.queryRopeToken, fields.queryRopeHead)
    try call.put(cache.latent, fields.cacheLatent, fields.cacheLatentPage, fields.cacheLatentSlot)
    try call.put(cache.rope, fields.cacheRope, fields.cacheRopePage, fields.cacheRopeSlot)
    try call.put(output.output.view, fields.output, fields.outputToken, fields.outputHead)
    try call.put(output.lse?.view, fields.lse, fields.lseToken, fields.lseHead)
    try call.put(partials.output?.address, fields.partialOutput)
    try call.put(partials.lse?.address, fields.partialLSE)
    try call.put(tables.address(tables.pieces), fields.pieces)
    try call.put(tables.address(tables.pages), fields.pages)
    try call.put(tables.address(tables.mergeJobs), fields.mergeJobs)
    try call.put(tables.address(tables.mergeOffsets), fields.mergeOffsets)
    try call.put(arrivedBlocks, fields.arrivedBlocks)
    let geometry = plan.geometry
    // Scores are kept in base 2.
    try call.put(geometry.softmaxScale * Float(1.442695040888963407), fields.scoreScale)
    try call.put(output.lseBase == .two ? 1 : Float(0.693147180559945309), fields.lseUnit)
    try call.put(Int32(geometry.headCount), fields.headCount)
    // A page that is longer than any key list is one page.
    try call.put(Int32(clamping: plan.batch.pageSize), fields.pageSize)
    try call.put(Int32(plan.batch.isCausal ? 1 : 0), fields.keysPerToken)
    try call.put(output.output.view.elementType.storageFormat.rawValue, fields.outputFormat)
    try call.put(partialType.storageFormat.rawValue, fields.partialFormat)
    let queriesAreAligned = Self.isAligned(queries.latent) && Self.isAligned(queries.rope)
    let cacheIsAligned = Self.isAligned(cache.latent) && Self.isAligned(cache.rope)
    try call.put(UInt32(queriesAreAligned ? 1 : 0), fields.queriesAreAligned)
    try call.put(UInt32(cacheIsAligned ? 1 : 0), fields.cacheIsAligned)
    try call.put(UInt32(Self.isAligned(output.output.view) ? 1 : 0), fields.outputIsAligned)
    return try .bytes(call.block.bytes, alignment: fields.layout.alignment)
  }
}

extension HopperEngineOptions.Cluster {
  /// How blocks share keys where a plan has pieces for two.
  func ofPairs(_ choice: TunedChoice?) -> DecodeVariant.Cluster {
    switch self {
    case .none: .none
    case .sync: .synchronised
    case .multicast: .multicast
    case .automatic: choice?.cluster == .synchronised ? .synchronised : .multicast
    }
  }
}

extension ElementType {
  /// As kernels know it.
  var storageFormat: StorageFormat {
    switch self {
    case .bfloat16: .bfloat16
    case .float16: .float16
    case .float32: .float32
    case .float8: preconditionFailure("HopperEngine refuses 8-bit caches")
    }
  }
}

/// The struct parameter while it is filled in.
private struct CallBytes {
  private(set) var block: ParameterBlock

  init(byteCount: Int) {
    block = ParameterBlock(bytes: [UInt8](repeating: 0, count: byteCount))
  }

  /// A tensor's address and its strides in bytes; nothing for one that is not there.
  mutating func put<Element>(
    _ view: TensorView?, _ base: ParameterLayout.PointerField<Element>, _ outer: ParameterLayout.Field<U64>,
    _ inner: ParameterLayout.Field<U64>
  ) throws(GPUDeviceError) {
    guard let view, !view.isEmpty else { return }
    try put(DeviceAddress(UInt64(view.addresses.lowerBound)), base)
    // A stride that leads nowhere may be too large for 64 bits.
    let size = view.elementType.byteCount
    try put(view.outerCount == 1 ? 0 : UInt64(view.outerStride * size), outer)
    try put(view.innerCount == 1 ? 0 : UInt64(view.innerStride * size), inner)
  }

  mutating func put<Element>(
    _ address: DeviceAddress?, _ field: ParameterLayout.PointerField<Element>
  ) throws(GPUDeviceError) {
    guard let address else { return }
    try block.write(.address(address), at: field.offset)
  }

  mutating func put(_ value: UInt64, _ field: ParameterLayout.Field<U64>) throws(GPUDeviceError) {
    try block.write(.value(value), at: field.offset)
  }

  mutating func put(_ value: Float, _ field: ParameterLayout.Field<F32>) throws(GPUDeviceError) {
    try block.write(.value(value), at: field.offset)
  }

  mutating func put(_ value: Int32, _ field: ParameterLayout.Field<S32>) throws(GPUDeviceError) {
    try block.write(.value(value), at: field.offset)
  }

  mutating func put(_ value: UInt32, _ field: ParameterLayout.Field<U32>) throws(GPUDeviceError) {
    try block.write(.value(value), at: field.offset)
  }
}
