import PTX

/// What a special register is, in the `operation` of a decoded instruction; `immediate` is a dimension or a number.
enum SpecialValue: UInt8 {
  case threadIndex, blockSize, blockIndex, gridSize, clusterIndex, clusterGridSize, clusterBlockIndex,
    clusterSize
  case clusterBlockRank, clusterBlockCount, isExplicitCluster
  case lane, warp, warpCount, processor, processorCount, gridID
  case laneMaskEqual, laneMaskLess, laneMaskLessOrEqual, laneMaskGreater, laneMaskGreaterOrEqual
  case clock, clockHigh, clock64, globalTimer, globalTimerLow, globalTimerHigh
  case dynamicSharedSize, totalSharedSize, alignedSharedSize, environment

  static func code(_ register: SpecialRegister) -> (UInt8, Int64) {
    func pair(_ value: SpecialValue, _ number: Int = 0) -> (UInt8, Int64) { (value.rawValue, Int64(number)) }
    func index(_ dimension: Dimension) -> Int { Dimension.allCases.firstIndex(of: dimension) ?? 0 }
    return switch register {
    case .threadIndex(let dimension): pair(.threadIndex, index(dimension))
    case .blockSize(let dimension): pair(.blockSize, index(dimension))
    case .blockIndex(let dimension): pair(.blockIndex, index(dimension))
    case .gridSize(let dimension): pair(.gridSize, index(dimension))
    case .clusterIndex(let dimension): pair(.clusterIndex, index(dimension))
    case .clusterGridSize(let dimension): pair(.clusterGridSize, index(dimension))
    case .clusterBlockIndex(let dimension): pair(.clusterBlockIndex, index(dimension))
    case .clusterSize(let dimension): pair(.clusterSize, index(dimension))
    case .clusterBlockRank: pair(.clusterBlockRank)
    case .clusterBlockCount: pair(.clusterBlockCount)
    case .isExplicitCluster: pair(.isExplicitCluster)
    case .lane: pair(.lane)
    case .warp: pair(.warp)
    case .warpCount: pair(.warpCount)
    case .processor: pair(.processor)
    case .processorCount: pair(.processorCount)
    case .gridID: pair(.gridID)
    case .laneMaskEqual: pair(.laneMaskEqual)
    case .laneMaskLess: pair(.laneMaskLess)
    case .laneMaskLessOrEqual: pair(.laneMaskLessOrEqual)
    case .laneMaskGreater: pair(.laneMaskGreater)
    case .laneMaskGreaterOrEqual: pair(.laneMaskGreaterOrEqual)
    case .clock: pair(.clock)
    case .clockHigh: pair(.clockHigh)
    case .clock64: pair(.clock64)
    case .globalTimer: pair(.globalTimer)
    case .globalTimerLow: pair(.globalTimerLow)
    case .globalTimerHigh: pair(.globalTimerHigh)
    case .dynamicSharedSize: pair(.dynamicSharedSize)
    case .totalSharedSize: pair(.totalSharedSize)
    case .alignedSharedSize: pair(.alignedSharedSize)
    case .environment(let number): pair(.environment, number)
    }
  }
}
