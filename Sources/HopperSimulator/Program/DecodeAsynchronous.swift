import PTX
import SimulatorKernels

/// Decoding of asynchronous copies. Addresses become rows of 64 bits: of the destination in `a`, the source or tensor
/// map in `b`, the mbarrier in `c`; a size is in `d`, a mask of blocks in `e`; coordinates are a list.
extension Decoder {
  /// A row with the 64-bit address of an operand, in the space that the instruction gives it.
  mutating func addressRow(_ operand: Operand) -> Int32? {
    switch operand {
    case .address(let base, let offset), .tensor(let base, let offset, _): addressRow(base, offset)
    default: nil
    }
  }

  private mutating func addressRow(_ base: AddressBase, _ offset: Int64) -> Int32? {
    switch base {
    case .absolute: return constants.slot(UInt64(bitPattern: offset), isWide: true)
    case .symbol(let name):
      // A parameter's address is generic where an instruction wants one of a tensor map.
      guard case .parameter(let place)? = layout.places[name] else {
        return source(.symbol(name, offset: offset), .u64)
      }
      return constants.slot(AddressWindow.parameter + UInt64(bitPattern: Int64(place) + offset), isWide: true)
    case .register(let register):
      let slot = allocation.slots[Int(register.index)]
      let isWide = type(of: register).bitCount == 64
      if isWide, offset == 0 { return slot }
      return sum(slot, isWide: isWide, offset)
    }
  }

  /// Emits base + offset into a scratch row of 64 bits.
  private mutating func sum(_ base: Int32, isWide: Bool, _ offset: Int64) -> Int32 {
    let row = operandRow()
    if !isWide {
      emit(.convertInteger) {
        $0.predicate = .always
        $0.operation = ConversionType.u32.rawValue
        $0.type = ConversionType.u64.rawValue
        $0.isWide = true
        ($0.d, $0.a) = (row, base)
      }
    }
    let amount = constants.slot(UInt64(bitPattern: offset), isWide: true)
    emit(.integer) {
      $0.predicate = .always
      $0.operation = UInt8(SIM_ADD.rawValue)
      $0.type = UInt8(SIM_U64.rawValue)
      $0.isWide = true
      ($0.d, $0.a, $0.b, $0.c) = (row, isWide ? base : row, amount, amount)
    }
    return row
  }

  mutating func decodeAsynchronous() -> Bool {
    if form.form.mnemonic == "prefetch" {
      emit(.prefetch)
      return true
    }
    if form.form.mnemonic == "tensormap" { return decodeTensorMap() }
    guard form.form.mnemonic == "cp" else { return false }
    if form.has("commit_group") {
      emit(form.has("bulk") ? .bulkGroup : .asynchronousCopyGroup)
      return true
    }
    if form.has("wait_group") || form.has("wait_all") { return decodeWait() }
    if form.has("prefetch") && form.has("bulk") {
      if form.has("tensor") { return decodeTensorPrefetch() }
      emit(.prefetch)
      return true
    }
    if form.has("tensor") { return decodeTensorCopy() }
    if form.has("bulk") { return decodeBulkCopy() }
    return form.has("mbarrier") ? decodeCopyArrival() : decodeCopy()
  }

  private mutating func decodeWait() -> Bool {
    var count: Int64 = 0
    if let operand = operands.first {
      guard case .immediate(.integer(let value)) = operand, value >= 0 else { return false }
      count = value
    }
    emit(form.has("bulk") ? .bulkWait : .asynchronousCopyWait) { [self] in
      $0.immediate = count
      // `.read`: only until the source has been read. `wait_all` also waits for copies of no group.
      $0.operation = form.has("read") || form.has("wait_all") ? 1 : 0
    }
    return true
  }

  // MARK: cp.async

  private mutating func decodeCopy() -> Bool {
    guard let a = addressRow(operands[0]), let b = addressRow(operands[1]),
      case .immediate(.integer(let byteCount)) = operands[2], [4, 8, 16].contains(byteCount)
    else { return false }
    // The size of the source, or the predicate that ignores it; a cache policy otherwise.
    let hasPolicy = form.has("hint")
    let hasSize = operands.count > (hasPolicy ? 4 : 3)
    let size = constants.slot(UInt64(byteCount), isWide: false)
    var d: Int32? = size
    var ignore = PredicateSlot.never
    if hasSize, case .register(let register) = operands[3], type(of: register) == .pred {
      ignore = PredicateSlot(index: allocation.slots[Int(register.index)])
    } else if hasSize {
      d = source(3, .u32)
    }
    guard let d else { return false }
    emit(.asynchronousCopy) {
      $0.elementBytes = UInt8(byteCount)
      ($0.a, $0.b, $0.d, $0.e) = (a, b, d, ignore.index)
    }
    return true
  }

  private mutating func decodeCopyArrival() -> Bool {
    guard let c = addressRow(operands[0]) else { return false }
    emit(.asynchronousCopyArrive) { [self] in
      $0.operation = form.has("noinc") ? 1 : 0
      $0.c = c
    }
    return true
  }

  // MARK: Bulk copies

