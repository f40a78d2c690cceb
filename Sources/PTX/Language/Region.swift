/// A mark in a kernel's text where a named region begins or ends.
///
/// Regions name parts of a kernel for traces and statistics. They are labels to which nothing branches,
/// `$region_begin_NAME_7` and `$region_end_NAME_7`: they survive printing and parsing, `ptxas` ignores them, and
/// they cost no instruction. The number pairs the two marks. Who cuts a kernel into basic blocks does not cut at
/// them.
public struct RegionMarker: Sendable, Hashable {
  /// Name of the region; not unique.
  public var name: String
  /// The same in both marks of a region, and in no other of the kernel.
  public var number: Int
  /// Whether the region begins here; else it ends.
  public var isBegin: Bool

  /// A mark.
  public init(name: String, number: Int, isBegin: Bool) {
    self.name = name
    self.number = number
    self.isBegin = isBegin
  }

  /// The mark that a label is; nil for any other label.
  public init?(label: String) {
    let begin = "$region_begin_"
    let end = "$region_end_"
    guard label.hasPrefix(begin) || label.hasPrefix(end), let underscore = label.lastIndex(of: "_"),
      let number = Int(label[label.index(after: underscore)...])
    else { return nil }
    isBegin = label.hasPrefix(begin)
    let start = label.index(label.startIndex, offsetBy: isBegin ? begin.count : end.count)
    guard start < underscore else { return nil }
    name = String(label[start..<underscore])
    self.number = number
  }

  /// The label that is this mark.
  public var label: String { "$region_\(isBegin ? "begin" : "end")_\(name)_\(number)" }
}

extension KernelBuilder {
  /// Names what `body` records: traces show it, `RegionMarker` says how it stands in the text.
  public func region(
    _ name: String, file: String = #fileID, line: Int = #line, _ body: () -> Void
  ) {
    locate(file, line)
    guard Self.isIdentifier(name) else { return fail(.badName(name)) }
    let number = labels.count
    mark(RegionMarker(name: name, number: number, isBegin: true))
    body()
    mark(RegionMarker(name: name, number: number, isBegin: false))
  }

  /// A comment of its own line in the printed text.
  public func comment(_ text: String) {
    let lines = text.split(whereSeparator: \.isNewline)
    body += lines.map { .comment(String($0)) }
  }

  private func mark(_ marker: RegionMarker) {
    labels.append(marker.label)
    place(LabelID(labels.count - 1))
  }
}
