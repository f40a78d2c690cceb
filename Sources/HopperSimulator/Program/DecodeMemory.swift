import PTX

/// How a memory access is ordered, in the low three bits of `modifiers`.
enum MemoryOrder: UInt8 {
  case weak, relaxed, acquire, release, acquireRelease, volatile

  /// Whether other blocks may be waiting for it, so that it must happen in the order of time.
  var isOrdered: Bool { self != .weak }
  /// Whether what comes before it must have been done.
  var isRelease: Bool { self == .release || self == .acquireRelease }
}

/// Bits of the `operation` of a load.
enum LoadFlag {
  /// Registers have 64 bits.
  static let wide: UInt8 = 1
  /// Elements narrower than their registers are signed.
  static let signed: UInt8 = 2
}

/// What an atomic operation does, in `operation`; the element in `type`.
enum AtomicOperation: UInt8, CaseIterable {
  case add, and, or, xor, min, max, inc, dec, exch, cas
}

/// The element of an atomic operation or a bulk reduction.
enum AtomicElement: UInt8 {
  case u32, s32, u64, s64, f32, f64, f16, bf16, f16x2, bf16x2, u16

  init?(_ type: ScalarType) {
    switch type {
    case .u32, .b32: self = .u32
    case .s32: self = .s32
    case .u64, .b64: self = .u64
    case .s64: self = .s64
    case .f32: self = .f32
    case .f64: self = .f64
    case .f16: self = .f16
    case .bf16: self = .bf16
    case .f16x2: self = .f16x2
    case .bf16x2: self = .bf16x2
    case .b16: self = .u16
    default: return nil
    }
  }

  var byteCount: Int {
    switch self {
    case .u64, .s64, .f64: 8
    case .f16, .bf16, .u16: 2
    default: 4
    }
  }
}

/// A memory operand, decoded.
struct DecodedAddress {
  /// A register, or nil for an address that is known.
  var base: Int32?
  var isWide = false
  var offset: Int64
  var space: AddressSpace
}

/// Decoding of loads, stores and atomics.
extension Decoder {
  /// An address operand in the space that the instruction names (nil for none).
  mutating func address(_ operand: Operand, _ modifier: String?) -> DecodedAddress? {
    guard case .address(let base, let offset) = operand else { return nil }
    let space = modifier.flatMap(AddressSpace.init(modifier:)) ?? .generic
    switch base {
    case .register(let register):
      return DecodedAddress(
        base: allocation.slots[Int(register.index)], isWide: type(of: register).bitCount == 64,
        offset: offset,
        space: space)
    case .absolute: return DecodedAddress(offset: offset, space: space)
    case .symbol(let name):
      // A variable is in its own space, whatever the instruction says of generic ones.
      switch layout.places[name] {
      case .parameter(let place): return DecodedAddress(offset: offset + Int64(place), space: .parameter)
      case .shared(let place): return DecodedAddress(offset: offset + Int64(place), space: .shared)
      case .frame(let place): return DecodedAddress(offset: offset + Int64(place), space: .frame)
      case .global(let address):
        return DecodedAddress(offset: offset &+ Int64(bitPattern: address), space: .global)
      case .function, nil: return nil
      }
    }
  }

  private func order(_ form: DecodedForm) -> MemoryOrder {
    switch form["order"] {
    case "relaxed": .relaxed
    case "acquire": .acquire
    case "release": .release
    case "acq_rel": .acquireRelease
    case "volatile", "mmio": .volatile
    default: .weak
    }
  }

  mutating func decodeMemory() -> Bool {
    switch form.form.mnemonic {
    case "ld", "ldu": return decodeLoad()
    case "st": return form.has("async") ? decodeRemoteStore() : decodeStore()
    case "atom": return decodeAtomic(.atomic, first: 1)
    case "red": return form.has("async") ? decodeRemoteStore() : decodeAtomic(.reduce, first: 0)
    case "prefetch", "prefetchu", "applypriority", "discard":
      emit(.prefetch)
      return true
    default: return false
    }
  }

  private func elementCount(_ form: DecodedForm) -> Int {
    switch form["vector"] {
    case "v2": 2
    case "v4": 4
    case "v8": 8
    default: form.type() == .b128 ? 2 : 1
    }
  }

  /// Of registers of 128 bits, the rows of both halves: they are moved as vectors of two.
  func halves(_ rows: [Int32], _ type: ScalarType) -> [Int32] {
    type == .b128 ? rows.flatMap { [$0, $0 + 2] } : rows
  }

