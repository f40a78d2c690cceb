import GPUDevice

/// Something that a multiprocessor takes time for, and how many cycles of its own clock it takes.
///
/// A simulated device is held against a real one with them: they are measured, not checked.
public struct ClockMeasurement: Sendable {
  /// What is measured, in a few words, and of what the cycles are.
  public let name: String
  /// The PTX that it loads: a kernel `measure` of one pointer, where it stores numbers of cycles.
  package let text: String
  private let threads: Int
  /// Which of the numbers, and of how many.
  private let place: Int
  private let count: Int

  /// Numbers of cycles that a kernel may store.
  private static let wordCount = 8

  init(_ name: String, text: String, threads: Int, place: Int = 0, count: Int) {
    self.name = name
    self.text = text
    self.threads = threads
    self.place = place
    self.count = count
  }

  /// Runs one block and returns the cycles of one of what is counted.
  ///
  /// - Throws: what the device throws; `GPUDeviceError` as a rule.
  public func cycles(on device: any GPUDevice) throws -> Double {
    let out = try device.upload([UInt64](repeating: 0, count: Self.wordCount))
    try device.defaultStream.launch(
      device.load(ptx: text).kernel("measure"),
      LaunchConfiguration(grid: Extent(1), block: Extent(threads)), arguments: [.memory(out)])
    let words = try device.download(Self.wordCount, of: UInt64.self, from: out)
    return Double(words[place]) / Double(count)
  }
}

extension DeviceConformance {
  /// What a simulated clock must get right for attention kernels: where code comes from, and how products and what runs
  /// beside them share a multiprocessor.
  public static let clockMeasurements: [ClockMeasurement] = code + products + arithmetic

  private static let code = [24, 64, 112, 160, 256].flatMap { kilobytes in
    let text = straightLineText(kilobytes: kilobytes)
    return [("for the first time", 0), ("again", straightLinePasses - 1)].map { when, pass in
      ClockMeasurement(
        "\(kilobytes) KB of straight-line code \(when), of 8 instructions", text: text, threads: 32,
        place: pass, count: kilobytes * 8)
    }
  }

  private static let products = ProductOperands.allCases.flatMap { operands in
    [32, 64, 256].map { columns in
      let loop = ProductLoop(columns: columns, operands: operands, count: 512)
      return ClockMeasurement(
        "m64n\(columns)k16, A in \(operands.rawValue)", text: clockText(loop, nil), threads: 128,
        count: loop.count)
    }
  }

  private static let arithmetic = ArithmeticLoop.allCases.flatMap { loop in
    [ProductLoop?.none, ProductLoop(columns: 256, operands: .shared, count: 512)].map { products in
      ClockMeasurement(
        "\(loop.rawValue)\(products == nil ? "" : " beside products"), of a warp on each scheduler",
        text: clockText(products, loop), threads: 256, place: 1, count: ArithmeticLoop.count)
    }
  }
}
