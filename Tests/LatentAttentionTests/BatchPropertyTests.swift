import LatentAttention
import Testing

/// Random fields, good and bad: a batch is made of those that the rules, written out plainly, allow.
@Suite("Batches of random fields")
struct BatchPropertyTests {
  private struct Fields {
    var queryOffsets: [Int]
    var pageOffsets: [Int]
    var pageIndices: [Int32]
    var keyLengths: [Int]
    var pageSize: Int
    var poolPageCount: Int

    /// Good fields, but for page lists that may be a page too short.
    init(_ generator: inout SeededGenerator) {
      let count = Int.random(in: 0...4, using: &generator)
      let (size, pool) = (
        [1, 2, 7].randomElement(using: &generator) ?? 1, Int.random(in: 1...20, using: &generator)
      )
      (pageSize, poolPageCount) = (size, pool)
      queryOffsets = [0]
      pageOffsets = [0]
      pageIndices = []
      keyLengths = []
      for _ in 0..<count {
        queryOffsets.append((queryOffsets.last ?? 0) + Int.random(in: 0...3, using: &generator))
        let pages = Int.random(in: 0...4, using: &generator)
        pageIndices += (0..<pages).map { _ in .random(in: 0..<Int32(pool), using: &generator) }
        pageOffsets.append(pageIndices.count)
        keyLengths.append(Int.random(in: 0...pages * size + (pages == 4 ? 1 : 0), using: &generator))
      }
    }

    /// Puts an awkward number in one place, or makes a list longer or shorter.
    mutating func spoil(_ generator: inout SeededGenerator) {
      let number = [Int.min, -1, 0, 1, 2, 19, 20, 21, .max].randomElement(using: &generator) ?? 0
      switch Int.random(in: 0..<7, using: &generator) {
      case 0: Self.replaceOne(of: &queryOffsets, by: number, &generator)
      case 1: Self.replaceOne(of: &pageOffsets, by: number, &generator)
      case 2: Self.replaceOne(of: &pageIndices, by: Int32(clamping: number), &generator)
      case 3: Self.replaceOne(of: &keyLengths, by: number, &generator)
      case 4: pageSize = number
      case 5: poolPageCount = number
      default:
        if .random(using: &generator) { pageOffsets.append(number) } else { queryOffsets.append(number) }
      }
    }

    private static func replaceOne<Number>(
      of list: inout [Number], by number: Number, _ generator: inout SeededGenerator
    ) {
      if let place = list.indices.randomElement(using: &generator) { list[place] = number }
    }

    var areGood: Bool {
      let count = keyLengths.count
      guard pageSize >= 1, poolPageCount >= 0, poolPageCount < 1 << 31, queryOffsets.count == count + 1,
        pageOffsets.count >= count + 1, queryOffsets[0] == 0, pageOffsets[0] == 0
      else { return false }
      for request in 0..<count {
        let (first, end) = (pageOffsets[request], pageOffsets[request + 1])
        guard queryOffsets[request] <= queryOffsets[request + 1], first <= end, end <= pageIndices.count,
          keyLengths[request] >= 0,
          Int128(keyLengths[request]) <= Int128(end - first) * Int128(pageSize)
        else { return false }
        for position in first..<end
        where Int128(position - first) * Int128(pageSize) < Int128(keyLengths[request]) {
          guard pageIndices[position] >= 0, pageIndices[position] < poolPageCount else { return false }
        }
      }
      return true
    }

    func batch() throws(ProblemError) -> Batch {
      try Batch(
        queryOffsets: queryOffsets, pageOffsets: pageOffsets, pageIndices: pageIndices,
        keyLengths: keyLengths, pageSize: pageSize, poolPageCount: poolPageCount, isCausal: true)
    }

    /// Whether an error's field holds its value at its index.
    func contain(_ error: ProblemError) -> Bool {
      guard let index = error.index else { return true }
      switch error.field {
      case "queryOffsets": return queryOffsets[index].description == error.value
      case "pageOffsets": return pageOffsets[index].description == error.value
      case "pageIndices": return pageIndices[index].description == error.value
      case "keyLengths": return keyLengths[index].description == error.value
      default: return false
      }
    }
  }

  @Test("refused exactly where a rule is broken, with the place") func rulesDecide() {
    var generator = SeededGenerator(seed: 41)
    var refused: [ProblemError.Code: Int] = [:]
    var accepted = 0
    for _ in 0..<20_000 {
      var fields = Fields(&generator)
      for _ in 0..<Int.random(in: 0...2, using: &generator) { fields.spoil(&generator) }
      do {
        let batch = try fields.batch()
        #expect(fields.areGood, "\(fields)")
        #expect(batch.keyLengths == fields.keyLengths)
        accepted += 1
      } catch {
        #expect(!fields.areGood, "\(fields): \(error)")
        #expect(fields.contain(error), "\(fields): \(error)")
        refused[error.code, default: 0] += 1
      }
    }
    #expect(accepted > 4_000)
    for code in [ProblemError.Code.notPositive, .outOfRange, .badOffsets, .tooShort, .mismatch] {
      #expect(refused[code, default: 0] > 100, "\(code)")
    }
  }
}
