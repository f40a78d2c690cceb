import LatentAttention

/// Runs a call with the oracle: what a perfect engine would write.
public enum ReferenceEngine {
  /// Writes all outputs and LSEs of a case, rounded to their types.
  public static func run(_ verificationCase: VerificationCase) throws {
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

  /// Writes one row.
  public static func write(_ row: OracleRow, to output: OutputView, _ token: Int, _ head: Int) {
    output.output.storeRow(token, head, row.output.map(Float.init).span)
    let unit = output.lseBase == .two ? 0.693147180559945309417 : 1
    output.lse?.storeRow(token, head, [Float(row.lse / unit)].span)
  }
}
