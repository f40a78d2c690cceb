import PTX
import SimulatorKernels

/// Moves, vectors in registers, and addresses.
extension Decoder {
  mutating func decodeMove() -> Bool {
    guard let type = form.type(), operands.count == 2 else { return false }
    if type == .pred {
      guard let d = predicateDestination(operands[0]) else { return false }
      if case .special(let special) = operands[1] { return decodeSpecialPredicate(special, d) }
      guard let a = predicate(operands[1]) else { return false }
      emit(.copyPredicate) { ($0.d, $0.a) = (d, a.index) }
      return true
    }
    if type == .b128 { return decodeWideMove() }
    if case .vector(let parts) = operands[1] { return decodePacking(parts, type) }
    if case .vector = operands[0] { return decodeUnpacking(type) }
    guard let d = destination(0), let a = source(1, type) else { return false }
    emit(type.bitCount == 64 ? .copy64 : .copy32) {
      $0.isWide = type.bitCount == 64
      ($0.d, $0.a) = (d, a)
    }
    return true
  }

  /// `mov.pred p, %is_explicit_cluster`.
  mutating func decodeSpecialPredicate(_ special: SpecialRegister, _ d: Int32) -> Bool {
    guard special.type == .pred, let row = source(.special(special), .u32) else { return false }
    let (zero, sink) = (constants.slot(0, isWide: false), scratch.predicateSink)
    emit(.compareInteger) {
      $0.operation = UInt8(SIM_NE.rawValue)
      $0.type = UInt8(SIM_U32.rawValue)
      ($0.d, $0.a, $0.b, $0.c, $0.e) = (d, row, zero, PredicateSlot.always.index, sink)
    }
    return true
  }

  /// `mov.b128`: two halves, each of 64 bits.
  mutating func decodeWideMove() -> Bool {
    func rows(_ operand: Operand) -> [Int32]? {
      guard case .vector(let parts) = operand else { return destination(operand).map { [$0, $0 + 2] } }
      let rows = parts.compactMap(destination)
      return rows.count == 2 && parts.count == 2 ? rows : nil
    }
    guard let to = rows(operands[0]), let from = rows(operands[1]) else { return false }
    for (d, a) in zip(to, from) {
      emit(.copy64) {
        $0.isWide = true
        ($0.d, $0.a) = (d, a)
      }
    }
    return true
  }

  /// `mov.b64 d, {a, b}`.
  private mutating func decodePacking(_ parts: [Operand], _ type: ScalarType) -> Bool {
    let isWord = type.bitCount == 32 * parts.count
    guard let d = destination(0), let rows = sources(operands[1], isWord ? .b32 : .b16) else { return false }
    return emitParts(.packVector, rows, of: type) { $0.d = d }
  }

  /// `mov.b64 {a, b}, d`.
  private mutating func decodeUnpacking(_ type: ScalarType) -> Bool {
    guard let a = source(1, type), let rows = destinations(operands[0]) else { return false }
    return emitParts(.unpackVector, rows, of: type) { $0.a = a }
  }

  /// A move between a register and those of its parts, `elementBytes` each; the first is lowest.
  private mutating func emitParts(
    _ opcode: Opcode, _ rows: [Int32], of type: ScalarType, _ setWhole: (inout DecodedInstruction) -> Void
  ) -> Bool {
    let partBits = type.bitCount / max(1, rows.count)
    guard [8, 16, 32].contains(partBits), type.bitCount <= 64 else { return false }
    let (extra, count) = append(rows)
    emit(opcode) {
      setWhole(&$0)
      $0.isWide = type.bitCount == 64
      $0.elementBytes = UInt8(partBits / 8)
      ($0.extra, $0.extraCount) = (extra, count)
    }
    return true
  }

  mutating func decodeGenericAddress() -> Bool {
    guard let space = form["space"].flatMap(AddressSpace.init(modifier:)), let type = form.type(),
      let d = destination(0), let a = source(1, type)
    else { return false }
    emit(form.has("to") ? .fromGeneric : .toGeneric) {
      $0.space = space
      $0.isWide = type.bitCount == 64
      ($0.d, $0.a) = (d, a)
    }
    return true
  }

  mutating func decodeIsSpace() -> Bool {
    guard let space = form["space"].flatMap(AddressSpace.init(modifier:)),
      let d = predicateDestination(operands[0]), let a = source(1, .u64)
    else { return false }
    emit(.isSpace) { [self] in
      $0.space = space
      $0.isWide = isWide(operands[1])
      ($0.d, $0.a) = (d, a)
    }
    return true
  }

  mutating func decodeClusterAddress(_ mnemonic: String) -> Bool {
    let isMap = mnemonic == "mapa"
    guard let type = form.type(), let d = destination(0),
      let a = source(1, isMap ? type : isWide(operands[1]) ? .u64 : .u32)
    else { return false }
    let b = isMap ? source(2, .u32) : a
    guard let b else { return false }
    let isGeneric = !form.has("space")
    emit(isMap ? .mapAddress : .addressRank) { [self] in
      $0.space = isGeneric ? .generic : .shared
      $0.isWide = isMap ? type.bitCount == 64 : isWide(operands[1])
      $0.operation = isWide(operands[0]) ? 1 : 0
      ($0.d, $0.a, $0.b) = (d, a, b)
    }
    return true
  }

  /// A cache policy is only handed on: its value does not matter.
  mutating func decodePolicy() -> Bool {
    guard let d = destination(0) else { return false }
    let zero = constants.slot(0, isWide: true)
    emit(.copy64) {
      $0.isWide = true
      ($0.d, $0.a) = (d, zero)
    }
    return true
  }
}

extension AddressSpace {
  /// What a modifier says; constant variables live in global memory.
  init?(modifier: String) {
    switch modifier {
    case "global", "const": self = .global
    case "shared", "shared::cta", "shared::cluster": self = .shared
    case "local": self = .local
    case "param", "param::entry", "param::func": self = .parameter
    default: return nil
    }
  }
}
