import Foundation
import Testing
import Workloads

/// A malformed trace and where its error should point.
struct MalformedTrace: Sendable, CustomTestStringConvertible {
  let name: String
  let content: String
  let code: TraceError.Code
  let line: Int
  var field: String?
  var value: String?
  var testDescription: String { name }

  func check(_ format: TraceFormat) {
    #expect {
      try Workload.parse(Data(content.utf8), source: "trace.file", format: format)
    } throws: { error in
      guard let error = error as? TraceError else { return false }
      #expect(error.file == "trace.file")
      #expect(error.code == code)
      #expect(error.line == line)
      #expect(error.field == field)
      if let value { #expect(error.value == value) }
      #expect(error.description.hasPrefix("trace.file:\(line): "))
      return true
    }
  }
}

func requests(_ content: String, format: TraceFormat? = nil) throws -> [TraceRequest] {
  let workload = try Workload.parse(Data(content.utf8), source: "trace.file", format: format)
  guard case .requests(let trace) = workload else {
    Issue.record("the trace holds calls, not requests")
    return []
  }
  #expect(trace.source == "trace.file")
  return trace.requests
}

func calls(_ content: String, format: TraceFormat? = nil, seed: UInt64 = 0) throws -> [RecordedCall] {
  let workload = try Workload.parse(Data(content.utf8), source: "trace.file", format: format, seed: seed)
  guard case .calls(let calls) = workload else {
    Issue.record("the trace holds requests, not calls")
    return []
  }
  return calls
}
