import Foundation
import LatentAttention
import Reports
import Testing

@Suite struct JSONTests {
  @Test func benchRowKeys() throws {
    let row = BenchRow(
      engine: "cpu", isa: "avx512bf16", type: "bf16", heads: 128, batch: 2, kv: 4096, query: 1, threads: 2,
      milliseconds: 1.25, gflops: 231.5, kvGBps: .infinity, peakGflops: 463)
    let text = try JSONOutput.text([row])
    #expect(
      text == """
        [
          {
            "batch" : 2,
            "engine" : "cpu",
            "fractionOfPeak" : 0.5,
            "gflops" : 231.5,
            "heads" : 128,
            "isa" : "avx512bf16",
            "kv" : 4096,
            "kvGBps" : null,
            "milliseconds" : 1.25,
            "peakGflops" : 463,
            "query" : 1,
            "threads" : 2,
            "type" : "bf16"
          }
        ]

        """)
  }

  @Test func missingNumbersKeepTheirKeys() throws {
    let row = BenchRow(
      engine: "a/b \"c\"", isa: "", type: "", heads: 1, batch: 1, kv: 0, query: 1, threads: 1,
      milliseconds: .nan, gflops: 0, kvGBps: -.infinity, peakGflops: nil)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(JSONOutput.text(row).utf8)) as? [String: Any])
    #expect(object.count == 13)
    for key in ["milliseconds", "kvGBps", "peakGflops", "fractionOfPeak"] { #expect(object[key] is NSNull) }
    #expect(object["engine"] as? String == "a/b \"c\"")
    #expect(BenchRow.table([row]).rows[0].last == "–")
  }

  @Test func planRowTakesTheStatistics() throws {
    let row = PlanRow(try examplePlan(workers: 3).statistics, batch: 2, planMicroseconds: 4.5)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(JSONOutput.text(row).utf8)) as? [String: Any])
    #expect(
      object.keys.sorted() == [
        "batch", "idleShare", "makespanRatio", "mergeRows", "partialBytes", "planMicroseconds", "policy",
        "workers",
      ])
    #expect(object["makespanRatio"] as? Double == 7400.0 / 7000)
    #expect(PlanRow.table([row]).rows == [["<halves>", "3", "2", "1.06", "12.5 %", "32.8 kB", "8", "4.50"]])
  }

  @Test func replaySummaryKeys() throws {
    let summary = ReplaySummary(
      steps: 3, tokens: 12, tokensPerSecond: 1000, stepMilliseconds: Percentiles([1, 2, 3]),
      planTimeShare: 0.01,
      gflops: 200, kvGBps: 10, fractionOfPeakGflops: 0.4, fractionOfPeakGBps: nil, poolUsePeak: 0.9,
      poolUseMean: 0.5, verifiedRows: 0, worstOutputError: nil, worstLSEError: nil)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(JSONOutput.text(summary).utf8)) as? [String: Any])
    #expect(
      object.keys.sorted() == [
        "fractionOfPeakGBps", "fractionOfPeakGflops", "gflops", "kvGBps", "planTimeShare", "poolUseMean",
        "poolUsePeak", "stepMillisecondsMax", "stepMillisecondsP50", "stepMillisecondsP90",
        "stepMillisecondsP99", "steps", "tokens", "tokensPerSecond", "verifiedRows", "worstLSEError",
        "worstOutputError",
      ])
    #expect(object["stepMillisecondsMax"] as? Double == 3)
    #expect(object["worstLSEError"] is NSNull)
    #expect(summary.table().rows.count == object.count)
  }

  @Test func writesWholeFilesAndNamesThePathOtherwise() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("rows.json").path
    try JSONOutput.write([1, 2], to: path)
    try JSONOutput.write(["again"], to: path)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "[\n  \"again\"\n]\n")

    let link = folder.appendingPathComponent("link.json").path
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
    try FileWriter.write("through", to: link)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "through")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["link.json", "rows.json"])

    let missing = folder.appendingPathComponent("no/such/rows.json").path
    let error = #expect(throws: FileError.self) { try FileWriter.write("x", to: missing) }
    #expect(error?.path == missing)
    #expect(error?.description.contains("No such file") == true, "\(String(describing: error))")
    let early = #expect(throws: FileError.self) { try FileWriter.check(nil, missing) }
    #expect(early?.description == "cannot write \(missing): No such file or directory")
    for special in [folder.path, "/dev/null"] {
      let error = #expect(throws: FileError.self) { try FileWriter.write("x", to: special) }
      #expect(error?.description == "cannot write \(special): it exists and is not a plain file")
      #expect(throws: try #require(error)) { try FileWriter.check(special) }
    }
    let below = folder.appendingPathComponent("rows.json/below").path
    let inFile = #expect(throws: FileError.self) { try FileWriter.check(below) }
    #expect(inFile?.description == "cannot write \(below): Not a directory")
    try FileWriter.check(nil, path, folder.appendingPathComponent("new.json").path)
  }
}
