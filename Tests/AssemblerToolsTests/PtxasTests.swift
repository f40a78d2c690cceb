import AssemblerSupport
import AssemblerTools
import Testing

@Suite("ptxas")
struct PtxasTests {
  private let header = """
    .version 8.0
    .target sm_90a
    .address_size 64

    """

  @Test("A good text assembles; the report says what each kernel needs")
  func goodText() throws {
    let report = try Ptxas.forTests().assemble(
      header + """
        .visible .entry store(.param .u64 p) {
          .reg .b64 %a;
          ld.param.u64 %a, [p];
          st.global.u32 [%a], 7;
          ret;
        }
        .visible .entry meet() {
          .shared .align 16 .b8 space[512];
          .reg .b32 %r<3>;
          mov.u32 %r1, %tid.x;
          st.volatile.shared.u32 [space], %r1;
          bar.sync 1;
          ret;
        }
        """)
    #expect(report.messages.isEmpty)
    #expect(Set(report.functions.map(\.name)) == ["store", "meet"])
    let meet = try #require(report.usage(of: "meet"))
    #expect(meet.sharedByteCount == 512)
    #expect(meet.barrierCount > 0)
    let store = try #require(report.usage(of: "store"))
    #expect(store.sharedByteCount == 0)
    #expect((store.registerCount ?? 0) > 0)
    #expect(report.spillingFunctions.isEmpty)
  }

  @Test("A bad text is rejected with its messages and lines")
  func badText() throws {
    let text =
      header + """
        .visible .entry k() {
          .reg .b32 %r<3>;
          add.u32 %r1, %r2, absent;
          jump %r1;
          ret;
        }
        """
    let error = #expect(throws: PtxasError.self) { try Ptxas.forTests().assemble(text) }
    guard case .rejected(let messages) = error else {
      Issue.record("not rejected: \(String(describing: error))")
      return
    }
    #expect(messages.contains { $0.line == 6 && $0.severity == .error && $0.text.contains("'absent'") })
    #expect(messages.contains { $0.line == 7 && $0.severity == .error && $0.text.contains("'jump'") })
    #expect(messages.last?.severity == .fatal)
    #expect("\(PtxasError.rejected(messages))".contains("line 7: error: Not a name of any known instruction"))
  }

  @Test("An unknown architecture is rejected")
  func unknownArchitecture() {
    #expect {
      try Ptxas.forTests().assemble(header, architecture: "sm_7")
    } throws: { error in
      "\(error)".contains("'sm_7' is not defined")
    }
  }

  @Test("Spills are counted, for their kernel alone")
  func spills() throws {
    let count = 100
    let loads = (0..<count).map { "ld.volatile.global.f32 %f\($0), [%a+\(4 * $0)];" }
    let stores = (0..<count).map { "st.volatile.global.f32 [%a+\(4 * $0 + 4096)], %f\(count - 1 - $0);" }
    let body = ".reg .b64 %a; .reg .f32 %f<\(count)>; ld.param.u64 %a, [p];\n"
    let text =
      header + """
        .visible .entry crowded(.param .u64 p) .maxnreg 24 { \(body) \((loads + stores).joined(separator: "\n")) ret; }
        .visible .entry roomy(.param .u64 p) { \(body) \(loads[0]) \(stores[count - 1]) ret; }
        """
    let report = try Ptxas.forTests().assemble(text)
    #expect(report.spillingFunctions.map(\.name) == ["crowded"])
    let crowded = try #require(report.usage(of: "crowded"))
    #expect(crowded.registerCount == 24)
    // At least the values that find no register are written once and read once.
    #expect(crowded.spillStoreByteCount >= 4 * (count - 24))
    #expect(crowded.spillLoadByteCount >= 4 * (count - 24))
    #expect(crowded.stackByteCount >= crowded.spillStoreByteCount)
  }

  @Test("A warning of lost performance has its code")
  func performanceWarning() throws {
    let report = try Ptxas.forTests().assemble(
      header + """
        .visible .entry k() .maxntid 128 {
          setmaxnreg.inc.sync.aligned.u32 64;
          ret;
        }
        """)
    #expect(report.performanceWarnings.map(\.code) == ["C7508"])
    #expect(report.performanceWarnings[0].text.contains("'setmaxnreg' ignored"))
  }

  @Test("A file that is no assembler is an error that names it")
  func notAnAssembler() {
    #expect {
      try Ptxas(path: "/no/such/ptxas").assemble(header)
    } throws: { error in
      guard case .notRunnable(path: "/no/such/ptxas", _) = error as? PtxasError else { return false }
      return true
    }
    #expect {
      try Ptxas(path: "/bin/false").assemble(header)
    } throws: { error in
      "\(error)".contains("/bin/false does not run: status 1")
    }
  }
}
