extension KernelBuilder {
  /// The lesser of two; a number wins over NaN.
  public func min<T: NumberElement>(
    _ left: Value<T>, _ right: Value<T>, file: String = #fileID, line: Int = #line
  ) -> Value<T> {
    locate(file, line)
    return numeric("min", [left, right])
  }

  /// The greater of two; a number wins over NaN.
  public func max<T: NumberElement>(
    _ left: Value<T>, _ right: Value<T>, file: String = #fileID, line: Int = #line
  ) -> Value<T> {
    locate(file, line)
    return numeric("max", [left, right])
  }

  /// The absolute value.
  public func abs<T: NumberElement>(
    _ value: Value<T>, file: String = #fileID, line: Int = #line
  ) -> Value<T> {
    locate(file, line)
    return numeric("abs", [value])
  }

  /// `a·b + c`, rounded once.
  public func fma<T: FloatElement>(
    _ a: Value<T>, _ b: Value<T>, _ c: Value<T>, file: String = #fileID, line: Int = #line
  ) -> Value<T> {
    locate(file, line)
    return numeric("fma.rn", [a, b, c])
  }

  /// `a·b + c` on 16-bit numbers, rounded once.
  public func fma<T: HalfElement>(
    _ a: Value<T>, _ b: Value<T>, _ c: Value<T>, file: String = #fileID, line: Int = #line
  ) -> Value<T> {
    locate(file, line)
    return numeric("fma.rn", [a, b, c])
  }

  /// `a·b + c` on integers, the lower half of the product.
  public func mad<T: IntegerElement>(
    _ a: Value<T>, _ b: Value<T>, _ c: Value<T>, file: String = #fileID, line: Int = #line
  ) -> Value<T> {
    locate(file, line)
    return numeric("mad.lo", [a, b, c])
  }

  /// The upper half of a product.
  public func multiplyHigh<T: IntegerElement>(
    _ left: Value<T>, _ right: Value<T>, file: String = #fileID, line: Int = #line
  ) -> Value<T> {
    locate(file, line)
    return numeric("mul.hi", [left, right])
  }

  /// The whole product of two 32-bit numbers.
  public func multiplyWide(
    _ left: Value<U32>, _ right: Value<U32>, file: String = #fileID, line: Int = #line
  ) -> Value<U64> {
    locate(file, line)
    return result("mul.wide.u32", [operand(left), operand(right)])
  }

  /// The whole product of two 32-bit numbers.
  public func multiplyWide(
    _ left: Value<S32>, _ right: Value<S32>, file: String = #fileID, line: Int = #line
  ) -> Value<S64> {
    locate(file, line)
    return result("mul.wide.s32", [operand(left), operand(right)])
  }

  /// `whenTrue` where the condition holds, else `whenFalse`.
  public func select<T: RegisterElement>(
    _ condition: Value<Pred>, _ whenTrue: Value<T>, _ whenFalse: Value<T>, file: String = #fileID,
    line: Int = #line
  ) -> Value<T> {
    locate(file, line)
    let predicate = Operand.register(register(condition))
    return result(
      "selp.\(T.registerType.rawValue)", [operand(whenTrue), operand(whenFalse), predicate])
  }

  /// A comparison that an operator does not spell, such as `.leu`.
  public func compare<T: EquatableElement>(
    _ left: Value<T>, _ comparison: Comparison, _ right: Value<T>, file: String = #fileID,
    line: Int = #line
  ) -> Value<Pred> {
    let result = Value.compare(comparison, left, right)
    locate(file, line)
    return result
  }

  /// An approximate function of one fp32 number (PTX ISA 9.7.3, with the stated errors).
  public enum Approximation: String, Sendable, Hashable, CaseIterable {
    /// 2 to the power of x; at most 2 ulp.
    case exponential2 = "ex2"
    /// Logarithm to base 2.
    case logarithm2 = "lg2"
    /// 1/x; at most 1 ulp.
    case reciprocal = "rcp"
    /// 1/√x; at most 2 ulp.
    case reciprocalSquareRoot = "rsqrt"
    /// √x.
    case squareRoot = "sqrt"
    case sine = "sin"
    case cosine = "cos"
  }

