import LatentAttention

/// Random queries, and room for outputs and LSEs, of calls with up to some number of query tokens.
final class CallBuffers {
  /// A pool whose pages are query tokens and whose slots are heads has the layout of queries.
  private let queryMemory: PagedCache
  private let outputMemory: AlignedMemory
  private let lseMemory: AlignedMemory
  private let outputs: MutableTensorView
  private let lses: MutableTensorView

  init(geometry: AttentionGeometry, elementType: ElementType, tokenCount: Int, seed: UInt64) throws {
    var queries = try PagedCache(
      geometry: geometry, elementType: elementType, pageSize: geometry.headCount, pageCount: tokenCount)
    queries.fill(seed: seed)
    queryMemory = queries
    let rows = try tokenCount.multiplied(by: geometry.headCount, field: "queries")
    let outputBytes = try rows.multiplied(
      by: geometry.latentWidth * elementType.byteCount, field: "output")
    outputMemory = try AlignedMemory(byteCount: outputBytes, field: "output")
    lseMemory = try AlignedMemory(byteCount: rows * MemoryLayout<Float>.size, field: "lse")
    outputs = unsafe try MutableTensorView(
      outputMemory.bytes, elementType, shape: (tokenCount, geometry.headCount, geometry.latentWidth),
      field: "output")
    lses = unsafe try MutableTensorView(
      lseMemory.bytes, .float32, shape: (tokenCount, geometry.headCount, 1), field: "lse")
  }

  /// The queries of the first `tokenCount` tokens.
  func queries(_ tokenCount: Int) -> QueryView {
    let view = queryMemory.view
    return QueryView(latent: view.latent.prefix(tokenCount), rope: view.rope?.prefix(tokenCount))
  }

  /// Where the results of the first `tokenCount` tokens go.
  func output(_ tokenCount: Int) -> OutputView {
    OutputView(output: outputs.prefix(tokenCount), lse: lses.prefix(tokenCount))
  }
}

/// How much work a call is: what rates are computed from.
struct CallWork {
  /// Useful floating-point operations: visible (row, key) pairs only.
  private(set) var flops = 0.0
  /// Bytes of the keys, each request's counted once.
  private(set) var keyBytes = 0.0

  init() {}

  init(_ batch: Batch, geometry: AttentionGeometry, elementType: ElementType) {
    flops = Double(Self.pairs(batch, geometry: geometry)) * Double(geometry.flopsPerPair)
    for request in 0..<batch.count {
      let isRead = batch.queryCount(request) > 0
      keyBytes += isRead ? Double(batch.keyLengths[request] * geometry.keyWidth * elementType.byteCount) : 0
    }
  }

  /// Pairs of a query row and a key that it sees.
  static func pairs(_ batch: Batch, geometry: AttentionGeometry) -> Int {
    (0..<batch.count).reduce(0) { sum, request in
      (0..<batch.queryCount(request)).reduce(sum) {
        $0 + batch.visibleKeyCount(request: request, token: $1) * geometry.headCount
      }
    }
  }

  static func += (total: inout CallWork, work: CallWork) {
    total.flops += work.flops
    total.keyBytes += work.keyBytes
  }
}

extension Duration {
  /// The duration in seconds.
  var inSeconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}
