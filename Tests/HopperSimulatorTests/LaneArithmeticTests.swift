import Foundation
import HopperSimulator
import LatentAttention
import SimulatorKernels
import Testing

@Suite("Arithmetic on rows of lanes")
struct LaneArithmeticTests {
  private typealias Unary = ([Float]) -> [Float]

  private static let special: [Float] = [
    0, -0.0, 1, -1, .infinity, -.infinity, .nan, .greatestFiniteMagnitude, .leastNonzeroMagnitude,
    -.leastNonzeroMagnitude, .leastNormalMagnitude, 0x1p-130, Float(bitPattern: 0x007F_FFFF), 0.5, 2, 3, -2.5,
  ]

  /// Random numbers of every magnitude, special ones among them.
  private static func rows(_ count: Int, seed: UInt64) -> [[Float]] {
    var generator = SplitMix64(seed: seed)
    return (0..<count).map { _ in
      (0..<32).map { _ in
        let bits = generator.next()
        return bits % 5 == 0
          ? special[Int(bits >> 8) % special.count]
          : Float(bitPattern: UInt32(truncatingIfNeeded: bits >> 32))
      }
    }
  }

  /// What a function writes into a row.
  private static func row(_ write: (inout [Float]) -> Void) -> [Float] {
    var row = [Float](repeating: 0, count: 32)
    write(&row)
    return row
  }

  private static func flushed(_ value: Float) -> Float {
    value.isSubnormal ? Float(signOf: value, magnitudeOf: 0) : value
  }

  /// Whether a result is what was expected; a NaN must be the canonical one.
  private static func same(_ result: Float, _ expected: Float) -> Bool {
    result.bitPattern == (expected.isNaN ? 0x7FFF_FFFF : expected.bitPattern)
  }

  @Test("Sum, difference, product and fused product, with and without subnormal numbers")
  func arithmetic() {
    for (index, a) in Self.rows(500, seed: 8).enumerated() {
      let b = Self.rows(1, seed: UInt64(1000 + index))[0]
      let c = Self.rows(1, seed: UInt64(9000 + index))[0]
      let flush = Int32(SIM_FTZ)
      let plain = [
        Self.row { unsafe sim_add_f32(&$0, a, b, 0) }, Self.row { unsafe sim_sub_f32(&$0, a, b, 0) },
        Self.row { unsafe sim_mul_f32(&$0, a, b, 0) }, Self.row { unsafe sim_fma_f32(&$0, a, b, c, 0) },
      ]
      let flushing = [
        Self.row { unsafe sim_add_f32(&$0, a, b, flush) }, Self.row { unsafe sim_mul_f32(&$0, a, b, flush) },
      ]
      for lane in 0..<32 {
        let (x, y, z) = (a[lane], b[lane], c[lane])
        #expect(Self.same(plain[0][lane], x + y))
        #expect(Self.same(plain[1][lane], x - y))
        #expect(Self.same(plain[2][lane], x * y))
        #expect(Self.same(plain[3][lane], z.addingProduct(x, y)))
        #expect(Self.same(flushing[0][lane], Self.flushed(Self.flushed(x) + Self.flushed(y))))
        #expect(Self.same(flushing[1][lane], Self.flushed(Self.flushed(x) * Self.flushed(y))))
      }
    }
  }

  @Test("Minimum and maximum order zeros and prefer numbers to NaN")
  func extrema() {
    let a: [Float] = [1, -0.0, 0, .nan, 2, .nan, -.infinity, -3] + Array(repeating: 0, count: 24)
    let b: [Float] = [2, 0, -0.0, 5, .nan, .nan, 4, -2] + Array(repeating: 0, count: 24)
    let minimum = Self.row { unsafe sim_min_f32(&$0, a, b, 0, 0) }
    let maximum = Self.row { unsafe sim_max_f32(&$0, a, b, 0, 0) }
    let expectedMinimum: [Float] = [1, -0.0, -0.0, 5, 2, .nan, -.infinity, -3]
    let expectedMaximum: [Float] = [2, 0, 0, 5, 2, .nan, 4, -2]
    for lane in 0..<8 {
      #expect(Self.same(minimum[lane], expectedMinimum[lane]))
      #expect(Self.same(maximum[lane], expectedMaximum[lane]))
    }
    let propagating = Self.row { unsafe sim_max_f32(&$0, a, b, 0, 1) }
    #expect(propagating[3].isNaN && propagating[4].isNaN && propagating[7] == -2)
  }

  @Test("Saturation")
  func saturation() {
    let a: [Float] = [-1, 0.25, 3, .nan] + Array(repeating: 0, count: 28)
    let row = Self.row { unsafe sim_add_f32(&$0, a, a, Int32(SIM_SATURATE)) }
    #expect(Array(row[0..<4]) == [0, 0.5, 1, 0])
  }

