import Foundation

/// A line of a trace file, and what it takes to say what is wrong with it.
struct TraceLine {
  let file: String
  /// Counted from 1.
  let number: Int
  /// Without the line's end.
  let bytes: ArraySlice<UInt8>

  /// The lines with content; their ends may be LF or CR LF, and a byte order mark is passed over.
  static func split(_ content: Data, file: String) -> [TraceLine] {
    let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
    var bytes = ArraySlice([UInt8](content))
    if bytes.starts(with: byteOrderMark) { bytes = bytes.dropFirst(byteOrderMark.count) }
    var lines: [TraceLine] = []
    let pieces = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, piece) in pieces.enumerated() {
      let line = piece.last == UInt8(ascii: "\r") ? piece.dropLast() : piece
      guard line.contains(where: { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }) else { continue }
      lines.append(TraceLine(file: file, number: index + 1, bytes: line))
    }
    return lines
  }

  /// The line as text; bytes that are not UTF-8 show as replacement characters.
  var text: String { String(decoding: bytes, as: UTF8.self) }

  /// An error at this line.
  func error(
    _ code: TraceError.Code, field: String? = nil, value: String? = nil, requirement: String
  ) -> TraceError {
    TraceError(code, file: file, line: number, field: field, value: value, requirement: requirement)
  }

  /// An error about the line as a whole.
  func malformed(_ requirement: String) -> TraceError {
    error(.malformed, value: text, requirement: requirement)
  }
}
