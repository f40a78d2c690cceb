import Foundation
import GPUDevice
import HopperSimulator
import PTX
import Reports

/// What a run takes and gives: arguments, buffers, and which of them are written or shown after it.
struct RunRecipe {
  private let items: [KernelItem]
  private let buffers: [String: BufferRecipe]
  private let dumps: [(name: String, path: String)]
  private let shows: [(name: String, count: Int)]

  /// Takes the options apart; an error names the option, its index and its text.
  init(arguments: [String], buffers: [String], dump: [String], show: [String]) throws(ItemError) {
    var declared = try Self.each("--buffer", buffers) { text throws(ItemError) in try BufferRecipe(text) }
    items = try Self.each("--arg", arguments) { text throws(ItemError) in
      try KernelItem(text, buffers: &declared)
    }
    var named: [String: BufferRecipe] = [:]
    for buffer in declared {
      guard named.updateValue(buffer, forKey: buffer.name) == nil else {
        throw ItemError("the buffer '\(buffer.name)' is declared twice")
      }
    }
    self.buffers = named
    func known(_ name: Substring) throws(ItemError) -> BufferRecipe {
      guard let buffer = named[String(name)] else { throw ItemError("no buffer is named '\(name)'") }
      return buffer
    }
    for (index, item) in items.enumerated() {
      for place in item.places {
        do throws(ItemError) {
          let buffer = try known(place.name[...])
          guard place.offset <= buffer.byteCount else {
            throw ItemError(
              "'\(buffer.name)' has \(buffer.byteCount) bytes, offset \(place.offset) is outside")
          }
        } catch {
          throw ItemError("--arg[\(index)] = \(arguments[index]): \(error)")
        }
      }
    }
    dumps = try Self.each("--dump", dump) { text throws(ItemError) in
      guard let equals = text.firstIndex(of: "="), text.index(after: equals) < text.endIndex else {
        throw ItemError("expected NAME=PATH")
      }
      return (try known(text[..<equals]).name, String(text[text.index(after: equals)...]))
    }
    shows = try Self.each("--show", show) { text throws(ItemError) in
      let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      let buffer = try known(parts.first ?? "")
      let count = try parts.count > 1 ? integer(parts[1], "count") : 8
      return (buffer.name, min(count, buffer.count))
    }
  }

  /// Takes each text of an option apart.
  private static func each<Value>(
    _ option: String, _ texts: [String], _ body: (Substring) throws(ItemError) -> Value
  ) throws(ItemError) -> [Value] {
    var values: [Value] = []
    for (index, text) in texts.enumerated() {
      do throws(ItemError) {
        values.append(try body(text[...]))
      } catch {
        throw ItemError("\(option)[\(index)] = \(text): \(error)")
      }
    }
    return values
  }

  /// The buffers on a device, filled.
  func work(on gpu: SimulatedGPU) throws -> [String: DeviceMemory] {
    try buffers.mapValues { try $0.make(on: gpu) }
  }

  /// The arguments with the addresses of the buffers.
  func arguments(_ memory: [String: DeviceMemory], _ gpu: SimulatedGPU) throws -> [KernelArgument] {
    var arguments: [KernelArgument] = []
    for (index, item) in items.enumerated() {
      do {
        arguments.append(try .bytes(item.bytes(gpu, memory), alignment: 1))
      } catch let error as GPUDeviceError {
        throw ItemError("--arg[\(index)]: \(error)")
      }
    }
    return arguments
  }

  /// Prints the first values of buffers.
  func show(_ memory: [String: DeviceMemory], _ gpu: SimulatedGPU) throws {
    for (name, count) in shows {
      let (type, bytes) = try contents(name, memory, gpu, first: count)
      let values = (0..<count).map { index in
        type.text(bytes[index * type.byteCount..<(index + 1) * type.byteCount])
      }
      print("\(name): \(values.joined(separator: " "))")
    }
  }

  /// Refuses files that could not be written.
  func checkDumps() throws {
    for (_, path) in dumps { try FileWriter.check(path) }
  }

  /// Writes buffers to files.
  func dump(_ memory: [String: DeviceMemory], _ gpu: SimulatedGPU) throws {
    for (name, path) in dumps {
      let (_, bytes) = try contents(name, memory, gpu)
      try FileWriter.write(Data(bytes), to: path)
    }
  }

  /// A buffer's elements, or the first of them.
  private func contents(
    _ name: String, _ memory: [String: DeviceMemory], _ gpu: SimulatedGPU, first count: Int? = nil
  ) throws -> (NumberType, [UInt8]) {
    guard let buffer = buffers[name], let memory = memory[name] else {
      throw ItemError("no buffer is named '\(name)'")
    }
    let byteCount = count.map { $0 * buffer.type.byteCount } ?? buffer.byteCount
    return (buffer.type, try gpu.download(byteCount, of: UInt8.self, from: memory))
  }
}

extension PTXFile {
  /// Names of the kernels of a text.
  static func kernelNames(_ path: String) throws -> [String] {
    try Module(parsing: text(path)).kernels.map(\.name)
  }
}
