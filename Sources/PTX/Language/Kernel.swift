/// What a kernel demands of its launch, and how it computes.
public struct LaunchDemands: Sendable, Hashable {
  /// Threads of a block, fastest dimension first: `.reqntid`. Empty for any.
  public var threads: [Int]
  /// Blocks of a cluster, fastest dimension first: `.reqnctapercluster`. Empty for no demand.
  public var cluster: [Int]
  /// Blocks that a multiprocessor must be able to hold: `.minnctapersm`. It fixes the registers of a thread at
  /// entry, which `setmaxnreg` needs. Nil for no demand.
  public var blocksPerProcessor: Int?
  /// `.maxnreg`: the most registers of a thread. Nil leaves it to the compiler.
  public var maximumRegisters: Int?
  /// Whether fp32 arithmetic takes subnormal numbers as zero (`.ftz`).
  public var flushesSubnormals: Bool

  /// What is not said is no demand.
  public init(
    threads: [Int] = [], cluster: [Int] = [], blocksPerProcessor: Int? = nil, maximumRegisters: Int? = nil,
    flushesSubnormals: Bool = true
  ) {
    self.threads = threads
    self.cluster = cluster
    self.blocksPerProcessor = blocksPerProcessor
    self.maximumRegisters = maximumRegisters
    self.flushesSubnormals = flushesSubnormals
  }

  /// A block of so many threads in one dimension, one block on a multiprocessor.
  public static func threads(_ count: Int, cluster: [Int] = []) -> LaunchDemands {
    LaunchDemands(threads: [count], cluster: cluster, blocksPerProcessor: 1)
  }
}

/// A kernel written in the kernel language, recorded and checked.
///
/// ```swift
/// let kernel = try Kernel("scale", .threads(256)) { k in
///   let x = k.parameter("x", pointerTo: F32.self)
///   let factor = k.parameter("factor", F32.self)
///   let i = k.let("i", k.blockIndex() * 256 + k.threadIndex())
///   x[i] *= factor
/// }
/// ```
public struct Kernel: Sendable {
  /// The kernel's syntax tree.
  public let function: Function
  /// Variables of the module that it needs: dynamic shared memory, strings.
  public let variables: [Variable]
  /// Functions of the system that it calls.
  public let declarations: [Function]
  /// `.version` that its instructions need, 8.0 at the least.
  public let version: Module.Version
  /// Bytes of dynamic shared memory that its launch must give.
  public let dynamicSharedByteCount: Int

  /// Records a kernel.
  ///
  /// Throws the first mistake in `body`, with its place. `body` is called once, to its end.
  public init(
    _ name: String, _ demands: LaunchDemands = LaunchDemands(), file: String = #fileID, line: Int = #line,
    _ body: (KernelBuilder) -> Void
  ) throws(KernelError) {
    let builder = KernelBuilder(name: name, demands: demands)
    builder.locate(file, line)
    builder.declare(name)
    builder.checkDemands()
    body(builder)
    builder.locate(file, line)
    builder.finish()
    if let error = builder.error { throw error }
    function = builder.function()
    variables = builder.moduleVariables
    declarations = builder.declarations
    version = builder.version
    dynamicSharedByteCount = builder.shared.dynamicByteCount
  }

  /// Bytes of shared memory that a block can have at most.
  public static let sharedByteLimit = SharedAllocations.limit

  /// Threads of a warpgroup, four warps (PTX ISA 9.7.15).
  public static let warpgroupThreadCount = 128

  /// A module of this kernel alone.
  public var module: Module { Module(kernels: [self]) }
}

extension Module {
  /// A module of kernels for `sm_90a`, of the lowest version that has all their instructions. What several of them
  /// need is declared once.
  public init(kernels: [Kernel]) {
    self.init(version: kernels.map(\.version).max() ?? Version(8, 0))
    for kernel in kernels {
      for variable in kernel.variables {
        if let known = variables.firstIndex(where: { $0.name == variable.name }) {
          // Dynamic shared memory of several kernels: the strictest alignment.
          variables[known].alignment = max(variables[known].effectiveAlignment, variable.effectiveAlignment)
        } else {
          variables.append(variable)
        }
      }
      for declaration in kernel.declarations where !functions.contains(declaration) {
        functions.append(declaration)
      }
    }
    functions += kernels.map(\.function)
  }
}

