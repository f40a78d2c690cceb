import Reports
import Testing

@Suite("Published measurements")
struct PublishedComparisonTests {
  private static func match(
    _ variant: String, batch: Int, pageSize: Int = 1, published: Double, ours: Double
  ) -> PublishedComparison.Match {
    PublishedComparison.Match(
      source: "a paper", variant: variant, heads: 128, batch: batch, kv: 1024, pageSize: pageSize,
      publishedTeraflops: published, teraflops: ours)
  }

  @Test("A variant leads another in the calls that both were published of")
  func leads() throws {
    let comparison = PublishedComparison([
      Self.match("three", batch: 768, published: 400, ours: 250),
      Self.match("two", batch: 64, published: 300, ours: 300),
      Self.match("two", batch: 768, published: 500, ours: 325),
      Self.match("four", batch: 768, pageSize: 64, published: 100, ours: 100),
    ])
    let leads = comparison.leads(of: "two")
    let lead = try #require(leads.first)
    #expect(leads.count == 1 && lead.first == "two" && lead.second == "three" && lead.batch == 768)
    #expect(abs(lead.published - 1.25) < 1e-12 && abs(lead.ours - 1.3) < 1e-12)
    #expect(comparison.leads(of: "one").isEmpty)
  }

  @Test("The mean error counts what is too slow and what is too fast")
  func error() {
    let comparison = PublishedComparison([
      Self.match("two", batch: 1, published: 100, ours: 80),
      Self.match("two", batch: 2, published: 100, ours: 110),
    ])
    #expect(abs(comparison.meanAbsoluteError - 0.15) < 1e-12)
    #expect(PublishedComparison([]).meanAbsoluteError == 0)
  }
}
