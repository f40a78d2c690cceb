import HopperSimulator
import Testing

/// The order of what multiprocessors do to each other: that of time, and not of the simulator's windows.
@Suite("Order among multiprocessors")
struct LaunchOrderTests {
  /// PTX after which one block is 50 cycles and more behind the other: less than a window.
  private static func delay(_ late: Int, nanoseconds: Int = 30) -> String {
    """
    mov.u32 %r10, %ctaid.x;
    setp.eq.u32 %p10, %r10, \(late);
    @%p10 nanosleep.u32 \(nanoseconds);
    """
  }

  /// PTX that returns a register in place of the cycles.
  private static let returnsOld = "cvt.u64.u32 %rd10, %r11;\nst.global.u64 [%rd6], %rd10;"

  private static func simulator(threads: Int) -> Simulator {
    let device = Simulator(.warm)
    device.threadCount = threads
    return device
  }

  @Test("Atomic operations of two blocks come in the order of time", arguments: [0, 1], [1, 2])
  func atomics(late: Int, threads: Int) throws {
    let program = ClockProgram(
      setUp: Self.delay(late), body: "atom.global.add.u32 %r11, [%rd1], 1;", end: Self.returnsOld, grid: 2,
      threads: 1)
    let old = try program.run(Self.simulator(threads: threads)).cycles
    #expect(old[late] == 1 && old[1 - late] == 0)
  }

  /// Block 0 has had a turn just before; who goes on after that in the past would come before those who had theirs since.
  @Test(
    "What comes after an atomic operation comes later than the other block's before it", arguments: [1, 2])
  func afterTurns(threads: Int) throws {
    for nanoseconds in stride(from: 1, to: 160, by: 6) {
      let program = ClockProgram(
        setUp: Self.delay(1, nanoseconds: nanoseconds) + "\nsetp.eq.u32 %p11, %r10, 0;",
        body: """
          @%p11 red.global.add.u32 [%rd1+64], 1;
          mov.u64 %rd11, %clock64;
          atom.global.add.u32 %r11, [%rd1], 1;
          """,
        end: """
          mul.wide.u32 %rd12, %r10, 16;
          add.u64 %rd12, %rd12, %rd1;
          cvt.u64.u32 %rd13, %r11;
          st.global.v2.u64 [%rd12+128], {%rd11, %rd13};
          """, grid: 2, threads: 1)
      let words = try program.words(Self.simulator(threads: threads), count: 20)
      let (times, old) = ([words[16], words[18]], [words[17], words[19]])
      #expect(old.sorted() == [0, 1])
      #expect((times[0] < times[1]) == (old[0] < old[1]), "\(nanoseconds) ns: \(times), \(old)")
    }
  }

  @Test("Lanes of one warp that part take their turns one after the other")
  func partedLanes() throws {
    let program = ClockProgram(
      body: """
        setp.lt.u32 %p10, %r1, 16;
        @%p10 bra LOW;
        atom.global.add.u32 %r11, [%rd1], 1;
        bra DONE;
        LOW:
        atom.global.add.u32 %r11, [%rd1+4], 1;
        DONE:
        """, end: Self.returnsOld, grid: 2, threads: 32)
    let old = try program.run().cycles
    let expected = (0..<32).map { UInt64($0) }
    for half in [0, 16] {
      let values = Array(old[half..<half + 16]) + Array(old[32 + half..<48 + half])
      #expect(values.sorted() == expected, "lanes from \(half) on")
    }
  }

  @Test("A load does not wait for what another multiprocessor asks for later")
  func requests() throws {
    // One thread of the block that is first, and all of the other.
    let places = """

      setp.eq.or.u32 %p11, %r1, 0, %p10;
      mad.lo.u32 %r12, %r10, 1024, %r1;
      mul.wide.u32 %rd10, %r12, 64;
      add.u64 %rd10, %rd10, %rd1;
      """
    let loads = """
      @%p11 ld.global.v4.u32 {%r20, %r21, %r22, %r23}, [%rd10];
      @%p11 ld.global.v4.u32 {%r24, %r25, %r26, %r27}, [%rd10+16];
      @%p11 ld.global.v4.u32 {%r28, %r29, %r30, %r31}, [%rd10+32];
      @%p11 ld.global.v4.u32 {%r32, %r33, %r34, %r35}, [%rd10+48];
      add.u32 %r40, %r20, %r24;
      add.u32 %r40, %r28, %r32;
      """
    let cycles = try [0, 1].map { late in
      let program = ClockProgram(setUp: Self.delay(late) + places, body: loads, grid: 2, threads: 1024)
      return try program.run(data: [UInt8](repeating: 0, count: 1 << 17)).cycles[(1 - late) * 1024]
    }
    #expect(cycles[0] == cycles[1])
  }

  @Test("Of several blocks that fail at once, the first is named", arguments: [1, 2])
  func faults(threads: Int) {
    let error = #expect(throws: SimulationError.self) {
      try ClockProgram(body: "trap;", grid: 4).run(Self.simulator(threads: threads))
    }
    #expect(error?.place?.block == 0)
  }
}
