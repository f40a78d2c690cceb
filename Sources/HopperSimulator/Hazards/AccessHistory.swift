/// An access to a word of shared memory.
struct Access: Equatable {
  enum Kind: UInt8 {
    case read, write
    /// `atom`, `red`, and loads and stores that are not weak: they do not race with each other.
    case synchronizingRead, synchronizingWrite
    /// By a copy or `wgmma` that runs beside the warps.
    case asynchronousRead, asynchronousWrite
    /// As a write, but it does not conflict with its own kind.
    case asynchronousReduction
    /// By `cp.async`: beside the warps, but in the proxy of ordinary stores (PTX ISA 9.7.9.25.2: that of bulk copies is
    /// another).
    case genericCopy

    var isWrite: Bool { self != .read && self != .synchronizingRead && self != .asynchronousRead }
    var isAsynchronous: Bool { rawValue >= Kind.asynchronousRead.rawValue }
    var isSynchronizing: Bool { self == .synchronizingRead || self == .synchronizingWrite }
  }

  var kind: Kind
  /// Bytes of the word, one bit each.
  var mask: UInt8
  /// Who does it, and how much that agent has done then.
  var agent: Int32
  var time: UInt32
  /// The warp that issued it.
  var warp: Int32
  /// The instruction, numbered among all of the module.
  var site: Int32

  /// Whether they are alike but for the instruction.
  @inline(__always)
  func isAlike(_ other: Access) -> Bool {
    kind == other.kind && mask == other.mask && agent == other.agent && time == other.time
      && warp == other.warp
  }

  /// Whether nothing that was before it counts any more.
  var replacesAll: Bool { kind.isWrite && mask == 0xF }

  /// The read of the same operation, if it is a copy.
  var reading: Access {
    var access = self
    access.kind = .asynchronousRead
    return access
  }
}

/// What has been done to words of shared memory that later accesses may conflict with: histories, each under a number.
///
/// A write makes everything before it obsolete, for those bytes: it was ordered after these accesses, else that has
/// been reported. Of the reads since then, each agent's last is kept.
final class HistoryList {
  private struct History {
    /// Its accesses in the list, oldest first.
    var places = 0..<0
    /// Bytes that have been written.
    var initialised: UInt8 = 0
  }

  /// First that of words which nobody has touched, then that of words which something has written that conflicts with
  /// nothing. Two numbers may stand for equal histories.
  @safe @exclusivity(unchecked) private var histories = [History(), History(initialised: 0xF)]
  /// Of all histories: few arrays make them cheap to make and to forget.
  @safe @exclusivity(unchecked) private var accesses: [Access] = []

  /// Forgets all but the first two.
  func removeAll() {
    histories.removeLast(histories.count - 2)
    accesses.removeAll(keepingCapacity: true)
  }

  static let untouched: UInt32 = 0
  static let initialised: UInt32 = 1

  var count: Int { histories.count }

  /// Adds a history with one access more than another. Returns its number.
  func append(_ access: Access, to number: UInt32) -> UInt32 {
    var history = histories[Int(number)]
    let first = accesses.count
    for place in history.places {
      var old = accesses[place]
      if access.kind.isWrite || (old.agent == access.agent && !old.kind.isWrite) { old.mask &= ~access.mask }
      if old.mask != 0 { accesses.append(old) }
    }
    accesses.append(access)
    history.places = first..<accesses.count
    if access.kind.isWrite { history.initialised |= access.mask }
    histories.append(history)
    return UInt32(histories.count - 1)
  }

  /// Adds a history of another list. Returns its number.
  func append(_ number: UInt32, of other: HistoryList) -> UInt32 {
    var history = other.histories[Int(number)]
    let first = accesses.count
    for place in history.places { accesses.append(other.accesses[place]) }
    history.places = first..<accesses.count
    histories.append(history)
    return UInt32(histories.count - 1)
  }

  /// Whether a read is one that a history has already, with nothing written in between.
  func contains(_ access: Access, in number: UInt32) -> Bool {
    if access.kind.isWrite { return false }
    for place in histories[Int(number)].places {
      let old = accesses[place]
      if old.agent == access.agent && old.time == access.time && old.kind == access.kind
        && old.mask & access.mask == access.mask
      {
        return true
      }
    }
    return false
  }

  /// What of a history an access conflicts with that is ordered after `causality`, and how.
  func conflict(_ access: Access, _ causality: Causality, with number: UInt32) -> (
    kind: HazardFinding.Kind, with: Access?
  )? {
    let history = histories[Int(number)]
    for place in history.places where accesses[place].mask & access.mask != 0 {
      if let kind = Self.conflict(access, causality, accesses[place]) { return (kind, accesses[place]) }
    }
    return !access.kind.isWrite && history.initialised & access.mask != access.mask
      ? (.uninitialisedShared, nil) : nil
  }

  /// How an access that is ordered after `causality` conflicts with an earlier one to the same byte.
  private static func conflict(_ access: Access, _ causality: Causality, _ old: Access) -> HazardFinding.Kind?
  {
    guard access.kind.isWrite || old.kind.isWrite else { return nil }
    if access.kind.isSynchronizing && old.kind.isSynchronizing { return nil }
    let isOrdered = causality.seen[Int(old.agent)] >= old.time
    if access.kind == .asynchronousReduction && old.kind == .asynchronousReduction { return nil }
    switch old.kind {
    case .asynchronousWrite, .asynchronousReduction: return isOrdered ? nil : .readBeforeArrival
    case .asynchronousRead: return isOrdered ? nil : .overwrittenInFlight
    case .genericCopy: if !isOrdered { return .readBeforeArrival }
    case .read, .write, .synchronizingRead, .synchronizingWrite:
      let isOwn = old.agent == access.warp
      if !isOrdered && !isOwn { return .sharedRace }
    }
    let needsFence = access.kind == .asynchronousRead && old.kind.isWrite
    return needsFence && causality.fenced[Int(old.agent)] < old.time ? .missingProxyFence : nil
  }
}
