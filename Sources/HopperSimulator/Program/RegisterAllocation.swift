import PTX

/// Rows and predicate words for the registers of a function: those that are never live at once share them.
///
/// Compilers declare tens of thousands of registers of which a few hundred are live at a time. Which are live is found
/// by the usual backward flow over basic blocks; then each register has one interval of instructions, and intervals are
/// given rows in order of their start (Poletto and Sarkar, "Linear scan register allocation", 1999), without ever
/// running out.
struct RegisterAllocation {
  /// First row, or predicate word, of each register of the function.
  private(set) var slots: [Int32]
  /// Rows of 128 bytes in all.
  private(set) var rowCount = 0
  private(set) var predicateCount = 0
  /// The most registers of 32 bits that are live at once in a thread, predicates not counted.
  private(set) var liveRegisterCount = 0
  /// Registers that may be read before they are written, on some way through the function.
  private(set) var liveAtEntry: [RegisterID] = []

  /// Rows of a register of a type.
  static func rows(_ type: ScalarType) -> Int {
    type == .pred ? 0 : type.bitCount <= 32 ? 1 : type.bitCount / 32
  }

  /// `pinned` registers have their rows to themselves from beginning to end.
  init(_ list: InstructionList, registers: [Register], pinned: [Int] = []) {
    slots = Array(repeating: 0, count: registers.count)
    var intervals: [ClosedRange<Int>?]
    (intervals, liveAtEntry) = Self.intervals(list, registerCount: registers.count)
    for register in pinned { intervals[register] = 0...max(0, list.instructions.count - 1) }
    var freeRows: [Int: [Int32]] = [:]
    var freePredicates: [Int32] = []
    var active: [(end: Int, register: Int)] = []
    var liveRows = 0
    let order = intervals.indices.filter { intervals[$0] != nil }
      .sorted { (intervals[$0]?.lowerBound ?? 0, $0) < (intervals[$1]?.lowerBound ?? 0, $1) }
    for register in order {
      guard let interval = intervals[register] else { continue }
      // The active ones are kept with the earliest end last.
      while let last = active.last, last.end < interval.lowerBound {
        active.removeLast()
        let rows = Self.rows(registers[last.register].type)
        liveRows -= rows
        if rows == 0 {
          freePredicates.append(slots[last.register])
        } else {
          freeRows[rows, default: []].append(slots[last.register])
        }
      }
      let rows = Self.rows(registers[register].type)
      if rows == 0 {
        slots[register] = freePredicates.popLast() ?? Int32(predicateCount)
        predicateCount = max(predicateCount, Int(slots[register]) + 1)
      } else if let free = freeRows[rows]?.popLast() {
        slots[register] = free
      } else {
        slots[register] = Int32(rowCount)
        rowCount += rows
      }
      liveRows += rows
      liveRegisterCount = max(liveRegisterCount, liveRows)
      let place = active.partition(end: interval.upperBound)
      active.insert((interval.upperBound, register), at: place)
    }
  }

  /// From the first to the last instruction at which each register is live or named; nil for one that is not used. And
  /// the registers that are live where the function begins.
  private static func intervals(_ list: InstructionList, registerCount: Int) -> (
    [ClosedRange<Int>?], entry: [RegisterID]
  ) {
    let uses = zip(list.instructions, list.forms).map { RegisterUse($0, $1) }
    let graph = BlockGraph(list)
    let liveIn = liveness(list, uses, graph, registerCount)
    var first = [Int](repeating: .max, count: registerCount)
    var last = [Int](repeating: -1, count: registerCount)
    func extend(_ register: Int, _ index: Int) {
      first[register] = min(first[register], index)
      last[register] = max(last[register], index)
    }
    for (index, use) in uses.enumerated() {
      for register in use.reads + use.writes { extend(Int(register.index), index) }
    }
    for (block, range) in graph.blocks.enumerated() {
      liveIn[block].forEach { extend($0, range.lowerBound) }
      for successor in graph.successors[block] {
        liveIn[successor].forEach { extend($0, range.upperBound - 1) }
      }
    }
    var entry: [RegisterID] = []
    liveIn.first?.forEach { entry.append(RegisterID($0)) }
    return (zip(first, last).map { $1 < 0 ? nil : $0...$1 }, entry)
  }

  private static func liveness(
    _ list: InstructionList, _ uses: [RegisterUse], _ graph: BlockGraph, _ registerCount: Int
  ) -> [BitSet] {
    var generated = [BitSet](repeating: BitSet(count: registerCount), count: graph.blocks.count)
    var killed = generated
    for (block, range) in graph.blocks.enumerated() {
      for index in range {
        for register in uses[index].reads where !killed[block].contains(Int(register.index)) {
          generated[block].insert(Int(register.index))
        }
        for register in uses[index].writes {
          // Under a predicate, some lanes keep what they had.
          if list.instructions[index].predicate == nil {
            killed[block].insert(Int(register.index))
          } else if !killed[block].contains(Int(register.index)) {
            generated[block].insert(Int(register.index))
          }
        }
      }
    }
    var liveIn = generated
    var hasChanged = true
    while hasChanged {
      hasChanged = false
      for block in graph.blocks.indices.reversed() {
        for successor in graph.successors[block]
        where liveIn[block].formUnion(liveIn[successor], without: killed[block]) {
          hasChanged = true
        }
      }
    }
    return liveIn
  }
}

extension [(end: Int, register: Int)] {
  /// Where an interval with this end goes, the ends falling.
  fileprivate func partition(end: Int) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self[middle].end > end { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// The basic blocks of a function.
struct BlockGraph {
  /// Instructions of each block, in order.
  var blocks: [Range<Int>] = []
  var successors: [[Int]] = []

  init(_ list: InstructionList) {
    let count = list.instructions.count
    var starts = Set([0])
    for target in list.targets where target < count { starts.insert(target) }
    for index in 0..<count {
      let successors = list.successors(of: index)
      if successors != [index + 1], index + 1 < count { starts.insert(index + 1) }
    }
    let sorted = starts.sorted().filter { $0 < count }
    var blockOfStart: [Int: Int] = [:]
    for (block, start) in sorted.enumerated() {
      blockOfStart[start] = block
      blocks.append(start..<(block + 1 < sorted.count ? sorted[block + 1] : count))
    }
    successors = blocks.map { range in
      list.successors(of: range.upperBound - 1).compactMap { blockOfStart[$0] }
    }
  }
}

/// A set of small numbers.
struct BitSet {
  private var words: [UInt64]

  init(count: Int) {
    words = Array(repeating: 0, count: (count + 63) / 64)
  }

  func contains(_ element: Int) -> Bool { words[element / 64] >> UInt64(element % 64) & 1 == 1 }

  mutating func insert(_ element: Int) { words[element / 64] |= 1 << UInt64(element % 64) }

  /// Adds what is in `other` and not in `excluded`; true when that was news.
  mutating func formUnion(_ other: BitSet, without excluded: BitSet) -> Bool {
    var isNews = false
    for index in words.indices {
      let joined = words[index] | (other.words[index] & ~excluded.words[index])
      isNews = isNews || joined != words[index]
      words[index] = joined
    }
    return isNews
  }

  func forEach(_ body: (Int) -> Void) {
    for (index, word) in words.enumerated() {
      var rest = word
      while rest != 0 {
        body(index * 64 + rest.trailingZeroBitCount)
        rest &= rest - 1
      }
    }
  }
}
