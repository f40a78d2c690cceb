import PTX
import Testing

/// Descriptors against the layouts that PTX ISA 9.7.15.5 and CUTLASS (`mma_traits_sm90_gmma.hpp`) state.
@Suite("Kernel language: matrix descriptors")
struct LanguageDescriptorTests {
  /// The constant bits that the kernel puts around the address.
  private func constant(
    rows: Int, columns: Int, _ swizzle: SharedSwizzle, _ major: Major
  ) throws -> UInt64 {
    let kernel = try Kernel("descriptor") { k in
      _ = k.descriptor(k.tile(BF16.self, rows: rows, columns: columns, swizzle: swizzle), major: major)
    }
    for case .instruction(let instruction) in kernel.function.body ?? []
    where instruction.spelling == "or.b64" {
      if case .immediate(.integer(let bits)) = instruction.operands[2] { return UInt64(bitPattern: bits) }
    }
    Issue.record("no descriptor")
    return 0
  }

  private func fields(_ bits: UInt64) -> (leading: Int, stride: Int, swizzle: Int) {
    (Int(bits >> 16 & 0x3FFF) * 16, Int(bits >> 32 & 0x3FFF) * 16, Int(bits >> 62))
  }

  @Test(
    "K-major with a swizzle: groups of eight rows follow each other",
    arguments: [
      (SharedSwizzle.bytes128, 1, 1024), (.bytes64, 2, 512), (.bytes32, 3, 256),
    ])
  func kMajor(_ swizzle: SharedSwizzle, _ code: Int, _ stride: Int) throws {
    let found = fields(try constant(rows: 64, columns: 64, swizzle, .k))
    #expect(found.swizzle == code)
    #expect(found.stride == stride)
  }

  @Test("K-major without a swizzle: the leading offset is to the next 16 bytes of K")
  func kMajorPlain() throws {
    let found = fields(try constant(rows: 64, columns: 64, .none, .k))
    #expect(found == (leading: 1024, stride: 128, swizzle: 0))
  }

  @Test("MN-major: 64 keys × 512 columns in panels of 64 columns")
  func mnMajor() throws {
    let found = fields(try constant(rows: 64, columns: 512, .bytes128, .mn))
    #expect(found == (leading: 8192, stride: 1024, swizzle: 1))
  }

  @Test("MN-major without a swizzle exchanges the offsets")
  func mnMajorPlain() throws {
    let found = fields(try constant(rows: 64, columns: 64, .none, .mn))
    #expect(found == (leading: 128, stride: 1024, swizzle: 0))
  }

  @Test("Steps: along K within and between panels, along MN by panels")
  func steps() throws {
    let kernel = try Kernel("steps", .threads(128)) { k in
      let tile = k.tile(BF16.self, rows: 64, columns: 256)
      let d = k.fragment("d", F32.self, count: 4)
      let keys = k.descriptor(tile)
      let values = k.descriptor(tile, major: .mn)
      k.multiply(d, keys.alongK(16), keys.alongK(80))
      k.multiply(d, keys, values.at(column: 128).alongK(16))
      k.multiply(d, keys, keys.at(row: 8))
    }
    let steps = (kernel.function.body ?? []).compactMap { statement -> Int64? in
      guard case .instruction(let instruction) = statement, instruction.spelling == "add.s64",
        case .immediate(.integer(let step)) = instruction.operands[2]
      else { return nil }
      return step * 16
    }
    let expected: [Int64] = [32, 8224, 18432, 1024]
    #expect(steps == expected)
  }

  @Test("Elements of a tile lie where the swizzle puts them")
  func elements() throws {
    let kernel = try Kernel("elements", .threads(128)) { k in
      let tile = k.tile(BF16.self, rows: 64, columns: 128)
      for (row, column) in [(0, 0), (1, 0), (3, 8), (9, 70), (63, 127)] {
        tile.element(row: Value(row), column: column).builderStore(k)
      }
    }
    let offsets = (kernel.function.body ?? []).compactMap { statement -> Int64? in
      guard case .instruction(let instruction) = statement, instruction.spelling == "st.shared.u16",
        case .address(_, let offset) = instruction.operands[0]
      else { return nil }
      return offset
    }
    // Row r of 128 bytes: the 16-byte unit u lies at u xor (r mod 8); a panel of 64 columns has 8192 bytes.
    let expected = [(0, 0), (1, 0), (3, 8), (9, 70), (63, 127)].map { row, column in
      let unit = column % 64 / 8 ^ row % 8
      return Int64(column / 64 * 8192 + row * 128 + unit * 16 + column % 8 * 2)
    }
    #expect(offsets == expected)
  }
}

extension Pointer where Element == BF16, Space == Shared {
  fileprivate func builderStore(_ k: KernelBuilder) {
    k.store(Value<U16>(1), to: reinterpreted(as: U16.self))
  }
}
