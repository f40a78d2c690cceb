/// Writing of the trace-event format that ui.perfetto.dev and chrome://tracing read.
extension LaunchTrace {
  /// The trace as text in JSON. A microsecond of the viewer's ruler is a thousand cycles: so all cycles are exact.
  public var json: String {
    var events: [String] = []
    for (index, name) in processes.enumerated() {
      events.append(metadata("process_name", process: index, track: nil, "\"name\":\(Self.quoted(name))"))
      events.append(metadata("process_sort_index", process: index, track: nil, "\"sort_index\":\(index)"))
    }
    for (index, track) in tracks.enumerated() {
      let name = "\"name\":\(Self.quoted(track.name))"
      events.append(metadata("thread_name", process: track.process, track: index, name))
      events.append(
        metadata("thread_sort_index", process: track.process, track: index, "\"sort_index\":\(index)"))
    }
    events += slices.map(text)
    events += counters.map(text)
    return "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n" + events.joined(separator: ",\n") + "\n]}\n"
  }

  // Viewers take process 0 for the idle one, and a thread of its process's number for the main one.
  private static let firstThread = 1000

  private func metadata(_ kind: String, process: Int, track: Int?, _ arguments: String) -> String {
    let thread = track.map { ",\"tid\":\($0 + Self.firstThread)" } ?? ""
    return "{\"ph\":\"M\",\"name\":\"\(kind)\",\"pid\":\(process + 1)\(thread),\"args\":{\(arguments)}}"
  }

  private func text(_ slice: Slice) -> String {
    let process = tracks[slice.track].process
    return
      "{\"ph\":\"X\",\"name\":\(Self.quoted(slice.name)),\"cat\":\"\(slice.category.rawValue)\",\"ts\":\(Self.time(slice.start)),\"dur\":\(Self.time(slice.end - slice.start)),\"pid\":\(process + 1),\"tid\":\(slice.track + Self.firstThread)}"
  }

  private func text(_ counter: Counter) -> String {
    "{\"ph\":\"C\",\"name\":\(Self.quoted(counter.name)),\"ts\":\(Self.time(counter.time)),\"pid\":\(counter.process + 1),\"args\":{\"value\":\(counter.value)}}"
  }

  /// Thousandths, as a decimal number.
  private static func time(_ cycles: UInt64) -> String {
    let fraction = String(cycles % 1000)
    return "\(cycles / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 32:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
