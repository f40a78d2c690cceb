/// When copies that belong together have read their source, and when they are done.
struct CopyTimes {
  var read: UInt64 = 0
  var done: UInt64 = 0

  mutating func include(_ other: CopyTimes) {
    read = max(read, other.read)
    done = max(done, other.done)
  }
}

/// Groups of copies of one kind: the open one, and those that are committed, oldest first.
struct CopyGroups {
  private var open = CopyTimes()
  private var committed: [CopyTimes] = []
  /// Of all copies ever.
  private(set) var latest = CopyTimes()

  mutating func add(_ times: CopyTimes) {
    open.include(times)
    latest.include(times)
  }

  mutating func commit() {
    committed.append(open)
    open = CopyTimes()
  }

  /// When all but the newest `count` groups are ready; those are forgotten.
  mutating func ready(allBut count: Int) -> CopyTimes {
    var times = CopyTimes()
    while committed.count > count { times.include(committed.removeFirst()) }
    return times
  }
}

/// What a warp has started and not yet waited for.
struct AsynchronousState {
  /// `cp.async`, of the warp as a whole: its threads commit and wait together.
  var copies = CopyGroups()
  /// Bulk copies to global memory, by lane.
  var bulk: [Int: CopyGroups] = [:]
}

/// Something that happens at a time without a warp: data arrives.
struct PendingEvent {
  var time: UInt64
  /// Of events at the same time, those that were started first happen first.
  var sequence: Int
  var action: (Interpreter) throws(SimulationError) -> Void
}
