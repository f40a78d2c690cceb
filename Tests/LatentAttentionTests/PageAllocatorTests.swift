import LatentAttention
import Testing

@Suite struct PageAllocatorTests {
  @Test func handsOutEveryPageOnce() throws {
    var allocator = try PageAllocator(pageCount: 5)
    #expect((0..<5).map { _ in allocator.allocate() } == [0, 1, 2, 3, 4])
    #expect(allocator.allocate() == nil)
    #expect(allocator.freePageCount == 0)
    #expect(allocator.pageCount == 5)
  }

  @Test func pageIsFreeOnceEveryHolderReleasedIt() throws {
    var allocator = try PageAllocator(pageCount: 2)
    let taken = allocator.allocate()
    let page = try #require(taken)
    try allocator.retain(page)
    #expect(try allocator.holderCount(page) == 2)
    try allocator.release(page)
    #expect(allocator.freePageCount == 1)
    try allocator.release(page)
    #expect(allocator.freePageCount == 2)
    #expect(try allocator.holderCount(page) == 0)
    #expect(allocator.allocate() == page)
  }

  @Test func misuseIsAnError() throws {
    expectProblem(.outOfRange, "pageCount", value: "-1") { _ = try PageAllocator(pageCount: -1) }
    expectProblem(.outOfRange, "pageCount", value: "2147483648") { _ = try PageAllocator(pageCount: 1 << 31) }
    var allocator = try PageAllocator(pageCount: 2)
    expectProblem(.outOfRange, "page", value: "0") { try allocator.release(0) }
    expectProblem(.outOfRange, "page", value: "1") { try allocator.retain(1) }
    expectProblem(.outOfRange, "page", value: "2") { _ = try allocator.holderCount(2) }
    expectProblem(.outOfRange, "page", value: "-1") { try allocator.release(-1) }
    #expect(allocator.freePageCount == 2)
  }

  @Test func randomUseNeverHandsOutAHeldPage() throws {
    var allocator = try PageAllocator(pageCount: 20)
    var holders: [Int32: Int] = [:]
    var generator = SplitMix64(seed: 1)
    for _ in 0..<5000 {
      let held = holders.keys.sorted()
      switch Int.random(in: 0..<3, using: &generator) {
      case 0:
        guard let page = allocator.allocate() else {
          #expect(held.count == 20)
          break
        }
        #expect(holders.updateValue(1, forKey: page) == nil)
      case 1 where !held.isEmpty:
        let page = generator.pick(held)
        try allocator.retain(page)
        holders[page, default: 0] += 1
      case 2 where !held.isEmpty:
        let page = generator.pick(held)
        try allocator.release(page)
        holders[page] = holders[page] == 1 ? nil : holders[page, default: 0] - 1
      default: break
      }
      #expect(allocator.freePageCount == 20 - holders.count)
    }
    for page in Int32(0)..<20 { #expect(try allocator.holderCount(page) == holders[page, default: 0]) }
  }
}
