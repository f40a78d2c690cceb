/// What the interpreter does for an instruction: one case for each way of executing, with details in the other fields
/// of `DecodedInstruction`.
enum Opcode: UInt16 {
  /// An instruction that the table or the interpreter does not have: an error when it is executed.
  case unsupported

  // Arithmetic on rows; `operation` and `type` are those of SimulatorKernels.
  case integer, multiplyWide, bits32, bits64, insert32, insert64
  case float, half, double
  case addCarry, subtractCarry
  case compareInteger, compareFloat, compareDouble, compareHalf
  case predicateLogic, select32, select64
  case convertInteger, convert, convertPair, unpackPair
  case copy32, copy64, copyPredicate, predicateToRow
  case packVector, unpackVector
  case laneByLane
  case isSpace

  // Values that the warp knows.
  case special, sharedAddress, localAddress
  case toGeneric, fromGeneric, mapAddress, addressRank

  // Memory.
  case load, store, atomic, reduce, atomicVector, atomicWide, prefetch
  case asynchronousCopy, asynchronousCopyGroup, asynchronousCopyWait, asynchronousCopyArrive
  case storeAsynchronous, reduceAsynchronous
  case bulkCopy, bulkReduce, tensorLoad, tensorStore, tensorPrefetch, bulkGroup, bulkWait, tensorMapReplace
  case matrixLoad, matrixStore, matrixTranspose

  // Barriers and order.
  case barrier, barrierReduce, warpBarrier, clusterArrive, clusterWait
  case barrierObjectInit, barrierObjectInvalidate, barrierObjectArrive, barrierObjectExpect,
    barrierObjectComplete
  case barrierObjectWait, barrierObjectPending
  case fence, gridLaunch, gridWait

  // Warps and matrices.
  case shuffle, vote, match, reduceWarp, activeMask, elect
  case matrixMultiply, warpgroupMultiply, warpgroupFence, warpgroupCommit, warpgroupWait

  // Control.
  case branch, branchIndexed, call, returnFromCall, exit, trap, sleep, setRegisters, nothing
}

/// Where an address points.
enum AddressSpace: UInt8 {
  case generic, global, shared, local, parameter
  /// A variable in `.param` of a function's body, or a parameter of a device function: in the thread's local frame.
  case frame
}

/// An instruction as the interpreter reads it.
///
/// Sources and destinations are rows of the warp's registers, in units of 128 bytes from the frame's first; negative
/// ones, complemented, are rows of the program's constants. Predicates are numbered apart, see `PredicateSlot`.
struct DecodedInstruction {
  var opcode: Opcode
  /// An enumeration of the opcode's own: of SimulatorKernels, or of the interpreter.
  var operation: UInt8 = 0
  var type: UInt8 = 0
  var modifiers: UInt8 = 0
  /// Executes it, for the clock.
  var unit: UInt8 = 0
  /// Whether the base register of the address, or the source, has 64 bits.
  var isWide = false
  /// Whether all threads of the warp must execute it together.
  var isAligned = false
  var space: AddressSpace = .generic
  /// Bytes of one element of memory, and elements.
  var elementBytes: UInt8 = 0
  var elementCount: UInt8 = 1
  var predicate = PredicateSlot.always
  var d: Int32 = 0
  var a: Int32 = 0
  var b: Int32 = 0
  var c: Int32 = 0
  var e: Int32 = 0
  /// An offset of an address, a target, a literal.
  var immediate: Int64 = 0
  /// First of its slots in `Program.vectors`, for operands that are lists.
  var extra: Int32 = 0
  var extraCount: Int32 = 0
  /// Index of the instruction in the function's body, for messages.
  var statement: Int32 = 0

  /// Whether it is a load or store whose order among other blocks does not matter.
  @inline(__always)
  var isPlainAccess: Bool {
    (opcode == .load || opcode == .store) && modifiers == MemoryOrder.weak.rawValue
  }
}

/// A predicate of a warp: a word of 32 bits, one for each lane.
struct PredicateSlot: Equatable {
  /// Index of the word, `~index` for its complement.
  var index: Int32

  /// True in every lane.
  static let always = PredicateSlot(index: .max)
  /// False in every lane.
  static let never = PredicateSlot(index: .min)

  var negated: PredicateSlot {
    switch self {
    case .always: .never
    case .never: .always
    default: PredicateSlot(index: ~index)
    }
  }
}
