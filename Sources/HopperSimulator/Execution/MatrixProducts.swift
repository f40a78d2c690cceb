import SimulatorKernels

/// Memory in which an interpreter prepares the operands and sums of a product.
@safe final class ProductMemory {
  /// A of one warp: [k][64], each row's number four times.
  let a: UnsafeMutablePointer<Float>
  /// B of `mma.sync`: [k][16], the columns packed.
  let b: UnsafeMutablePointer<Float>
  /// Rows of 32 lanes for sums that are not in fp32 registers, and their slots: 0, 1, 2, …
  let sums: UnsafeMutablePointer<Float>
  let slots: UnsafeMutablePointer<Int32>

  static let sumCount = Int(SIM_MATRIX_COLUMNS) / 2

  init() {
    let depth = Int(SIM_MATRIX_DEPTH)
    unsafe a = Self.allocate(64 * depth)
    unsafe b = Self.allocate(16 * depth)
    unsafe sums = Self.allocate(32 * Self.sumCount)
    unsafe slots = .allocate(capacity: Self.sumCount)
    for slot in 0..<Self.sumCount { unsafe slots[slot] = Int32(slot) }
  }

  deinit {
    unsafe a.deallocate()
    unsafe b.deallocate()
    unsafe sums.deallocate()
    unsafe slots.deallocate()
  }

  /// Numbers, all 0, that begin at a multiple of 64 bytes.
  @unsafe static func allocate(_ count: Int) -> UnsafeMutablePointer<Float> {
    let memory = unsafe UnsafeMutableRawPointer.allocate(byteCount: 4 * count, alignment: 64)
      .bindMemory(to: Float.self, capacity: count)
    unsafe memory.initialize(repeating: 0, count: count)
    return unsafe memory
  }
}

/// A matrix product of an instruction.
struct MatrixProduct {
  let aType: sim_matrix_type
  let bType: sim_matrix_type
  let sum: SumType
  let flags: ProductFlags
  let columns: Int
  let depth: Int
  /// Registers of the result.
  let resultCount: Int

  init(_ i: DecodedInstruction) {
    aType = sim_matrix_type(rawValue: UInt32(i.type))
    bType = sim_matrix_type(rawValue: UInt32(i.modifiers))
    sum = SumType(rawValue: i.operation) ?? .f32
    flags = ProductFlags(rawValue: i.immediate)
    columns = 8 * Int(i.elementCount)
    depth = Int(i.elementBytes)
    resultCount = columns / 2 / sum.elementsOfRegister
  }
}

/// `mma.sync` (PTX ISA 9.7.14.5), and the sums of both kinds of products.
extension Interpreter {
  func multiplyWarp(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> Outcome {
    if lanes.active == 0 { return .next }
    if let missing = try missingLanes(i, lanes, warp, place) { return .blocked(.lanes(missing)) }
    let product = MatrixProduct(i)
    let slots = unsafe lanes.vectors + Int(i.extra)
    let addendCount = product.flags.contains(.addsHalf) ? 2 : 4
    let operandCount = Int(i.extraCount) - product.resultCount - addendCount
    // B has half as many registers as A.
    let a = unsafe slots + product.resultCount
    let (aCount, bCount) = (operandCount * 2 / 3, operandCount / 3)
    let registers = unsafe lanes.words(0)
    unsafe sim_read_a_registers(product.aType, registers, a, Int32(aCount), 0, products.a)
    unsafe sim_read_b_registers(product.bType, registers, a + aCount, Int32(bCount), products.b)
    let c = unsafe a + operandCount
    unsafe sum(product, lanes, slots, products.b, addend: c, isHalf: product.flags.contains(.addsHalf))
    return .next
  }

  /// D = A · B + C, with A prepared in `products`; `d` and `addend` are the registers of D and C, fp16 if `isHalf`.
  /// Without C, nothing is added.
  @unsafe func sum(
    _ product: MatrixProduct, _ lanes: LaneContext, _ d: UnsafePointer<Int32>, _ b: UnsafePointer<Float>,
    addend c: UnsafePointer<Int32>?, isHalf: Bool
  ) {
    let (columns, depth) = (Int32(product.columns), Int32(product.depth))
    let (sums, own) = unsafe (products.sums, products.slots)
    if product.sum == .s32 {
      unsafe sim_multiply(sums, own, products.a, b, columns, depth, 0)
      let saturates: Int32 = product.flags.contains(.saturates) ? 1 : 0
      for row in 0..<product.resultCount {
        unsafe sim_add_sums(
          lanes.integers(d[row]), c.map { unsafe lanes.integers($0[row]) }, sums + 32 * row, saturates)
      }
      return
    }
    if let c = unsafe c {
      for row in 0..<product.columns / 2 {
        let target = unsafe sums + 32 * row
        if isHalf {
          unsafe sim_unpack_half(target, lanes.words(c[row / 2]), SIM_F16, Int32(row % 2))
        } else {
          unsafe target.update(from: lanes.floats(c[row]), count: 32)
        }
      }
    }
    unsafe sim_multiply(sums, own, products.a, b, columns, depth, c == nil ? 0 : 1)
    for row in 0..<product.resultCount {
      if product.sum == .f16 {
        unsafe sim_pack_f16x2(lanes.words(d[row]), sums + 32 * (2 * row + 1), sums + 32 * 2 * row)
      } else {
        unsafe lanes.floats(d[row]).update(from: sums + 32 * row, count: 32)
      }
    }
  }
}
