import GPUDevice
import HopperSimulator
import PTX
import Testing

/// Special registers (PTX ISA 10) of a launch whose grid, clusters and blocks have three dimensions.
@Suite("Forms: special registers")
struct SpecialRegisterForms {
  static func all() throws {
    let tests = SpecialRegisterForms()
    try tests.places()
    try tests.clocks()
  }

  private static let grid = Extent(4, 3, 2)
  private static let cluster = Extent(2, 3, 1)
  private static let block = Extent(5, 3, 3)
  private static let dynamicByteCount = 512

  private static let registers =
    ["tid", "ntid", "ctaid", "nctaid", "clusterid", "nclusterid", "cluster_ctaid", "cluster_nctaid"]
    .flatMap { name in ["x", "y", "z"].map { "%\(name).\($0)" } }
    + [
      "%cluster_ctarank", "%cluster_nctarank", "%laneid", "%warpid", "%nwarpid", "%lanemask_eq",
      "%lanemask_lt",
      "%lanemask_le", "%lanemask_gt", "%lanemask_ge", "%dynamic_smem_size", "%total_smem_size", "WARP_SZ",
      "%is_explicit_cluster", "%smid", "%nsmid",
    ]

  private static func parts(_ extent: Extent) -> [Int] { [extent.x, extent.y, extent.z] }

  private static func place(_ index: Int, in extent: Extent) -> [Int] {
    [index % extent.x, index / extent.x % extent.y, index / (extent.x * extent.y)]
  }

  /// What thread `thread` of block `block` reads, but for the multiprocessors, of which there is only a bound.
  private static func expected(_ block: Int, _ thread: Int) -> [UInt32] {
    let blockPlace = place(block, in: grid)
    let size = parts(cluster)
    let clusters = zip(parts(grid), size).map { $0 / $1 }
    let clusterPlace = zip(blockPlace, size).map { $0 / $1 }
    let inCluster = zip(blockPlace, size).map { $0 % $1 }
    let lane = thread % 32
    let lower = UInt32(1) << UInt32(lane) - 1
    let own = UInt32(1) << UInt32(lane)
    let numbers = [
      place(thread, in: Self.block), parts(Self.block), blockPlace, parts(grid), clusterPlace, clusters,
      inCluster, size,
      [inCluster[0] + size[0] * (inCluster[1] + size[1] * inCluster[2]), 6, lane, thread / 32, 2],
    ].flatMap { $0.map { UInt32($0) } }
    return numbers + [own, lower, lower | own, ~(lower | own), ~lower, 512, 512 + 64, 32, 1]
  }

  @Test("Places of threads, blocks and clusters; masks; sizes")
  func places() throws {
    let lines = Self.registers.enumerated().map { index, register in
      let move =
        register == "%is_explicit_cluster"
        ? "mov.pred %p1, %is_explicit_cluster; selp.u32 %r1, 1, 0, %p1;" : "mov.u32 %r1, \(register);"
      return "\(move) st.global.u32 [%rd2+\(4 * index)], %r1;"
    }
    let threads = Self.block.count
    let text = """
      .version 8.0
      .target sm_90a
      .address_size 64
      .extern .shared .align 16 .b8 dynamic[];
      .visible .entry k(.param .u64 out) {
        .shared .align 16 .b8 fixed[64];
        .reg .pred %p<2>; .reg .b32 %r<16>; .reg .b64 %rd<8>;
        ld.param.u64 %rd1, [out];
        mov.u32 %r2, %tid.z; mad.lo.u32 %r2, %r2, 3, %tid.y; mad.lo.u32 %r2, %r2, 5, %tid.x;
        mov.u32 %r3, %ctaid.z; mad.lo.u32 %r3, %r3, 3, %ctaid.y; mad.lo.u32 %r3, %r3, 4, %ctaid.x;
        mad.lo.u32 %r3, %r3, \(threads), %r2;
        mad.wide.u32 %rd2, %r3, \(4 * Self.registers.count), %rd1;
        \(lines.joined(separator: "\n"))
        st.shared.u32 [fixed], 1; st.shared.u32 [dynamic], 2;
        ret;
      }
      """
    let device = Simulator()
    let memory = DeviceMemory(device)
    let count = Self.grid.count * threads * Self.registers.count
    let output = try memory.copy([UInt32](repeating: 0, count: count))
    var parameters = ParameterBlock()
    parameters.append(output)
    var configuration = LaunchConfiguration(grid: Self.grid, block: Self.block)
    configuration.cluster = Self.cluster
    configuration.dynamicSharedByteCount = Self.dynamicByteCount
    _ = try device.launch(
      device.load(Module(parsing: FormRecorder.record(text))), "k", configuration,
      parameters: parameters.bytes)
    let words = try memory.read(output, count: count, as: UInt32.self)
    for block in 0..<Self.grid.count {
      for thread in 0..<threads {
        let first = (block * threads + thread) * Self.registers.count
        let found = Array(words[first..<first + Self.registers.count])
        let expected = Self.expected(block, thread)
        #expect(Array(found.dropLast(2)) == expected, "block \(block), thread \(thread)")
        #expect(found[found.count - 2] < found[found.count - 1] && found[found.count - 1] == 132)
      }
    }
  }

  @Test("Clocks rise, and their halves are those of the whole")
  func clocks() throws {
    let kernel = KernelRun(
      """
        mov.u64 %rd4, %clock64; mov.u32 %r4, %clock; mov.u64 %rd5, %globaltimer; mov.u32 %r5, %globaltimer_lo;
        nanosleep.u32 1000;
        mov.u64 %rd6, %clock64; mov.u32 %r6, %clock; mov.u64 %rd7, %globaltimer; mov.u32 %r7, %globaltimer_lo;
        mov.u32 %r8, %clock_hi; mov.u32 %r9, %globaltimer_hi; mov.u64 %rd8, %gridid; mov.u32 %r10, %envreg1;
        setp.gt.u64 %p2, %rd6, %rd4; setp.gt.and.u32 %p2, %r6, %r4, %p2;
        setp.gt.and.u64 %p2, %rd7, %rd5, %p2; setp.gt.and.u32 %p2, %r7, %r5, %p2;
        setp.eq.and.u32 %p2, %r8, 0, %p2; setp.eq.and.u32 %p2, %r9, 0, %p2;
        selp.u32 %r11, 1, 0, %p2;
        st.global.u32 [%rd3], %r11;
      """)
    #expect(try kernel() == Array(repeating: 1, count: 32))
  }
}
