import PTX

/// The named regions of a kernel (`RegionMarker`), and in which each instruction lies.
///
/// Regions nest. Number 0 is what lies outside of all; the others are in the order in which they begin.
struct RegionTable: Sendable {
  struct Region: Sendable {
    var name: String
    /// Number of the region around it.
    var parent: Int
  }

  private(set) var regions = [Region(name: "", parent: 0)]
  private var numbers: [Int]

  /// Device functions have none of their own: their time is that of the region that calls.
  static let inherited = UInt16.max

  init(_ function: Function, _ list: InstructionList) {
    numbers = Array(repeating: 0, count: list.instructions.count)
    var current = 0
    var index = 0
    for statement in function.body ?? [] {
      switch statement {
      case .instruction:
        numbers[index] = current
        index += 1
      case .label(let label):
        guard let marker = RegionMarker(label: function.labels[Int(label.index)]) else { continue }
        if marker.isBegin, regions.count < Int(Self.inherited) {
          regions.append(Region(name: marker.name, parent: current))
          current = regions.count - 1
        } else if !marker.isBegin {
          current = regions[current].parent
        }
      default: continue
      }
    }
  }

  /// The region of an instruction; 0 for what the decoder has added at the end.
  func number(of instruction: Int) -> Int { numbers.indices.contains(instruction) ? numbers[instruction] : 0 }

  /// The regions around one and itself, outermost first; none for 0.
  func ancestry(_ number: Int) -> [Int] {
    var path: [Int] = []
    var number = number
    while number != 0 {
      path.append(number)
      number = regions[number].parent
    }
    return path.reversed()
  }

  /// Names from the outermost inwards, joined by slashes.
  func path(_ number: Int) -> String { ancestry(number).map { regions[$0].name }.joined(separator: "/") }
}
