import PTX

/// A call (PTX ISA 9.7.12.5): whom, and where its arguments and results lie in the caller's frame.
struct CallSite: Sendable {
  enum Callee: Sendable {
    case function(String)
    /// A row with the functions' addresses.
    case address(Int32)
  }

  var callee: Callee
  var arguments: [CallValue]
  var results: [CallValue]
}

/// Where a value that a call passes lies in a frame.
enum CallValue: Sendable {
  /// At an offset in the frame's local memory.
  case memory(offset: Int, byteCount: Int)
  /// In a register of 32 or 64 bits, or a literal.
  case row(Int32, isWide: Bool)
}

extension Decoder {
  /// `call (results), callee, (arguments), prototype`, of which only the callee must be there.
  mutating func decodeCall() -> Bool {
    var rest = operands[...]
    var results: [CallValue] = []
    if case .list(let parts)? = rest.first {
      guard let values = callValues(parts) else { return false }
      results = values
      rest = rest.dropFirst()
    }
    let callee: CallSite.Callee
    switch rest.popFirst() {
    case .symbol(let name, _): callee = .function(name)
    case .register(let register): callee = .address(allocation.slots[Int(register.index)])
    default: return false
    }
    var arguments: [CallValue] = []
    if case .list(let parts)? = rest.first {
      guard let values = callValues(parts) else { return false }
      arguments = values
    }
    let number = Int64(callSites.count)
    callSites.append(CallSite(callee: callee, arguments: arguments, results: results))
    emit(.call) { $0.immediate = number }
    return true
  }

  private mutating func callValues(_ operands: [Operand]) -> [CallValue]? {
    var values: [CallValue] = []
    for operand in operands {
      switch operand {
      case .symbol(let name, _):
        guard case .frame(let place)? = layout.places[name],
          let variable = function.variables.first(where: { $0.name == name })
        else { return nil }
        values.append(.memory(offset: place, byteCount: variable.byteCount))
      case .register, .immediate:
        let isWide = isWide(operand)
        guard let row = source(operand, isWide ? .b64 : .b32) else { return nil }
        values.append(.row(row, isWide: isWide))
      case .sink: values.append(.row(scratch.sink, isWide: true))
      default: return nil
      }
    }
    return values
  }

  /// Where a device function finds its arguments, or leaves its results.
  func callPlaces(_ variables: [Variable]) -> [CallValue] {
    variables.map { variable in
      if case .frame(let place)? = layout.places[variable.name] {
        return .memory(offset: place, byteCount: variable.byteCount)
      }
      // One that no instruction names has no register.
      let register = function.registers.firstIndex { $0.name == variable.name }
      return .row(register.map { allocation.slots[$0] } ?? scratch.sink, isWide: variable.type.bitCount == 64)
    }
  }
}
