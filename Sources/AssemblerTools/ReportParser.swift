extension AssemblyReport {
  /// Reads what `ptxas -v` prints.
  package init(parsing text: String) {
    self.init(messages: [], functions: [])
    for line in text.split(separator: "\n") { read(line) }
  }

  private mutating func read(_ line: Substring) {
    if let match = line.wholeMatch(of: /\s*(?:ptxas info\s*: )?Function properties for (.+)/) {
      functions.append(FunctionUsage(name: String(match.1)))
    } else if let match = line.firstMatch(
      of: /([0-9]+) bytes stack frame, ([0-9]+) bytes spill stores, ([0-9]+) bytes spill loads/)
    {
      changeLast {
        $0.stackByteCount = Int(match.1) ?? 0
        $0.spillStoreByteCount = Int(match.2) ?? 0
        $0.spillLoadByteCount = Int(match.3) ?? 0
      }
    } else if let match = line.wholeMatch(of: /ptxas info\s*: Used ([0-9]+) registers(.*)/) {
      changeLast {
        $0.registerCount = Int(match.1)
        $0.barrierCount = match.2.firstMatch(of: /used ([0-9]+) barriers/).flatMap { Int($0.1) } ?? 0
        $0.sharedByteCount = match.2.firstMatch(of: /([0-9]+) bytes smem/).flatMap { Int($0.1) } ?? 0
      }
    } else if let message = AssemblyMessage(parsing: line) {
      messages.append(message)
    }
  }

  /// Figures follow the line that names their function.
  private mutating func changeLast(_ change: (inout FunctionUsage) -> Void) {
    guard !functions.isEmpty else { return }
    change(&functions[functions.count - 1])
  }
}

extension AssemblyMessage {
  /// Reads `ptxas error : text` or `ptxas FILE, line 6; error : text`. Notes without a code are figures and
  /// progress, no messages.
  fileprivate init?(parsing line: Substring) {
    let pattern = /ptxas (?:.*, line ([0-9]+); )?(info|warning|error|fatal)\s*: (?:\((C[0-9]+)\) )?(.*)/
    guard let match = line.wholeMatch(of: pattern), let severity = Severity(rawValue: String(match.2)),
      severity != .info || match.3 != nil
    else { return nil }
    self.init(
      severity: severity, code: match.3.map(String.init), line: match.1.flatMap { Int($0) },
      text: String(match.4))
  }
}
