import AssemblerSupport
import AssemblerTools
import PTX
import Testing

/// One warpgroup's part of attention, as decode pipelines need it: scores from two operands in shared memory, online
/// softmax in base 2 on the accumulator, probabilities as the A operand straight from registers, and values that are
/// contiguous along N.
@Suite("Kernel language: attention")
struct LanguageAttentionTests {
  @Test("A tile loop with two products and a softmax between them assembles cleanly")
  func tileLoop() throws {
    let kernel = try Kernel("attention", .threads(128)) { k in AttentionProgram(k).record() }
    #expect(kernel.dynamicSharedByteCount == 2 * 64 * 576 * 2)
    let products = (kernel.function.body ?? []).compactMap { statement -> String? in
      guard case .instruction(let instruction) = statement else { return nil }
      return instruction.spelling.hasPrefix("wgmma.mma_async") ? instruction.spelling : nil
    }
    #expect(products.count { $0.contains("m64n64k16") } == 36)
    #expect(products.count { $0.contains("m64n256k16") } == 4)
    try Ptxas.forTests().expectClean(kernel.module)
  }
}

private struct AttentionProgram {
  let k: KernelBuilder
  let output: Pointer<F32, Global>
  let mapQ, mapKV: TensorMap<BF16>
  let tileCount: Value<U32>
  let scale: Value<F32>
  let queries, keys: SharedTile<BF16>
  let full: MemoryBarrier

  init(_ k: KernelBuilder) {
    self.k = k
    output = k.parameter("output", pointerTo: F32.self)
    mapQ = k.parameter("map_q", tensorMapOf: BF16.self, rank: 2)
    mapKV = k.parameter("map_kv", tensorMapOf: BF16.self, rank: 2)
    tileCount = k.parameter("tile_count", U32.self)
    scale = k.parameter("scale_log2", F32.self)
    queries = k.tile(BF16.self, rows: 64, columns: 576)
    keys = k.tile(BF16.self, rows: 64, columns: 576)
    full = k.barrier("full")
  }

  func record() {
    let thread = k.let("thread", k.threadIndex())
    k.if(thread == 0) {
      full.initialize(arrivals: 1)
      k.fenceBarrierInit()
    }
    k.syncBlock()
    let scores = k.fragment("scores", F32.self, count: 32)
    let sums = k.fragment("sums", F32.self, count: 128)
    let maxima = k.fragment("maxima", F32.self, count: 2)
    let totals = k.fragment("totals", F32.self, count: 2)
    maxima.fill(Value(-1e30))
    totals.fill(0)
    sums.fill(0)
    k.for("tile", from: 0, to: tileCount, isUniform: true) { tile in
      load(tile, thread)
      k.region("scores") {
        k.fenceProducts()
        k.multiply(scores, k.descriptor(queries), k.descriptor(keys), depth: 576, accumulate: false)
        k.commitProducts()
        k.waitProducts(pending: 0)
      }
      k.region("softmax") { softmax(scores, sums, maxima, totals) }
      k.region("values") {
        let values = k.descriptor(keys, major: .mn)
        let probabilities = (0..<4).map { step in
          (0..<4).map { pair in
            k.pack(BF16x2.self, scores[8 * step + 2 * pair], scores[8 * step + 2 * pair + 1])
          }
        }
        k.fenceProducts()
        for step in 0..<4 { k.multiply(sums, probabilities[step], values.alongK(16 * step)) }
        k.commitProducts()
        k.waitProducts(pending: 0)
      }
      k.syncBlock()
    }
    for index in sums.indices {
      let scale = k.reciprocal(totals[index / 2 % 2])
      k.store(sums[index] * scale, to: output + thread * 128 + index)
    }
  }

  private func load(_ tile: Value<U32>, _ thread: Value<U32>) {
    k.if(thread == 0) {
      full.arrive(expecting: Value(keys.byteCount))
      for panel in 0..<keys.panelCount {
        let row = (tile * 64).to(S32.self)
        k.loadTensor(mapKV, at: [Value(panel * 64), row], to: keys.panel(panel), signalling: full)
      }
    }
    full.wait(parity: tile & 1)
  }

  /// Rows of a thread: two, in alternating pairs of registers.
  private func softmax(
    _ scores: Fragment<F32>, _ sums: Fragment<F32>, _ maxima: Fragment<F32>, _ totals: Fragment<F32>
  ) {
    for row in 0..<2 {
      let mine = scores.indices.filter { $0 / 2 % 2 == row }
      var maximum = mine.dropFirst().reduce(scores[mine[0]]) { k.max($0, scores[$1]) }
      for distance in [1, 2] {
        maximum = k.max(maximum, k.shuffle(maximum, .butterfly, Value(distance)))
      }
      let new = k.max(maxima[row], maximum * scale)
      let correction = k.exp2(maxima[row] - new)
      maxima[row] = new
      var total: Value<F32> = 0
      for index in mine {
        scores[index] = k.exp2(k.fma(scores[index], scale, -new))
        total = total + scores[index]
      }
      totals[row] = k.fma(totals[row], correction, total)
      for index in sums.indices where index / 2 % 2 == row { sums[index] *= correction }
    }
  }
}
