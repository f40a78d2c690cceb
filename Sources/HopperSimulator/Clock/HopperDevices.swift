import PTX

/// The Hopper devices. Latencies of units are those of the H100 PCIe as others measured them; the multiprocessors are
/// the same. What no measurement backs is marked estimated, and is uncalibrated.
extension DeviceDescription {
  private static let guide = "CUDA C++ programming guide, arithmetic throughput, compute capability 9.0"
  private static let whitepaper = "NVIDIA H100 tensor core GPU architecture, whitepaper"
  private static let dissecting = "arXiv 2402.13499"
  private static let dissecting2 = "arXiv 2501.12084"
  /// Stalls of the decode kernel by instruction, with Nsight Compute.
  private static let profile = "profile on an H100 SXM5, 2026-11"
  private static let straightCode = "straight-line code of 8 to 384 KB on an H100 SXM5, 2026-11"
  private static let comparison = "mla compare on an H100 SXM5, 2026-11"

  /// H100 SXM5 80 GB.
  public static let h100 = DeviceDescription(
    name: "h100", fullName: "NVIDIA H100 SXM5 80 GB",
    processorCount: DeviceConstant(132, .documented, whitepaper),
    clock: DeviceConstant(
      1.98, .measured, "while " + comparison + "; less when power limits"),
    memoryByteCount: DeviceConstant(80e9, .documented, whitepaper),
    l2ByteCount: DeviceConstant(50e6, .documented, whitepaper),
    dramBandwidth: DeviceConstant(3350, .documented, "NVIDIA H100 data sheet"),
    dramEfficiency: DeviceConstant(0.92, .measured, "streams reach 90 to 93 %: " + dissecting),
    l2Bandwidth: DeviceConstant(3300, .measured, "5.5 to 7 TB/s read by the whole chip: " + dissecting2),
    l2MissBandwidth: DeviceConstant(
      2600, .measured, "5.0 to 5.5 TB/s where two blocks read the same keys: " + comparison),
    l2WriteBandwidth: DeviceConstant(
      1600, .measured, "3 to 3.7 TB/s while all blocks write partials: " + profile),
    processorBandwidth: DeviceConstant(
      64, .documented, "64 bytes per cycle and multiprocessor: " + whitepaper),
    l2Latency: DeviceConstant(262, .measured, dissecting),
    dramLatency: DeviceConstant(520, .measured, "480 to 560 unloaded: " + dissecting),
    tensorCopyLatency: DeviceConstant(170, .measured, "TMA loads take 600 to 900 from DRAM: " + dissecting2),
    sharedBandwidth: DeviceConstant(128, .documented, guide),
    sharedLatency: DeviceConstant(29, .measured, dissecting),
    remoteSharedLatency: DeviceConstant(180, .measured, dissecting),
    barrierLatency: DeviceConstant(24, .estimated, "20 to 40"),
    clusterBarrierLatency: DeviceConstant(190, .measured, dissecting),
    tensorRate: DeviceConstant(4096, .documented, "989 TFLOP/s dense at 1.83 GHz: " + whitepaper),
    tensorLatency: DeviceConstant(30, .measured, "m64n256k16 is done after 128 and about 30: " + dissecting),
    proxyFenceLatency: DeviceConstant(500, .measured, "70 to 560 at two places: " + profile),
    memoryFenceLatency: DeviceConstant(
      700, .measured,
      "500 to 800; a decode kernel of clusters whose arrivals released to the cluster took 320 µs, to the block 273: "
        + profile),
    launchLatency: DeviceConstant(
      3, .measured, "what calls of few blocks take beyond their blocks' time: " + comparison),
    tensorCopyRate: DeviceConstant(
      128, .measured, "576 lines prefetched ahead of their load took 600 cycles: " + profile),
    atomicInterval: DeviceConstant(2, .estimated, "one 32-bit addition to a word every two cycles"),
    globalLineInterval: DeviceConstant(1, .measured, "stores of a piece's results: " + profile),
    instructionLineCount: DeviceConstant(256, .measured, "32 KB cost nothing, 48 KB all: " + straightCode),
    instructionLineCountOfLevelTwo: DeviceConstant(
      1024, .measured, "128 KB come fast, 144 KB from L2: " + straightCode),
    launchedLineCount: DeviceConstant(512, .measured, "64 KB come fast the first time: " + straightCode),
    instructionLineInterval: DeviceConstant(
      16, .measured, "17.6 for one stream, 32 for each of two: " + straightCode),
    distantStreamInterval: DeviceConstant(44, .measured, "44.7 for one stream: " + straightCode),
    distantLineInterval: DeviceConstant(28, .measured, "57 for each of two streams: " + straightCode),
    parameterLatency: DeviceConstant(440, .measured, "200 to 850 for each of four lines: " + profile),
    translationLatency: DeviceConstant(750, .measured, "first loads take 1300 and more: " + profile),
    schedulingWindow: DeviceConstant(
      32, .measured, "ptxas 13.0, 33 to 74 with registers to spare: Scripts/look-ahead"),
    units: hopperUnits)

