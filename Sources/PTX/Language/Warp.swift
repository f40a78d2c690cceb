extension KernelBuilder {
  /// All 32 lanes of a warp.
  public static var allLanes: Value<B32> { Value(bits: 0xFFFF_FFFF) }

  /// A special register, read now.
  public func special<T: IntegerElement>(
    _ register: SpecialRegister, as type: T.Type = U32.self, file: String = #fileID, line: Int = #line
  ) -> Value<T> {
    locate(file, line)
    if register.type.bitCount != T.scalarType.bitCount {
      fail(.mismatch("\(register.spelling) as .\(T.scalarType.rawValue)"))
    }
    return result("mov.\(T.scalarType.rawValue)", [.special(register)])
  }

  /// The thread's index in its block.
  public func threadIndex(
    _ dimension: Dimension = .x, file: String = #fileID, line: Int = #line
  ) -> Value<U32> {
    special(.threadIndex(dimension), file: file, line: line)
  }

  /// The block's index in the grid.
  public func blockIndex(
    _ dimension: Dimension = .x, file: String = #fileID, line: Int = #line
  ) -> Value<U32> {
    special(.blockIndex(dimension), file: file, line: line)
  }

  /// Blocks in the grid.
  public func gridSize(
    _ dimension: Dimension = .x, file: String = #fileID, line: Int = #line
  ) -> Value<U32> {
    special(.gridSize(dimension), file: file, line: line)
  }

  /// The thread's lane in its warp. Blocks have one dimension.
  public func laneIndex(file: String = #fileID, line: Int = #line) -> Value<U32> {
    special(.lane, file: file, line: line)
  }

  /// The warp's index in its block, the same register in all lanes, which tells the compiler that branches on
  /// it are uniform. Blocks have one dimension.
  public func warpIndex(file: String = #fileID, line: Int = #line) -> Value<U32> {
    let warp = threadIndex(file: file, line: line) / 32
    return broadcast(warp, from: 0, file: file, line: line)
  }

  /// The warpgroup's index in its block, the same register in all lanes.
  public func warpgroupIndex(file: String = #fileID, line: Int = #line) -> Value<U32> {
    let warpgroup = threadIndex(file: file, line: line) / Value(Kernel.warpgroupThreadCount)
    return broadcast(warpgroup, from: 0, file: file, line: line)
  }

  /// How a shuffle picks the lane to read from.
  public enum Shuffle: String, Sendable, Hashable {
    /// Lane minus the number.
    case up
    /// Lane plus the number.
    case down
    /// Lane exclusive-or the number.
    case butterfly = "bfly"
    /// The lane of the number.
    case index = "idx"
  }

  /// The value of another lane. All lanes of the mask must come here; `width`, a power of two, cuts the warp into
  /// groups that exchange among themselves.
  public func shuffle<T: MemoryElement>(
    _ value: Value<T>, _ mode: Shuffle, _ number: Value<U32>, width: Int = 32,
    mask: Value<B32> = allLanes, file: String = #fileID, line: Int = #line
  ) -> Value<T> {
    locate(file, line)
    guard [2, 4, 8, 16, 32].contains(width) else {
      fail(.outOfRange(what: "width of a shuffle", value: width, allowed: "2, 4, 8, 16 or 32"))
      return value
    }
    if T.registerType.bitCount != 32 { fail(.mismatch("a shuffle of .\(T.scalarType.rawValue)")) }
    // The segment mask in bits 8…12 keeps lanes in their group; the clamp is the group's last lane, or for
    // `up` its first.
    let clamp = (32 - width) << 8 | (mode == .up ? 0 : 31)
    return result(
      "shfl.sync.\(mode.rawValue).b32",
      [operand(value), operand(number), .immediate(.integer(Int64(clamp))), operand(mask)])
  }

  /// The value of one lane, in all.
  public func broadcast<T: MemoryElement>(
    _ value: Value<T>, from lane: Value<U32>, file: String = #fileID, line: Int = #line
  ) -> Value<T> {
    shuffle(value, .index, lane, file: file, line: line)
  }

  /// A question to all lanes of a warp.
  public enum Vote: String, Sendable, Hashable {
    case all, any
    /// Whether all agree.
    case uniform = "uni"
  }

  /// Whether the condition holds in all or any lanes of the mask.
  public func vote(
    _ vote: Vote, _ condition: Value<Pred>, mask: Value<B32> = allLanes, file: String = #fileID,
    line: Int = #line
  ) -> Value<Pred> {
    locate(file, line)
    return result(
      "vote.sync.\(vote.rawValue).pred", [.register(register(condition)), operand(mask)])
  }

  /// A bit for each lane of the mask in which the condition holds.
  public func ballot(
    _ condition: Value<Pred>, mask: Value<B32> = allLanes, file: String = #fileID, line: Int = #line
  ) -> Value<B32> {
    locate(file, line)
    return result("vote.sync.ballot.b32", [.register(register(condition)), operand(mask)])
  }

  /// A bit for each lane of the mask that has the same value.
  public func matchAny<T: BitsElement>(
    _ value: Value<T>, mask: Value<B32> = allLanes, file: String = #fileID, line: Int = #line
  ) -> Value<B32> {
    locate(file, line)
    return result("match.any.sync.\(T.scalarType.untyped)", [operand(value), operand(mask)])
  }

  /// What a warp-wide reduction computes.
  public enum WarpReduction: String, Sendable, Hashable {
    case add, min, max, and, or, xor
  }

  /// A reduction of 32-bit integers over the lanes of the mask, the result in all of them.
  public func reduce<T: IndexElement>(
    _ reduction: WarpReduction, _ value: Value<T>, mask: Value<B32> = allLanes, file: String = #fileID,
    line: Int = #line
  ) -> Value<T> {
    locate(file, line)
    let isLogic = [.and, .or, .xor].contains(reduction)
    let type = isLogic ? "b32" : T.scalarType.rawValue
    return result("redux.sync.\(reduction.rawValue).\(type)", [operand(value), operand(mask)])
  }

  /// True in one lane of those of the mask.
  public func electOne(
    mask: Value<B32> = allLanes, file: String = #fileID, line: Int = #line
  ) -> Value<Pred> {
    locate(file, line)
    let elected = newRegister(.pred)
    record("elect.sync", [.pair(.register(newRegister(.b32)), .register(elected)), operand(mask)])
    return Value(builder: self, operand: .register(elected))
  }

  /// Records what one lane of the warp does.
  public func elected(file: String = #fileID, line: Int = #line, _ body: () -> Void) {
    self.if(electOne(file: file, line: line), file: file, line: line, body)
  }

  /// Waits for the lanes of the mask and makes their memory accesses visible to each other.
  public func syncWarp(mask: Value<B32> = allLanes, file: String = #fileID, line: Int = #line) {
    locate(file, line)
    record("bar.warp.sync", [operand(mask)])
  }
}
