import LatentAttention
import Testing
import Workloads

@Suite struct FlashInferBenchReaderTests {
  static func line(_ axes: String, definition: String = "mla_paged_decode_h16_ckv512_kpe64_ps1") -> String {
    #"{"definition": "\#(definition)", "solution": null, "workload": {"axes": {\#(axes)}, "uuid": "a"}}"#
  }

  static func decode(batch: Int, offsets: Int, pages: Int, pageSize: Int = 1) -> String {
    line(
      #""batch_size": \#(batch), "num_pages": 989669, "len_indptr": \#(offsets), "num_kv_indices": \#(pages)"#,
      definition: "mla_paged_decode_h16_ckv512_kpe64_ps\(pageSize)")
  }

  static func prefill(queries: Int, offsets: Int, pages: Int, pageSize: Int = 1) -> String {
    line(
      #""total_q": \#(queries), "num_pages": 989669, "len_indptr": \#(offsets), "num_kv_indices": \#(pages)"#,
      definition: "mla_paged_prefill_causal_h16_ckv512_kpe64_ps\(pageSize)")
  }

  @Test func readsDecodeCalls() throws {
    let read = try calls(
      [
        Self.decode(batch: 1, offsets: 2, pages: 8), Self.decode(batch: 64, offsets: 65, pages: 75_145),
        Self.decode(batch: 3, offsets: 9, pages: 3),
      ].joined(separator: "\n"))
    #expect(read.map(\.keyLengths.count) == [1, 64, 3])
    #expect(read.map { $0.keyLengths.reduce(0, +) } == [8, 75_145, 3])
    #expect(read[2].keyLengths == [1, 1, 1])
    for call in read {
      #expect(call.queryCounts.allSatisfy { $0 == 1 })
      #expect(!call.isCausal)
      #expect(call.pageSize == 1)
      #expect(call.headCount == 16)
      #expect(call.poolPageCount == 989_669)
    }
  }

  @Test(arguments: [
    (33, 2, 34), (1, 2, 34), (52, 5, 67), (8987, 57, 14_390), (22, 23, 17_759), (16_384, 2, 16_387),
    (9, 4, 9),
    (3, 4, 3),
  ])
  func sharesOutPrefillCalls(queries: Int, offsets: Int, pages: Int) throws {
    for seed: UInt64 in 0..<20 {
      let content = Self.prefill(queries: queries, offsets: offsets, pages: pages)
      let call = try #require(try calls(content, seed: seed).first)
      #expect(call.isCausal)
      #expect(call.keyLengths.count == offsets - 1)
      #expect(call.queryCounts.reduce(0, +) == queries)
      #expect(call.keyLengths.reduce(0, +) == pages)
      #expect(zip(call.queryCounts, call.keyLengths).allSatisfy { $0 >= 1 && $0 <= $1 })
    }
  }

  @Test func fillsLargerPages() throws {
    for seed: UInt64 in 0..<50 {
      let content = Self.prefill(queries: 1000, offsets: 11, pages: 40, pageSize: 64)
      let call = try #require(try calls(content, seed: seed).first)
      #expect(call.pageSize == 64)
      #expect(call.pageCount == 40)
      #expect(call.queryCounts.reduce(0, +) == 1000)
      #expect(zip(call.queryCounts, call.keyLengths).allSatisfy { $0 >= 1 && $0 <= $1 })
    }
  }

  @Test func drawsFromTheSeed() throws {
    let content = Self.decode(batch: 16, offsets: 17, pages: 8057)
    let drawn = try calls(content, seed: 1)
    #expect(try calls(content, seed: 1) == drawn)
    #expect(try calls(content, seed: 2) != drawn)
  }

