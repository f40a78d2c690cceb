import PTX

/// A function made ready for execution. It does not change after loading, so that all warps read it.
final class Program: Sendable {
  /// The syntax tree that it was made from.
  let function: Function
  /// The function's instructions as written, for messages; `DecodedInstruction.statement` is an index.
  let instructions: [Instruction]
  let layout: VariableLayout
  /// Rows of registers, scratch rows included.
  let rowCount: Int
  /// Words of predicates.
  let predicateCount: Int
  /// The most 32-bit registers of a thread that are live at once.
  let liveRegisterCount: Int
  let code: DecodedCode
  let constants: ConstantRows

  init(_ function: Function, module: Module, globals: [String: UInt64]) {
    let layout = VariableLayout(function, module: module, globals: globals)
    var decoder = Decoder(function, layout)
    decoder.decodeAll()
    self.function = function
    self.layout = layout
    instructions = decoder.list.instructions
    rowCount = decoder.scratch.rowCount
    predicateCount = decoder.scratch.predicateCount
    liveRegisterCount = decoder.allocation.liveRegisterCount
    code = DecodedCode(decoder.code, vectors: decoder.vectors)
    constants = ConstantRows(decoder.constants)
  }
}

/// Decoded instructions at a fixed place in memory.
@safe final class DecodedCode: @unchecked Sendable {
  let count: Int
  /// Never written after initialisation.
  let base: UnsafeMutablePointer<DecodedInstruction>
  /// Operands that are lists.
  let vectors: UnsafeMutablePointer<Int32>

  init(_ code: [DecodedInstruction], vectors list: [Int32]) {
    count = code.count
    unsafe vectors = .allocate(capacity: max(1, list.count))
    for (index, slot) in list.enumerated() { unsafe (vectors + index).initialize(to: slot) }
    unsafe base = .allocate(capacity: max(1, code.count))
    for (index, instruction) in code.enumerated() { unsafe (base + index).initialize(to: instruction) }
  }

  deinit {
    unsafe base.deallocate()
    unsafe vectors.deallocate()
  }
}

/// Rows that hold the same value in every lane: the program's literals.
@safe final class ConstantRows: @unchecked Sendable {
  /// Never written after initialisation. Row `i` begins 128 · i bytes from here.
  let base: UnsafeMutableRawPointer

  init(_ constants: ConstantPool) {
    unsafe base = .allocate(byteCount: max(1, constants.rows.count) * 128, alignment: 64)
    for (index, row) in constants.rows.enumerated() {
      for (lane, word) in row.enumerated() {
        unsafe base.storeBytes(of: word, toByteOffset: index * 128 + lane * 4, as: UInt32.self)
      }
    }
  }

  deinit { unsafe base.deallocate() }
}

/// Collects a program's literals, each once.
struct ConstantPool {
  private struct Key: Hashable {
    var bits: UInt64
    var isWide: Bool
  }

  private var known: [Key: Int32] = [:]
  private(set) var rows: [[UInt32]] = []

  /// The complemented number of the row, or pair of rows, that holds a value in every lane.
  mutating func slot(_ bits: UInt64, isWide: Bool) -> Int32 {
    let key = Key(bits: isWide ? bits : bits & 0xFFFF_FFFF, isWide: isWide)
    if let known = known[key] { return known }
    let slot = ~Int32(rows.count)
    known[key] = slot
    let words = [UInt32(truncatingIfNeeded: bits), UInt32(truncatingIfNeeded: bits >> 32)]
    if isWide {
      let row = (0..<32).map { words[$0 % 2] }
      rows += [row, row]
    } else {
      rows.append(Array(repeating: words[0], count: 32))
    }
    return slot
  }
}