  /// `operation`: 0 to shared memory from global, 1 to another block's from one's own, 2 to global.
  private mutating func decodeBulkCopy() -> Bool {
    guard let a = addressRow(operands[0]), let b = addressRow(operands[1]), let d = source(2, .u32) else {
      return false
    }
    let toGlobal = form["to"] == "global"
    let c = toGlobal ? a : addressRow(operands[3])
    let hasMask = form.has("multicast")
    let e = hasMask ? source(4, .u32) : a
    guard let c, let e else { return false }
    var reduction: (AtomicOperation, AtomicElement)?
    if form.has("reduce") {
      guard let decoded = decodeReductionOperation() else { return false }
      reduction = decoded
    }
    let kind: UInt8 = toGlobal ? 2 : form["from"] == "global" ? 0 : 1
    emit(reduction == nil ? .bulkCopy : .bulkReduce) {
      $0.operation = kind
      $0.modifiers = hasMask ? 1 : 0
      if let (operation, element) = reduction {
        $0.type = element.rawValue
        $0.immediate = Int64(operation.rawValue)
      }
      ($0.a, $0.b, $0.c, $0.d, $0.e) = (a, b, c, d, e)
    }
    return true
  }

  private func decodeReductionOperation() -> (AtomicOperation, AtomicElement)? {
    guard let operation = AtomicOperation.allCases.first(where: { "\($0)" == form["operation"] }) else {
      return nil
    }
    return (operation, form.type().flatMap { AtomicElement($0) } ?? .u32)
  }

  private mutating func decodeTensorCopy() -> Bool {
    let toGlobal = form["to"] == "global"
    let mapOperand = operands[toGlobal ? 0 : 1]
    guard let a = addressRow(operands[toGlobal ? 1 : 0]), let b = addressRow(mapOperand),
      let coordinates = coordinateRows(mapOperand)
    else { return false }
    let c = toGlobal ? a : addressRow(operands[2])
    let hasMask = form.has("multicast")
    let e = hasMask ? source(3, .u32) : a
    guard let c, let e else { return false }
    var reduction: AtomicOperation?
    if form.has("reduce") {
      guard let decoded = decodeReductionOperation() else { return false }
      reduction = decoded.0
    }
    let (extra, count) = append(coordinates)
    emit(toGlobal ? .tensorStore : .tensorLoad) {
      $0.modifiers = hasMask ? 1 : 0
      // Of a store: 0 for a copy, else the reduction and 1.
      $0.operation = reduction.map { $0.rawValue + 1 } ?? 0
      ($0.a, $0.b, $0.c, $0.e) = (a, b, c, e)
      ($0.extra, $0.extraCount) = (extra, count)
    }
    return true
  }

  private mutating func decodeTensorPrefetch() -> Bool {
    guard let b = addressRow(operands[0]), let coordinates = coordinateRows(operands[0]) else { return false }
    let (extra, count) = append(coordinates)
    emit(.tensorPrefetch) { ($0.b, $0.extra, $0.extraCount) = (b, extra, count) }
    return true
  }

  /// The coordinates of a box, as many as the form has dimensions.
  private mutating func coordinateRows(_ operand: Operand) -> [Int32]? {
    guard case .tensor(_, _, let coordinates) = operand,
      coordinates.count == form["rank"].flatMap({ Int($0.dropLast()) })
    else { return nil }
    var rows: [Int32] = []
    for coordinate in coordinates {
      guard let row = source(coordinate, .s32) else { return nil }
      rows.append(row)
    }
    return rows
  }

  /// Generic addresses in `a` and, of a copy, `b`; of a replacement the value is in `b`, the dimension in `c`.
  private mutating func decodeTensorMap() -> Bool {
    guard let a = tensorMapRow(operands[0], form["space"] ?? form["toSpace"]) else { return false }
    guard form.has("replace") else {
      guard let b = tensorMapRow(operands[1], form["fromSpace"]) else { return false }
      emit(.tensorMapReplace) {
        $0.operation = UInt8(TensorMapField.allCases.count)
        ($0.a, $0.b) = (a, b)
      }
      return true
    }
    let zero = constants.slot(0, isWide: false)
    guard let field = form["field"].flatMap(TensorMapField.init(modifier:)), let type = form.type(),
      let b = source(operands.count - 1, type), let c = operands.count > 2 ? source(1, .u32) : zero
    else { return false }
    emit(.tensorMapReplace) {
      $0.operation = field.rawValue
      $0.isWide = type == .b64
      ($0.a, $0.b, $0.c) = (a, b, c)
    }
    return true
  }

  /// The generic address of a tensor map in a space.
  private mutating func tensorMapRow(_ operand: Operand, _ space: String?) -> Int32? {
    guard let row = addressRow(operand) else { return nil }
    guard space == "shared::cta" else { return row }
    let generic = operandRow()
    emit(.toGeneric) {
      $0.predicate = .always
      $0.space = .shared
      $0.isWide = true
      ($0.d, $0.a) = (generic, row)
    }
    return generic
  }

  // MARK: st.async, red.async

  mutating func decodeRemoteStore() -> Bool {
    guard let a = addressRow(operands[0]), let c = addressRow(operands[2]), let type = form.type(),
      let element = AtomicElement(type), let rows = sources(operands[1], type)
    else { return false }
    let isReduction = form.form.mnemonic == "red"
    var reduction: AtomicOperation?
    if isReduction {
      reduction = AtomicOperation.allCases.first { "\($0)" == form["operation"] }
      if reduction == nil { return false }
    }
    let (extra, count) = append(rows)
    emit(isReduction ? .reduceAsynchronous : .storeAsynchronous) {
      $0.operation = reduction?.rawValue ?? 0
      $0.type = element.rawValue
      $0.elementBytes = UInt8(type.byteCount)
      ($0.a, $0.c) = (a, c)
      ($0.extra, $0.extraCount) = (extra, count)
    }
    return true
  }
}
