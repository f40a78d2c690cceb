/// How many columns of a terminal a text takes.
enum DisplayWidth {
  /// Columns of `text`: two for East Asian wide characters and emoji, none for combining marks.
  static func columns(_ text: String) -> Int {
    text.utf8.allSatisfy { $0 < 0x80 } ? text.utf8.count : text.reduce(0) { $0 + columns($1) }
  }

  /// `text`, or its beginning and `…` where it takes more than `limit` columns.
  static func truncated(_ text: String, to limit: Int) -> String {
    guard columns(text) > limit else { return text }
    var result = ""
    var width = 1
    for character in text {
      width += columns(character)
      guard width <= limit else { break }
      result.append(character)
    }
    return result + "…"
  }

  /// `text` on one line: control characters, line breaks among them, become spaces.
  static func singleLine(_ text: String) -> String {
    String(
      text.map { character in
        character.unicodeScalars.contains { $0.properties.generalCategory == .control } ? " " : character
      })
  }

  private static func columns(_ character: Character) -> Int {
    var width = 0
    for scalar in character.unicodeScalars {
      width = max(width, columns(scalar))
      // Variation selector 16 asks for the emoji form of a character that also has a text form.
      if scalar.value == 0xFE0F { return 2 }
    }
    return width
  }

  private static func columns(_ scalar: Unicode.Scalar) -> Int {
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format, .control: return 0
    default:
      let isWide =
        scalar.properties.isEmojiPresentation || wideRanges.contains { $0.contains(scalar.value) }
      return isWide ? 2 : 1
    }
  }

  /// The large blocks of class W or F in Unicode's EastAsianWidth.txt; emoji come by their own property.
  private static let wideRanges: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
    0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6,
    0x1F200...0x1F2FF, 0x20000...0x3FFFD,
  ]
}
