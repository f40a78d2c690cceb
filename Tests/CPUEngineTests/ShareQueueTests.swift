import CPUEngine
import Foundation
import Synchronization
import Testing

/// Who does a piece is not decided before it is begun.
@Suite struct ShareQueueTests {
  /// Shares of 3, 0, 4 and 1 items.
  private static let offsets = [0, 3, 3, 7, 8]

  private func takeAll(
    _ worker: Int, of workerCount: Int, from queue: ShareQueue, _ body: (Int) -> Void = { _ in }
  ) -> [Int] {
    var items: [Int] = []
    queue.takeAll(worker: worker, of: workerCount, from: Self.offsets) {
      items.append($0)
      body($0)
    }
    return items
  }

  @Test(arguments: [
    (0, 1, [0, 1, 2, 3, 4, 5, 6, 7]), (0, 2, [0, 1, 2, 3, 4, 5, 6, 7]), (1, 2, [7, 0, 1, 2, 3, 4, 5, 6]),
    (2, 3, [3, 4, 5, 6, 0, 1, 2, 7]), (5, 7, [0, 1, 2, 3, 4, 5, 6, 7]),
  ])
  func aWorkerWhoseFellowsDoNotComeDoesEverything(worker: Int, workerCount: Int, order: [Int]) {
    let queue = ShareQueue()
    queue.reserve(shares: 4)
    for _ in 0..<2 {
      queue.refill(shares: 4)
      #expect(takeAll(worker, of: workerCount, from: queue) == order)
      for late in 0..<workerCount { #expect(takeAll(late, of: workerCount, from: queue) == []) }
    }
  }

  /// The second worker comes while the first is at its item 1: it does its own, then what the first has not begun.
  @Test func whatIsBegunStaysWithItsWorker() {
    let queue = ShareQueue()
    queue.reserve(shares: 9)
    queue.refill(shares: 4)
    var second: [Int] = []
    let first = takeAll(0, of: 2, from: queue) { item in
      if item == 1 { second = takeAll(1, of: 2, from: queue) }
    }
    #expect(first == [0, 1])
    #expect(second == [7, 2, 3, 4, 5, 6])
  }

  @Test func eightWorkersAtOnceTakeEveryItemOnce() {
    let (workerCount, itemsPerShare) = (8, 5_000)
    let queue = ShareQueue()
    let offsets = (0...workerCount).map { $0 * itemsPerShare }
    queue.reserve(shares: workerCount)
    queue.refill(shares: workerCount)
    let taken = Mutex<[Int]>([])
    DispatchQueue.concurrentPerform(iterations: workerCount) { worker in
      var items: [Int] = []
      queue.takeAll(worker: worker, of: workerCount, from: offsets) { items.append($0) }
      taken.withLock { $0 += items }
    }
    #expect(taken.withLock { $0.sorted() } == Array(0..<workerCount * itemsPerShare))
  }
}
