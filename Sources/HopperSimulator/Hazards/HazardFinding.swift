import GPUDevice

/// Something that a program did which makes its result depend on luck, or which keeps it from coming to an end. Much of it
/// the device would let pass in silence.
///
/// What makes going on impossible ends the launch with a ``SimulationError`` as well.
public struct HazardFinding: LaunchFinding, Hashable, Codable {
  /// What is wrong. <doc:ReadingAFinding> says what each means and what usually repairs it.
  public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
    /// Two warps access the same bytes of shared memory, one of them writes, and nothing orders the two.
    case sharedRace = "shared-memory race"
    /// As `sharedRace`, in global memory, also between two clusters.
    case globalRace = "global-memory race"
    /// A grid that may start before the one ahead of it has ended accesses memory that this one uses too, before
    /// `griddepcontrol.wait`.
    case missingGridWait = "missing griddepcontrol.wait"
    /// An asynchronous copy or `wgmma` reads what ordinary stores or `cp.async` have written, without a proxy
    /// fence in between.
    case missingProxyFence = "missing proxy fence"
    /// The target of an asynchronous copy is read or written before the reader has waited for it.
    case readBeforeArrival = "read before arrival"
    /// As `readBeforeArrival`, after a wait for a phase of the mbarrier that had long ended.
    case wrongParity = "wrong parity"
    /// Memory that an asynchronous copy or `wgmma` may still read is written.
    case overwrittenInFlight = "overwritten in flight"
    /// An mbarrier is used before its initialisation is ordered before that use.
    case barrierNotInitialised = "mbarrier used before its initialisation"
    /// Bytes arrive at an mbarrier in another phase than that in which the copy began; or fewer than it waits for; or
    /// its count of them leaves its range.
    case transactionMismatch = "transaction count mismatch"
    /// More arrivals at an mbarrier than its phase waits for.
    case arrivalOverflow = "arrival count overflow"
    /// Warps arrive at one named barrier with different counts, or more of them than it waits for.
    case barrierCountMismatch = "barrier count mismatch"
    /// Not all threads of the warp execute an `.aligned` instruction together.
    case divergentAligned = "divergent aligned instruction"
    /// Bytes of shared memory are read that nobody has written.
    case uninitialisedShared = "uninitialised shared memory"
    /// Bytes of global memory are read that neither the host nor a kernel has written.
    case uninitialisedGlobal = "uninitialised global memory"
    /// A value that depends on a register that was never written decides what the program does.
    case uninitialisedRegister = "uninitialised register"
    /// A register that a `wgmma` reads or writes is used before `wgmma.wait_group`.
    case registerInFlight = "register in flight"
    /// A register was written since the last `wgmma.fence`, and a `wgmma` uses it.
    case missingRegisterFence = "missing wgmma.fence"
    /// A warp exits before it has waited for all of its `wgmma`.
    case unfinishedProducts = "exit before the end of wgmma"
    /// The shared memory of a block is accessed, and nothing keeps that block from exiting before.
    case accessAfterExit = "access after exit"
    /// `setmaxnreg` asks for more than there is, or moves in the direction that it does not name.
    case registerBudget = "register budget"
    /// An access, or an operand that a descriptor describes, is not all in memory that the program has.
    case outOfBounds = "out of bounds"
    /// An address is not a multiple of what the access needs.
    case misaligned = "misaligned access"
    /// Nothing can go on, and this waits.
    case deadlock
  }

  /// What is wrong.
  public var kind: Kind
  /// The kernel that was launched.
  public var kernel: String
  /// The access at which it was noticed, the first of its kind in the order of clusters and of time.
  public var place: ExecutionPlace
  /// First byte of it that is concerned; nil when no memory is.
  public var address: UInt64?
  /// The other access of the two that conflict, if there is one.
  public var other: ExecutionPlace?
  /// What happened, in words.
  public var detail: String
  /// How often these two instructions conflicted.
  public var count: Int

  /// As `shared-memory race: k, PTX line 12, block 0, warp 1: ld.shared.u32 %r1, [%r2] at 0x400 …`.
  public var description: String {
    let where_ = address.map { " at 0x" + String($0, radix: 16) } ?? ""
    let otherText = other.map { "\n  other: \($0)" } ?? ""
    let countText = count > 1 ? "\n  \(count) times" : ""
    return "\(kind.rawValue): \(place)\(where_)\n  \(detail)\(otherText)\(countText)"
  }
}

extension HazardFinding {
  /// What an error that ended a kernel says of memory; nil of other errors.
  init?(_ error: SimulationError, kernel: String) {
    guard let place = error.place else { return nil }
    switch error.reason {
    case .outOfBounds(_, let address, _, _), .storeBeforeTensor(_, _, let address, _):
      self.init(.outOfBounds, kernel, place, address, "\(error.reason)")
    case .misaligned(_, let address, _, _), .misalignedBox(_, _, let address, _):
      self.init(.misaligned, kernel, place, address, "\(error.reason)")
    default: return nil
    }
  }

  private init(_ kind: Kind, _ kernel: String, _ place: ExecutionPlace, _ address: UInt64, _ detail: String) {
    self.init(kind: kind, kernel: kernel, place: place, address: address, detail: detail, count: 1)
  }
}
