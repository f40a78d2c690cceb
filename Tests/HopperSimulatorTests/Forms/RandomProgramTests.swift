import HopperSimulator
import LatentAttention
import Testing

/// Random programs of a small subset, executed by the simulator and, thread by thread, by a plain interpreter: lanes
/// that part at branches and loops must come to the same results as threads that run alone.
@Suite("Random programs")
struct RandomProgramTests {
  /// A statement on words `r0…r7`; what is compared or computed is said by small closures, so that both sides have
  /// one meaning.
  private indirect enum Statement {
    case compute(Operation, to: Int, a: Int, b: Int)
    /// If a compares so with b: the first list, else the second.
    case branch(Comparison, a: Int, b: Int, [Statement], [Statement])
    /// As often as the lowest bits of a register say, at most 7 times.
    case loop(count: Int, [Statement])
    /// With effect where a compares so with b.
    case guarded(Comparison, a: Int, b: Int, Operation, to: Int)
    /// A sum over all lanes, outside of branches only.
    case reduction(to: Int, a: Int)
  }

  private enum Operation: String, CaseIterable {
    case add = "add.u32"
    case subtract = "sub.u32"
    case multiply = "mul.lo.u32"
    case and = "and.b32"
    case or = "or.b32"
    case xor = "xor.b32"
    case shiftLeft = "shl.b32"
    case shiftRight = "shr.s32"
    case minimum = "min.s32"
    case high = "mul.hi.u32"
    case sum = "add.rn.f32"
    case product = "mul.rz.f32"

    func callAsFunction(_ a: UInt32, _ b: UInt32) -> UInt32 {
      switch self {
      case .add: a &+ b
      case .subtract: a &- b
      case .multiply: a &* b
      case .and: a & b
      case .or: a | b
      case .xor: a ^ b
      case .shiftLeft: b < 32 ? a << b : 0
      case .shiftRight: UInt32(bitPattern: Int32(bitPattern: a) >> Int32(min(b, 31)))
      case .minimum: UInt32(bitPattern: min(Int32(bitPattern: a), Int32(bitPattern: b)))
      case .high: UInt32((UInt64(a) * UInt64(b)) >> 32)
      case .sum: Self.float(FloatForms.fused(UInt64(a), ReferenceFormat.f32.one, UInt64(b), .f32, .nearest))
      case .product: Self.float(FloatForms.fused(UInt64(a), UInt64(b), nil, .f32, .zero))
      }
    }

    private static func float(_ bits: UInt64) -> UInt32 { UInt32(bits) }
  }

  private enum Comparison: String, CaseIterable {
    case less = "lt.s32"
    case below = "lo.u32"
    case equal = "eq.b32"
    case greaterOrEqual = "ge.s32"

    func callAsFunction(_ a: UInt32, _ b: UInt32) -> Bool {
      switch self {
      case .less: Int32(bitPattern: a) < Int32(bitPattern: b)
      case .below: a < b
      case .equal: a == b
      case .greaterOrEqual: Int32(bitPattern: a) >= Int32(bitPattern: b)
      }
    }
  }

  private static let registerCount = 8

  /// Random statements; nested ones are fewer.
  private struct Generator {
    var random: SplitMix64

    mutating func pick<T>(_ choices: [T]) -> T { choices[Int(random.next() % UInt64(choices.count))] }
    mutating func register() -> Int { Int(random.next() % UInt64(RandomProgramTests.registerCount)) }

    mutating func statements(_ count: Int, depth: Int) -> [Statement] {
      (0..<count).map { _ in statement(depth: depth) }
    }

    mutating func statement(depth: Int) -> Statement {
      let kind = random.next() % 10
      if depth < 3, kind < 2 {
        return .branch(
          pick(Comparison.allCases), a: register(), b: register(), statements(3, depth: depth + 1),
          kind == 0 ? [] : statements(2, depth: depth + 1))
      }
      if depth < 3, kind == 2 { return .loop(count: register(), statements(2, depth: depth + 1)) }
      if kind == 3 {
        return .guarded(
          pick(Comparison.allCases), a: register(), b: register(), pick(Operation.allCases), to: register())
      }
      if depth == 0, kind == 4 { return .reduction(to: register(), a: register()) }
      return .compute(pick(Operation.allCases), to: register(), a: register(), b: register())
    }
  }

  // MARK: As PTX

