/// Pages of memory whose addresses a multiprocessor can translate, and when.
///
/// A launch finds none: what the host does in between, and other launches, have taken their place. Uncalibrated: pages are
/// of 2 MB, and none is forgotten.
struct TranslationBuffer {
  private static let pageBits: UInt64 = 21

  let latency: UInt64
  private var arrivals: [UInt64: UInt64] = [:]
  /// The page that was used last.
  private var last = (page: UInt64.max, arrival: UInt64(0))

  init(latency: UInt64) {
    self.latency = latency
  }

  /// When an address that is wanted at a time can be translated.
  mutating func ready(_ address: UInt64, at time: UInt64) -> UInt64 {
    let page = address >> Self.pageBits
    if page != last.page {
      let arrival = arrivals[page] ?? time + latency
      arrivals[page] = arrival
      last = (page, arrival)
    }
    return max(time, last.arrival)
  }
}
