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
///
/// When a copy will be done is known at the end of the window in which it starts; until then it is pending.
struct CopyGroups {
  private struct Group {
    var number = 0
    var times = CopyTimes()
    var pendingCount = 0
  }

  private var open = Group()
  private var committed: [Group] = []
  private var latest = CopyTimes()
  private var pendingCount = 0
  private var deferred: [(UInt64) -> Void] = []

  /// A copy whose times are known.
  mutating func add(_ times: CopyTimes) {
    open.times.include(times)
    latest.include(times)
  }

  /// A copy whose times are not known yet. Returns the number of its group.
  mutating func addPending() -> Int {
    open.pendingCount += 1
    pendingCount += 1
    return open.number
  }

  /// Says when a pending copy of a group will be done.
  mutating func resolve(_ number: Int, _ times: CopyTimes) {
    latest.include(times)
    pendingCount -= 1
    if open.number == number {
      open.times.include(times)
      open.pendingCount -= 1
    } else if let place = committed.firstIndex(where: { $0.number == number }) {
      committed[place].times.include(times)
      committed[place].pendingCount -= 1
    }
    guard pendingCount == 0 else { return }
    let actions = deferred
    deferred = []
    for action in actions { action(latest.done) }
  }

  mutating func commit() {
    committed.append(open)
    open = Group(number: open.number + 1)
  }

  /// When all but the newest `count` groups are ready, which are then forgotten; nil while that is not known.
  mutating func ready(allBut count: Int) -> CopyTimes? {
    let old = max(0, committed.count - count)
    guard committed.prefix(old).allSatisfy({ $0.pendingCount == 0 }) else { return nil }
    let times = committed.prefix(old).reduce(into: CopyTimes()) { $0.include($1.times) }
    committed.removeFirst(old)
    return times
  }

  /// Does something when all copies so far are done; their time is given to it, as soon as it is known.
  mutating func whenDone(_ action: @escaping (UInt64) -> Void) {
    if pendingCount == 0 { action(latest.done) } else { deferred.append(action) }
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
  /// Whose memory it uses: the memory stays until then, though the cluster may have ended.
  let cluster: Cluster?
  var action: (Interpreter) throws(SimulationError) -> Void
}

/// What started a copy, to say where when it goes wrong later: its block may have ended by then.
struct CopyOrigin {
  private let program: Program
  private let statement: Int32
  private let block: Int
  private let warp: Int

  init(_ i: DecodedInstruction, _ warp: Warp, _ place: Int) {
    program = warp.fragments[place].frame.program
    statement = i.statement
    block = warp.block.index
    self.warp = warp.index
  }

  var place: ExecutionPlace { ExecutionPlace(program, Int(statement), block: block, warp: warp) }
}