  /// An approximate function of one fp32 number.
  public func approximate(
    _ function: Approximation, _ value: Value<F32>, file: String = #fileID, line: Int = #line
  ) -> Value<F32> {
    locate(file, line)
    return result("\(function.rawValue).approx\(flush).f32", [operand(value)])
  }

  /// 2 to the power of x, approximately.
  public func exp2(_ value: Value<F32>, file: String = #fileID, line: Int = #line) -> Value<F32> {
    approximate(.exponential2, value, file: file, line: line)
  }

  /// The logarithm to base 2, approximately.
  public func log2(_ value: Value<F32>, file: String = #fileID, line: Int = #line) -> Value<F32> {
    approximate(.logarithm2, value, file: file, line: line)
  }

  /// 1/x, approximately.
  public func reciprocal(_ value: Value<F32>, file: String = #fileID, line: Int = #line) -> Value<F32> {
    approximate(.reciprocal, value, file: file, line: line)
  }

  /// The hyperbolic tangent, approximately.
  public func tanh(_ value: Value<F32>, file: String = #fileID, line: Int = #line) -> Value<F32> {
    locate(file, line)
    return result("tanh.approx.f32", [operand(value)])
  }

  /// A quotient within 2 ulp.
  public func divideApproximately(
    _ left: Value<F32>, _ right: Value<F32>, file: String = #fileID, line: Int = #line
  ) -> Value<F32> {
    locate(file, line)
    return result("div.approx\(flush).f32", [operand(left), operand(right)])
  }

  /// `.ftz` of fp32 instructions.
  var flush: String { demands.flushesSubnormals ? ".ftz" : "" }

  /// An instruction whose operands and result have one numeric type.
  private func numeric<T: NumberElement>(_ name: String, _ values: [Value<T>]) -> Value<T> {
    let ftz = T.scalarType == .f32 ? flush : ""
    return result("\(name)\(ftz).\(T.scalarType.rawValue)", values.map(arithmeticOperand))
  }
}

extension KernelBuilder {
  /// The lower bits of `source`, `length` of them, at bit `position` of `target`.
  public func insertBits<T: BitsElement>(
    of source: Value<T>, into target: Value<T>, position: Value<U32>, length: Value<U32>,
    file: String = #fileID, line: Int = #line
  ) -> Value<T> {
    locate(file, line)
    let operands = [operand(source), operand(target), operand(position), operand(length)]
    return result("bfi.\(T.scalarType.untyped)", operands)
  }

  /// `length` bits from bit `position` on; of a signed type with the sign of the uppermost.
  public func extractBits<T: IntegerElement>(
    of source: Value<T>, position: Value<U32>, length: Value<U32>, file: String = #fileID,
    line: Int = #line
  ) -> Value<T> {
    locate(file, line)
    return result(
      "bfe.\(T.scalarType.rawValue)", [operand(source), operand(position), operand(length)])
  }

  /// Four bytes picked out of eight: each hexadecimal digit of the selector says which, the lowest digit the
  /// lowest byte; 0 to 3 are those of `low`, 4 to 7 those of `high`.
  public func permuteBytes(
    _ low: Value<B32>, _ high: Value<B32>, selector: Value<B32>, file: String = #fileID, line: Int = #line
  ) -> Value<B32> {
    locate(file, line)
    return result("prmt.b32", [operand(low), operand(high), operand(selector)])
  }

  /// Any function of three bits, bit by bit: bit `4a + 2b + c` of the table is its value.
  public func logic<T: BitsElement>(
    _ a: Value<T>, _ b: Value<T>, _ c: Value<T>, table: UInt8, file: String = #fileID, line: Int = #line
  ) -> Value<T> {
    locate(file, line)
    let operands = [operand(a), operand(b), operand(c), .immediate(.integer(Int64(table)))]
    return result("lop3.\(T.scalarType.untyped)", operands)
  }

  /// A number of bits.
  public enum BitCount: String, Sendable, Hashable {
    /// That are one.
    case ones = "popc"
    /// That are zero above the uppermost one.
    case leadingZeros = "clz"
  }

  /// Counts bits.
  public func count<T: BitsElement>(
    _ what: BitCount, of value: Value<T>, file: String = #fileID, line: Int = #line
  ) -> Value<U32> {
    locate(file, line)
    return result("\(what.rawValue).\(T.scalarType.untyped)", [operand(value)])
  }
}
