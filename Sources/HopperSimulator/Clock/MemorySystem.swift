/// L2 and DRAM, which all multiprocessors share, and the way to each of them.
///
/// Requests are resolved in the order of time, multiprocessor and issue, whatever the order in which threads of the
/// simulator made them. Each resource is a server that works requests off one after the other at its rate; latency comes
/// on top. Writes go to L2 and count against DRAM when their line leaves it. A line that is on its
/// way from DRAM is there for others when it has come. Uncalibrated: one L2 partition; DRAM reads and writes take turns
/// without loss.
struct MemorySystem {
  /// What has gone through it.
  struct Counts {
    /// Sectors of 32 bytes that reads have found in L2, and not.
    var hits: UInt64 = 0
    var misses: UInt64 = 0
    var l2ReadBytes: UInt64 = 0
    /// Cycles in which L2 was busy.
    var l2BusyCycles = 0.0
    var l2WriteBytes: UInt64 = 0
    var dramReadBytes: UInt64 = 0
    var dramWriteBytes: UInt64 = 0

    var l2Bytes: UInt64 { l2ReadBytes + l2WriteBytes }
    var dramBytes: UInt64 { dramReadBytes + dramWriteBytes }

    static func - (left: Counts, right: Counts) -> Counts {
      Counts(
        hits: left.hits - right.hits, misses: left.misses - right.misses,
        l2ReadBytes: left.l2ReadBytes - right.l2ReadBytes,
        l2BusyCycles: left.l2BusyCycles - right.l2BusyCycles,
        l2WriteBytes: left.l2WriteBytes - right.l2WriteBytes,
        dramReadBytes: left.dramReadBytes - right.dramReadBytes,
        dramWriteBytes: left.dramWriteBytes - right.dramWriteBytes)
    }
  }

  private let cache: L2Cache
  /// When each server is free, in cycles. Data comes to a multiprocessor, and goes from it, on ways of their own.
  private var readFree: [Double]
  private var writeFree: [Double]
  private var l2Free = 0.0
  private var dramFree = 0.0
  /// When L2 can do the next atomic operation on a sector; sectors share places.
  private var atomicFree = [Double](repeating: 0, count: 1024)
  private var translations: [TranslationBuffer]

  private let processorCyclesPerByte: Double
  private let l2CyclesPerByte: Double
  private let l2CyclesPerComingByte: Double
  private let l2CyclesPerWrittenByte: Double
  private let dramCyclesPerByte: Double
  private let atomicInterval: Double
  private let l2Latency: Double
  private let dramLatency: Double

  private(set) var counts = Counts()

  init(_ device: DeviceDescription, cache: L2Cache) {
    self.cache = cache
    readFree = Array(repeating: 0, count: Int(device.processorCount.value))
    writeFree = readFree
    translations = Array(
      repeating: TranslationBuffer(latency: UInt64(device.translationLatency.value)), count: readFree.count)
    processorCyclesPerByte = 1 / device.processorBandwidth.value
    l2CyclesPerByte = 1 / device.l2Bandwidth.value
    l2CyclesPerComingByte = 1 / device.l2MissBandwidth.value
    l2CyclesPerWrittenByte = 1 / device.l2WriteBandwidth.value
    dramCyclesPerByte = 1 / device.dramBytesPerCycle
    atomicInterval = device.atomicInterval.value
    l2Latency = device.l2Latency.value
    dramLatency = device.dramLatency.value
    cache.settle()
  }

  /// When everything that has been asked for has been moved.
  var idleTime: UInt64 {
    UInt64(max(l2Free, dramFree, writeFree.max() ?? 0, atomicFree.max() ?? 0).rounded(.up))
  }

