import PTX

/// What executes instructions in a quarter of a multiprocessor: units of the instruction table that are the same
/// hardware share one.
enum ExecutionPipe: Int, CaseIterable {
  case float, integer, special, double, loadStore, tensor, other

  init(_ unit: ExecutionUnit) {
    switch unit {
    // Integer products are made by the floating-point pipe, at half its rate.
    case .float, .half, .integerMultiply: self = .float
    case .integer, .integerDivide, .conversion: self = .integer
    case .specialFunction: self = .special
    case .double: self = .double
    // Lanes exchange values by the way to shared memory.
    case .memory, .atomic, .warp, .matrixMemory, .asynchronousCopy, .mbarrier: self = .loadStore
    case .matrix: self = .tensor
    case .control, .warpgroupMatrix, .bulkCopy, .barrier, .fence: self = .other
    }
  }
}
