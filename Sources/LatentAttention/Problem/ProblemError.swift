/// A mistake in what the caller passed: it names the field, the place in it and the value found there.
///
/// Validation happens before anything is written, so a call that throws this has changed nothing.
public struct ProblemError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of rule was broken.
  public enum Code: String, Sendable, Hashable, Codable {
    /// A count, width, stride or length is negative, or zero where it must not be.
    case notPositive
    /// A value lies outside the range that it may have.
    case outOfRange
    /// A product or sum of sizes does not fit 64 bits.
    case overflow
    /// Offsets go down, or do not start at 0, or do not end at the number of rows.
    case badOffsets
    /// A list has fewer entries than its length needs.
    case tooShort
    /// A buffer holds fewer bytes than its shape and strides reach.
    case bufferTooSmall
    /// A pointer is not a multiple of its element's size.
    case misaligned
    /// Two descriptions that must agree do not.
    case mismatch
    /// An output shares memory with an input, another output or itself.
    case overlap
    /// A number must be finite.
    case notFinite
    /// The cache pool has no room for what was asked.
    case poolExhausted
  }

  /// What kind of rule was broken.
  public let code: Code
  /// The field, as the caller knows it: `"keyLengths"`, `"cache.latent.strides"`.
  public let field: String
  /// The position in the field, where the field is a list.
  public let index: Int?
  /// The value found there.
  public let value: String
  /// What would have been right.
  public let requirement: String

  /// Makes an error; `value` is printed with `String(describing:)`.
  public init(
    _ code: Code, _ field: String, index: Int? = nil, value: some CustomStringConvertible,
    requirement: String
  ) {
    self.code = code
    self.field = field
    self.index = index
    self.value = value.description
    self.requirement = requirement
  }

  /// One line: `keyLengths[3] = -1: must not be negative (notPositive)`.
  public var description: String {
    let place = index.map { "\(field)[\($0)]" } ?? field
    return "\(place) = \(value): \(requirement) (\(code.rawValue))"
  }
}

extension Int {
  /// `self · other`, or an error that names `field`.
  package func multiplied(by other: Int, field: String) throws(ProblemError) -> Int {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    if overflow {
      throw ProblemError(
        .overflow, field, value: "\(self) × \(other)", requirement: "the product must fit 64 bits")
    }
    return product
  }

  /// `self + other`, or an error that names `field`.
  package func added(to other: Int, field: String) throws(ProblemError) -> Int {
    let (sum, overflow) = addingReportingOverflow(other)
    if overflow {
      throw ProblemError(
        .overflow, field, value: "\(self) + \(other)", requirement: "the sum must fit 64 bits")
    }
    return sum
  }
}
