import PTX

/// A function made ready for execution. It does not change after loading, so that all warps read it.
final class Program: Sendable {
  /// The syntax tree that it was made from.
  let function: Function
  /// The function's instructions as written, for messages; `DecodedInstruction.statement` is an index.
  let instructions: [Instruction]
  let layout: VariableLayout
  /// The number of its first instruction among all of the module.
  let firstSite: Int
  /// Rows of registers, scratch rows included.
  let rowCount: Int
  /// Words of predicates.
  let predicateCount: Int
  /// The most 32-bit registers of a thread that are live at once.
  let liveRegisterCount: Int
  let regions: RegionTable
  let code: DecodedCode
  /// Registers that the hazard checks follow; nil when there are none.
  let watch: RegisterWatch?
  let constants: ConstantRows
  let callSites: [CallSite]
  /// Of a device function: where its arguments and results lie in its frame.
  let argumentPlaces, resultPlaces: [CallValue]

  /// A kernel, or a device function as `kernel` calls it: both see the shared memory of the kernel's block.
  init(
    _ function: Function, of kernel: Function, module: Module, globals: [String: UInt64], firstSite: Int
  ) {
    let layout = VariableLayout(function, of: kernel, module: module, globals: globals)
    var decoder = Decoder(function, layout)
    decoder.decodeAll()
    self.function = function
    self.layout = layout
    self.firstSite = firstSite
    instructions = decoder.list.instructions
    rowCount = decoder.scratch.rowCount
    predicateCount = decoder.scratch.predicateCount
    liveRegisterCount = decoder.allocation.liveRegisterCount
    regions = RegionTable(function, decoder.list)
    code = DecodedCode(decoder, regions)
    constants = ConstantRows(decoder.constants)
    callSites = decoder.callSites
    argumentPlaces = decoder.callPlaces(function.parameters)
    resultPlaces = decoder.callPlaces(function.results)
    watch = RegisterWatch(decoder)
  }
}

/// Where a program's tables lie in memory. They live as long as the program, but this does not hold it: threads that count
/// references to one object at the same time keep each other waiting.
@safe struct ProgramTables {
  let code: UnsafeMutablePointer<DecodedInstruction>
  let timing: UnsafeMutablePointer<TimedInstruction>
  let timedRegisters: UnsafeMutablePointer<Int32>
  let vectors: UnsafePointer<Int32>
  let constants: UnsafeMutableRawPointer
  /// Of each instruction, see `RegisterWatch`; nil when nothing is followed.
  let watchedUses: UnsafePointer<Int32>?
  /// The number of the program's first instruction among all of the module.
  let firstSite: Int32

  init(_ program: Program) {
    let code = program.code
    unsafe self.code = code.base
    unsafe timing = code.timing
    unsafe timedRegisters = code.timedRegisters
    unsafe vectors = UnsafePointer(code.vectors)
    unsafe constants = program.constants.base
    unsafe watchedUses = program.watch.map { unsafe UnsafePointer($0.useIndex) }
    firstSite = Int32(program.firstSite)
  }
}

/// Decoded instructions at a fixed place in memory.
@safe final class DecodedCode: @unchecked Sendable {
  let count: Int
  /// Never written after initialisation.
  let base: UnsafeMutablePointer<DecodedInstruction>
  /// Operands that are lists.
  let vectors: UnsafeMutablePointer<Int32>

  /// What the clock knows of each instruction, and the registers that these name.
  let timing: UnsafeMutablePointer<TimedInstruction>
  let timedRegisters: UnsafeMutablePointer<Int32>

  init(_ decoder: Decoder, _ regions: RegionTable) {
    count = decoder.code.count
    unsafe base = UnsafeMutablePointer.copying(decoder.code)
    unsafe vectors = UnsafeMutablePointer.copying(decoder.vectors)
    let (timing, registers) = TimedInstruction.table(decoder, regions)
    unsafe self.timing = UnsafeMutablePointer.copying(timing)
    unsafe timedRegisters = UnsafeMutablePointer.copying(registers)
  }

  deinit {
    unsafe base.deallocate()
    unsafe vectors.deallocate()
    unsafe timing.deallocate()
    unsafe timedRegisters.deallocate()
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

extension UnsafeMutablePointer {
  /// Values without references in memory of their own, which the caller deallocates.
  @unsafe static func copying(_ values: [Pointee]) -> Self {
    let memory = Self.allocate(capacity: max(1, values.count))
    for (index, value) in values.enumerated() { unsafe (memory + index).initialize(to: value) }
    return unsafe memory
  }
}