  /// Two requests, four pages: (1, 3), (2, 2) and (3, 1) should come equally often.
  @Test func drawsAllSharesEquallyOften() throws {
    let content = Array(repeating: Self.decode(batch: 2, offsets: 3, pages: 4), count: 6000)
    var counts = [0, 0, 0]
    for call in try calls(content.joined(separator: "\n")) { counts[call.keyLengths[0] - 1] += 1 }
    // Five standard deviations: √(6000 · ⅓ · ⅔) ≈ 36.5.
    for count in counts { #expect(abs(count - 2000) < 183) }
  }

  @Test func makesABatch() throws {
    let content = Self.prefill(queries: 100, offsets: 6, pages: 40, pageSize: 16)
    let call = try #require(try calls(content).first)
    var generator = SeededGenerator(seed: 3)
    let batch = try call.batch(using: &generator)
    #expect(batch.keyLengths == call.keyLengths)
    #expect((0..<batch.count).map(batch.queryCount) == call.queryCounts)
    #expect(batch.isCausal)
    #expect(batch.poolPageCount == 40)
    #expect(Set(batch.pageIndices) == Set(0..<40))
    #expect(batch.pageIndices != Array(0..<40))
  }

  @Test(arguments: [
    MalformedTrace(name: "cut off", content: #"{"definition": "mla_"#, code: .malformed, line: 1),
    MalformedTrace(
      name: "no axes", content: #"{"definition": "mla_ps1", "workload": {}}"#, code: .missingField, line: 1,
      field: "workload.axes"),
    MalformedTrace(
      name: "text for a number",
      content: decode(batch: 1, offsets: 2, pages: 8) + "\n"
        + line(#""batch_size": "one", "num_pages": 1, "len_indptr": 2, "num_kv_indices": 8"#),
      code: .wrongType, line: 2, field: "workload.axes.batch_size", value: #""one""#),
    MalformedTrace(
      name: "a fraction",
      content: line(#""batch_size": 1, "num_pages": 1, "len_indptr": 2, "num_kv_indices": 8.5"#),
      code: .wrongType, line: 1, field: "workload.axes.num_kv_indices", value: "8.5"),
    MalformedTrace(
      name: "no size", content: line(#""num_pages": 1, "len_indptr": 2, "num_kv_indices": 8"#),
      code: .missingField, line: 1, field: "workload.axes.batch_size"),
    MalformedTrace(
      name: "no pool", content: line(#""batch_size": 1, "len_indptr": 2, "num_kv_indices": 8"#),
      code: .missingField, line: 1, field: "workload.axes.num_pages"),
    MalformedTrace(
      name: "batch past the offsets", content: decode(batch: 2, offsets: 2, pages: 8), code: .outOfRange,
      line: 1, field: "workload.axes.batch_size", value: "2"),
    MalformedTrace(
      name: "fewer pages than requests", content: decode(batch: 4, offsets: 5, pages: 3), code: .outOfRange,
      line: 1, field: "workload.axes.num_kv_indices", value: "3"),
    MalformedTrace(
      name: "enormous", content: decode(batch: 1, offsets: 1 << 40, pages: 1 << 41), code: .outOfRange,
      line: 1, field: "workload.axes.len_indptr", value: "\(1 << 40)"),
    MalformedTrace(
      name: "more pages than 32 bits", content: decode(batch: 1, offsets: 2, pages: 1 << 40),
      code: .outOfRange, line: 1, field: "workload.axes.num_kv_indices", value: "\(1 << 40)"),
    MalformedTrace(
      name: "more queries than keys", content: prefill(queries: 9, offsets: 2, pages: 8), code: .outOfRange,
      line: 1, field: "workload.axes.total_q", value: "9"),
    MalformedTrace(
      name: "fewer queries than requests", content: prefill(queries: 1, offsets: 3, pages: 8),
      code: .outOfRange, line: 1, field: "workload.axes.total_q", value: "1"),
    MalformedTrace(
      name: "not MLA",
      content: line(
        #""batch_size": 1, "num_pages": 1, "len_indptr": 2, "num_kv_indices": 8"#,
        definition: "gqa_paged_decode_h32_kv8_d128_ps1"),
      code: .outOfRange, line: 1, field: "definition", value: "gqa_paged_decode_h32_kv8_d128_ps1"),
    MalformedTrace(
      name: "no page size",
      content: line(
        #""batch_size": 1, "num_pages": 1, "len_indptr": 2, "num_kv_indices": 8"#,
        definition: "mla_paged_decode_h16"),
      code: .outOfRange, line: 1, field: "definition", value: "mla_paged_decode_h16"),
  ])
  func refusesMalformedLines(_ trace: MalformedTrace) {
    trace.check(.flashInferBench)
  }
}
