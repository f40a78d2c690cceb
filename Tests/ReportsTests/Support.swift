import Foundation
import FoundationXML
import LatentAttention
import Reports

/// What an XML parser found in a text: every element with its attributes and the text directly inside.
final class XMLOutline: NSObject, XMLParserDelegate {
  struct Element {
    var name: String
    var attributes: [String: String]
    var text = ""
  }

  private(set) var elements: [Element] = []
  private(set) var fault: String?
  private var open: [Int] = []

  init(_ text: String) {
    super.init()
    let parser = XMLParser(data: Data(text.utf8))
    parser.delegate = self
    if !parser.parse() {
      fault = "line \(parser.lineNumber): \(parser.parserError.map(String.init(describing:)) ?? "unknown")"
    }
  }

  func all(_ name: String, class className: String? = nil) -> [Element] {
    elements.filter { $0.name == name && (className == nil || $0.attributes["class"] == className) }
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    open.append(elements.count)
    elements.append(Element(name: name, attributes: attributes))
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) {
    if let last = open.last { elements[last].text += string }
  }

  func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?)
  {
    open.removeLast()
  }
}

extension XMLOutline.Element {
  /// A numeric attribute; NaN where it is missing or not a number, so that comparisons with it fail.
  func number(_ name: String) -> Double { attributes[name].flatMap(Double.init) ?? .nan }
}

/// The numbers in a path's data, in order.
func numbers(inPath path: String) -> [Double] {
  path.split { !"0123456789.-".contains($0) }.compactMap { Double($0) }
}

/// A generator with a fixed seed: SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

let exampleCosts = CostModel(
  perPiece: 1000, perKey: 10, perKeyRow: 0, perPartialRow: 50, rowGranularity: 1, keyGranularity: 64)

/// A plan in which worker `w` of `workers` runs request `w` on its own, except that the last request is
/// halved between the last two workers, the first of which merges it.
func examplePlan(workers: Int) throws -> AttentionPlan {
  let keyCount = 640
  let requests = max(1, workers - 1)
  let batch = try Batch(
    queryCounts: Array(repeating: 1, count: requests),
    pageLists: Array(repeating: Array(0..<10), count: requests),
    keyLengths: Array(repeating: keyCount, count: requests), pageSize: 64, poolPageCount: 10, isCausal: true)
  var pieces = (0..<requests - 1).map {
    Piece(request: $0, firstRow: 0, rowCount: 8, keyStart: 0, keyEnd: keyCount, partialRow: nil)
  }
  for half in 0..<2 {
    pieces.append(
      Piece(
        request: requests - 1, firstRow: 0, rowCount: 8, keyStart: half * 320, keyEnd: half * 320 + 320,
        partialRow: half * 8))
  }
  let merge = MergeJob(
    request: requests - 1, firstRow: 0, rowCount: 8, partialRow: 0, partialStride: 8, partialCount: 2)
  let statistics = PlanStatistics(
    policy: "<halves>", workerCount: workers, pieceCount: pieces.count, partialPieceCount: 2, makespan: 7400,
    lowerBound: 7000, idleShare: 0.125, partialBytes: 32832, mergeRowCount: 8)
  return AttentionPlan(
    geometry: try AttentionGeometry.deepSeek(headCount: 8), batch: batch, pieces: pieces,
    pieceOffsets: Array(0...workers), mergeJobs: [merge],
    mergeOffsets: (0...workers).map { $0 > workers - 2 ? 1 : 0 }, partialRowCount: 16, statistics: statistics)
}
