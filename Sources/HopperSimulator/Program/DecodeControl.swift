import PTX

/// Modes of `shfl`, `vote` and `match`, in `operation`.
enum ShuffleMode: UInt8 {
  case up, down, butterfly, index
}

enum VoteMode: UInt8 {
  case all, any, uniform, ballot
}

/// What `bar.red` joins, in `operation`.
enum BarrierReduction: UInt8 {
  case count, and, or
}

/// What a fence orders, in `operation`.
enum FenceKind: UInt8 {
  /// Nothing between clusters, nor between proxies.
  case local
  /// Accesses of this device's threads.
  case memory
  /// Accesses of the threads of a cluster.
  case cluster
  /// Ordinary accesses to shared memory and asynchronous ones.
  case asynchronousProxy

  init(_ form: DecodedForm) {
    if form.has("proxy") {
      self = form["kind"] == "async" && form["space"] != "global" ? .asynchronousProxy : .local
    } else if form.has("mbarrier_init") {
      // ptxas makes no instruction of it.
      self = .local
    } else {
      let scope = form["scope"] ?? form["level"]
      switch scope {
      case "gpu", "sys", "gl": self = .memory
      case "cluster": self = .cluster
      default: self = .local
      }
    }
  }
}

/// Decoding of control flow.
extension Decoder {
  mutating func decodeControl() -> Bool {
    switch form.form.mnemonic {
    case "bra":
      guard case .label(let label)? = operands.first else { return false }
      let target = Int64(list.targets[Int(label.index)])
      emit(.branch) { $0.immediate = target }
    case "brx":
      guard case .symbol(let name, _) = operands[1], let labels = list.branchTargets[name],
        let a = source(0, .u32)
      else { return false }
      let (extra, count) = append(labels.map { Int32(list.targets[Int($0.index)]) })
      emit(.branchIndexed) {
        $0.a = a
        ($0.extra, $0.extraCount) = (extra, count)
      }
    case "call": return decodeCall()
    case "ret": emit(function.kind == .entry ? .exit : .returnFromCall)
    case "exit": emit(.exit)
    case "trap", "brkpt": emit(.trap)
    case "nanosleep":
      guard let a = source(0, .u32) else { return false }
      emit(.sleep) { $0.a = a }
    case "pmevent": emit(.nothing)
    case "setmaxnreg":
      guard case .immediate(.integer(let count)) = operands[0] else { return false }
      emit(.setRegisters) { [self] in
        $0.immediate = count
        $0.operation = form["action"] == "inc" ? 1 : 0
      }
    default: return false
    }
    return true
  }

  // MARK: Warps and barriers

  mutating func decodeSynchronisation() -> Bool {
    switch form.form.mnemonic {
    case "shfl": return decodeShuffle()
    case "vote": return decodeVote()
    case "match": return decodeMatch()
    case "redux": return decodeReduction()
    case "activemask":
      guard let d = destination(0) else { return false }
      emit(.activeMask) { $0.d = d }
      return true
    case "elect": return decodeElection()
    case "movmatrix": return decodeMatrix()
    case "bar", "barrier": return form.has("cluster") ? decodeClusterBarrier() : decodeBarrier()
    case "griddepcontrol":
      emit(form["action"] == "wait" ? .gridWait : .gridLaunch)
      return true
    case "membar", "fence":
      emit(.fence) { [self] in $0.operation = FenceKind(form).rawValue }
      return true
    case "mbarrier": return decodeBarrierObject()
    default: return false
    }
  }

  private mutating func decodeShuffle() -> Bool {
    var (first, second) = (operands[0], Operand.sink)
    if case .pair(let d, let p) = operands[0] { (first, second) = (d, p) }
    let modes: [String: ShuffleMode] = ["up": .up, "down": .down, "bfly": .butterfly, "idx": .index]
    guard let mode = form["mode"].flatMap({ modes[$0] }), let d = destination(first),
      let p = predicateDestination(second), let a = source(1, .b32), let b = source(2, .u32),
      let c = source(3, .u32), let members = source(4, .u32)
    else { return false }
    emit(.shuffle) {
      $0.operation = mode.rawValue
      ($0.d, $0.a, $0.b, $0.c, $0.e) = (d, a, b, c, p)
      $0.extra = members
    }
    return true
  }

  private mutating func decodeVote() -> Bool {
    let modes: [String: VoteMode] = ["all": .all, "any": .any, "uni": .uniform, "ballot": .ballot]
    guard let mode = form["mode"].flatMap({ modes[$0] }), let a = predicate(operands[1]),
      let members = source(2, .u32),
      let d = mode == .ballot ? destination(0) : predicateDestination(operands[0])
    else { return false }
    emit(.vote) {
      $0.operation = mode.rawValue
      ($0.d, $0.a) = (d, a.index)
      $0.extra = members
    }
    return true
  }

  private mutating func decodeMatch() -> Bool {
    var (first, second) = (operands[0], Operand.sink)
    if case .pair(let d, let p) = operands[0] { (first, second) = (d, p) }
    guard let type = form.type(), let d = destination(first), let p = predicateDestination(second),
      let a = source(1, type), let members = source(2, .u32)
    else { return false }
    emit(.match) { [self] in
      $0.operation = form["mode"] == "all" ? 1 : 0
      $0.isWide = type.bitCount == 64
      ($0.d, $0.a, $0.e) = (d, a, p)
      $0.extra = members
    }
    return true
  }

