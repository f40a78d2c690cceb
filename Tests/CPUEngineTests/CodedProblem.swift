import CPUEngine
import LatentAttention
import TestSupport
import Testing

/// A problem with an 8-bit cache in some layout. Slots that no request has hold NaN in codes, numbers and scales.
struct CodedProblem {
  let batch: Batch
  let geometry: AttentionGeometry
  let queries: QueryView
  let cache: CacheView
  let output: OutputView
  let engine: CPUEngine
  private let owners: [AnyObject]

  init(_ layout: CodedCacheTests.Layout, heads: Int, lengths: [Int], queryCount: Int) throws {
    var generator = SplitMix64(seed: UInt64(heads))
    let pageSize = 16
    let counts = lengths.map { ($0 + pageSize - 1) / pageSize }
    let pageCount = counts.reduce(0, +) + 1
    var free = Array((0..<Int32(pageCount)).reversed())
    let lists = counts.map { count in (0..<count).map { _ in free.removeLast() } }
    batch = try Batch(
      queryCounts: lengths.map { _ in queryCount }, pageLists: lists, keyLengths: lengths, pageSize: pageSize,
      poolPageCount: pageCount, isCausal: true)
    let ropeWidth = [.uniformWithoutRope, .tokensOf584Bytes].contains(layout) ? 0 : 64
    geometry = try AttentionGeometry(headCount: heads, ropeWidth: ropeWidth, softmaxScale: 0.07)
    let used = Set(
      zip(lists, lengths).flatMap { list, length in
        (0..<length).map { Int(list[$0 / pageSize]) * pageSize + $0 % pageSize }
      })
    let pool = try CodedPool(layout, pageCount, pageSize, used: used, &generator)
    cache = pool.view
    let tokens = batch.queryTokenCount
    let latent = try OwnedTensor(
      .bfloat16, (tokens, heads, 512), (0..<tokens * heads * 512).map { _ in generator.normal() })
    let rope = try OwnedTensor(
      .bfloat16, (tokens, heads, ropeWidth), (0..<tokens * heads * ropeWidth).map { _ in generator.normal() })
    queries = QueryView(latent: latent.view, rope: ropeWidth > 0 ? rope.view : nil)
    let outputs = try OwnedTensor(.float32, (tokens, heads, 512), repeating: 9)
    let lses = try OwnedTensor(.float32, (tokens, heads, 1), repeating: 9)
    output = OutputView(output: outputs.rows, lse: lses.rows)
    owners = [pool, latent, rope, outputs, lses]
    engine = try CPUEngine(threadCount: 1)
  }

  /// Runs, and holds every row against the oracle. Where products are in bf16, values were rounded to it once.
  func check(on engine: CPUEngine) throws {
    defer { withExtendedLifetime(owners) {} }
    try engine.run(
      engine.plan(batch, geometry: geometry), queries: queries, cache: cache, output: output)
    let oracle = try Oracle(batch: batch, geometry: geometry, queries: queries, cache: cache)
    let rounding = engine.instructionSet == .avx512bf16 ? ElementType.bfloat16.roundingError : 1e-5
    for request in 0..<batch.count {
      for token in 0..<batch.queryCount(request) {
        for (head, row) in try oracle.rows(request: request, token: token).enumerated() {
          let place = batch.queryOffsets[request] + token
          let lse = Double(output.lse?.view.row(place, head)[0] ?? .nan)
          // Roundings of a score's many products do not conspire: a tenth of their sum is far off.
          let scoreError = rounding * row.scoreMagnitude / 10 + 1e-5
          #expect(row.keyCount == 0 ? lse == -.infinity : abs(lse - row.lse) <= scoreError)
          for (column, value) in output.output.view.row(place, head).enumerated() {
            let bound = (2 * scoreError + 2 * rounding) * row.weightedMagnitude[column]
            #expect(
              abs(Double(value) - row.output[column]) <= bound + 1e-6,
              "column \(column), \(engine.instructionSet)")
          }
        }
      }
    }
  }
}