extension KernelBuilder {
  /// Threads of a block, if the kernel demands a number.
  var threadCount: Int? {
    demands.threads.isEmpty ? nil : demands.threads.reduce(1) { $0.multipliedSaturating(by: $1) }
  }

  func checkDemands() {
    if demands.threads.count > 3 {
      fail(.wrongCount(what: "dimensions of the block", count: demands.threads.count, expected: 3))
    }
    if let count = threadCount, !(1...1024).contains(count) || demands.threads.contains(where: { $0 < 1 }) {
      fail(.outOfRange(what: "threads of a block", value: count, allowed: "1 to 1024"))
    }
    if demands.cluster.count > 3 {
      fail(.wrongCount(what: "dimensions of the cluster", count: demands.cluster.count, expected: 3))
    }
    let blocks = demands.cluster.reduce(1) { $0.multipliedSaturating(by: $1) }
    if !(1...16).contains(blocks) || demands.cluster.contains(where: { $0 < 1 }) {
      fail(.outOfRange(what: "blocks of a cluster", value: blocks, allowed: "1 to 16"))
    }
    if let blocks = demands.blocksPerProcessor, !(1...32).contains(blocks) {
      fail(.outOfRange(what: "blocks of a multiprocessor", value: blocks, allowed: "1 to 32"))
    }
    if let registers = demands.maximumRegisters, !(16...255).contains(registers) {
      fail(.outOfRange(what: "registers of a thread", value: registers, allowed: "16 to 255"))
    }
  }

  /// Ends the body: the last return, and what was reserved in shared memory.
  func finish() {
    if body.last != .instruction(Instruction("ret")) { record("ret") }
    finishShared()
  }

  /// The recorded kernel: moves taken out that only carried a value, registers and labels counted in the order
  /// of their first appearance.
  func function() -> Function {
    var function = Function(name, linkage: .visible)
    function.parameters = parameters
    function.variables = variables
    function.directives.requiredThreads = demands.threads.isEmpty ? nil : demands.threads
    function.directives.requiredCluster = demands.cluster.isEmpty ? nil : demands.cluster
    function.directives.minimumBlocksPerProcessor = demands.blocksPerProcessor
    function.directives.maximumRegisters = demands.maximumRegisters
    function.registers = registers
    function.labels = labels
    var elimination = MoveElimination(registers: registers, labels: labels)
    function.body = elimination.applied(to: body)
    function.renumber()
    return function
  }
}

extension Function {
  /// Counts registers and labels in the order of their first appearance, and drops those that do not appear.
  fileprivate mutating func renumber() {
    var newRegisters: [RegisterID: RegisterID] = [:]
    var newLabels: [LabelID: LabelID] = [:]
    var keptRegisters: [Register] = []
    var keptLabels: [String] = []
    func register(_ old: RegisterID) -> RegisterID {
      if let new = newRegisters[old] { return new }
      let new = RegisterID(keptRegisters.count)
      keptRegisters.append(registers[Int(old.index)])
      newRegisters[old] = new
      return new
    }
    func label(_ old: LabelID) -> LabelID {
      if let new = newLabels[old] { return new }
      let new = LabelID(keptLabels.count)
      keptLabels.append(labels[Int(old.index)])
      newLabels[old] = new
      return new
    }
    body = body?.map { statement in
      switch statement {
      case .instruction(var instruction):
        instruction.predicate = instruction.predicate.map {
          Guard(register($0.predicate), isNegated: $0.isNegated)
        }
        instruction.operands = instruction.operands.map { operand in
          if case .label(let target) = operand { return .label(label(target)) }
          return operand.mapRegisters(register)
        }
        return .instruction(instruction)
      case .label(let old): return .label(label(old))
      case .branchTargets(let name, let targets): return .branchTargets(name: name, targets.map(label))
      case .comment, .pragma, .callTargets, .callPrototype: return statement
      }
    }
    registers = keptRegisters
    labels = keptLabels
  }
}
