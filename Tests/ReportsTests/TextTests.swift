import Foundation
import Reports
import Testing

@Suite struct NumberFormatTests {
  @Test(arguments: [
    (0.0, "0"), (1.5, "1.50"), (9.996, "10.0"), (-0.012345, "-0.0123"), (123456.7, "123457"),
    (1.234e-9, "1.23e-9"), (9.999e20, "1.00e21"), (.nan, "–"), (.infinity, "∞"), (-.infinity, "-∞"),
  ])
  func significantDigits(value: Double, text: String) {
    #expect(NumberFormat.significant(value) == text)
  }

  @Test(arguments: [
    (4.63e11, "FLOP/s", "463 GFLOP/s"), (0.0123, "s", "12.3 ms"), (999.96, "s", "1.00 ks"),
    (12345, "", "12.3k"), (0.005, "", "0.00500"), (5e-6, "s", "5.00 µs"), (0, "s", "0 s"),
    (1e30, "B", "1000000000000 EB"), (250, "%", "250 %"), (.nan, "s", "–"),
  ])
  func prefixes(value: Double, unit: String, text: String) {
    #expect(NumberFormat.si(value, unit: unit) == text)
  }

  @Test func sharesAndIntegers() {
    #expect(NumberFormat.percent(0.87349) == "87.3 %")
    #expect(NumberFormat.percent(-0.0001) == "0.0 %")
    #expect(NumberFormat.percent(.nan) == "–")
    #expect(
      [0, 999, 1000, -1_234_567, .min].map(NumberFormat.grouped) == [
        "0", "999", "1,000", "-1,234,567", "-9,223,372,036,854,775,808",
      ])
  }

  /// What is printed is the value, to the precision asked for.
  @Test func significantDigitsRoundTrip() throws {
    var generator = SeededGenerator(state: 1)
    for _ in 0..<2000 {
      let value = pow(10, Double.random(in: -20...20, using: &generator))
      for digits in [2, 3, 6] {
        let printed = try #require(Double(NumberFormat.significant(value, digits: digits)))
        #expect(abs(printed - value) <= 0.5001 * pow(10, Double(1 - digits)) * value * 1.0001, "\(value)")
      }
    }
  }
}

@Suite struct TextTableTests {
  private var table: TextTable {
    var table = TextTable(columns: [.text("engine"), .number("GFLOP/s")])
    table.append(["cpu", "301"])
    table.append(["引擎 é👍🏽", "2.50"])
    table.append(["a|b\nc"])
    return table
  }

  @Test func plainTextIsAlignedByColumnsOfTheTerminal() {
    #expect(
      table.text() == """
        engine    GFLOP/s
        ────────  ───────
        cpu           301
        引擎 é👍🏽     2.50
        a|b c

        """)
  }

  @Test func markdownEscapesBars() {
    #expect(
      table.text(style: .markdown) == """
        | engine   | GFLOP/s |
        | -------- | ------: |
        | cpu      |     301 |
        | 引擎 é👍🏽 |    2.50 |
        | a\\|b c   |         |

        """)
  }

  @Test func controlCharactersCannotReachTheTerminal() {
    var table = TextTable(columns: [.text("\u{1B}[31mred")])
    table.append(["\r\n\t\u{7}"])
    #expect(
      table.text().unicodeScalars.allSatisfy { $0 == "\n" || $0.properties.generalCategory != .control })
  }

  @Test func longRowsGetNamelessColumns() {
    var table = TextTable(columns: [.text("a")])
    table.append(["1"])
    table.append(["2", "3"])
    #expect(table.columns.map(\.name) == ["a", ""])
    #expect(table.rows == [["1", ""], ["2", "3"]])
    #expect(TextTable(columns: []).text() == "")
  }
}

@Suite struct ProgressBarTests {
  /// A clock that tests move by hand, and what the bar wrote.
  private final class Terminal {
    var time = Duration.zero
    var written: [String] = []
  }

  private func bar(_ terminal: Terminal, label: String = "replay", total: Int = 2000) -> ProgressBar {
    ProgressBar(label: label, total: total, now: { terminal.time }, write: { terminal.written.append($0) })
  }

  @Test func drawsAtMostTenTimesASecond() {
    let terminal = Terminal()
    let bar = bar(terminal)
    for millisecond in 0..<2000 {
      terminal.time = .milliseconds(millisecond)
      bar.update(millisecond)
    }
    #expect(terminal.written.count == 20)
    #expect(terminal.written.allSatisfy { $0.hasPrefix("\rreplay ") && $0.hasSuffix("\u{1B}[K") })
    #expect(terminal.written.last?.contains("95 % 1,900/2,000, 0 s left") == true)
    bar.finish()
    bar.finish()
    #expect(terminal.written.count == 21)
    #expect(terminal.written.last == "\r\u{1B}[K")
  }

  @Test func estimatesTheRest() {
    let terminal = Terminal()
    let bar = bar(terminal, total: 100)
    terminal.time = .seconds(100)
    bar.update(10)
    #expect(terminal.written.last?.contains(" 10 % 10/100, 15 min 0 s left") == true)
    terminal.time = .seconds(20_000)
    bar.update(50)
    #expect(terminal.written.last?.contains(", 5 h 33 min left") == true)
  }

  @Test func survivesOddCounts() {
    let terminal = Terminal()
    let empty = bar(terminal, label: String(repeating: "long\n", count: 40), total: 0)
    empty.update(5)
    #expect(terminal.written.last?.contains("100 % 0/0") == true)
    #expect(terminal.written.last?.contains("\n") == false)
    terminal.time = .seconds(1)
    empty.update(-5)
    #expect(terminal.written.last?.contains("100 % 0/0") == true)
  }

  @Test func wipesItsLineWhenItGoesAway() {
    let terminal = Terminal()
    do {
      let bar = bar(terminal)
      bar.update(1)
    }
    #expect(terminal.written.last == "\r\u{1B}[K")
  }

  @Test func silentWithoutATerminal() {
    var readings = 0
    let bar = ProgressBar(
      label: "x", total: 10,
      now: {
        readings += 1; return .zero
      }, write: nil)
    bar.update(1)
    bar.finish()
    #expect(readings == 1)
  }
}

@Suite struct PercentileTests {
  @Test func interpolatesLinearly() throws {
    let percentiles = try #require(Percentiles((0...10).reversed().map(Double.init) + [.nan]))
    #expect(percentiles.count == 11)
    #expect([percentiles.p50, percentiles.p90, percentiles.maximum] == [5, 9, 10])
    #expect(abs(percentiles.p99 - 9.9) < 1e-12)
    let two = try #require(Percentiles([10, 20]))
    #expect(two.p50 == 15)
    #expect(abs(two.p90 - 19) < 1e-12)
  }

  @Test func emptyAndSingle() throws {
    #expect(Percentiles([Double]()) == nil)
    #expect(Spread([Double.nan, .infinity]) == nil)
    let single = try #require(Percentiles([7]))
    #expect([single.p50, single.p90, single.p99, single.maximum] == [7, 7, 7, 7])
  }

  @Test func spread() throws {
    let spread = try #require(Spread([12.1, 13, 11.8]))
    #expect([spread.minimum, spread.median, spread.maximum] == [11.8, 12.1, 13])
    #expect(spread.text() == "12.1 (11.8–13.0)")
  }
}
