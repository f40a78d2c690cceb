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
  private var sequence = 0

  var isEmpty: Bool { requests.isEmpty }

  /// Adds a request for the runs that have been added since the one before.
  mutating func append(_ request: MemoryRequest) {
    sequence += 1
    requests.append(request)
    requests[requests.count - 1].sequence = sequence
  }

  /// Takes out what is asked for before a time, with its runs; what lies later stays for a later window.
  mutating func take(before end: UInt64) -> [(request: MemoryRequest, runs: ArraySlice<Run>)] {
    let (taken, all) = (requests, runs)
    removeAll()
    var due: [(request: MemoryRequest, runs: ArraySlice<Run>)] = []
    for var request in taken {
      if request.time < end {
        due.append((request, all[request.runs]))
      } else {
        let first = runs.count
        runs += all[request.runs]
        request.runs = first..<runs.count
        requests.append(request)
      }
    }
    return due
  }

  /// When the first request is made; the largest number when there is none.
  var firstTime: UInt64 { requests.lazy.map(\.time).min() ?? .max }

  /// Adds bytes to the request that comes next; joins them to those before, if these end where they begin.
  mutating func add(_ address: UInt64, _ byteCount: Int, since first: Int) {
    if runs.count > first, let last = runs.last, last.address + UInt64(last.byteCount) == address {
      runs[runs.count - 1].byteCount += byteCount
    } else {
      runs.append(Run(address: address, byteCount: byteCount))
    }
  }

  private mutating func removeAll() {
    requests = []
    runs = []
  }
}
