import HopperSimulator
import Testing

/// What a multiprocessor pays once in a launch, and what order costs: as profiles of the decode kernel on an H100 SXM5 show it
/// (2026-11), instruction by instruction.
@Suite("Times of first touches and of fences")
struct ColdStartTests {
  /// Cycles of the first round and of the second of something in a loop.
  private func rounds(_ body: String, _ device: DeviceDescription, threads: Int = 32) throws -> [UInt64] {
    let program = ClockProgram(
      setUp: """
        mov.u32 %r20, 0;
        mov.u64 %rd20, 0;
        ROUND:
        mov.u64 %rd21, %clock64;
        \(body)
        mov.u64 %rd22, %clock64;
        sub.u64 %rd22, %rd22, %rd21;
        setp.eq.u32 %p20, %r20, 0;
        @%p20 mov.u64 %rd20, %rd22;
        add.u32 %r20, %r20, 1;
        setp.lt.u32 %p21, %r20, 2;
        @%p21 bra ROUND;
        """,
      body: "",
      end: "shl.b32 %r21, %r1, 4;\ncvt.u64.u32 %rd23, %r21;\nadd.u64 %rd23, %rd23, %rd1;\n"
        + "st.global.u64 [%rd23], %rd20;\nst.global.u64 [%rd23+8], %rd22;", threads: threads)
    return try program.words(Simulator(device), count: 2)
  }

  /// A device on which all but one thing has been done before.
  private func warm(but constant: WritableKeyPath<DeviceDescription, DeviceConstant>) -> DeviceDescription {
    var device = DeviceDescription.warm
    device[keyPath: constant] = DeviceDescription.h100[keyPath: constant]
    return device
  }

  @Test("A page of 2 MB costs 750 cycles once")
  func translation() throws {
    let load = "ld.global.u32 %r11, [%rd1];\nadd.u32 %r12, %r11, 1;"
    let (cold, warm) = (try rounds(load, warm(but: \.translationLatency)), try rounds(load, .warm))
    #expect(cold[0] == warm[0] + 750 && cold[1] == warm[1], "\(cold), \(warm)")
  }

  /// Cycles of a warp's instruction that others wait for.
  private func cycles(_ instruction: String) throws -> UInt64 {
    try ClockProgram(body: instruction).run().cycles[0]
  }

  @Test("A proxy fence takes 500 cycles, a fence of the device 700, one of the block nearly none")
  func fences() throws {
    #expect((500...530).contains(try cycles("fence.proxy.async.shared::cta;")))
    #expect((700...730).contains(try cycles("fence.acq_rel.gpu;")))
    #expect(try cycles("fence.acq_rel.cta;") < 30)
    let relaxed = try cycles("red.relaxed.gpu.global.add.u32 [%rd1], 1;")
    #expect((690...710).contains(try cycles("red.release.gpu.global.add.u32 [%rd1], 1;") - relaxed))
  }

  @Test("Global memory takes the load/store unit for a cycle a line: 32 lines of a warp for 32")
  func lines() throws {
    func time(stride: Int) throws -> UInt64 {
      let store = Array(repeating: "st.global.u32 [%rd11], %r1;", count: 64).joined(separator: "\n")
      return try ClockProgram(
        setUp: "mul.wide.u32 %rd10, %r1, \(stride);\nadd.u64 %rd11, %rd10, %rd1;", body: store
      ).run().cycles[0]
    }
    let (together, apart) = (try time(stride: 4), try time(stride: 128))
    #expect((62 * 32...66 * 32).contains(apart) && together < 64 * 8, "\(together), \(apart)")
  }
}