  /// Relative errors of the approximations that PTX ISA 9.7.3 allows, and ours.
  @Test("Approximations are within the ISA's errors")
  func approximations() {
    let functions: [(String, Unary, (Double) -> Double, relative: Double, absolute: Double)] = [
      ("ex2", { a in Self.row { unsafe sim_ex2_f32(&$0, a, 0) } }, exp2, 0x1p-23, 0),
      ("lg2", { a in Self.row { unsafe sim_lg2_f32(&$0, a, 0) } }, log2, 0x1p-23, 0),
      ("rcp", { a in Self.row { unsafe sim_rcp_f32(&$0, a, 0) } }, { 1 / $0 }, 0x1p-24, 0),
      ("sqrt", { a in Self.row { unsafe sim_sqrt_f32(&$0, a, 0) } }, { $0.squareRoot() }, 0x1p-24, 0),
      ("rsqrt", { a in Self.row { unsafe sim_rsqrt_f32(&$0, a, 0) } }, { 1 / $0.squareRoot() }, 0x1p-23, 0),
      ("sin", { a in Self.row { unsafe sim_sin_f32(&$0, a, 0) } }, { sin($0) }, 0, 0x1p-23),
      ("cos", { a in Self.row { unsafe sim_cos_f32(&$0, a, 0) } }, { cos($0) }, 0, 0x1p-23),
      ("tanh", { a in Self.row { unsafe sim_tanh_f32(&$0, a) } }, { tanh($0) }, 0x1p-22, 0),
    ]
    var generator = SplitMix64(seed: 9)
    for (name, function, exact, relative, absolute) in functions {
      for _ in 0..<3000 {
        let row = (0..<32).map { _ -> Float in
          let magnitude = Float.random(in: 0...1, using: &generator)
          let exponent = Int.random(
            in: name == "sin" || name == "cos" ? -10...12 : -40...6, using: &generator)
          let value = Float(sign: .plus, exponent: exponent, significand: magnitude)
          let isOdd = ["ex2", "sin", "cos", "tanh", "rcp"].contains(name) && Bool.random(using: &generator)
          return isOdd ? -value : value
        }
        for (value, result) in zip(row, function(row)) {
          let expected = exact(Double(value))
          if expected.isInfinite || Float(expected).isInfinite {
            #expect(Double(result) == Double(Float(expected)), "\(name) \(value)")
            continue
          }
          let allowed = max(expected.magnitude * relative, absolute, 0x1p-150)
          #expect((Double(result) - expected).magnitude <= allowed, "\(name) \(value) \(result) \(expected)")
        }
      }
    }
  }

  @Test("Approximations of what is no ordinary number")
  func approximationsOfSpecialNumbers() {
    let row: [Float] =
      [.infinity, -.infinity, .nan, 0, -0.0, -1, 1000, -1000] + .init(repeating: 1, count: 24)
    func expect(_ function: Unary, _ expected: [Float], _ name: String) {
      let result = function(row)
      for (index, value) in expected.enumerated() {
        #expect(Self.same(result[index], value), "\(name) \(row[index])")
      }
    }
    expect(
      { a in Self.row { unsafe sim_ex2_f32(&$0, a, 0) } }, [.infinity, 0, .nan, 1, 1, 0.5, .infinity, 0],
      "ex2")
    expect(
      { a in Self.row { unsafe sim_lg2_f32(&$0, a, 0) } },
      [.infinity, .nan, .nan, -.infinity, -.infinity, .nan], "lg2")
    expect(
      { a in Self.row { unsafe sim_rcp_f32(&$0, a, 0) } }, [0, -0.0, .nan, .infinity, -.infinity, -1], "rcp")
    expect(
      { a in Self.row { unsafe sim_sqrt_f32(&$0, a, 0) } }, [.infinity, .nan, .nan, 0, -0.0, .nan], "sqrt")
    expect(
      { a in Self.row { unsafe sim_rsqrt_f32(&$0, a, 0) } }, [0, .nan, .nan, .infinity, -.infinity, .nan],
      "rsqrt")
    expect({ a in Self.row { unsafe sim_sin_f32(&$0, a, 0) } }, [.nan, .nan, .nan, 0, -0.0], "sin")
    expect({ a in Self.row { unsafe sim_cos_f32(&$0, a, 0) } }, [.nan, .nan, .nan, 1, 1], "cos")
    expect({ a in Self.row { unsafe sim_tanh_f32(&$0, a) } }, [1, -1, .nan, 0, -0.0], "tanh")
  }

  @Test("Packing and widening agree with the formats")
  func packing() {
    for (index, high) in Self.rows(400, seed: 10).enumerated() {
      let low = Self.rows(1, seed: UInt64(20_000 + index))[0]
      var f16 = [UInt32](repeating: 0, count: 32)
      var bf16 = f16
      unsafe sim_pack_f16x2(&f16, high, low)
      unsafe sim_pack_bf16x2(&bf16, high, low)
      for lane in 0..<32 {
        let parts = (Double(high[lane]), Double(low[lane]))
        let halves = (
          NumberFormat.f16.encode(parts.0, .nearestEven), NumberFormat.f16.encode(parts.1, .nearestEven)
        )
        let brains = (
          NumberFormat.bf16.encode(parts.0, .nearestEven), NumberFormat.bf16.encode(parts.1, .nearestEven)
        )
        #expect(f16[lane] == halves.0 << 16 | halves.1)
        #expect(bf16[lane] == brains.0 << 16 | brains.1)
      }
    }
    let all = (0...UInt16.max).map { $0 }
    var wide = [Float](repeating: 0, count: all.count)
    unsafe sim_widen_f16(&wide, all, Int32(all.count))
    for (bits, value) in zip(all, wide) {
      #expect(value.bitPattern == PackedFormats.float(f16: bits).bitPattern)
    }
    unsafe sim_widen_bf16(&wide, all, Int32(all.count))
    for (bits, value) in zip(all, wide) { #expect(value.bitPattern == UInt32(bits) << 16) }
  }
}