  private mutating func decodeReduction() -> Bool {
    guard let type = form.type(), let element = AtomicElement(type),
      let operation = AtomicOperation.allCases.first(where: { "\($0)" == form["operation"] }),
      let d = destination(0), let a = source(1, type), let members = source(2, .u32)
    else { return false }
    emit(.reduceWarp) {
      $0.operation = operation.rawValue
      $0.type = element.rawValue
      ($0.d, $0.a) = (d, a)
      $0.extra = members
    }
    return true
  }

  private mutating func decodeElection() -> Bool {
    var (first, second) = (operands[0], operands[0])
    if case .pair(let d, let p) = operands[0] { (first, second) = (d, p) }
    guard let d = destination(first), let p = predicateDestination(second), let members = source(1, .u32)
    else {
      return false
    }
    emit(.elect) {
      ($0.d, $0.e) = (d, p)
      $0.extra = members
    }
    return true
  }

  private mutating func decodeBarrier() -> Bool {
    if form.has("warp") {
      guard let members = source(0, .u32) else { return false }
      emit(.warpBarrier) { $0.extra = members }
      return true
    }
    let isReduction = form["mode"] == "red"
    let first = isReduction ? 1 : 0
    guard let a = source(first, .u32) else { return false }
    // A reduction has its predicate last, behind the count if there is one.
    let hasCount = operands.count > first + (isReduction ? 2 : 1)
    let b = hasCount ? source(first + 1, .u32) : a
    guard let b else { return false }
    let isAligned = form.form.mnemonic == "bar" || form.has("aligned")
    guard isReduction else {
      emit(.barrier) { [self] in
        $0.operation = form["mode"] == "arrive" ? 1 : 0
        $0.modifiers = (hasCount ? 1 : 0) | (isAligned ? 2 : 0)
        ($0.a, $0.b) = (a, b)
      }
      return true
    }
    let isCount = form["operation"] == "popc"
    guard let c = predicate(operands[operands.count - 1]),
      let d = isCount ? destination(0) : predicateDestination(operands[0])
    else { return false }
    let reduction: BarrierReduction = isCount ? .count : form["operation"] == "and" ? .and : .or
    emit(.barrierReduce) {
      $0.operation = reduction.rawValue
      $0.modifiers = (hasCount ? 1 : 0) | (isAligned ? 2 : 0)
      ($0.d, $0.a, $0.b, $0.c) = (d, a, b, c.index)
    }
    return true
  }

  private mutating func decodeClusterBarrier() -> Bool {
    emit(form["mode"] == "wait" ? .clusterWait : .clusterArrive) { [self] in
      $0.modifiers = form.has("aligned") ? 2 : 0
    }
    return true
  }

  // MARK: mbarrier

  private mutating func decodeBarrierObject() -> Bool {
    if form.has("pending_count") {
      guard let d = destination(0), let a = source(1, .b64) else { return false }
      emit(.barrierObjectPending) { ($0.d, $0.a) = (d, a) }
      return true
    }
    let hasState = form.has("mode")
    guard let place = address(operands[hasState ? 1 : 0], form["space"]) else { return false }
    if form.has("init") { return decodeBarrierCount(.barrierObjectInit, place) }
    if form.has("inval") {
      emit(.barrierObjectInvalidate) { $0.fill(place) }
      return true
    }
    guard hasState else {
      return decodeBarrierCount(form.has("expect_tx") ? .barrierObjectExpect : .barrierObjectComplete, place)
    }
    return form["mode"]?.hasPrefix("arrive") == true ? decodeBarrierArrival(place) : decodeBarrierWait(place)
  }

  private mutating func decodeBarrierCount(_ opcode: Opcode, _ place: DecodedAddress) -> Bool {
    guard let b = source(1, .u32) else { return false }
    emit(opcode) {
      $0.fill(place)
      $0.b = b
    }
    return true
  }

  /// `operation`: bit 0 for `arrive_drop`, bit 1 for `.expect_tx`, bit 2 for `.noComplete`. `modifiers`: bit 0 for a state
  /// that nobody wants, bit 1 for a release to the cluster.
  private mutating func decodeBarrierArrival(_ place: DecodedAddress) -> Bool {
    let one = constants.slot(1, isWide: false)
    guard let d = destination(0), let b = operands.count > 2 ? source(2, .u32) : one else { return false }
    let sinks = operands[0] == .sink
    let releasesToCluster = form["scope"] == "cluster" && form["order"] != "relaxed"
    emit(.barrierObjectArrive) { [self] in
      $0.fill(place)
      $0.operation =
        (form["mode"] == "arrive_drop" ? 1 : 0) + (form.has("expect_tx") ? 2 : 0)
        + (form.has("noComplete") ? 4 : 0)
      $0.modifiers = (sinks ? 1 : 0) + (releasesToCluster ? 2 : 0)
      ($0.d, $0.b) = (d, b)
    }
    return true
  }

  /// `operation`: bit 0 for `try_wait`, bit 1 for `.parity`.
  private mutating func decodeBarrierWait(_ place: DecodedAddress) -> Bool {
    let isParity = form.has("parity")
    guard let d = predicateDestination(operands[0]), let b = source(2, isParity ? .u32 : .b64) else {
      return false
    }
    let c = operands.count > 3 ? source(3, .u32) : b
    guard let c else { return false }
    let hasLimit = operands.count > 3
    emit(.barrierObjectWait) { [self] in
      $0.fill(place)
      $0.operation = (form["mode"] == "try_wait" ? 1 : 0) + (isParity ? 2 : 0)
      $0.modifiers = hasLimit ? 1 : 0
      ($0.d, $0.b, $0.c) = (d, b, c)
    }
    return true
  }
}
