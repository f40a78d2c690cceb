import HopperSimulator
import Testing

@Suite("Unknown instructions")
struct UnknownFormTests {
  /// Not in the table; of another architecture; in the table with other types, or with more or fewer operands.
  private static let unknown = [
    "frobnicate.s32 %r4, %r1, 7", "tcgen05.wait.ld.sync.aligned", "add.q32 %r4, %r1, 7",
    "add.s32 %r4, %r1, %r1, %r1", "bar.sync", "mad.lo.s32 %r4, %r1, %r1",
  ]

  @Test("They load, and are no error where they are not executed", arguments: unknown)
  func notExecuted(_ instruction: String) throws {
    let kernel = KernelRun(
      """
        setp.gt.u32 %p2, %r1, 1000;
        @!%p2 bra OVER;
        \(instruction);
        OVER:
        @%p2 \(instruction);
        st.global.u32 [%rd3], %r1;
      """)
    #expect(try kernel() == (0..<32).map { $0 })
  }

  @Test("They are an error with form and line when a lane executes them", arguments: unknown)
  func executed(_ instruction: String) throws {
    let kernel = KernelRun("setp.eq.u32 %p2, %r1, 31;\n@%p2 \(instruction);\nst.global.u32 [%rd3], %r1;")
    #expect { try kernel() } throws: { error in
      guard let error = error as? SimulationError, let place = error.place else { return false }
      let spelling = String(instruction.prefix { $0 != " " })
      // The kernel's own lines begin at line 16.
      return error.reason == Self.reason(spelling) && place.line == 17 && place.function == "k"
        && place.instruction.contains(spelling) && error.description.contains("PTX line 17")
    }
  }

  private static func reason(_ spelling: String) -> SimulationError.Reason {
    switch spelling {
    case "add.s32": .operandCount(spelling: spelling, found: 4, expected: [3])
    case "mad.lo.s32": .operandCount(spelling: spelling, found: 3, expected: [4])
    case "bar.sync": .operandCount(spelling: spelling, found: 0, expected: [1, 2])
    default: .unsupportedInstruction(spelling)
    }
  }

  @Test("A function without a body is an error when it is called")
  func undefinedFunction() throws {
    var kernel = KernelRun("@%p1 call.uni missing;\nst.global.u32 [%rd3], %r1;")
    kernel.declarations = ".extern .func missing();"
    #expect { try kernel() } throws: {
      ($0 as? SimulationError)?.reason == .undefinedFunction("missing")
    }
    kernel.body = "setp.gt.u32 %p1, %r1, 99;\n@%p1 call.uni missing;\nst.global.u32 [%rd3], %r1;"
    #expect(try kernel() == (0..<32).map { $0 })
  }
}
