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
  /// Multiprocessors that get the data too.
  var otherProcessors: [Int] = []
  var kind: Kind
  /// Places of its runs in the queue.
  var runs: Range<Int>
  /// Cycles on top of the latency of memory.
  var extraLatency: UInt64 = 0
  var completion: Completion
}

/// What the warps of an interpreter have asked of memory in a window of time.
struct RequestQueue {
  /// Bytes by address.
  struct Run {
    var address: UInt64
    var byteCount: Int
  }

  private(set) var requests: [MemoryRequest] = []
  /// Of all requests.
  private(set) var runs: [Run] = []

  var isEmpty: Bool { requests.isEmpty }

  /// Adds a request for the runs that have been added since the one before.
  mutating func append(_ request: MemoryRequest) { requests.append(request) }

  /// Adds bytes to the request that comes next; joins them to those before, if these end where they begin.
  mutating func add(_ address: UInt64, _ byteCount: Int, since first: Int) {
    if runs.count > first, let last = runs.last, last.address + UInt64(last.byteCount) == address {
      runs[runs.count - 1].byteCount += byteCount
    } else {
      runs.append(Run(address: address, byteCount: byteCount))
    }
  }

  mutating func removeAll() {
    requests.removeAll(keepingCapacity: true)
    runs.removeAll(keepingCapacity: true)
  }
}
