import ArgumentParser
import CPUEngine
import LatentAttention

extension ElementType: ExpressibleByArgument {}
extension InstructionSet: ExpressibleByArgument {}
extension PolicyName: ExpressibleByArgument {}

/// Which engine runs the plans.
enum EngineName: String, ExpressibleByArgument, CaseIterable {
  case cpu
}

/// A list given as `16,128`.
struct CommaList<Element: ExpressibleByArgument & Sendable>: ExpressibleByArgument, Sendable {
  let values: [Element]

  init(_ values: [Element]) {
    self.values = values
  }

  init?(argument: String) {
    var values: [Element] = []
    for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
      guard let value = Element(argument: String(part)) else { return nil }
      values.append(value)
    }
    self.values = values
  }

  var defaultValueDescription: String { values.map { "\($0)" }.joined(separator: ",") }
}

extension CommaList<Int> {
  /// Refuses numbers below 1, naming the option.
  func validatePositive(_ option: String) throws {
    for (index, value) in values.enumerated() where value < 1 {
      throw ValidationError("\(option)[\(index)] = \(value): must be at least 1")
    }
  }
}
