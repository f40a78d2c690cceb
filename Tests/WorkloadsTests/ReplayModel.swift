import LatentAttention
import Testing
import Workloads

/// What each token's key in the cache stands for: the model of a cache's contents.
enum TokenIdentity: Hashable {
  /// A token of a block that other requests may have too.
  case block(Int, position: Int)
  /// A token that one request alone has.
  case own(request: Int, position: Int)
}

/// Follows a batcher step by step, does what its steps say with a cache of token identities, and checks
/// that every request finds exactly its own tokens there, and every other rule a batcher must keep.
struct ReplayModel {
  let trace: RequestTrace
  let pageSize: Int
  let pageCount: Int
  let maximumBatchSize: Int
  private var contents: [[TokenIdentity?]]
  private var lengths: [Int: Int] = [:]
  private var generated: [Int: Int] = [:]
  private(set) var completed: [Int] = []
  private(set) var preemptionCount = 0
  private(set) var sharedPageHitCount = 0
  private(set) var peakPagesInUse = 0
  private var active: Set<Int> = []
  private var admittedOnce: [Int] = []
  private var stepCount = 0

  init(trace: RequestTrace, tokenBudget: Int, pageSize: Int, maximumBatchSize: Int) {
    self.trace = trace
    self.pageSize = pageSize
    self.maximumBatchSize = maximumBatchSize
    pageCount = tokenBudget / pageSize
    contents = Array(repeating: Array(repeating: nil, count: pageSize), count: pageCount)
  }

  var generatedTokenCount: Int { generated.values.reduce(0, +) }

  func pages(of row: Int, in step: DecodeStep) -> ArraySlice<Int32> {
    let needed = (step.keyLengths[row] + pageSize - 1) / pageSize
    let list = step.pageIndices[step.pageOffsets[row]..<step.pageOffsets[row + 1]]
    #expect(needed <= list.count)
    return list.prefix(needed)
  }

  mutating func follow(_ step: DecodeStep) throws {
    #expect(step.index == stepCount)
    stepCount += 1
    #expect((1...maximumBatchSize).contains(step.requests.count))
    #expect(Set(step.requests).count == step.requests.count)
    for request in step.preempted {
      #expect(active.remove(request) != nil)
      lengths[request] = nil
      preemptionCount += 1
    }
    for admission in step.admissions { admit(admission, in: step) }
    #expect(Set(step.requests) == active)
    for row in step.requests.indices { append(row: row, in: step) }
    for row in step.requests.indices { checkContents(row: row, in: step) }
    checkPool(step)
    complete(step)
    let batch = try step.batch()
    #expect(batch.keyLengths == step.keyLengths && batch.queryTokenCount == batch.count)
  }

  private mutating func admit(_ admission: Admission, in step: DecodeStep) {
    let request = admission.request
    #expect(step.requests[admission.row] == request)
    #expect(trace.requests[request].arrival <= step.time)
    #expect(active.insert(request).inserted)
    if generated[request] == nil {
      if let last = admittedOnce.last { #expect(request > last) }
      admittedOnce.append(request)
    }
    #expect(admission.promptLength == trace.requests[request].promptLength + generated[request, default: 0])
    #expect(admission.sharedLength.isMultiple(of: pageSize))
    sharedPageHitCount += admission.sharedLength / pageSize
    for position in admission.sharedLength..<max(admission.promptLength, admission.sharedLength) {
      let offset = position - admission.sharedLength
      contents[Int(admission.pagesToFill[offset / pageSize])][offset % pageSize] = identity(
        request, position)
    }
    let filled = admission.promptLength - admission.sharedLength
    #expect(admission.pagesToFill.count == (filled + pageSize - 1) / pageSize)
    lengths[request] = admission.promptLength
  }

  private mutating func append(row: Int, in step: DecodeStep) {
    let request = step.requests[row]
    let length = step.keyLengths[row]
    #expect(length == lengths[request, default: -2] + 1)
    lengths[request] = length
    generated[request, default: 0] += 1
    let token = step.appendedTokens[row]
    contents[Int(token.page)][token.slot] = identity(request, length - 1)
  }

  private func checkContents(row: Int, in step: DecodeStep) {
    let request = step.requests[row]
    let list = Array(pages(of: row, in: step))
    let found = (0..<step.keyLengths[row]).map { contents[Int(list[$0 / pageSize])][$0 % pageSize] }
    let expected = (0..<step.keyLengths[row]).map { identity(request, $0) }
    #expect(found == expected)
  }

  private mutating func checkPool(_ step: DecodeStep) {
    var holders: [Int32: Int] = [:]
    for row in step.requests.indices {
      let list = pages(of: row, in: step)
      #expect(Set(list).count == list.count)
      for page in list { holders[page, default: 0] += 1 }
    }
    for (page, count) in holders where count > 1 {
      // Shared by prefix: full, and nothing in it that belongs to one request.
      #expect(
        contents[Int(page)].allSatisfy {
          if case .block = $0 { true } else { false }
        })
    }
    #expect(step.poolUse.inUse == holders.count)
    #expect(step.poolUse.inUse + step.poolUse.cached + step.poolUse.free == pageCount)
    #expect(step.poolUse.cached >= 0 && step.poolUse.free >= 0)
    peakPagesInUse = max(peakPagesInUse, holders.count)
  }

  private mutating func complete(_ step: DecodeStep) {
    let finished = step.requests.filter { generated[$0] == trace.requests[$0].outputLength }
    #expect(step.completed == finished)
    for request in finished {
      let entry = trace.requests[request]
      #expect(lengths[request] == entry.promptLength + entry.outputLength)
      #expect(!completed.contains(request))
      completed.append(request)
      active.remove(request)
    }
  }

  private func identity(_ request: Int, _ position: Int) -> TokenIdentity {
    let entry = trace.requests[request]
    let block = position / trace.prefixBlockSize
    let isWhole = (block + 1) * trace.prefixBlockSize <= entry.promptLength
    return isWhole && block < entry.prefixBlocks.count
      ? .block(entry.prefixBlocks[block], position: position)
      : .own(request: request, position: position)
  }
}
