/// How a conversion rounds (PTX ISA 9.7.9.21).
public enum Rounding: String, Sendable, Hashable {
  /// To nearest, ties to even; to integers `rni`.
  case nearestEven = "rn"
  /// Towards zero; to integers `rzi`.
  case towardZero = "rz"
  /// Downwards; to integers `rmi`.
  case down = "rm"
  /// Upwards; to integers `rpi`.
  case up = "rp"
}

extension Value where Element: MemoryElement {
  /// The same number in another type.
  ///
  /// It rounds where the type is narrower: to nearest if not said otherwise, floating-point to integer towards
  /// zero. `saturating` clamps to the range of the type. Throws at the end of recording what PTX cannot convert.
  public func to<Other: MemoryElement>(
    _ type: Other.Type, rounding: Rounding? = nil, saturating: Bool = false, file: String = #fileID,
    line: Int = #line
  ) -> Value<Other> {
    guard let builder else { return converted(type) }
    builder.locate(file, line)
    let source = Element.scalarType
    let target = Other.scalarType
    let areIntegers = !source.isFloatingPoint && !target.isFloatingPoint
    if source == target || areIntegers && source.bitCount == target.bitCount && !saturating {
      return bits(as: type)
    }
    var spelling = "cvt"
    if let mode = Conversion.mode(from: source, to: target, rounding) { spelling += "." + mode }
    if builder.demands.flushesSubnormals, source == .f32 || target == .f32,
      source == .f32 || source == .f64, target == .f32 || !target.isFloatingPoint
    {
      spelling += ".ftz"
    }
    if saturating { spelling += target == .tf32 ? ".satfinite" : ".sat" }
    return builder.result(
      "\(spelling).\(target.rawValue).\(source.rawValue)", [.register(builder.register(self))])
  }

  /// A number in another type; to an integer towards zero, and into the range of 64 bits.
  private func converted<Other: MemoryElement>(_ type: Other.Type) -> Value<Other> {
    let number: Double
    switch operand {
    case .immediate(.float(let bits)): number = Double(Float(bitPattern: bits))
    case .immediate(.double(let bits)): number = Double(bitPattern: bits)
    case .immediate(.integer(let bits)) where Element.scalarType.halves?.count == 1:
      number = Element.scalarType.halves?.format.number(UInt16(truncatingIfNeeded: bits)) ?? 0
    case .immediate(.integer(let integer)): return Value<Other>(integerLiteral: Int(integer))
    default: return Value<Other>(builder: nil, operand: operand)
    }
    if Other.scalarType.isFloatingPoint {
      return Value<Other>(builder: nil, operand: .immediate(Other.scalarType.immediate(number)))
    }
    let isInRange = number > -0x1p63 && number < 0x1p63
    return Value<Other>(integerLiteral: isInRange ? Int(number) : number < 0 ? .min : .max)
  }
}

extension Value where Element: BitsElement {
  /// The lower bits, as many as the type has, or the bits with zeros above them.
  public func resized<Other: IntegerElement>(
    to type: Other.Type, file: String = #fileID, line: Int = #line
  ) -> Value<Other> {
    guard let builder else { return Value<Other>(builder: nil, operand: operand) }
    builder.locate(file, line)
    if Element.scalarType.bitCount == Other.scalarType.bitCount { return bits(as: type) }
    return builder.result(
      "cvt.u\(Other.scalarType.bitCount).u\(Element.scalarType.bitCount)", [.register(builder.register(self))]
    )
  }
}

private enum Conversion {
  /// The rounding that PTX asks for between two types, nil where it allows none.
  static func mode(from source: ScalarType, to target: ScalarType, _ rounding: Rounding?) -> String? {
    let rounding = rounding?.rawValue
    switch (source.isFloatingPoint, target.isFloatingPoint) {
    case (true, true):
      if target == .tf32 { return rounding ?? "rna" }
      let isWidening = target.bitCount > source.bitCount && source != .e4m3x2 && source != .e5m2x2
      return isWidening ? nil : rounding ?? "rn"
    case (true, false): return (rounding ?? "rz") + "i"
    case (false, true): return rounding ?? "rn"
    case (false, false): return nil
    }
  }
}

extension KernelBuilder {
  /// Two fp32 numbers rounded to 16 bits, the first into the lower half.
  public func pack<T: PackedElement>(
    _ type: T.Type, _ low: Value<F32>, _ high: Value<F32>, file: String = #fileID, line: Int = #line
  ) -> Value<T> {
    locate(file, line)
    return result("cvt.rn.\(T.scalarType.rawValue).f32", [operand(high), operand(low)])
  }

  /// Two fp32 numbers rounded to fp8, saturating, the first into the lower half.
  public func pack(
    _ type: E4M3x2.Type, _ low: Value<F32>, _ high: Value<F32>, file: String = #fileID,
    line: Int = #line
  ) -> Value<E4M3x2> {
    locate(file, line)
    return result("cvt.rn.satfinite.e4m3x2.f32", [operand(high), operand(low)])
  }

  /// Two fp32 numbers rounded to fp8, saturating, the first into the lower half.
  public func pack(
    _ type: E5M2x2.Type, _ low: Value<F32>, _ high: Value<F32>, file: String = #fileID,
    line: Int = #line
  ) -> Value<E5M2x2> {
    locate(file, line)
    return result("cvt.rn.satfinite.e5m2x2.f32", [operand(high), operand(low)])
  }

  /// Values side by side in one of 32 or 64 bits, the first lowest.
  ///
  /// Throws at the end of recording if the widths do not add up.
  public func join<T: MemoryElement, Part: MemoryElement>(
    _ type: T.Type, _ parts: [Value<Part>], file: String = #fileID, line: Int = #line
  ) -> Value<T> {
    locate(file, line)
    checkJoin(T.registerType, Part.registerType, count: parts.count)
    return result("mov.\(T.registerType.untyped)", [.vector(parts.map { .register(register($0)) })])
  }

  /// A value of 32 or 64 bits cut into parts, the lowest first.
  ///
  /// Throws at the end of recording if the widths do not add up.
  public func split<T: MemoryElement, Part: MemoryElement>(
    _ value: Value<T>, into type: Part.Type, file: String = #fileID, line: Int = #line
  ) -> [Value<Part>] {
    locate(file, line)
    let count = Swift.max(T.registerType.bitCount / Part.registerType.bitCount, 1)
    checkJoin(T.registerType, Part.registerType, count: count)
    let parts = (0..<count).map { _ in newRegister(Part.registerType) }
    record(
      "mov.\(T.registerType.untyped)",
      [.vector(parts.map { .register($0) }), .register(register(value))])
    return parts.map { Value(builder: self, operand: .register($0)) }
  }

  private func checkJoin(_ whole: ScalarType, _ part: ScalarType, count: Int) {
    if part.bitCount * count != whole.bitCount || count < 2 {
      fail(.mismatch("\(count) parts of .\(part.rawValue) are not one .\(whole.rawValue)"))
    }
  }
}
