import GPUDevice

/// Special registers and conversions of addresses.
extension Interpreter {
  func readSpecial(_ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp) -> Outcome {
    guard let value = SpecialValue(rawValue: i.operation) else { return .next }
    let number = Int(i.immediate)
    if i.isWide {
      lanes.setDoubleWords(i.d) { _ in wideValue(value, warp) }
    } else {
      lanes.setWords(i.d) { UInt32(truncatingIfNeeded: self.value(value, number, warp, $0)) }
    }
    return .next
  }

  private func wideValue(_ value: SpecialValue, _ warp: Warp) -> UInt64 {
    switch value {
    case .gridID: launch.gridID
    case .globalTimer: nanoseconds(warp.time)
    default: warp.time
    }
  }

  /// Cycles as nanoseconds.
  private func nanoseconds(_ time: UInt64) -> UInt64 { UInt64(Double(time) / launch.device.clock.value) }

  private func value(_ value: SpecialValue, _ number: Int, _ warp: Warp, _ lane: Int) -> Int {
    let block = warp.block
    let configuration = launch.configuration
    switch value {
    case .threadIndex: return threadIndex(warp.index * 32 + lane, configuration.block)[number]
    case .blockSize: return configuration.block[number]
    case .blockIndex: return block.position[number]
    case .gridSize: return configuration.grid[number]
    case .clusterIndex: return block.cluster.position[number]
    case .clusterGridSize: return launch.clusterGrid[number]
    case .clusterBlockIndex:
      let shape = configuration.cluster
      return Extent(block.rank % shape.x, block.rank / shape.x % shape.y, block.rank / (shape.x * shape.y))[
        number]
    case .clusterSize: return configuration.cluster[number]
    case .clusterBlockRank: return block.rank
    case .clusterBlockCount: return configuration.cluster.count
    case .isExplicitCluster: return configuration.cluster.count > 1 ? 1 : 0
    case .lane: return lane
    case .warp: return warp.index
    case .warpCount: return block.warps.count
    case .processor: return block.processor
    case .processorCount: return launch.processorCount
    case .laneMaskEqual: return 1 << lane
    case .laneMaskLess: return 1 << lane - 1
    case .laneMaskLessOrEqual: return 1 << (lane + 1) - 1
    case .laneMaskGreater: return ~(1 << (lane + 1) - 1)
    case .laneMaskGreaterOrEqual: return ~(1 << lane - 1)
    case .clock, .clock64: return Int(truncatingIfNeeded: warp.time)
    case .clockHigh: return Int(warp.time >> 32)
    case .globalTimer, .globalTimerLow: return Int(truncatingIfNeeded: nanoseconds(warp.time))
    case .globalTimerHigh: return Int(nanoseconds(warp.time) >> 32)
    case .dynamicSharedSize: return configuration.dynamicSharedByteCount
    case .totalSharedSize, .alignedSharedSize: return launch.sharedByteCount - AddressWindow.reservedShared
    // Cooperative groups find the memory of the grid's barrier there.
    case .environment:
      return number == 1 ? Int(launch.workspace >> 32) : number == 2 ? Int(launch.workspace) : 0
    case .gridID: return 0
    }
  }

  private func threadIndex(_ thread: Int, _ block: Extent) -> Extent {
    Extent(thread % block.x, thread / block.x % block.y, thread / (block.x * block.y))
  }

  // MARK: Addresses

  func convertAddress(_ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp) -> Outcome {
    func source(_ lane: Int) -> UInt64 {
      i.isWide ? lanes.doubleWord(i.a, lane) : UInt64(lanes.word(i.a, lane))
    }
    switch i.opcode {
    case .toGeneric:
      let window = Self.window(i.space)
      set(i, lanes, isWide: i.isWide) { source($0) | window }
    case .fromGeneric:
      let mask = i.space == .global ? UInt64.max : 0xFFFF_FFFF
      set(i, lanes, isWide: i.isWide) { source($0) & mask }
    case .mapAddress:
      let rankMask = UInt64(0xFF) << AddressWindow.sharedBits
      set(i, lanes, isWide: i.isWide) { lane in
        source(lane) & ~rankMask | UInt64(lanes.word(i.b, lane) & 0xFF) << AddressWindow.sharedBits
      }
    case .addressRank:
      set(i, lanes, isWide: i.operation == 1) { source($0) >> AddressWindow.sharedBits & 0xFF }
    default:
      var result: UInt32 = 0
      lanes.forEachActiveLane { lane in
        if Self.space(ofGeneric: source(lane)) == i.space { result |= 1 << UInt32(lane) }
      }
      lanes.setPredicate(i.d, result)
    }
    return .next
  }

  private func set(_ i: DecodedInstruction, _ lanes: LaneContext, isWide: Bool, _ value: (Int) -> UInt64) {
    if isWide {
      lanes.setDoubleWords(i.d, value)
    } else {
      lanes.setWords(i.d) { UInt32(truncatingIfNeeded: value($0)) }
    }
  }

  private static func window(_ space: AddressSpace) -> UInt64 {
    switch space {
    case .shared: AddressWindow.shared
    case .local, .frame: AddressWindow.local
    case .parameter: AddressWindow.parameter
    case .global, .generic: 0
    }
  }

  /// The space into which a generic address points.
  static func space(ofGeneric address: UInt64) -> AddressSpace {
    switch address & AddressWindow.mask {
    case AddressWindow.shared: .shared
    case AddressWindow.local: .local
    case AddressWindow.parameter: .parameter
    default: .global
    }
  }
}

extension Extent {
  /// x, y and z by number.
  fileprivate subscript(dimension: Int) -> Int { dimension == 0 ? x : dimension == 1 ? y : z }
}
