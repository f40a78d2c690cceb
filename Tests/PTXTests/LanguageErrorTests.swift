import PTX
import Testing

@Suite("Kernel language: mistakes")
struct LanguageErrorTests {
  /// Records a kernel and expects a mistake on the line that `record` writes down.
  private func expect(
    _ reason: KernelError.Reason, _ demands: LaunchDemands = .threads(128),
    sourceLocation: Testing.SourceLocation = #_sourceLocation,
    _ record: (KernelBuilder, _ line: inout Int) -> Void
  ) {
    var line = 0
    do {
      _ = try Kernel("wrong", demands) { k in record(k, &line) }
      Issue.record("no mistake was found", sourceLocation: sourceLocation)
    } catch {
      #expect(error.reason == reason, sourceLocation: sourceLocation)
      #expect(error.kernel == "wrong", sourceLocation: sourceLocation)
      #expect(
        error.location == PTX.SourceLocation(file: #fileID, line: line), sourceLocation: sourceLocation)
    }
  }

  @Test("An instruction that the table does not have")
  func unknownForms() {
    expect(.unknownForm(spelling: "frobnicate.u32")) { k, line in
      line = #line + 1
      k.emit("frobnicate.u32", 1, 2)
    }
    expect(.operandCount(spelling: "add.u32", found: 2, expected: [3])) { k, line in
      line = #line + 1
      k.emit("add.u32", k.variable("x", U32.self, 1), 2)
    }
  }

  @Test("Names")
  func names() {
    expect(.badName("two words")) { k, line in
      line = #line + 1
      _ = k.shared("two words", U32.self, count: 1)
    }
    expect(.badName("twice")) { k, line in
      line = #line + 1
      for _ in 0..<2 { _ = k.parameter("twice", U32.self) }
    }
    expect(.badName("9lives")) { k, line in
      line = #line + 1
      k.region("9lives") {}
    }
  }

  @Test("Numbers that do not fit")
  func immediates() {
    expect(.immediateOutOfRange(value: 1 << 32, type: .u32)) { k, line in
      line = #line + 1
      _ = k.let("x", Value<U32>(1 << 32))
    }
    expect(.immediateOutOfRange(value: 65536, type: .u16)) { k, line in
      line = #line + 1
      _ = k.let("x", Value<U16>(65536))
    }
  }

  @Test("A mistake in an operator is where its statement is")
  func operators() {
    expect(.immediateOutOfRange(value: 1 << 40, type: .u32)) { k, line in
      let x = k.let("x", k.threadIndex())
      line = #line + 1
      _ = k.let("y", x + (1 << 40))
    }
    expect(.outOfRange(what: "offset of an address", value: 1 << 42, allowed: "31 bits")) { k, line in
      let words = k.shared("words", U32.self, count: 4)
      line = #line + 1
      k.store(1, to: words + (1 << 40))
    }
  }

  @Test("Values where they have no meaning")
  func scopes() throws {
    expect(.outOfScope(register: "%inner")) { k, line in
      let out = k.shared("out", U32.self, count: 1)
      var leaked: Value<U32> = 0
      k.if(k.threadIndex() == 0) { leaked = k.let("inner", k.threadIndex()) }
      line = #line + 1
      out[0] = leaked
    }
    var foreign: Value<U32> = 0
    _ = try Kernel("other") { k in foreign = k.threadIndex() }
    expect(.foreignValue) { k, line in
      line = #line + 1
      _ = k.let("x", foreign + 1)
    }
  }

  @Test("Control flow where there can be none")
  func controlFlow() {
    expect(.outsideLoop) { k, line in
      line = #line + 1
      k.break()
    }
    expect(.controlFlowUnderPredicate) { k, line in
      line = #line + 1
      k.when(k.threadIndex() == 0) { k.loop {} }
    }
    expect(.mismatch("a loop unrolled in full needs numbers as bounds and a positive step")) { k, line in
      line = #line + 1
      k.for(from: k.threadIndex(), to: 8, unroll: .full) { _ in }
    }
  }

  @Test("Matrix products of a wrong size")
  func products() {
    expect(.wrongCount(what: "registers of D of wgmma", count: 5, expected: 128)) { k, line in
      line = #line + 1
      product(k, sums: 5, rows: 64, line)
    }
    expect(.outOfRange(what: "extent of B", value: 128, allowed: "at most 64")) { k, line in
      line = #line + 1
      product(k, sums: 64, rows: 64, line)
    }
    expect(.outOfRange(what: "extent of A", value: 64, allowed: "at most 32")) { k, line in
      line = #line + 1
      product(k, sums: 8, rows: 32, line)
    }
    expect(.wrongCount(what: "registers of A of wgmma", count: 3, expected: 4)) { k, line in
      let d = k.fragment("d", F32.self, count: 4)
      let b = k.descriptor(k.tile(BF16.self, rows: 64, columns: 64))
      line = #line + 1
      k.multiply(d, (0..<3).map { _ in k.pack(BF16x2.self, 0, 0) }, b)
    }
  }

  private func product(_ k: KernelBuilder, sums: Int, rows: Int, _ line: Int) {
    let d = k.fragment("d", F32.self, count: sums, line: line)
    let operand = k.descriptor(k.tile(BF16.self, rows: rows, columns: 64, line: line), line: line)
    k.multiply(d, operand, operand, line: line)
  }

  @Test("Places in tiles")
  func tiles() {
    expect(.outOfRange(what: "rows of a tile", value: 12, allowed: "a multiple of 8")) { k, line in
      line = #line + 1
      _ = k.tile(BF16.self, rows: 12, columns: 64)
    }
    expect(.outOfRange(what: "columns of a tile", value: 32, allowed: "a multiple of 64")) { k, line in
      line = #line + 1
      _ = k.tile(BF16.self, rows: 8, columns: 32)
    }
    expect(.outOfRange(what: "column of a matrix operand", value: 8, allowed: "a multiple of 16 below 64")) {
      k, line in
      line = #line + 1
      _ = k.descriptor(k.tile(BF16.self, rows: 64, columns: 64)).at(column: 8)
    }
  }

  @Test("Alignment")
  func alignment() {
    expect(.misaligned(what: "a vector of 16 bytes", offset: 4, required: 16)) { k, line in
      line = #line + 1
      _ = k.load(k.shared("words", U32.self, count: 8, alignment: 16) + 1, count: 4)
    }
    expect(.misaligned(what: "a tensor copy's shared memory", offset: 0, required: 128)) { k, line in
      let map = k.parameter("map", tensorMapOf: F32.self, rank: 1)
      let words = k.shared("words", F32.self, count: 8)
      line = #line + 1
      k.storeTensor(from: words, to: map, at: [0])
    }
    expect(.outOfRange(what: "alignment of shared memory", value: 24, allowed: "a power of two from 4 on")) {
      k, line in
      line = #line + 1
      _ = k.shared("words", U32.self, count: 8, alignment: 24)
    }
  }

  @Test("Counts of instructions")
  func counts() {
    expect(.wrongCount(what: "coordinates of a tensor copy", count: 1, expected: 2)) { k, line in
      line = #line + 1
      k.prefetchTensor(k.parameter("map", tensorMapOf: F32.self, rank: 2), at: [0])
    }
    expect(.outOfRange(what: "registers of setmaxnreg", value: 100, allowed: "24 to 256 in steps of 8")) {
      k, line in
      line = #line + 1
      k.setRegisterCount(.increase, to: 100)
    }
    expect(
      .missingDemand("setmaxnreg needs threads and blocksPerProcessor, or maximumRegisters"),
      LaunchDemands(threads: [128])
    ) { k, line in
      line = #line + 1
      k.setRegisterCount(.decrease, to: 40)
    }
    expect(.outOfRange(what: "named barrier", value: 16, allowed: "0 to 15")) { k, line in
      line = #line + 1
      k.syncThreads(16, count: 64)
    }
    expect(
      .outOfRange(what: "threads of a named barrier", value: 40, allowed: "a multiple of 32 up to 1024")
    ) { k, line in
      line = #line + 1
      k.syncThreads(1, count: 40)
    }
    expect(.outOfRange(what: "index of a fragment", value: 4, allowed: "0..<4")) { k, line in
      line = #line + 1
      k.fragment("f", F32.self, count: 4)[4] = 0
    }
    expect(.outOfRange(what: "bytes of cp.async", value: 5, allowed: "4, 8 or 16")) { k, line in
      line = #line + 1
      copy(k, byteCount: 5, line)
    }
  }

  private func copy(_ k: KernelBuilder, byteCount: Int, _ line: Int) {
    let source = k.parameter("x", pointerTo: F32.self, line: line)
    let target = k.shared("y", F32.self, count: 4, alignment: 16, line: line)
    k.copyAsync(from: source, to: target, byteCount: byteCount, line: line)
  }

  @Test("Too much shared memory")
  func sharedMemory() throws {
    #expect(throws: KernelError.self) {
      try Kernel("large") { k in _ = k.shared("x", U8.self, count: 49_153) }
    }
    #expect(throws: KernelError.self) {
      try Kernel("large") { k in _ = k.dynamicShared(U8.self, count: 232_449) }
    }
    let kernel = try Kernel("fits") { k in _ = k.dynamicShared(U8.self, count: 232_448) }
    #expect(kernel.dynamicSharedByteCount == 232_448)
  }

  @Test("Demands of the launch")
  func demands() {
    #expect(throws: KernelError.self) { try Kernel("wide", .threads(1025)) { _ in } }
    #expect(throws: KernelError.self) { try Kernel("wide", .threads(32, cluster: [17])) { _ in } }
    #expect(throws: KernelError.self) {
      try Kernel("roles", .threads(128)) { k in k.warpgroups { $0.warpgroup(1, "second") {} } }
    }
  }

  @Test("The first mistake counts, and says where it is")
  func first() throws {
    let error = try #require(throws: KernelError.self) {
      try Kernel("twice") { k in
        k.break()
        k.syncThreads(99, count: 1)
      }
    }
    #expect(error.reason == .outsideLoop)
    #expect(error.description.hasSuffix(": kernel twice: `break` or `continue` outside a loop"))
    #expect(error.description.hasPrefix(#fileID + ":"))
  }
}
