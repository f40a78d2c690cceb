import PTX

/// The printed text of a kernel, as golden texts compare with it.
enum PrintedText {
  /// The statements of a function, one line each, without declarations and source lines.
  static func statements(_ function: Function) -> [String] {
    var module = Module()
    module.functions = [function]
    let lines = module.description.split(separator: "\n").map { $0.drop { $0 == " " } }
    return lines.drop { $0 != "{" }.dropFirst().dropLast()
      .filter { line in !["reg", "loc", "shared", "local", "param"].contains { line.hasPrefix(".\($0) ") } }
      .map(String.init)
  }
}
