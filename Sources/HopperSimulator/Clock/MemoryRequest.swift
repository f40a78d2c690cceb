/// What a warp or a copy wants of global memory.
struct MemoryRequest {
  enum Kind: Equatable {
    case read, write
    /// Operations that L2 carries out; so many on the word that most of them are for.
    case atomic(depth: Int)
  }

  /// Who is told when the data is there.
  enum Completion {
    case nobody
    /// The registers that an instruction of a frame writes.
    case registers(Frame, instruction: Int)
    /// Whatever happens then, in the interpreter that made the request.
    case action((UInt64) -> Void)
  }

  var time: UInt64
  var processor: Int
  /// Of requests of one interpreter at the same time, those that were made first are answered first.
  var sequence = 0
  /// Multiprocessors that get the data too.
  var otherProcessors: [Int] = []
  var kind: Kind
  /// Places of its runs in the queue.
  var runs: Range<Int>
  /// Cycles on top of the latency of memory.
  var extraLatency: UInt64 = 0
  var completion: Completion
}

/// What the warps of an interpreter have asked of memory and has not been answered. An instruction whose operands come
/// later asks then: its request's time may lie beyond the window.
struct RequestQueue {
  /// Bytes by address.
  struct Run {
    var address: UInt64
    var byteCount: Int
  }

  private(set) var requests: [MemoryRequest] = []
  /// Of all requests.
  private(set) var runs: [Run] = []
  /// When the first request is made; the largest number when there is none.
  private(set) var firstTime = UInt64.max
  private var sequence = 0
  /// Requests that are being answered, among others, and their runs.
  private var takenRequests: [MemoryRequest] = []
  private var takenRuns: [Run] = []

  var isEmpty: Bool { requests.isEmpty }

  /// Adds a request for the runs that have been added since the one before.
  mutating func append(_ request: MemoryRequest) {
    sequence += 1
    requests.append(request)
    requests[requests.count - 1].sequence = sequence
    firstTime = min(firstTime, request.time)
  }

  /// Takes out what is asked for before a time, and calls with each and its place there; what lies later stays for a later
  /// window.
  mutating func take(before end: UInt64, _ body: (MemoryRequest, Int) -> Void) {
    forgetTaken()
    swap(&requests, &takenRequests)
    swap(&runs, &takenRuns)
    firstTime = .max
    for place in takenRequests.indices {
      if takenRequests[place].time < end {
        body(takenRequests[place], place)
        continue
      }
      var request = takenRequests[place]
      let first = runs.count
      runs += takenRuns[request.runs]
      request.runs = first..<runs.count
      requests.append(request)
      firstTime = min(firstTime, request.time)
    }
  }

  /// A request that has been taken out.
  func taken(_ place: Int) -> (request: MemoryRequest, runs: ArraySlice<Run>) {
    (takenRequests[place], takenRuns[takenRequests[place].runs])
  }

  /// They have been answered.
  mutating func forgetTaken() {
    takenRequests.removeAll(keepingCapacity: true)
    takenRuns.removeAll(keepingCapacity: true)
  }

  /// Lines of 128 bytes that the runs from the `first`th on have.
  func lineCount(since first: Int) -> UInt64 {
    runs[first...].reduce(0) { count, run in
      guard run.byteCount > 0 else { return count }
      let last = run.address + UInt64(run.byteCount) - 1
      return count + last / L2Cache.lineBytes - run.address / L2Cache.lineBytes + 1
    }
  }

  /// Adds bytes to the request that comes next; joins them to those before, if these end where they begin.
  mutating func add(_ address: UInt64, _ byteCount: Int, since first: Int) {
    if runs.count > first, let last = runs.last, last.address + UInt64(last.byteCount) == address {
      runs[runs.count - 1].byteCount += byteCount
    } else {
      runs.append(Run(address: address, byteCount: byteCount))
    }
  }
}
