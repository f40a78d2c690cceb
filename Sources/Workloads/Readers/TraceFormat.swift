/// The trace files that can be read.
public enum TraceFormat: String, Hashable, Sendable, CaseIterable, Codable {
  /// Mooncake's JSON lines: `timestamp` (ms), `input_length`, `output_length` and `hash_ids`, one for
  /// each 512-token block of the prompt.
  case mooncake
  /// Azure's LLM inference CSV: `TIMESTAMP,ContextTokens,GeneratedTokens`, a header and a request a line.
  case azure
  /// FlashInfer-Bench's workload JSON lines: one MLA decode or prefill call a line.
  ///
  /// A line has the numbers of requests, of query tokens and of pages, but not how they are shared out;
  /// that is drawn from the seed. The pages: every way to give each request at least one, all together
  /// the recorded number, is equally likely. The query tokens: one each, the rest in proportion to the
  /// pages, to the recorded number. The keys: uniform over what the last page of the request allows and
  /// its query tokens need; with pages of one token they are the pages.
  case flashInferBench = "flashinfer-bench"

  /// Tells the format from the first line with content.
  static func detect(_ line: TraceLine) throws(TraceError) -> TraceFormat {
    if line.text == AzureReader.header { return .azure }
    if line.bytes.first == UInt8(ascii: "{") {
      let keys = try line.objectKeys()
      if keys.isSuperset(of: MooncakeReader.recognisedBy) { return .mooncake }
      if keys.isSuperset(of: FlashInferBenchReader.recognisedBy) { return .flashInferBench }
    }
    let known = allCases.map(\.rawValue).joined(separator: ", ")
    throw TraceError(
      .unknownFormat, file: line.file, line: line.number, value: line.text,
      requirement: "must start as one of the formats \(known) does")
  }
}