  /// When a request is done. Requests must come in the order of time.
  mutating func resolve(_ request: MemoryRequest, _ runs: ArraySlice<RequestQueue.Run>) -> UInt64 {
    let isWrite = request.kind == .write
    var bytes: UInt64 = 0
    var missing = 0
    var evicted = 0
    var arrival = 0.0
    var translated = request.time
    for run in runs {
      translated = max(translated, translations[request.processor].ready(run.address, at: request.time))
      // Memory moves in sectors.
      var sector = run.address / L2Cache.sectorBytes
      let end = (run.address + UInt64(run.byteCount) + L2Cache.sectorBytes - 1) / L2Cache.sectorBytes
      bytes += (end - sector) * L2Cache.sectorBytes
      while sector < end {
        let line = sector / 4
        let count = min(end, (line + 1) * 4) - sector
        let wanted = UInt8((1 << count - 1) << (sector & 3))
        let touched = cache.touch(
          line: line, sectors: wanted, isRead: !isWrite, isWrite: request.kind != .read)
        arrival = max(arrival, Double(touched.arrival))
        if touched.missing + touched.evicted > 0 {
          missing += touched.missing
          evicted += touched.evicted
          let moved = takeDRAM(request.time, sectors: touched.missing + touched.evicted)
          if touched.missing > 0 {
            arrival = max(arrival, moved)
            cache.expect(line: line, at: arrival)
          }
        }
        sector += count
      }
    }
    count(bytes, missing: missing, evicted: evicted, isWrite: isWrite)
    // Only this request waits for a translation: bandwidth that it would have used earlier is not kept for it.
    let done =
      take(request, bytes: Double(bytes), arrival: isWrite ? 0 : arrival, isWrite: isWrite)
      + (translated - request.time)
    guard case .atomic(let depth) = request.kind else { return done }
    return max(done, takeAtomic(request, runs, depth) + UInt64(l2Latency))
  }

  /// When DRAM has moved sectors, and they are there.
  private mutating func takeDRAM(_ time: UInt64, sectors: Int) -> Double {
    dramFree = max(dramFree, Double(time)) + Double(sectors) * Double(L2Cache.sectorBytes) * dramCyclesPerByte
    return dramFree + dramLatency
  }

  private mutating func count(_ bytes: UInt64, missing: Int, evicted: Int, isWrite: Bool) {
    counts.dramReadBytes += UInt64(missing) * L2Cache.sectorBytes
    counts.dramWriteBytes += UInt64(evicted) * L2Cache.sectorBytes
    if isWrite {
      counts.l2WriteBytes += bytes
    } else {
      counts.l2ReadBytes += bytes
      counts.misses += UInt64(missing)
      counts.hits += bytes / L2Cache.sectorBytes - UInt64(missing)
    }
  }

  /// Takes the time of L2 and of the ways to and from it; data that comes from DRAM is there at `arrival`.
  private mutating func take(
    _ request: MemoryRequest, bytes: Double, arrival: Double, isWrite: Bool
  ) -> UInt64 {
    let time = Double(request.time)
    var way =
      max(isWrite ? writeFree[request.processor] : readFree[request.processor], time)
      + bytes * processorCyclesPerByte
    if isWrite { writeFree[request.processor] = way } else { readFree[request.processor] = way }
    // It is there when the last of several has it.
    for other in request.otherProcessors {
      readFree[other] = max(readFree[other], time) + bytes * processorCyclesPerByte
      way = max(way, readFree[other])
    }
    let busy = isWrite ? bytes * l2CyclesPerWrittenByte : readCycles(request, bytes, arrival: arrival)
    counts.l2BusyCycles += busy
    l2Free = max(l2Free, time) + busy
    let done = max(max(way, l2Free) + l2Latency, arrival)
    return UInt64(done.rounded(.up)) + request.extraLatency
  }

  /// Cycles of L2 for bytes that are read. What several want that has not come from DRAM is given to each by itself: on an
  /// H100 a multicast of such data saves nothing.
  private func readCycles(_ request: MemoryRequest, _ bytes: Double, arrival: Double) -> Double {
    arrival <= Double(request.time)
      ? bytes * l2CyclesPerByte : bytes * Double(1 + request.otherProcessors.count) * l2CyclesPerComingByte
  }

  /// When L2 has done atomic operations on the words of a request.
  private mutating func takeAtomic(
    _ request: MemoryRequest, _ runs: ArraySlice<RequestQueue.Run>, _ depth: Int
  )
    -> UInt64
  {
    var done = Double(request.time)
    for run in runs {
      let place = Int(run.address / L2Cache.sectorBytes) % atomicFree.count
      atomicFree[place] = max(atomicFree[place], Double(request.time)) + Double(depth) * atomicInterval
      done = max(done, atomicFree[place])
    }
    return UInt64(done.rounded(.up))
  }
}
