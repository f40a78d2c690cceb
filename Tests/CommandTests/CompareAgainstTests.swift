import Foundation
import HopperSimulator
import Testing

/// `mla compare --against`, on the small grid against a file that its own times were changed in.
@Suite("mla compare --against")
struct CompareAgainstTests {
  private typealias Object = [String: Any]

  private static func object(_ path: String) throws -> Object {
    try #require(JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: path))) as? Object)
  }

  /// The comparison that `json` has, but with each row's time changed.
  private static func change(
    _ json: String, isSimulated: Bool, to path: String, _ change: (_ variant: String, Double) -> Double
  ) throws {
    var file = try object(json)
    var rows = try #require(file["rows"] as? [Object])
    for index in rows.indices {
      let variant = try #require(rows[index]["variant"] as? String)
      let time = try #require(rows[index]["microseconds"] as? Double)
      rows[index]["microseconds"] = change(variant, time)
    }
    (file["rows"], file["isSimulated"]) = (rows, isSimulated)
    try JSONSerialization.data(withJSONObject: file).write(to: URL(filePath: path))
  }

  private static func deviation(from path: String, in folder: TemporaryFolder) throws -> Object {
    let (json, page) = (folder.path("again.json"), folder.path("again.html"))
    let run = try CommandRun(
      "compare", "--grid", "small", "--against", path, "--json", json, "--report", page)
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.contains("order of") && run.output.contains("wg3 over wg2"))
    #expect(try String(contentsOfFile: page, encoding: .utf8).contains("furthest off"))
    return try #require(object(json)["deviation"] as? Object)
  }

  @Test("Errors and orders are those of the times in the file")
  func errorsAndOrders() throws {
    let folder = try TemporaryFolder()
    let (json, earlier) = (folder.path("compare.json"), folder.path("earlier.json"))
    #expect(try CommandRun("compare", "--grid", "small", "--json", json).status == 0)

    // Earlier wg2 took 1.25 times as long: it is 20 % too fast here. All others took ten times as long as they take.
    try Self.change(json, isSimulated: true, to: earlier) { $0 == "wg2" ? 1.25 * $1 : 10 * $1 }
    let simulated = try Self.deviation(from: earlier, in: folder)
    #expect(simulated["launchMicroseconds"] as? Double == 0)
    let variants = try #require(simulated["variants"] as? [Object])
    for variant in variants {
      let all = try #require(variant["all"] as? Object)
      let expected = variant["variant"] as? String == "wg2" ? 0.2 : 0.9
      #expect(abs((all["meanAbsolute"] as? Double ?? 0) - expected) < 1e-9)
      #expect(abs((all["bias"] as? Double ?? 0) + expected) < 1e-9)
      let timed = try #require(variant["timed"] as? Object)
      #expect(timed["calls"] as? Int == all["calls"] as? Int)
    }
    #expect(variants.first?["variant"] as? String == "wg2")
    let orders = try #require(simulated["orders"] as? [Object])
    let times = try #require(Self.object(json)["rows"] as? [Object])
    for order in orders {
      let second = try #require(order["second"] as? String)
      // In the file wg2 is ahead of every other variant in all calls.
      let calls = times.filter { $0["variant"] as? String == second }
      let agreeing = calls.filter { call in
        let plain = times.first {
          $0["variant"] as? String == "wg2" && $0["heads"] as? Int == call["heads"] as? Int
        }
        return (plain?["microseconds"] as? Double ?? 0) < (call["microseconds"] as? Double ?? 0)
      }
      #expect(
        order["calls"] as? Int == calls.count && order["agreeing"] as? Int == agreeing.count, "\(second)")
      let ratio = try #require(order["ratio"] as? Double)
      #expect(abs((order["earlierRatio"] as? Double ?? 0) / ratio - 8) < 1e-9)
    }
  }

  @Test("A measured call has a launch that simulated times are without")
  func launch() throws {
    let folder = try TemporaryFolder()
    let (json, earlier) = (folder.path("compare.json"), folder.path("earlier.json"))
    #expect(try CommandRun("compare", "--grid", "small", "--json", json).status == 0)
    let launch = DeviceDescription.h100.launchLatency.value
    try Self.change(json, isSimulated: false, to: earlier) { $1 + launch }
    let measured = try Self.deviation(from: earlier, in: folder)
    #expect(measured["launchMicroseconds"] as? Double == launch)
    for variant in try #require(measured["variants"] as? [Object]) {
      let all = try #require(variant["all"] as? Object)
      #expect((all["meanAbsolute"] as? Double ?? 1) < 1e-9)
    }
  }

  @Test("A file that cannot be read is refused before anything is simulated")
  func unreadable() throws {
    let folder = try TemporaryFolder()
    let missing = try CommandRun("compare", "--against", folder.path("missing.json"))
    #expect(missing.status == 1 && missing.errors.contains("--against = "), "\(missing.errors)")
    let broken = folder.path("broken.json")
    try #"{"device": "h100", "isSimulated": false, "rows": [{"variant": 2}]}"#.write(
      toFile: broken, atomically: true, encoding: .utf8)
    let refused = try CommandRun("compare", "--against", broken)
    #expect(refused.status == 1 && refused.errors.contains("rows.[0].variant"), "\(refused.errors)")
  }
}
