import HopperSimulator
import Reports

extension [SimulatedLaunch] {
  /// From the first block's start to the last one's end, by the device's clock.
  var cycles: Int { Int((seconds * (first?.report.clock ?? 0) * 1e9).rounded()) }

  /// What was written down of all of them; nil where that was not asked for.
  var trace: LaunchTrace? {
    guard let trace = first?.report.trace else { return nil }
    return count == 1 ? trace : LaunchTrace(joining: self)
  }
}

extension LaunchTrace {
  /// A picture of some cycles of the first block, of each launch: the units of its multiprocessor, and one warp of each
  /// warpgroup.
  func timeline(title: String, cycles: Range<Int>) -> Timeline {
    let processes = Set(tracks.filter { $0.name.hasPrefix("CTA 0 ") }.map(\.process))
    let lanes = tracks.indices.filter { processes.contains(tracks[$0].process) && isShown(tracks[$0].name) }
    return Timeline(
      title: title, unit: "cycles", lanes: lanes.map { Timeline.Lane(name: tracks[$0].name, bars: bars($0)) },
      range: Double(cycles.lowerBound)...Double(cycles.upperBound))
  }

  /// Tracks of units, and of the first warps of warpgroups: `CTA 0 warp 4 (multiply)`.
  private func isShown(_ track: String) -> Bool {
    let words = track.split(separator: " ")
    guard let place = words.firstIndex(of: "warp"), place + 1 < words.count, let warp = Int(words[place + 1])
    else {
      return true
    }
    return words[1] == "0" && warp.isMultiple(of: 4)
  }

  /// Work of units that goes on without a pause is one bar.
  private func bars(_ track: Int) -> [Timeline.Bar] {
    var bars: [Timeline.Bar] = []
    for slice in slices where slice.track == track {
      if slice.category == .unit, let last = bars.last, last.name == slice.name,
        Double(slice.start) - last.end < 8
      {
        bars[bars.count - 1].end = Double(slice.end)
      } else {
        bars.append(
          Timeline.Bar(
            name: slice.name, start: Double(slice.start), end: Double(slice.end),
            isWait: slice.category == .stall))
      }
    }
    return bars
  }
}
