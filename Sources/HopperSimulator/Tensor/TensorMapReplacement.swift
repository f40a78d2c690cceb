/// The fields that `tensormap.replace` changes (PTX ISA 9.7.9.28), in the `operation` of a decoded instruction.
enum TensorMapField: UInt8, CaseIterable {
  case globalAddress, rank, boxDimension, globalDimension, globalStride, elementStride, elementType,
    interleaveLayout,
    swizzleMode, fillMode

  init?(modifier: String) {
    let modifiers = [
      "global_address", "rank", "box_dim", "global_dim", "global_stride", "element_stride", "elemtype",
      "interleave_layout", "swizzle_mode", "fill_mode",
    ]
    guard let place = modifiers.firstIndex(of: modifier) else { return nil }
    self = Self.allCases[place]
  }
}

extension TensorMapField {
  /// What `elemtype` numbers; those that flush subnormal numbers are the plain types here.
  private static let elements: [TensorElement] = [
    .u8, .u16, .u32, .s32, .u64, .s64, .f16, .f32, .f32, .f64, .bf16, .tf32, .tf32,
  ]
  private static let swizzles: [Swizzle] = [.none, .bytes32, .bytes64, .bytes128]

  /// Changes the field in the bytes of a tensor map; false for a value that it cannot have.
  ///
  /// A rank counts from 0 for one dimension. Interleaved layouts are not simulated.
  func replace(_ value: UInt64, ordinal: Int, in bytes: inout [UInt8]) -> Bool {
    func put(_ offset: Int, _ count: Int) {
      for byte in 0..<count { bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte)) }
    }
    let number = Int(clamping: value)
    guard (0..<5).contains(ordinal) else { return false }
    switch self {
    case .globalAddress: put(8, 8)
    case .rank:
      guard number < 5 else { return false }
      bytes[4] = UInt8(number + 1)
    case .boxDimension:
      guard (1...256).contains(number) else { return false }
      put(88 + 2 * ordinal, 2)
    case .globalDimension: put(16 + 8 * ordinal, 8)
    case .globalStride:
      guard ordinal < 4 else { return false }
      put(56 + 8 * ordinal, 8)
    case .elementStride:
      guard (1...8).contains(number) else { return false }
      bytes[98 + ordinal] = UInt8(number)
    case .elementType:
      guard number < Self.elements.count else { return false }
      bytes[5] = Self.elements[number].rawValue
    case .interleaveLayout: return number == 0
    case .swizzleMode:
      guard number < Self.swizzles.count else { return false }
      bytes[6] = UInt8(Self.swizzles[number].rawValue)
    case .fillMode:
      guard number < 2 else { return false }
      bytes[7] = UInt8(number)
    }
    return true
  }
}

extension Interpreter {
  /// `tensormap.replace` and `tensormap.cp_fenceproxy`.
  func changeTensorMap(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> Outcome {
    if lanes.active == 0 { return .next }
    var rest = lanes.active
    while rest != 0 {
      let lane = rest.trailingZeroBitCount
      rest &= rest &- 1
      let target = try unsafe tensorMap(i, lanes.doubleWord(i.a, lane), lane, warp, place)
      guard let field = TensorMapField(rawValue: i.operation) else {
        let source = try unsafe tensorMap(i, lanes.doubleWord(i.b, lane), lane, warp, place)
        unsafe target.copyMemory(from: source, byteCount: TensorMapFields.byteCount)
        continue
      }
      var bytes = unsafe Array(UnsafeRawBufferPointer(start: target, count: TensorMapFields.byteCount))
      TensorMapFields.mark(&bytes)
      let value = i.isWide ? lanes.doubleWord(i.b, lane) : UInt64(lanes.word(i.b, lane))
      guard field.replace(value, ordinal: Int(lanes.word(i.c, lane)), in: &bytes) else {
        throw error(.badOperand("a tensor map's \(field) cannot be \(value)"), i, warp, place)
      }
      for (offset, byte) in bytes.enumerated() {
        unsafe target.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
      }
    }
    return .next
  }

  /// Memory of a tensor map at a generic address that may be written.
  @unsafe private func tensorMap(
    _ i: DecodedInstruction, _ address: UInt64, _ lane: Int, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> UnsafeMutableRawPointer {
    let count = TensorMapFields.byteCount
    let isShared = Self.space(ofGeneric: address) == .shared
    if address & UInt64(count - 1) != 0 {
      throw error(
        .misaligned(space: "generic", address: address, byteCount: count, lane: lane), i, warp, place)
    }
    let found =
      isShared
      ? unsafe sharedMemory(address & 0xFFFF_FFFF, count, warp) : unsafe launch.memory.pointer(address, count)
    guard let found = unsafe found else {
      throw error(
        .outOfBounds(space: "generic", address: address, byteCount: count, lane: lane), i, warp, place)
    }
    return unsafe found
  }
}