  private mutating func decodeLoad() -> Bool {
    guard let type = form.type(), let rows = destinations(operands[0]).map({ halves($0, type) }),
      rows.count == elementCount(form), let from = address(operands[1], form["space"])
    else { return false }
    let registers = operands[0].registers
    let isWideRegister = registers.contains { self.type(of: $0).bitCount >= 64 } || type.bitCount >= 64
    let isOrdered = order(form)
    let (extra, count) = append(rows)
    emit(.load) {
      $0.fill(from)
      $0.elementBytes = UInt8(min(type.byteCount, 8))
      $0.elementCount = UInt8(rows.count)
      $0.operation = (isWideRegister ? LoadFlag.wide : 0) | (type.isSigned ? LoadFlag.signed : 0)
      $0.modifiers = isOrdered.rawValue
      ($0.extra, $0.extraCount) = (extra, count)
    }
    return true
  }

  private mutating func decodeStore() -> Bool {
    guard let type = form.type(), let rows = sources(operands[1], type).map({ halves($0, type) }),
      rows.count == elementCount(form), let to = address(operands[0], form["space"])
    else { return false }
    // A register of 64 bits may be stored in part.
    let isWideRegister =
      operands[1].registers.contains { self.type(of: $0).bitCount >= 64 } || type.bitCount >= 64
    let order = order(form)
    let (extra, count) = append(rows)
    emit(.store) {
      $0.fill(to)
      $0.elementBytes = UInt8(min(type.byteCount, 8))
      $0.elementCount = UInt8(rows.count)
      $0.operation = isWideRegister ? LoadFlag.wide : 0
      $0.modifiers = order.rawValue
      ($0.extra, $0.extraCount) = (extra, count)
    }
    return true
  }

  private mutating func decodeAtomic(_ opcode: Opcode, first: Int) -> Bool {
    if form.has("vector") { return decodeAtomicVector(opcode, first: first) }
    if form.type() == .b128 { return decodeWideAtomic() }
    guard let type = form.type(), let element = AtomicElement(type),
      let operation = AtomicOperation.allCases.first(where: { "\($0)" == form["operation"] }),
      let to = address(operands[first], form["space"]), let b = source(first + 1, type)
    else { return false }
    let c = operation == .cas ? source(first + 2, type) : b
    let d = opcode == .atomic ? destination(0) : scratch.sink
    guard let c, let d else { return false }
    let order = order(form)
    emit(opcode) {
      $0.fill(to)
      $0.operation = operation.rawValue
      $0.type = element.rawValue
      $0.elementBytes = UInt8(element.byteCount)
      // Without an order, an atomic operation is relaxed.
      $0.modifiers = (order == .weak ? .relaxed : order).rawValue
      ($0.d, $0.b, $0.c) = (d, b, c)
    }
    return true
  }
}

/// Decoding of atomic operations on more than one element, or on 128 bits.
extension Decoder {
  /// The rows of old values, if they are kept, stand in the list before those of the operands.
  private mutating func decodeAtomicVector(_ opcode: Opcode, first: Int) -> Bool {
    guard let type = form.type(), let element = AtomicElement(type),
      let operation = AtomicOperation.allCases.first(where: { "\($0)" == form["operation"] }),
      let to = address(operands[first], form["space"]), let parts = sources(operands[first + 1], type),
      parts.count == elementCount(form)
    else { return false }
    let keepsOld = opcode == .atomic
    guard let old = keepsOld ? destinations(operands[0]) : [], !keepsOld || old.count == parts.count else {
      return false
    }
    let order = order(form)
    let (list, count) = append(old + parts)
    emit(.atomicVector) {
      $0.fill(to)
      $0.operation = operation.rawValue
      $0.type = element.rawValue
      $0.elementBytes = UInt8(element.byteCount)
      $0.elementCount = UInt8(parts.count)
      $0.modifiers = (order == .weak ? .relaxed : order).rawValue
      ($0.extra, $0.extraCount) = (list, count)
    }
    return true
  }

  /// `atom.exch.b128` and `atom.cas.b128`.
  private mutating func decodeWideAtomic() -> Bool {
    let isSwap = form["operation"] == "cas"
    guard form.form.mnemonic == "atom", isSwap || form["operation"] == "exch", let d = destination(0),
      let to = address(operands[1], form["space"]), let b = source(2, .b128)
    else { return false }
    let c = isSwap ? source(3, .b128) : b
    guard let c else { return false }
    let order = order(form)
    emit(.atomicWide) {
      $0.fill(to)
      $0.operation = (isSwap ? AtomicOperation.cas : .exch).rawValue
      $0.modifiers = (order == .weak ? .relaxed : order).rawValue
      ($0.d, $0.b, $0.c) = (d, b, c)
    }
    return true
  }
}

extension DecodedInstruction {
  /// No register: the address is `immediate`.
  static let noBase = Int32.max

  mutating func fill(_ address: DecodedAddress) {
    a = address.base ?? Self.noBase
    isWide = address.isWide
    immediate = address.offset
    space = address.space
  }
}
