import Foundation
import Testing
import Workloads

@Suite struct AzureReaderTests {
  static let header = "TIMESTAMP,ContextTokens,GeneratedTokens"

  @Test func readsRequests() throws {
    let read = try requests(
      "\(Self.header)\r\n2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:50.9951690,396,109")
    #expect(read.map(\.promptLength) == [374, 396])
    #expect(read.map(\.outputLength) == [44, 109])
    #expect(read[0].arrival == 0)
    #expect(abs(read[1].arrival - 4.314579) < 1e-9)
  }

  @Test func passesOverAByteOrderMark() throws {
    #expect(try requests("\u{FEFF}\(Self.header)\n2023-11-16 18:15:46,1,1\n").count == 1)
  }

  /// Foundation's calendar as the second opinion.
  @Test(arguments: [
    ("2023-12-31 23:59:59.5", "2024-01-01 00:00:00.25"), ("2024-02-28 12:00:00", "2024-03-01 12:00:00"),
    ("2023-02-28 12:00:00", "2023-03-01 12:00:00"), ("1900-02-28 00:00:00", "1900-03-01 00:00:00"),
    ("2000-02-29 00:00:00", "2024-02-29 00:00:01.123456789"), ("0001-01-01 00:00:00", "2023-11-16 00:00:00"),
  ])
  func countsTime(from start: String, to end: String) throws {
    func date(_ text: String) throws -> Date {
      let numbers = text.split { "- :".contains($0) }.map { Double($0) ?? .nan }
      var calendar = Calendar(identifier: .gregorian)
      calendar.timeZone = .gmt
      let day = DateComponents(year: Int(numbers[0]), month: Int(numbers[1]), day: Int(numbers[2]))
      return try #require(calendar.date(from: day)) + numbers[3] * 3600 + numbers[4] * 60 + numbers[5]
    }
    let read = try requests("\(Self.header)\n\(end),1,2\n\(start),3,4\n")
    #expect(read.map(\.promptLength) == [3, 1])
    // Dates before October 1582 are Julian in Foundation's calendar: two days apart in the year 1.
    let correction = start.hasPrefix("0001") ? 2 * 86_400.0 : 0
    let expected = try date(end).timeIntervalSince(date(start)) - correction
    #expect(abs(read[1].arrival - expected) < 1e-6)
  }

  static func malformed(_ line: String) -> String { "\(header)\n2023-11-16 18:15:46,1,1\n\(line)\n" }

  @Test(arguments: [
    MalformedTrace(name: "no header", content: "2023-11-16 18:15:46,1,1", code: .malformed, line: 1),
    MalformedTrace(name: "cut off", content: malformed("2023-11-16 18:15:4"), code: .malformed, line: 3),
    MalformedTrace(
      name: "two columns", content: malformed("2023-11-16 18:15:46,5"), code: .malformed, line: 3,
      value: "2023-11-16 18:15:46,5"),
    MalformedTrace(
      name: "four columns", content: malformed("2023-11-16 18:15:46,5,6,7"), code: .malformed, line: 3),
    MalformedTrace(
      name: "no number", content: malformed("2023-11-16 18:15:46,,6"), code: .wrongType, line: 3,
      field: "ContextTokens", value: ""),
    MalformedTrace(
      name: "text", content: malformed("2023-11-16 18:15:46,5,6x"), code: .wrongType, line: 3,
      field: "GeneratedTokens", value: "6x"),
    MalformedTrace(
      name: "a terminal's command", content: malformed("2023-11-16 18:15:46,5,\u{1b}[2J\u{7}"),
      code: .wrongType,
      line: 3, field: "GeneratedTokens", value: "?[2J?"),
    MalformedTrace(
      name: "no context", content: malformed("2023-11-16 18:15:46,0,6"), code: .outOfRange, line: 3,
      field: "ContextTokens", value: "0"),
    MalformedTrace(
      name: "negative", content: malformed("2023-11-16 18:15:46,5,-6"), code: .outOfRange, line: 3,
      field: "GeneratedTokens", value: "-6"),
  ])
  func refusesMalformedLines(_ trace: MalformedTrace) {
    trace.check(.azure)
  }

  @Test(arguments: [
    "", "yesterday", "2023-13-16 18:15:46", "2023-00-16 18:15:46", "2023-11-31 18:15:46",
    "2023-02-29 18:15:46", "1900-02-29 18:15:46", "2023-11-00 18:15:46", "2023-11-16 24:15:46",
    "2023-11-16 18:60:46", "2023-11-16 18:15:60", "2023-11-16 18:15:46.", "2023-11-16 18:15:46.1234567890",
    "2023-11-16 18:15:46,5", "2023-11-16 18:15:46.1a", "2023-11-16T18:15:46", "2023/11/16 18:15:46",
  ])
  func refusesMalformedTimes(_ time: String) {
    let line = "\(time.replacingOccurrences(of: ",", with: ";")),5,6"
    MalformedTrace(
      name: time, content: Self.malformed(line), code: .wrongType, line: 3, field: "TIMESTAMP",
      value: time.replacingOccurrences(of: ",", with: ";")
    ).check(.azure)
  }

  @Test func refusesAFileOfTheHeaderAlone() {
    #expect {
      try Workload.parse(Data(Self.header.utf8), source: "a")
    } throws: {
      ($0 as? TraceError)?.code == .empty
    }
  }
}
