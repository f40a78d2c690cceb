import Foundation

/// One line on a terminal that says how far long work has come; silent everywhere else.
///
/// The line is drawn at most ten times a second, and wiped when the work ends, so that what is printed
/// afterwards starts on a clean line. Use it from one thread.
public final class ProgressBar {
  private let label: String
  private let total: Int
  private let now: () -> Duration
  private let write: ((String) -> Void)?
  private let start: Duration
  private var lastDrawn: Duration?

  private static let redrawInterval = Duration.milliseconds(100)
  private static let barWidth = 24
  /// An estimate from less work than this is noise.
  private static let timeBeforeEstimate = Duration.seconds(1)

  /// A bar for `total` units of work.
  ///
  /// - Parameters:
  ///   - now: the time since some fixed moment.
  ///   - write: takes what is to appear on the terminal; nil for a silent bar.
  public init(label: String, total: Int, now: @escaping () -> Duration, write: ((String) -> Void)?) {
    self.label = DisplayWidth.truncated(DisplayWidth.singleLine(label), to: 24)
    self.total = max(0, total)
    self.now = now
    self.write = write
    self.start = now()
  }

  /// A bar on standard error, silent where that is not a terminal.
  public convenience init(label: String, total: Int) {
    let epoch = ContinuousClock.now
    let write: (String) -> Void = { FileHandle.standardError.write(Data($0.utf8)) }
    self.init(
      label: label, total: total, now: { epoch.duration(to: .now) },
      write: isatty(STDERR_FILENO) == 1 ? write : nil)
  }

  deinit { finish() }

  /// Says that `completed` units are done, all in all.
  public func update(_ completed: Int) {
    guard let write else { return }
    let time = now()
    if let lastDrawn, time - lastDrawn < Self.redrawInterval { return }
    lastDrawn = time
    write("\r" + line(completed: min(max(completed, 0), total), elapsed: time - start) + "\u{1B}[K")
  }

  /// Wipes the line. Nothing happens where none was drawn.
  public func finish() {
    guard lastDrawn != nil else { return }
    lastDrawn = nil
    write?("\r\u{1B}[K")
  }

  private func line(completed: Int, elapsed: Duration) -> String {
    let share = total > 0 ? Double(completed) / Double(total) : 1
    let filled = Int(share * Double(Self.barWidth))
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Self.barWidth - filled)
    var text =
      "\(label) \(bar) \(Int(share * 100)) % \(NumberFormat.grouped(completed))/\(NumberFormat.grouped(total))"
    if completed > 0, completed < total, elapsed >= Self.timeBeforeEstimate {
      text += ", " + Self.minutesAndSeconds(elapsed * (1 / share - 1)) + " left"
    }
    return text
  }

  private static func minutesAndSeconds(_ duration: Duration) -> String {
    let seconds = duration.components.seconds
    switch seconds {
    case ..<60: return "\(seconds) s"
    case ..<3600: return "\(seconds / 60) min \(seconds % 60) s"
    default: return "\(seconds / 3600) h \(seconds % 3600 / 60) min"
    }
  }
}