  private struct Writer {
    var lines: [String] = []
    private var labelCount = 0

    mutating func label() -> String {
      labelCount += 1
      return "L\(labelCount)"
    }

    mutating func write(_ statements: [Statement], depth: Int = 0) {
      for statement in statements { write(statement, depth) }
    }

    private mutating func write(_ statement: Statement, _ depth: Int) {
      switch statement {
      case .compute(let operation, let to, let a, let b):
        lines.append("\(operation.rawValue) %v\(to), %v\(a), %v\(b);")
      case .guarded(let comparison, let a, let b, let operation, let to):
        lines.append("setp.\(comparison.rawValue) %p2, %v\(a), %v\(b);")
        lines.append("@%p2 \(operation.rawValue) %v\(to), %v\(a), %v\(b);")
      case .reduction(let to, let a): lines.append("redux.sync.add.u32 %v\(to), %v\(a), 0xFFFFFFFF;")
      case .branch(let comparison, let a, let b, let first, let second):
        let (other, end) = (label(), label())
        lines.append("setp.\(comparison.rawValue) %p2, %v\(a), %v\(b);")
        lines.append("@!%p2 bra \(other);")
        write(first, depth: depth + 1)
        lines.append("bra \(end);")
        lines.append("\(other):")
        write(second, depth: depth + 1)
        lines.append("\(end):")
      case .loop(let count, let body):
        let (start, end) = (label(), label())
        lines.append("and.b32 %n\(depth), %v\(count), 7;")
        lines.append("\(start):")
        lines.append("setp.eq.u32 %p2, %n\(depth), 0;")
        lines.append("@%p2 bra \(end);")
        write(body, depth: depth + 1)
        lines.append("sub.u32 %n\(depth), %n\(depth), 1;")
        lines.append("bra \(start);")
        lines.append("\(end):")
      }
    }
  }

  // MARK: Thread by thread

  private static func run(_ statements: [Statement], _ threads: inout [[UInt32]]) {
    for statement in statements {
      if case .reduction(let to, let a) = statement {
        let sum = threads.reduce(UInt32(0)) { $0 &+ $1[a] }
        for thread in threads.indices { threads[thread][to] = sum }
      } else {
        for thread in threads.indices { run(statement, &threads[thread]) }
      }
    }
  }

  private static func run(_ statement: Statement, _ r: inout [UInt32]) {
    switch statement {
    case .compute(let operation, let to, let a, let b): r[to] = operation(r[a], r[b])
    case .guarded(let comparison, let a, let b, let operation, let to):
      if comparison(r[a], r[b]) { r[to] = operation(r[a], r[b]) }
    case .branch(let comparison, let a, let b, let first, let second):
      for inner in comparison(r[a], r[b]) ? first : second { run(inner, &r) }
    case .loop(let count, let body):
      for _ in 0..<(r[count] & 7) {
        for inner in body { run(inner, &r) }
      }
    case .reduction: break
    }
  }

  @Test("Results are those of threads that run alone", arguments: 0..<40 as Range<UInt64>)
  func programs(_ seed: UInt64) throws {
    var generator = Generator(random: SplitMix64(seed: seed))
    let statements = generator.statements(14, depth: 0)
    var writer = Writer()
    writer.write(statements)
    var threads = (0..<32).map { _ in
      (0..<Self.registerCount).map { _ in
        UInt32(truncatingIfNeeded: generator.random.next() >> (generator.random.next() % 40))
      }
    }
    let loads = (0..<Self.registerCount).map { "ld.global.u32 %v\($0), [%rd4+\(4 * $0)];" }
    let stores = (0..<Self.registerCount).map { "st.global.u32 [%rd5+\(4 * $0)], %v\($0);" }
    var kernel = KernelRun(
      (["mad.wide.u32 %rd4, %r1, 32, %rd1;", "mad.wide.u32 %rd5, %r1, 32, %rd2;"] + loads + writer.lines
        + stores)
        .joined(separator: "\n"))
    kernel.registers = ".reg .b32 %v<8>, %n<4>;"
    kernel.input = threads.flatMap { $0 }
    kernel.outputCount = threads.count * Self.registerCount
    let output = try kernel()
    Self.run(statements, &threads)
    #expect(output == threads.flatMap { $0 }, "seed \(seed):\n\(writer.lines.joined(separator: "\n"))")
  }
}
