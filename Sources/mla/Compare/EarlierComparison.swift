/// Times of an earlier `mla compare`, from the JSON file that it wrote.
struct EarlierComparison: Decodable {
  struct Row: Decodable {
    let variant: String
    let heads, batch, kv, pageSize: Int
    /// Nil where it was not a number.
    let microseconds: Double?
  }

  /// The device's name.
  let device: String
  /// Whether times are simulated.
  let isSimulated: Bool
  let rows: [Row]
}

/// A call, whatever the variant.
struct ComparedCall: Hashable, Encodable, CustomStringConvertible {
  let heads, batch, kv, pageSize: Int

  var description: String { "\(heads) heads, batch \(batch), kv \(kv), page \(pageSize)" }
}

extension ComparedCall {
  init(_ row: VariantComparison.Row) {
    self.init(heads: row.heads, batch: row.batch, kv: row.kv, pageSize: row.pageSize)
  }

  init(_ row: EarlierComparison.Row) {
    self.init(heads: row.heads, batch: row.batch, kv: row.kv, pageSize: row.pageSize)
  }
}
