import Foundation
import Testing
import Workloads

@Suite struct MooncakeReaderTests {
  static let good = #"{"timestamp": 3000, "input_length": 600, "output_length": 5, "hash_ids": [7, 8]}"#

  @Test func readsAndSortsRequests() throws {
    let later = #"{"output_length": 52, "timestamp": 27482, "hash_ids": [], "input_length": 6955, "x": 1}"#
    let read = try requests("\(later)\r\n\n\(Self.good)\n")
    #expect(
      read == [
        try TraceRequest(arrival: 0, promptLength: 600, outputLength: 5, prefixBlocks: [7, 8]),
        try TraceRequest(arrival: 24.482, promptLength: 6955, outputLength: 52),
      ])
  }

  @Test func keepsTheOrderOfRequestsThatCameTogether() throws {
    let lines = (1...100).map {
      #"{"timestamp": 0, "input_length": \#($0), "output_length": 1, "hash_ids": []}"#
    }
    #expect(try requests(lines.joined(separator: "\n")).map(\.promptLength) == Array(1...100))
  }

  @Test(arguments: [
    MalformedTrace(
      name: "cut off", content: #"{"timestamp": 0, "input_le"#, code: .malformed, line: 1,
      value: #"{"timestamp": 0, "input_le"#),
    MalformedTrace(name: "cut off later", content: "\(good)\n\n{", code: .malformed, line: 3, value: "{"),
    MalformedTrace(name: "two objects", content: "\(good)\n\(good)\(good)", code: .malformed, line: 2),
    MalformedTrace(name: "not an object", content: "\(good)\n[1]", code: .malformed, line: 2, value: "[1]"),
    MalformedTrace(
      name: "no length", content: #"{"timestamp": 0, "output_length": 5, "hash_ids": []}"#,
      code: .missingField, line: 1, field: "input_length"),
    MalformedTrace(
      name: "text for a number",
      content: good + "\n" + #"{"timestamp": 0, "input_length": "12", "output_length": 5, "hash_ids": []}"#,
      code: .wrongType, line: 2, field: "input_length", value: #""12""#),
    MalformedTrace(
      name: "null", content: #"{"timestamp": 0, "input_length": 1, "output_length": null, "hash_ids": []}"#,
      code: .wrongType, line: 1, field: "output_length", value: "null"),
    MalformedTrace(
      name: "a fraction",
      content: #"{"timestamp": 0, "input_length": 2.5, "output_length": 1, "hash_ids": []}"#,
      code: .wrongType, line: 1, field: "input_length", value: "2.5"),
    MalformedTrace(
      name: "no integer in a list",
      content: #"{"timestamp": 0, "input_length": 2, "output_length": 1, "hash_ids": [4, 5, 1e30]}"#,
      code: .wrongType, line: 1, field: "hash_ids[2]"),
    MalformedTrace(
      name: "no list", content: #"{"timestamp": 0, "input_length": 2, "output_length": 1, "hash_ids": 5}"#,
      code: .wrongType, line: 1, field: "hash_ids", value: "5"),
    MalformedTrace(
      name: "endless time",
      content: #"{"timestamp": 1e999, "input_length": 2, "output_length": 1, "hash_ids": []}"#,
      code: .malformed, line: 1),
    MalformedTrace(
      name: "text in a list",
      content: #"{"timestamp": 0, "input_length": 2, "output_length": 1, "hash_ids": [1, "b"]}"#,
      code: .wrongType, line: 1, field: "hash_ids[1]", value: #""b""#),
    MalformedTrace(
      name: "negative length",
      content: #"{"timestamp": 0, "input_length": -3, "output_length": 1, "hash_ids": []}"#,
      code: .outOfRange, line: 1, field: "input_length", value: "-3"),
    MalformedTrace(
      name: "no output", content: #"{"timestamp": 0, "input_length": 3, "output_length": 0, "hash_ids": []}"#,
      code: .outOfRange, line: 1, field: "output_length", value: "0"),
    MalformedTrace(
      name: "past 32 bits",
      content: #"{"timestamp": 0, "input_length": 2147483648, "output_length": 1, "hash_ids": []}"#,
      code: .outOfRange, line: 1, field: "input_length", value: "2147483648"),
    MalformedTrace(
      name: "extreme length",
      content:
        #"{"timestamp": 0, "input_length": -9223372036854775808, "output_length": 1, "hash_ids": []}"#,
      code: .outOfRange, line: 1, field: "input_length", value: "-9223372036854775808"),
    MalformedTrace(
      name: "negative time",
      content: #"{"timestamp": -1, "input_length": 3, "output_length": 1, "hash_ids": []}"#,
      code: .outOfRange, line: 1, field: "timestamp", value: "-1.0"),
    MalformedTrace(
      name: "more blocks than tokens",
      content: #"{"timestamp": 0, "input_length": 512, "output_length": 1, "hash_ids": [1, 2]}"#,
      code: .outOfRange, line: 1, field: "hash_ids", value: "2 entries"),
  ])
  func refusesMalformedLines(_ trace: MalformedTrace) {
    trace.check(.mooncake)
  }
}

@Suite struct TraceFormatTests {
  @Test(arguments: ["", "\n \n\r\n"]) func refusesEmptyFiles(_ content: String) {
    #expect {
      try Workload.parse(Data(content.utf8), source: "empty")
    } throws: {
      ($0 as? TraceError)?.code == .empty && ($0 as? TraceError)?.file == "empty"
    }
  }

  @Test(arguments: ["hello", "{\"a\": 1}", "1,2,3", "[]"]) func refusesUnknownFormats(_ content: String) {
    #expect {
      try Workload.parse(Data(content.utf8), source: "odd")
    } throws: { error in
      let error = error as? TraceError
      return error?.code == .unknownFormat && error?.line == 1 && error?.value == content
    }
  }

  @Test func forcedFormatWins() {
    #expect {
      try Workload.parse(Data(MooncakeReaderTests.good.utf8), source: "a", format: .azure)
    } throws: {
      ($0 as? TraceError)?.code == .malformed
    }
  }

  @Test func shortensLongValues() {
    #expect {
      try Workload.parse(Data(String(repeating: "x", count: 10_000).utf8), source: "a")
    } throws: {
      ($0 as? TraceError)?.value?.count == 80
    }
  }

  @Test func readsFiles() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("trace-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("some.jsonl")
    try Data(MooncakeReaderTests.good.utf8).write(to: file)
    guard case .requests(let trace) = try Workload.read(path: file.path) else {
      Issue.record("not read as requests")
      return
    }
    #expect(trace.source == file.path)
    #expect(trace.requests.map(\.promptLength) == [600])
    let missing = folder.appendingPathComponent("missing.jsonl").path
    #expect {
      try Workload.read(path: missing)
    } throws: {
      ($0 as? TraceError)?.code == .unreadable && ($0 as? TraceError)?.file == missing
    }
  }
}
