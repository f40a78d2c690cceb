import Foundation
import LatentAttention

/// Writes results of verification cases without any planning or speed: what tests of the checking itself run.
public enum ReferenceEngine {
  /// Writes the oracle's rows, rounded to the output's type.
  public static func runOracle(_ verificationCase: VerificationCase) throws {
    let oracle = try verificationCase.oracle()
    let batch = verificationCase.batch
    for request in 0..<batch.count {
      for token in 0..<batch.queryCount(request) {
        for (head, row) in try oracle.rows(request: request, token: token).enumerated() {
          write(row, to: verificationCase.output, batch.queryOffsets[request] + token, head)
        }
      }
    }
  }

  /// Writes one row of the oracle.
  public static func write(_ row: OracleRow, to output: OutputView, _ token: Int, _ head: Int) {
    output.output.storeRow(token, head, row.output.map(Float.init).span)
    output.lse?.storeRow(token, head, [logarithm(Float(row.lse), output.lseBase)].span)
  }

  /// Computes in fp32 as a real engine does: blocks of 64 keys, a running maximum, probabilities rounded
  /// to the element type.
  public static func runSinglePrecision(_ verificationCase: VerificationCase) {
    let batch = verificationCase.batch
    for request in 0..<batch.count {
      let keys = (0..<batch.keyLengths[request]).map { key in
        let page = Int(batch.pageIndices[batch.pageOffsets[request] + key / batch.pageSize])
        return row(verificationCase.cache.latent, verificationCase.cache.rope, page, key % batch.pageSize)
      }
      for token in 0..<batch.queryCount(request) {
        let place = batch.queryOffsets[request] + token
        let visible = keys.prefix(batch.visibleKeyCount(request: request, token: token))
        for head in 0..<verificationCase.geometry.headCount {
          let query = row(verificationCase.queries.latent, verificationCase.queries.rope, place, head)
          let (output, lse) = attend(
            query, visible, verificationCase.geometry, verificationCase.queries.latent.elementType)
          verificationCase.output.output.storeRow(place, head, output.span)
          verificationCase.output.lse?.storeRow(
            place, head, [logarithm(lse, verificationCase.output.lseBase)].span)
        }
      }
    }
  }

  private static func logarithm(_ natural: Float, _ base: LogarithmBase) -> Float {
    base == .two ? Float(Double(natural) * 1.4426950408889634) : natural
  }

  private static func row(_ latent: TensorView, _ rope: TensorView?, _ outer: Int, _ inner: Int) -> [Float] {
    latent.row(outer, inner) + (rope?.row(outer, inner) ?? [])
  }

  private static func attend(
    _ query: [Float], _ keys: ArraySlice<[Float]>, _ geometry: AttentionGeometry, _ elementType: ElementType
  ) -> (output: [Float], lse: Float) {
    var output = Array(repeating: Float(0), count: geometry.latentWidth)
    var maximum = -Float.infinity
    var sum: Float = 0
    for start in stride(from: 0, to: keys.count, by: 64) {
      let block = keys[start..<min(start + 64, keys.count)]
      let scores = block.map { key in
        geometry.softmaxScale * zip(query, key).reduce(Float(0)) { $0 + $1.0 * $1.1 }
      }
      let newMaximum = scores.reduce(maximum, max)
      let correction = exp(maximum - newMaximum)
      maximum = newMaximum
      sum *= correction
      for column in output.indices { output[column] *= correction }
      for (key, score) in zip(block, scores) {
        let weight = exp(score - maximum)
        sum += weight
        let rounded = round(weight, to: elementType)
        for column in output.indices { output[column] += rounded * key[column] }
      }
    }
    if keys.isEmpty { return (output, -.infinity) }
    return (output.map { $0 / sum }, maximum + log(sum))
  }

  private static func round(_ value: Float, to elementType: ElementType) -> Float {
    switch elementType {
    case .bfloat16: BFloat16Bits.value(BFloat16Bits.rounding(value))
    case .float16: Float(Float16(value))
    case .float32: value
    case .float8: E4M3Bits.value(E4M3Bits.rounding(value))
    }
  }
}
