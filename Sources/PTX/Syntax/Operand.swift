/// A register of a function: the index of its declaration in `Function.registers`.
public struct RegisterID: Sendable, Hashable {
  /// Into `Function.registers`.
  public var index: Int32

  /// The register of an index.
  public init(_ index: Int) {
    self.index = Int32(index)
  }
}

/// A label of a function: the index of its name in `Function.labels`.
public struct LabelID: Sendable, Hashable {
  /// Into `Function.labels`.
  public var index: Int32

  /// The label of an index.
  public init(_ index: Int) {
    self.index = Int32(index)
  }
}

/// A number written in the program.
public enum Immediate: Sendable, Hashable {
  /// The bits of an integer literal, sign-extended to 64.
  case integer(Int64)
  /// The bits of a single-precision literal (`0f3F800000`).
  case float(UInt32)
  /// The bits of a double-precision literal (`0d3FF0000000000000`, and decimal ones such as `0.5`).
  case double(UInt64)
}

/// An operand of an instruction (PTX ISA 6).
public indirect enum Operand: Sendable, Hashable {
  case register(RegisterID)
  /// The complement of a predicate register, `!p`.
  case negated(RegisterID)
  case immediate(Immediate)
  case special(SpecialRegister)
  /// `{a, b, …}`: the parts of a vector, of a packed value or of a matrix fragment.
  case vector([Operand])
  /// `d|p`: a destination and a predicate that the same instruction writes.
  case pair(Operand, Operand)
  /// `_`: a destination that is thrown away.
  case sink
  /// `[base + offset]`, an address in memory; `offset` in bytes.
  case address(AddressBase, offset: Int64)
  /// `[map, {c0, c1, …}]`: a tensor map and the coordinates of a box in it, innermost first; and, in a copy
  /// of mode `im2col`, the offsets.
  case tensor(AddressBase, offset: Int64, coordinates: [Operand])
  /// The address of a variable, or a function's name, with a byte offset.
  case symbol(String, offset: Int64)
  case label(LabelID)
  /// `(a, b)`: the arguments or results of a call.
  case list([Operand])
}

/// What an address is relative to.
public enum AddressBase: Sendable, Hashable {
  case register(RegisterID)
  /// A variable or a parameter.
  case symbol(String)
  /// Nothing: the offset is the address.
  case absolute
}

/// Which of the three numbers of a `%tid`-like register.
public enum Dimension: String, Sendable, Hashable, CaseIterable {
  case x, y, z
}

/// A special register (PTX ISA 10) of those that kernels for `sm_80…sm_90a` read.
public enum SpecialRegister: Sendable, Hashable {
  case threadIndex(Dimension)
  case blockSize(Dimension)
  case blockIndex(Dimension)
  case gridSize(Dimension)
  case clusterIndex(Dimension)
  case clusterGridSize(Dimension)
  case clusterBlockIndex(Dimension)
  case clusterSize(Dimension)
  case clusterBlockRank
  case clusterBlockCount
  case isExplicitCluster
  case lane, warp, warpCount
  case processor, processorCount
  case gridID
  case laneMaskEqual, laneMaskLess, laneMaskLessOrEqual, laneMaskGreater, laneMaskGreaterOrEqual
  case clock, clockHigh, clock64, globalTimer, globalTimerLow, globalTimerHigh
  case dynamicSharedSize, totalSharedSize, alignedSharedSize
  /// `%envreg0…31`; the driver passes the cooperative grid barrier in 1 and 2.
  case environment(Int)

  /// The register that PTX spells so, `%` included; nil when there is none among these.
  public init?(spelling: String) {
    guard let register = Self.bySpelling[spelling] else { return nil }
    self = register
  }

  /// Its PTX name, `%` included.
  public var spelling: String {
    switch self {
    case .threadIndex(let dimension): "%tid.\(dimension.rawValue)"
    case .blockSize(let dimension): "%ntid.\(dimension.rawValue)"
    case .blockIndex(let dimension): "%ctaid.\(dimension.rawValue)"
    case .gridSize(let dimension): "%nctaid.\(dimension.rawValue)"
    case .clusterIndex(let dimension): "%clusterid.\(dimension.rawValue)"
    case .clusterGridSize(let dimension): "%nclusterid.\(dimension.rawValue)"
    case .clusterBlockIndex(let dimension): "%cluster_ctaid.\(dimension.rawValue)"
    case .clusterSize(let dimension): "%cluster_nctaid.\(dimension.rawValue)"
    case .clusterBlockRank: "%cluster_ctarank"
    case .clusterBlockCount: "%cluster_nctarank"
    case .isExplicitCluster: "%is_explicit_cluster"
    case .lane: "%laneid"
    case .warp: "%warpid"
    case .warpCount: "%nwarpid"
    case .processor: "%smid"
    case .processorCount: "%nsmid"
    case .gridID: "%gridid"
    case .laneMaskEqual: "%lanemask_eq"
    case .laneMaskLess: "%lanemask_lt"
    case .laneMaskLessOrEqual: "%lanemask_le"
    case .laneMaskGreater: "%lanemask_gt"
    case .laneMaskGreaterOrEqual: "%lanemask_ge"
    case .clock: "%clock"
    case .clockHigh: "%clock_hi"
    case .clock64: "%clock64"
    case .globalTimer: "%globaltimer"
    case .globalTimerLow: "%globaltimer_lo"
    case .globalTimerHigh: "%globaltimer_hi"
    case .dynamicSharedSize: "%dynamic_smem_size"
    case .totalSharedSize: "%total_smem_size"
    case .alignedSharedSize: "%aggr_smem_size"
    case .environment(let number): "%envreg\(number)"
    }
  }

  /// The type of its value.
  public var type: ScalarType {
    switch self {
    case .gridID, .clock64, .globalTimer: .u64
    case .isExplicitCluster: .pred
    case .environment: .b32
    default: .u32
    }
  }

  private static let bySpelling: [String: SpecialRegister] = {
    var registers: [SpecialRegister] = [
      .clusterBlockRank, .clusterBlockCount, .isExplicitCluster, .lane, .warp, .warpCount, .processor,
      .processorCount, .gridID, .laneMaskEqual, .laneMaskLess, .laneMaskLessOrEqual, .laneMaskGreater,
      .laneMaskGreaterOrEqual, .clock, .clockHigh, .clock64, .globalTimer, .globalTimerLow,
      .globalTimerHigh, .dynamicSharedSize, .totalSharedSize, .alignedSharedSize,
    ]
    for dimension in Dimension.allCases {
      registers += [
        .threadIndex(dimension), .blockSize(dimension), .blockIndex(dimension), .gridSize(dimension),
        .clusterIndex(dimension), .clusterGridSize(dimension), .clusterBlockIndex(dimension),
        .clusterSize(dimension),
      ]
    }
    registers += (0..<32).map { .environment($0) }
    return Dictionary(uniqueKeysWithValues: registers.map { ($0.spelling, $0) })
  }()
}