/// The memory of a pool of 8-bit tokens.
@safe private final class CodedPool {
  let view: CacheView
  private let memory: UnsafeMutableRawBufferPointer

  init(
    _ layout: CodedCacheTests.Layout, _ pages: Int, _ slots: Int, used: Set<Int>,
    _ generator: inout SplitMix64
  ) throws {
    let tokens = pages * slots
    // All parts lie in one block of memory; NaN in every format where nothing is written.
    let memory = UnsafeMutableRawBufferPointer.allocate(
      byteCount: (tokens + pages) * 4096, alignment: 64)
    unsafe self.memory = memory
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0xFF)
    view = unsafe try Self.view(layout, UnsafeRawBufferPointer(memory), pages, slots)
    for token in used {
      let (page, slot) = (token / slots, token % slots)
      write(view.latent, page, slot) { _ in Self.code(&generator) }
      if let tail = view.latentTail ?? view.rope {
        if tail.elementType == .float8 {
          write(tail, page, slot) { _ in Self.code(&generator) }
        } else {
          write(tail, page, slot) { BFloat16Bits.rounding(Float($0 % 7) - 3 + generator.normal()) }
        }
      }
      guard let scales = view.scales?.groups?.scales else { continue }
      if scales.elementType == .float8 {
        write(scales, page, slot) { UInt8(120 + ($0 + slot) % 9) }
      } else {
        write(scales, page, slot) { Float(0.013) * Float($0 + 1) * (1 + Float(slot)) }
      }
    }
  }

  deinit { unsafe memory.deallocate() }

  private static func code(_ generator: inout SplitMix64) -> UInt8 { E4M3Bits.rounding(generator.normal()) }

  private func write<Bits>(_ tensor: TensorView, _ page: Int, _ slot: Int, _ value: (Int) -> Bits) {
    let row = unsafe UnsafeMutableRawPointer(mutating: tensor.rowAddress(page, slot))
    for column in 0..<tensor.width {
      unsafe row.storeBytes(of: value(column), toByteOffset: column * MemoryLayout<Bits>.size, as: Bits.self)
    }
  }

  private static func view(
    _ layout: CodedCacheTests.Layout, _ memory: UnsafeRawBufferPointer, _ pages: Int, _ slots: Int
  ) throws -> CacheView {
    func part(_ offset: Int, _ type: ElementType, _ width: Int) throws -> TensorView {
      let size = type.byteCount
      return unsafe try TensorView(
        UnsafeRawBufferPointer(rebasing: memory[offset...]), type, shape: (pages, slots, width),
        strides: (slots * 4096 / size, 4096 / size))
    }
    switch layout {
    case .uniform:
      return CacheView(
        latent: try part(0, .float8, 512), rope: try part(1024, .float8, 64),
        scales: CacheScales(latent: .uniform(0.37), rope: 1.7))
    case .uniformWithoutRope:
      return CacheView(latent: try part(3, .float8, 512), rope: nil, scales: CacheScales(latent: .uniform(2)))
    case .groups:
      return CacheView(
        latent: try part(0, .float8, 512), rope: try part(1024, .float8, 64),
        scales: CacheScales(latent: .groups(try part(2048, .float32, 4), width: 128), rope: 0.25))
    case .groupsOf64WithBF16Rope:
      return CacheView(
        latent: try part(0, .float8, 512), rope: try part(1024, .bfloat16, 64),
        scales: CacheScales(latent: .groups(try part(2048, .float32, 8), width: 64)))
    case .tokensOf656Bytes:
      return unsafe try CacheView(
        tokensOf656Bytes: memory, pageCount: pages, pageSize: slots, pageStride: (slots + 1) * 656)
    case .tokensOf584Bytes:
      return unsafe try CacheView(
        tokensOf584Bytes: memory, pageCount: pages, pageSize: slots,
        pageStride: (slots * 584 + 575) / 576 * 576)
    }
  }
}
