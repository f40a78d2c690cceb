/// Reads Azure's LLM inference traces: CSV of exactly three columns, none of them quoted.
enum AzureReader {
  static let header = "TIMESTAMP,ContextTokens,GeneratedTokens"
  private static let columns = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"]

  static func read(_ lines: [TraceLine], source: String) throws(TraceError) -> RequestTrace {
    guard lines[0].text == header else { throw lines[0].malformed("must be the header \(header)") }
    guard lines.count > 1 else {
      throw TraceError(.empty, file: source, requirement: "must have at least one entry after the header")
    }
    var records: [RequestRecord] = []
    records.reserveCapacity(lines.count - 1)
    // Counting from the first day keeps the numbers small, so that 100 ns are not rounded away.
    var firstDay: Int?
    for line in lines.dropFirst() {
      let fields = line.bytes.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
      guard fields.count == columns.count else {
        throw line.malformed("must have the \(columns.count) columns \(header)")
      }
      guard let timestamp = Timestamp(fields[0]) else {
        throw line.error(
          .wrongType, field: columns[0], value: String(decoding: fields[0], as: UTF8.self),
          requirement: "must be a time written as 2023-11-16 18:15:46.6805900")
      }
      let origin = firstDay ?? timestamp.day
      firstDay = origin
      records.append(
        RequestRecord(
          line: line, time: Double(timestamp.day - origin) * 86_400 + timestamp.secondsOfDay,
          promptLength: try count(fields[1], field: columns[1], line: line),
          outputLength: try count(fields[2], field: columns[2], line: line)))
    }
    return try RequestTrace(
      source: source, records: records,
      fieldNames: ["arrival": columns[0], "promptLength": columns[1], "outputLength": columns[2]])
  }

  private static func count(
    _ text: ArraySlice<UInt8>, field: String, line: TraceLine
  ) throws(TraceError) -> Int {
    let text = String(decoding: text, as: UTF8.self)
    guard let count = Int(text) else {
      throw line.error(.wrongType, field: field, value: text, requirement: "must be an integer")
    }
    return count
  }
}

/// A time of the Gregorian calendar, `yyyy-MM-dd HH:mm:ss` with up to nine digits of a fraction.
private struct Timestamp {
  /// Days since 0000-03-01.
  let day: Int
  let secondsOfDay: Double

  init?(_ text: ArraySlice<UInt8>) {
    let bytes = Array(text)
    let layout = Array("0000-00-00 00:00:00".utf8)
    guard bytes.count >= layout.count else { return nil }
    for (byte, expected) in zip(bytes, layout) {
      guard expected == UInt8(ascii: "0") ? Self.isDigit(byte) : byte == expected else { return nil }
    }
    let (year, month, dayOfMonth) = (
      Self.number(bytes[0..<4]), Self.number(bytes[5..<7]), Self.number(bytes[8..<10])
    )
    let (hour, minute, second) = (
      Self.number(bytes[11..<13]), Self.number(bytes[14..<16]), Self.number(bytes[17..<19])
    )
    guard (1...12).contains(month), (1...Self.dayCount(year: year, month: month)).contains(dayOfMonth),
      hour < 24, minute < 60, second < 60, let fraction = Self.fraction(bytes[19...])
    else { return nil }
    day = Self.dayNumber(year: year, month: month, dayOfMonth: dayOfMonth)
    secondsOfDay = Double(hour * 3600 + minute * 60 + second) + fraction
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int {
    digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
  }

  /// Nothing, or a point and one to nine digits.
  private static func fraction(_ text: ArraySlice<UInt8>) -> Double? {
    guard let point = text.first else { return 0 }
    let digits = text.dropFirst()
    guard point == UInt8(ascii: "."), (1...9).contains(digits.count), digits.allSatisfy(isDigit) else {
      return nil
    }
    let scale = digits.reduce(1) { power, _ in power * 10 }
    return Double(number(digits)) / Double(scale)
  }

  private static func dayCount(year: Int, month: Int) -> Int {
    let isLeap = year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
    return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
  }

  /// Years are taken to start in March, so that the leap day is the last of its year; the days before
  /// the first of month `m` of such a year, counted from 0, are then ⌊(153·m + 2) / 5⌋.
  private static func dayNumber(year: Int, month: Int, dayOfMonth: Int) -> Int {
    let shiftedMonth = (month + 9) % 12
    let shiftedYear = month < 3 ? year - 1 : year
    let leapDays = shiftedYear / 4 - shiftedYear / 100 + shiftedYear / 400
    return 365 * shiftedYear + leapDays + (153 * shiftedMonth + 2) / 5 + dayOfMonth - 1
  }
}
