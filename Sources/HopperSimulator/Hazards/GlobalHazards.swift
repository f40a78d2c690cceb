import Foundation

/// Races between clusters in global memory during one launch.
///
/// Interpreters write down what their warps access; this is looked at when a window of time ends, in the order of
/// interpreters, so that findings do not depend on threads. The histories of 4-byte words have the last write and the
/// last read since. Limits, which leave races unfound and report none that is not there: accesses of fewer than 4
/// bytes are left out; reads count only in allocations that the launch has written before; of several clusters that
/// read a word, the last is known; a cluster is taken to act as one thread.
final class GlobalHazards {
  private unowned let launch: LaunchContext
  /// By address of the allocation, the words that have been written in this launch.
  private var shadows: [UInt64: GlobalShadow] = [:]
  /// By index of the cluster.
  private var states: [Int: GlobalState] = [:]
  /// What has been published at each address.
  private var published: [UInt64: ClusterClock] = [:]
  private(set) var log = FindingLog()

  init(_ launch: LaunchContext) {
    self.launch = launch
  }

  /// What is known of a cluster, which begins.
  func state(of cluster: Int) -> GlobalState {
    let state = GlobalState(cluster: cluster)
    states[cluster] = state
    return state
  }

  /// Whether the launch has written to an allocation, before this window.
  func hasWritten(_ allocation: GlobalMemory.Allocation) -> Bool { shadows[allocation.address] != nil }

  // MARK: Accesses

  /// Looks at accesses of a window.
  func take(_ accesses: [GlobalAccess]) {
    for access in accesses where access.kind.isWrite { openShadow(access.address) }
    for access in accesses { take(access) }
  }

  private func openShadow(_ address: UInt64) {
    guard let allocation = launch.memory.allocation(containing: address), shadows[allocation.address] == nil
    else { return }
    shadows[allocation.address] = GlobalShadow(address: allocation.address, byteCount: allocation.byteCount)
  }

  private func take(_ access: GlobalAccess) {
    guard let allocation = launch.memory.allocation(containing: access.address),
      let shadow = shadows[allocation.address]
    else { return }
    let seen = states[Int(access.actor.cluster)]?.order.seen
    shadow.take(access, seen) { other, address in
      let key = FindingLog.Key(kind: .globalRace, site: access.actor.site, other: other.site)
      log.add(key, cluster: Int(access.actor.cluster)) {
        HazardFinding(
          kind: .globalRace, kernel: launch.program.function.name, place: place(access.actor),
          address: address,
          other: place(other),
          detail:
            "\(access.kind.isWrite ? "writes" : "reads") what another cluster has accessed, and no release "
            + "and acquire order the two", count: 1)
      }
    }
  }

  private func place(_ actor: GlobalActor) -> ExecutionPlace {
    launch.place(site: Int(actor.site), block: Int(actor.block), warp: Int(actor.warp))
  }

  // MARK: Order

  /// An access whose order among clusters counts.
  func synchronize(
    _ state: GlobalState, _ address: UInt64, _ order: MemoryOrder, reads: Bool, writes: Bool
  ) {
    if reads, let found = published[address] { state.order.read(found, order: order) }
    if writes { published[address, default: ClusterClock()].join(state.order.write(order: order)) }
  }
}

/// What is known of a cluster. Its own interpreter changes it, or whoever has all interpreters wait.
final class GlobalState {
  var order: GlobalOrder

  init(cluster: Int) {
    order = GlobalOrder(cluster: cluster)
  }
}

/// The histories of an allocation's words.
@safe final class GlobalShadow {
  private struct Entry {
    /// Numbers in `actors`, 0 for none; the sign says that the access was ordered among clusters.
    var write: Int32 = 0
    var read: Int32 = 0
  }

  private let address: UInt64
  private let wordCount: Int
  private let entries: UnsafeMutablePointer<Entry>?
  private var actors: [GlobalActor] = []
  private var numbers: [GlobalActor: Int32] = [:]

  init(address: UInt64, byteCount: Int) {
    self.address = address
    // Pages that are never touched take no memory. If there is none, the allocation is not looked at.
    let memory = unsafe calloc(max(1, byteCount / 4), MemoryLayout<Entry>.stride)
    wordCount = unsafe memory == nil ? 0 : byteCount / 4
    unsafe entries = memory?.bindMemory(to: Entry.self, capacity: max(1, byteCount / 4))
  }

  deinit { unsafe free(entries) }

  /// Notes an access to whole words. `conflict` is called with the first access that it races with.
  func take(_ access: GlobalAccess, _ seen: ClusterClock?, conflict: (GlobalActor, UInt64) -> Void) {
    let number = number(access.actor) * (access.kind.isSynchronizing ? -1 : 1)
    let first = Int(access.address - address) / 4
    guard let entries = unsafe entries else { return }
    var (lastEntry, isChecked) = (Entry(), false)
    for word in first..<min(first + access.byteCount / 4, wordCount) {
      let entry = unsafe entries[word]
      if !isChecked || entry.write != lastEntry.write || entry.read != lastEntry.read {
        if let other = earlier(access, entry, seen) { conflict(other, address + UInt64(word * 4)) }
        (lastEntry, isChecked) = (entry, true)
      }
      if access.kind.isWrite {
        unsafe entries[word] = Entry(write: number, read: 0)
      } else {
        unsafe entries[word].read = number
      }
    }
  }

  private func number(_ actor: GlobalActor) -> Int32 {
    if let known = numbers[actor] { return known }
    actors.append(actor)
    numbers[actor] = Int32(actors.count)
    return Int32(actors.count)
  }

  /// What an access races with.
  private func earlier(_ access: GlobalAccess, _ entry: Entry, _ seen: ClusterClock?) -> GlobalActor? {
    if let other = unordered(entry.write, access, seen) { return other }
    return access.kind.isWrite ? unordered(entry.read, access, seen) : nil
  }

  private func unordered(_ number: Int32, _ access: GlobalAccess, _ seen: ClusterClock?) -> GlobalActor? {
    if number == 0 || number < 0 && access.kind.isSynchronizing { return nil }
    let other = actors[Int(number.magnitude) - 1]
    if other.cluster == access.actor.cluster || seen.map({ $0[other.cluster] >= other.time }) == true {
      return nil
    }
    return other
  }
}
