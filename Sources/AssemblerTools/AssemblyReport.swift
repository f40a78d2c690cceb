/// What `ptxas` says of a text: its messages, and what each function needs.
public struct AssemblyReport: Sendable, Hashable {
  /// Messages in the order of the report: warnings, errors, and notes that carry a code.
  public var messages: [AssemblyMessage]
  /// What each function needs, in the order of the report. `ptxas` may inline a function and not list it.
  public var functions: [FunctionUsage]

  /// A report of these messages and functions.
  public init(messages: [AssemblyMessage], functions: [FunctionUsage]) {
    self.messages = messages
    self.functions = functions
  }

  /// What the function of a name needs.
  public func usage(of name: String) -> FunctionUsage? { functions.first { $0.name == name } }

  /// The messages with a code, as "C7510": serialised `wgmma`, ignored `setmaxnreg`. `ptxas` calls them notes,
  /// and `-Werror` lets them pass, yet each says that the kernel does not run as written.
  public var performanceWarnings: [AssemblyMessage] { messages.filter { $0.code != nil } }

  /// The functions that keep registers in local memory.
  public var spillingFunctions: [FunctionUsage] {
    functions.filter { $0.spillStoreByteCount + $0.spillLoadByteCount > 0 }
  }
}

/// One message of `ptxas`.
public struct AssemblyMessage: Sendable, Hashable, CustomStringConvertible {
  /// How grave a message is.
  public enum Severity: String, Sendable, Hashable {
    /// A note.
    case info
    /// A warning.
    case warning
    /// An error: there is no machine code.
    case error
    /// An error that ended the run.
    case fatal
  }

  /// How grave it is.
  public var severity: Severity
  /// The code, as "C7510", if it has one.
  public var code: String?
  /// The line of the PTX text, from 1, if it names one.
  public var line: Int?
  /// The message.
  public var text: String

  /// A message.
  public init(severity: Severity, code: String? = nil, line: Int? = nil, text: String) {
    self.severity = severity
    self.code = code
    self.line = line
    self.text = text
  }

  /// As `line 12: error: text`.
  public var description: String {
    let place = line.map { "line \($0): " } ?? ""
    return place + severity.rawValue + (code.map { " \($0)" } ?? "") + ": " + text
  }
}

/// What a function needs, as `ptxas -v` counts it.
public struct FunctionUsage: Sendable, Hashable {
  /// The name.
  public var name: String
  /// Registers of a thread at entry; `setmaxnreg` does not show. Absent for functions that are called.
  public var registerCount: Int?
  /// Named barriers.
  public var barrierCount = 0
  /// Bytes of static shared memory.
  public var sharedByteCount = 0
  /// Bytes of local memory of a thread's own frame, spills included.
  public var stackByteCount = 0
  /// Bytes of registers that spill stores write, each instruction counted once.
  public var spillStoreByteCount = 0
  /// Bytes of registers that spill loads read, each instruction counted once.
  public var spillLoadByteCount = 0

  /// A function that needs nothing yet.
  public init(name: String) {
    self.name = name
  }
}
