import HopperSimulator
import Testing

/// How long a multiprocessor waits for straight-line code of some size, pass by pass: against the same code on an H100 SXM5
/// (2026-11). Eight FMAs are a line of 128 bytes, and take a scheduler eight cycles.
@Suite("Instruction fetch")
struct InstructionFetchTests {
  private static let passCount = 3

  /// An H100 on which all has been done before but for the fetching of instructions.
  private static let device = {
    var device = DeviceDescription.warm
    for constant in [
      \DeviceDescription.instructionLineInterval, \.distantStreamInterval, \.distantLineInterval,
    ] {
      device[keyPath: constant] = DeviceDescription.h100[keyPath: constant]
    }
    return device
  }()

  /// Cycles per line of each pass of the first warp of each group through its part of so many kilobytes.
  private func cyclesPerLine(kilobytes: Int, threads: Int, groups: Int = 1) throws -> [[Double]] {
    let lines = kilobytes * 8 / groups
    let line = (0..<8).map { "fma.rn.f32 %f1\($0), %f1\($0), %f20, %f21;" }.joined(separator: "\n")
    let code = (0..<groups).map { group in
      """
      setp.ne.u32 %p10, %r10, \(group);
      @%p10 bra END\(group);
      PASS\(group):
      bar.sync \(group + 1), \(threads / groups);
      mov.u64 %rd20, %clock64;
      \(Array(repeating: line, count: lines).joined(separator: "\n"))
      mov.u64 %rd21, %clock64;
      sub.u64 %rd21, %rd21, %rd20;
      @%p11 st.global.u64 [%rd22+\(8 * Self.passCount * group)], %rd21;
      add.u64 %rd22, %rd22, 8;
      add.u32 %r11, %r11, 1;
      setp.lt.u32 %p12, %r11, \(Self.passCount);
      @%p12 bra PASS\(group);
      END\(group):
      """
    }
    let program = ClockProgram(
      setUp: """
        shr.u32 %r10, %r1, 7;
        and.b32 %r12, %r1, 127;
        setp.eq.u32 %p11, %r12, 0;
        mov.u64 %rd22, %rd1;
        mov.u32 %r11, 0;
        """ + (groups == 1 ? "\nmov.u32 %r10, 0;\nsetp.eq.u32 %p11, %r1, 0;" : ""),
      body: code.joined(separator: "\n"), threads: threads)
    let cycles = try program.words(Simulator(Self.device), count: groups * Self.passCount)
    return (0..<groups).map { group in
      cycles[group * Self.passCount..<(group + 1) * Self.passCount].map { Double($0) / Double(lines) }
    }
  }

  @Test(
    "One stream: 32 KB cost nothing, up to 128 KB come at 16 cycles a line, more at 44",
    arguments: [
      (24, 16.0, 8.0), (48, 16, 16), (64, 16, 16), (112, 28, 16), (160, 32.8, 44), (256, 37, 44),
    ])
  func stream(kilobytes: Int, first: Double, last: Double) throws {
    // The first pass finds 64 KB in the second level.
    let passes = try cyclesPerLine(kilobytes: kilobytes, threads: 32)[0]
    #expect((passes[0] / first - 1).magnitude < 0.05, "\(passes)")
    #expect((passes[2] / last - 1).magnitude < 0.05, "\(passes)")
  }

  @Test("Two streams share what comes: 32 cycles a line for each from the second level, 56 from L2")
  func streams() throws {
    for (kilobytes, cycles) in [(48, 32.0), (256, 56)] {
      for passes in try cyclesPerLine(kilobytes: kilobytes, threads: 256, groups: 2) {
        #expect((passes[1] / cycles - 1).magnitude < 0.05, "\(kilobytes) KB: \(passes)")
      }
    }
  }

  @Test("Lines are fetched ahead: two warps of each scheduler, which take 16 cycles for one, do not wait")
  func ahead() throws {
    let passes = try cyclesPerLine(kilobytes: 64, threads: 256)[0]
    #expect(passes[1...].allSatisfy { ($0 / 16 - 1).magnitude < 0.05 }, "\(passes)")
  }
}
