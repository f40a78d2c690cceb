import Foundation
import GPUDevice
import HopperSimulator
import Workloads

/// A buffer of the command: `NAME=TYPE:COUNT[:FILL]`.
struct BufferRecipe {
  /// What is in a buffer before the kernel runs.
  enum Fill {
    case zero
    case value(UInt64)
    case range(start: Double, step: Double)
    case random(seed: UInt64, low: Double, high: Double)
    case file(String)
  }

  let name: String
  let type: NumberType
  let count: Int
  let fill: Fill

  /// Takes a text apart.
  init(_ text: Substring) throws(ItemError) {
    guard let equals = text.firstIndex(of: "=") else { throw ItemError("expected NAME=TYPE:COUNT[:FILL]") }
    name = try BufferRecipe.name(text[..<equals])
    let parts = text[text.index(after: equals)...].split(
      separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count >= 2 else { throw ItemError("expected NAME=TYPE:COUNT[:FILL]") }
    type = try NumberType(named: parts[0])
    count = try integer(parts[1], "count", least: 1)
    guard !count.multipliedReportingOverflow(by: type.byteCount).overflow else {
      throw ItemError("count \(count) is too large")
    }
    fill = try parts.count > 2 ? BufferRecipe.fill(parts[2], type) : .zero
  }

  /// Checks that a text can name a buffer.
  static func name(_ text: Substring) throws(ItemError) -> String {
    let isName = text.first?.isLetter == true && text.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" }
    guard isName else { throw ItemError("'\(text)' is no name: a letter, then letters, digits and '_'") }
    return String(text)
  }

  var byteCount: Int { count * type.byteCount }

  private static func fill(_ text: Substring, _ type: NumberType) throws(ItemError) -> Fill {
    let equals = text.firstIndex(of: "=")
    let rest = equals.map { text[text.index(after: $0)...] } ?? ""
    let numbers = equals == nil ? [] : rest.split(separator: ",", omittingEmptySubsequences: false)
    switch text[..<(equals ?? text.endIndex)] {
    case "range":
      guard numbers.count <= 2 else { throw ItemError("expected range=START,STEP, found '\(text)'") }
      let start = try numbers.isEmpty ? 0 : number(numbers[0])
      return .range(start: start, step: try numbers.count < 2 ? 1 : number(numbers[1]))
    case "random":
      guard [0, 1, 3].contains(numbers.count), numbers.isEmpty || UInt64(numbers[0]) != nil else {
        throw ItemError("expected random=SEED or random=SEED,LOW,HIGH, found '\(text)'")
      }
      let seed = numbers.isEmpty ? 1 : UInt64(numbers[0]) ?? 1
      let low = try numbers.count == 3 ? number(numbers[1]) : type.isFloatingPoint ? -1 : 0
      let high = try numbers.count == 3 ? number(numbers[2]) : type.isFloatingPoint ? 1 : 100
      guard low <= high else { throw ItemError("\(low) to \(high) is no range") }
      return .random(seed: seed, low: low, high: high)
    case "file":
      guard !rest.isEmpty else { throw ItemError("expected file=PATH, found '\(text)'") }
      return .file(String(rest))
    default: return .value(try type.bits(parsing: text))
    }
  }

  /// A number of a range or of bounds: exact as an integer too.
  private static func number(_ text: Substring) throws(ItemError) -> Double {
    guard let value = Double(text), value.magnitude < 0x1p53 else {
      throw ItemError("'\(text)' is no number below 2^53")
    }
    return value
  }

  /// Elements that are made at once.
  private static let chunk = 1 << 20

  /// A buffer on a device, filled. It may be larger than this machine's memory would hold twice.
  func make(on gpu: SimulatedGPU) throws -> DeviceMemory {
    let memory = try gpu.allocate(byteCount: byteCount)
    switch fill {
    case .zero: try gpu.defaultStream.fill(memory.address, byteCount: byteCount, with: 0)
    case .value(let bits): try write(to: memory, on: gpu) { _ in bits }
    case .range(let start, let step):
      try write(to: memory, on: gpu) { type.bits(of: start + step * Double($0)) }
    case .random(let seed, let low, let high):
      var generator = SeededGenerator(seed: seed)
      try write(to: memory, on: gpu) { _ in
        type.bits(
          of: type.isFloatingPoint
            ? low + (high - low) * generator.uniform() : Double(generator.integer(in: Int(low)...Int(high))))
      }
    case .file(let path): try gpu.defaultStream.copy(read(path), to: memory.address)
    }
    return memory
  }

  private func write(to memory: DeviceMemory, on gpu: SimulatedGPU, _ bits: (Int) -> UInt64) throws {
    for first in stride(from: 0, to: count, by: Self.chunk) {
      var bytes: [UInt8] = []
      for index in first..<min(first + Self.chunk, count) { bytes += type.bytes(bits(index)) }
      try gpu.defaultStream.copy(bytes, to: memory.address.advanced(by: first * type.byteCount))
    }
  }

  private func read(_ path: String) throws(ItemError) -> [UInt8] {
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw ItemError("cannot read \(path): \(error.localizedDescription)")
    }
    guard data.count == byteCount else {
      throw ItemError("\(path) has \(data.count) bytes, the buffer has \(byteCount)")
    }
    return [UInt8](data)
  }
}
