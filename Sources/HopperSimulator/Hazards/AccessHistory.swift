/// An access to a word of shared memory.
struct Access: Hashable {
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

  /// Whether nothing that was before it counts any more.
  var replacesAll: Bool { kind.isWrite && mask == 0xF }

  /// The read of the same operation, if it is a copy.
  var reading: Access {
    var access = self
    access.kind = .asynchronousRead
    return access
  }
}

/// What has been done to a word of shared memory that later accesses may conflict with.
///
/// A write makes everything before it obsolete, for those bytes: it was ordered after these accesses, else that has
/// been reported. Of the reads since then, each agent's last is kept.
struct AccessHistory {
  private(set) var accesses: [Access] = []
  /// Bytes that have been written.
  private(set) var initialised: UInt8 = 0

  /// Written once by something that conflicts with nothing.
  static let initialisedWord = {
    var history = AccessHistory()
    history.initialised = 0xF
    return history
  }()

  /// The history with one access more.
  func adding(_ access: Access) -> AccessHistory {
    var result = self
    if access.kind.isWrite { result.initialised |= access.mask }
    let replaces = access.kind.isWrite
    for index in result.accesses.indices {
      let old = result.accesses[index]
      if replaces || (old.agent == access.agent && !old.kind.isWrite) {
        result.accesses[index].mask &= ~access.mask
      }
    }
    result.accesses.removeAll { $0.mask == 0 }
    result.accesses.append(access)
    return result
  }

  /// Whether a read is one that the history has already, with nothing written in between.
  func contains(_ access: Access) -> Bool {
    !access.kind.isWrite
      && accesses.contains {
        $0.agent == access.agent && $0.time == access.time && $0.kind == access.kind
          && $0.mask & access.mask == access.mask
      }
  }

  /// What an access that is ordered after `causality` conflicts with, and how.
  func conflict(_ access: Access, _ causality: Causality) -> (kind: HazardFinding.Kind, with: Access?)? {
    for old in accesses where old.mask & access.mask != 0 {
      if let kind = Self.conflict(access, causality, old) { return (kind, old) }
    }
    return !access.kind.isWrite && initialised & access.mask != access.mask
      ? (.uninitialisedShared, nil) : nil
  }

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