  /// H800 SXM5 80 GB: the H100 with slower links between devices.
  public static let h800 = variant("h800", "NVIDIA H800 SXM5 80 GB") { _ in }

  /// H200 SXM5 141 GB: the H100 with faster and larger memory.
  public static let h200 = variant("h200", "NVIDIA H200 SXM5 141 GB") {
    $0.memoryByteCount = DeviceConstant(141e9, .documented, "NVIDIA H200 data sheet")
    $0.dramBandwidth = DeviceConstant(4800, .documented, "NVIDIA H200 data sheet")
  }

  /// H20 96 GB: fewer multiprocessors with a quarter of the H100's tensor rate, a larger L2, faster memory.
  public static let h20 = variant("h20", "NVIDIA H20 96 GB") {
    $0.processorCount = DeviceConstant(78, .measured, "reported by the driver")
    $0.memoryByteCount = DeviceConstant(96e9, .documented, "NVIDIA H20 data sheet")
    $0.dramBandwidth = DeviceConstant(4000, .documented, "NVIDIA H20 data sheet")
    $0.l2ByteCount = DeviceConstant(60e6, .documented, "NVIDIA H20 data sheet")
    $0.tensorRate = DeviceConstant(1024, .documented, "148 TFLOP/s dense at 1.85 GHz: NVIDIA H20 data sheet")
  }

  private static func variant(
    _ name: String, _ fullName: String, _ change: (inout DeviceDescription) -> Void
  ) -> DeviceDescription {
    var device = h100
    device.name = name
    device.fullName = fullName
    change(&device)
    return device
  }

  private static let besideProducts = "loops beside wgmma of three kinds on an H100 SXM5, 2026-11"

  /// Lanes per cycle and scheduler, and latencies.
  private static let hopperUnits: [ExecutionUnit: UnitTiming] = {
    let fullRate = DeviceConstant(1.8, .measured, "1.9 to 2.3 for FMA, 1.3 alone: " + besideProducts)
    let halfRate = DeviceConstant(4.4, .measured, "4.3 to 5.3, 2.2 to 2.5 alone: " + besideProducts)
    let special = DeviceConstant(10.5, .measured, "9.9 to 11.6 for ex2, 8.2 alone: " + besideProducts)
    func unit(
      _ lanes: Double, _ latency: Double, _ kind: DeviceConstant.Kind, _ source: String,
      besideProducts: DeviceConstant? = nil
    ) -> UnitTiming {
      UnitTiming(
        interval: DeviceConstant(32 / lanes, .documented, "\(lanes) lanes per cycle and scheduler: " + guide),
        latency: DeviceConstant(latency, kind, source), intervalBesideProducts: besideProducts)
    }
    return [
      .integer: unit(16, 4.5, .measured, dissecting, besideProducts: halfRate),
      .integerMultiply: unit(16, 4.5, .measured, dissecting, besideProducts: halfRate),
      .integerDivide: unit(1, 60, .estimated, "a sequence of multiplications and conversions"),
      .float: unit(32, 4, .measured, dissecting, besideProducts: fullRate),
      .half: unit(
        32, 4, .measured, dissecting, besideProducts: DeviceConstant(1.8, .estimated, "as for FMA of fp32")),
      .double: unit(16, 8, .measured, dissecting),
      .specialFunction: unit(4, 18, .measured, "18 to 23: " + dissecting, besideProducts: special),
      .conversion: unit(
        16, 8, .estimated, "between an integer and a MUFU operation", besideProducts: halfRate),
      .control: unit(32, 8, .estimated, "a branch"),
      .memory: unit(8, 29, .measured, dissecting),
      .atomic: unit(8, 29, .estimated, "as a load"),
      .warp: unit(8, 23, .measured, dissecting),
      .matrixMemory: unit(8, 33, .measured, dissecting),
      .matrix: unit(2, 33, .measured, "m16n8k16, 4096 FLOP: " + dissecting),
      .warpgroupMatrix: unit(32, 1, .estimated, "issue; the products have their own queue"),
      .asynchronousCopy: unit(8, 1, .estimated, "as a load"),
      .bulkCopy: unit(32, 1, .estimated, "one thread issues"),
      .mbarrier: unit(8, 24, .estimated, "as a shared atomic operation"),
      .barrier: unit(32, 20, .estimated, "20 to 40"),
      .fence: unit(32, 20, .estimated, "drains what is on its way"),
    ]
  }()
}
