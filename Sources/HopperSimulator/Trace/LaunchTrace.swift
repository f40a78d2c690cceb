/// What happened in a launch, for a time-line: a track for each warp, with its regions and waits, tracks of units and
/// counters. Cycles count from when the launch's first block could start.
public struct LaunchTrace: Sendable, Hashable {
  /// What a slice shows.
  public enum Category: String, Sendable, Hashable {
    /// A named region of the kernel.
    case region
    /// A wait of a warp.
    case stall
    /// Work of a unit.
    case unit
  }

  /// A row of the time-line.
  public struct Track: Sendable, Hashable {
    /// Index of its process, a group of rows.
    public var process: Int
    /// What it shows: `CTA 3 warp 0 (producer)`, say.
    public var name: String
  }

  /// A stretch of time on a track. Slices of a track nest or follow each other.
  public struct Slice: Sendable, Hashable {
    /// Index of its track.
    public var track: Int
    /// Name of the region, reason of the wait, or what the unit does.
    public var name: String
    /// What it shows.
    public var category: Category
    /// First cycle.
    public var start: UInt64
    /// The cycle after the last.
    public var end: UInt64
  }

  /// A value from a cycle on.
  public struct Counter: Sendable, Hashable {
    /// Index of its process.
    public var process: Int
    /// What is counted.
    public var name: String
    /// From which cycle on.
    public var time: UInt64
    /// The value.
    public var value: Double
  }

  /// Groups of tracks: a multiprocessor, or memory.
  public private(set) var processes: [String] = []
  /// Rows.
  public private(set) var tracks: [Track] = []
  /// By track and start; those that contain others before these.
  public private(set) var slices: [Slice] = []
  /// In the order of time within each process.
  public private(set) var counters: [Counter] = []

  init() {}

  /// Traces of several launches as one, whose cycles count from when the first one's first block could start. The names of
  /// processes begin with the launch's kernel.
  public init(joining launches: [SimulatedLaunch]) {
    let start = launches.map(\.start).min() ?? .zero
    for launch in launches {
      guard var trace = launch.report.trace else { continue }
      trace.move(by: Int64(((launch.start - start) / .seconds(1) * launch.report.clock * 1e9).rounded()))
      let (firstProcess, firstTrack) = (processes.count, tracks.count)
      processes += trace.processes.map { "\(launch.kernel): \($0)" }
      tracks += trace.tracks.map { Track(process: firstProcess + $0.process, name: $0.name) }
      for var slice in trace.slices {
        slice.track += firstTrack
        slices.append(slice)
      }
      for var counter in trace.counters {
        counter.process += firstProcess
        counters.append(counter)
      }
    }
  }

  /// Moves everything by so many cycles.
  mutating func move(by cycles: Int64) {
    func moved(_ time: UInt64) -> UInt64 { UInt64(Int64(time) + cycles) }
    for index in slices.indices {
      slices[index].start = moved(slices[index].start)
      slices[index].end = moved(slices[index].end)
    }
    for index in counters.indices { counters[index].time = moved(counters[index].time) }
  }

  mutating func addProcess(_ name: String) -> Int {
    processes.append(name)
    return processes.count - 1
  }

  mutating func addTrack(_ process: Int, _ name: String) -> Int {
    tracks.append(Track(process: process, name: name))
    return tracks.count - 1
  }

  mutating func addSlice(_ track: Int, _ name: String, _ category: Category, _ start: UInt64, _ end: UInt64) {
    if end > start {
      slices.append(Slice(track: track, name: name, category: category, start: start, end: end))
    }
  }

  mutating func addCounter(_ process: Int, _ name: String, _ time: UInt64, _ value: Double) {
    counters.append(Counter(process: process, name: name, time: time, value: value))
  }

  mutating func sort() {
    slices.sort {
      ($0.track, $0.start, $1.end, $0.category == .stall ? 1 : 0)
        < ($1.track, $1.start, $0.end, $1.category == .stall ? 1 : 0)
    }
  }
}
