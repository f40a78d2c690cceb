import AssemblerSupport
import AssemblerTools
import FakeDriverSupport
import Foundation
import FoundationXML
import HopperEngine
import Testing

/// The commands of the Hopper kernels and engine, from outside.
@Suite("mla on Hopper") struct HopperCommandTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Names of regular families: types, widths, loading, pipelines, clusters, and the second stage.
  @Test func kernelsAreListed() throws {
    let run = try CommandRun("kernels", "list")
    #expect(run.status == 0, "\(run.errors)")
    let rows = run.output.split(separator: "\n").filter { $0.hasPrefix("mla_") }.map { row in
      row.split(separator: " ").map(String.init)
    }
    let names = ["bf16", "fp16"].flatMap { type -> [String] in
      let widths = ["512_64", "512_0"].map { "mla_decode_\(type)_\($0)" }
      let alone = ["boxes64", "boxes32", "boxes16", "rows"]
      let loadings = alone + alone.map { "\($0)_sync" } + ["boxes32_multicast", "boxes16_multicast"]
      let pipelined = loadings.flatMap { loading in
        ["", "_wg3", "_wg4"].map { pipeline in
          let parts = loading.split(separator: "_", maxSplits: 1)
          return "\(parts[0])\(pipeline)" + parts.dropFirst().map { "_\($0)" }.joined()
        }
      }
      return widths.flatMap { width in pipelined.map { "\(width)_\($0)" } } + ["mla_merge_\(type)"]
    }
    #expect(Set(rows.map { $0[0] }).count == rows.count)
    // Those whose pipeline's parameters have been set are listed too.
    let tuned = rows.map { $0[0] }.filter { !names.contains($0) }
    #expect(tuned.count == 29 && rows.count == names.count + tuned.count)
    for name in tuned {
      #expect(
        name.contains(/^mla_decode_bf16_512_64_.*_(immediate|deferred|stages1|unroll2|registers[0-9_]+)$/))
    }
    for row in rows {
      let threads = row[0].contains("merge") ? 256 : row[0].contains("wg4") ? 512 : 384
      #expect(row.count == 4 && row[1] == "\(threads)", "\(row)")
      // Bytes of shared memory that a block can have; instructions.
      #expect((1...232_448).contains(Int(row[2]) ?? 0) && Int(row[3]) ?? 0 > 1000, "\(row)")
    }
  }

  @Test(
    "A kernel is printed as PTX that assembles",
    arguments: ["mla_merge_fp16", "mla_decode_fp16_512_0_rows_wg3"])
  func kernelIsPrinted(name: String) throws {
    let run = try CommandRun("kernels", "ptx", name)
    #expect(run.status == 0, "\(run.errors)")
    let report = try Ptxas.forTests().assemble(run.output)
    #expect(report.usage(of: name)?.registerCount ?? 0 > 0)
  }

  @Test("A kernel is printed with its pipeline's parameters")
  func tunedKernelIsPrinted() throws {
    let name = "mla_decode_fp16_512_0_rows_wg3"
    let run = try CommandRun(
      "kernels", "ptx", name, "--registers", "208,88", "--p-sync", "deferred", "--unroll", "2")
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.contains(".entry \(name)_deferred_unroll2_registers208_88("))
    #expect(run.output.contains("setmaxnreg.inc.sync.aligned.u32 208;"))
    #expect(run.output.contains("setmaxnreg.dec.sync.aligned.u32 88;"))
    let merge = try CommandRun("kernels", "ptx", "mla_merge_bf16", "--unroll", "2")
    #expect(merge.status == 64 && merge.errors.contains("mla_merge_bf16"), "\(merge.errors)")
  }

  @Test("simulate runs a pipeline with its parameters")
  func tunedSimulation() throws {
    let run = try CommandRun(
      "simulate", "--heads", "16", "--batch", "2", "--kv", "700", "--pipeline", "fourWarpgroups",
      "--key-stages", "1", "--registers", "160,128,64")
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    #expect(run.output.contains("mla_decode_bf16_512_64_boxes64_wg4_stages1_registers160_128_64 on h100"))
  }

  @Test func kernelIsChecked() throws {
    let path = try Ptxas.forTests().path
    let run = try CommandRun("kernels", "check", "mla_merge_bf16", environment: ["PTXAS": path])
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    let rows = run.output.split(separator: "\n").filter { $0.hasPrefix("mla_") }
    try #require(rows.count == 1)
    let row = rows[0].split(separator: " ")
    // Registers, barriers, bytes of shared memory, spilled bytes, messages.
    #expect(
      row.count == 6 && (1...255).contains(Int(row[1]) ?? 0) && row[4] == "0" && row[5] == "none", "\(row)")
  }

  /// An assembler that says that every text spills, and one that warns.
  @Test(
    "What the assembler complains of gives status 1",
    arguments: [
      "ptxas info    : 8 bytes stack frame, 4 bytes spill stores, 4 bytes spill loads",
      "ptxas warning : (C7510) Potential Performance Loss: wgmma.mma_async instructions are serialized",
    ])
  func complaints(message: String) throws {
    let path = folder.path("ptxas")
    let script = """
      #!/bin/sh
      echo "ptxas info    : Compiling entry function 'mla_merge_bf16' for 'sm_90a'"
      echo "ptxas info    : Function properties for mla_merge_bf16"
      echo "\(message)"
      echo "ptxas info    : Used 64 registers, used 1 barriers"
      """
    try script.write(toFile: path, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    let run = try CommandRun("kernels", "check", "mla_merge_bf16", environment: ["PTXAS": path])
    #expect(run.status == 1, "\(run.output)\(run.errors)")
  }

  @Test(
    "simulate writes the documented keys, a trace and a drawing of all launches",
    arguments: ["sameLaunch", "dependentLaunch"])
  func simulation(secondStage: String) throws {
    let (json, trace, svg) = (folder.path("run.json"), folder.path("trace.json"), folder.path("run.svg"))
    let run = try CommandRun(
      "simulate", "--heads", "16", "--batch", "2", "--kv", "700", "--second-stage", secondStage, "--json",
      json,
      "--trace", trace, "--timeline", svg)
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    let result = try #require(try jsonRows(json).first)
    #expect(
      Set(result.keys) == [
        "heads", "batch", "kv", "query", "pageSize", "type", "device", "seconds", "teraflops", "kvGBps",
        "tensorUtilisation", "dramUtilisation", "plan", "launches",
      ])
    let seconds = try #require(result["seconds"] as? Double)
    let rate = try #require(result["teraflops"] as? Double)
    #expect(abs(seconds * rate * 1e12 - 2.0 * 16 * 2 * 700 * (576 + 512)) < 1)
    let launches = try #require(result["launches"] as? [[String: Any]])
    let kernels = launches.compactMap { $0["kernel"] as? String }
    let merge = secondStage == "sameLaunch" ? [] : ["mla_merge_bf16"]
    #expect(kernels == ["mla_decode_bf16_512_64_boxes64"] + merge)
    try expectTrace(trace, of: launches, seconds: seconds)
    let drawing = try String(contentsOfFile: svg, encoding: .utf8)
    #expect(XMLParser(data: Data(drawing.utf8)).parse())
    for kernel in kernels { #expect(drawing.contains(kernel)) }
    // Of each launch the first warps of the warpgroups that work: to multiply and to load, and to merge.
    #expect(drawing.components(separatedBy: ">CTA 0 warp ").count - 1 == (merge.isEmpty ? 3 : 5))
  }

  /// A trace has the blocks of all launches on one axis of time, on which the last launch ends with the whole, and what
  /// memory has moved while each ran.
  private func expectTrace(_ path: String, of launches: [[String: Any]], seconds: Double) throws {
    let file = try #require(try jsonRows(path).first)
    let events = try #require(file["traceEvents"] as? [[String: Any]])
    let processes = events.filter { $0["name"] as? String == "process_name" }
    // Memory and the multiprocessors of four blocks of each.
    #expect(processes.count == 5 * launches.count)
    for launch in launches {
      let kernel = try #require(launch["kernel"] as? String)
      let prefix = launches.count == 1 ? "" : "\(kernel): "
      let mine = Set(
        processes.filter { name($0)?.hasPrefix(prefix) == true }.compactMap { $0["pid"] as? Int })
      #expect(mine.count == 5)
      let slices = events.filter { $0["ph"] as? String == "X" && mine.contains($0["pid"] as? Int ?? 0) }
      // A thousand cycles are a microsecond of the viewer's ruler, whatever the device's clock.
      let starts = slices.compactMap { $0["ts"] as? Double }.map { $0 * 1000 }
      let ends = zip(starts, slices.compactMap { $0["dur"] as? Double }).map { $0 + $1 * 1000 }
      let cycles = try #require(launch["cycles"] as? Double)
      let clock = try #require(launch["clock"] as? Double)
      let first = kernel.contains("merge") ? seconds * clock * 1e9 - cycles : 0
      #expect(!starts.isEmpty && starts.count == ends.count)
      let (start, end) = (starts.min() ?? -1, ends.max() ?? 0)
      #expect(start >= first - 1 && start < first + cycles / 4, "\(kernel): \(start), launch at \(first)")
      #expect(
        end <= first + cycles + 1 && end > first + cycles * 3 / 4, "\(kernel): \(end), \(cycles) cycles")
      let counted = events.filter {
        $0["name"] as? String == "DRAM bytes" && mine.contains($0["pid"] as? Int ?? 0)
      }
      let bytes = counted.reduce(0.0) { $0 + (($1["args"] as? [String: Any])?["value"] as? Double ?? 0) }
      let memory = try #require(launch["memory"] as? [String: Any])
      let reported = ["dramReadBytes", "dramWriteBytes"].reduce(0) { $0 + (memory[$1] as? Double ?? -1) }
      #expect(bytes == reported, "\(kernel)")
    }
  }

  private func name(_ process: [String: Any]) -> String? {
    (process["args"] as? [String: Any])?["name"] as? String
  }

  @Test func partialsWritesTheDocumentedKeys() throws {
    let json = folder.path("partials.json")
    let run = try CommandRun("partials", "--kv", "130", "--heads", "1", "--json", json)
    #expect(run.status == 0, "\(run.errors)")
    let rows = try jsonRows(json)
    #expect(
      rows.map { $0["inputs"] as? String } == [
        "bf16", "bf16", "bf16", "bf16", "fp16", "fp16", "fp16", "fp16",
      ])
    #expect(rows.prefix(4).map { $0["partials"] as? String } == [nil, "fp32", "fp16", "bf16"])
    for row in rows {
      #expect(Set(row.keys) == ["inputs", "partials", "outputError", "outputErrorShareOfBound", "lseError"])
    }
    let errors = rows.compactMap { $0["outputError"] as? Double }
    // bf16 partials keep three bits less than fp16 ones, which shows where inputs are fp16.
    #expect(errors.count == 8 && errors.allSatisfy { $0 > 0 } && errors[7] > 2 * errors[6])
    #expect(rows.allSatisfy { ($0["lseError"] as? Double ?? 1) < 1e-3 })
  }

  /// On a driver whose events are a quarter of a millisecond apart, whatever is launched.
  @Test func fitWritesTheTableOfTheEngine() throws {
    let driver = try FakeDriver(isOld: true)
    let (json, table) = (folder.path("costs.json"), folder.path("Table.swift"))
    let run = try CommandRun(
      list: ["fit", "--device", "cuda", "--write", table, "--json", json], environment: driver.environment)
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    #expect(run.output.contains("measured"))
    let fitted = try JSONDecoder().decode(
      [FittedCosts].self, from: Data(contentsOf: URL(fileURLWithPath: json)))
    #expect(fitted.map(\.device) == ["h100", "h100", "h100"])
    #expect(fitted.map(\.sharing) == KeySharing.allCases)
    let source = try String(contentsOfFile: table, encoding: .utf8)
    #expect(try costs(source) == fitted + FittedCosts.table.filter { $0.device != "h100" })
  }

  /// The rows of a table, a Swift file.
  private func costs(_ source: String) throws -> [FittedCosts] {
    let row = try Regex(
      #"""
      FittedCosts\(\s+device: "(\w+)", sharing: \.(\w+), perPiece: ([\d.]+), perKeyTile: ([\d.]+), perPartialRow: ([\d.]+),\s+secondStage: ([\d.]+)\),
      """#)
    return try source.matches(of: row).map { match in
      let texts = (1...6).map { String(match.output[$0].substring ?? "") }
      let numbers = try texts[2...].map { try #require(Double($0)) }
      return FittedCosts(
        device: texts[0], sharing: try #require(KeySharing(rawValue: texts[1])), perPiece: numbers[0],
        perKeyTile: numbers[1], perPartialRow: numbers[2], secondStage: numbers[3])
    }
  }

  @Test func verifyPassesOnASimulatedDevice() throws {
    let json = folder.path("verify.json")
    let run = try CommandRun(
      "verify", "--engine", "hopper", "--cases", "8", "--type", "fp16", "--maximum-pairs", "10000", "--json",
      json)
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    let summary = try #require(try jsonRows(json).first)
    #expect(summary["engine"] as? String == "hopper" && summary["failures"] as? Int == 0)
    let types = try #require(summary["byType"] as? [String: [String: Any]])
    #expect(Set(types.keys) == ["bf16", "fp16"])
    #expect(types.values.allSatisfy { ($0["rows"] as? Int ?? 0) > 0 })
    #expect((summary["passedOver"] as? Int ?? 0) > 0)
  }

  /// On a driver that takes other parameters than the kernels have: the first case with keys fails, and no more are run.
  @Test func verifyStopsWhereTheDeviceFails() throws {
    let driver = try FakeDriver()
    let json = folder.path("verify.json")
    let run = try CommandRun(
      list: ["verify", "--engine", "hopper", "--device", "cuda", "--cases", "3", "--json", json],
      environment: driver.environment)
    #expect(run.status == 1)
    let failure = try #require(
      run.output.firstMatch(of: /FAILED case (\d+), policy \w+: (.*)\n  (.*)\n  again: (.*)\n/))
    #expect(failure.3.contains("launch of mla_decode_bf16_512_64_boxes64: arguments[0] is "), "\(run.output)")
    #expect(
      failure.4
        == "mla verify --seed 1 --case \(failure.1) --cases 3 --engine hopper --device cuda --cluster automatic "
        + "--second-stage sameLaunch --merge automatic --merge-share columns")
    let summary = try #require(try jsonRows(json).first)
    #expect(summary["failures"] as? Int == 1)
    let place = try #require(Int(failure.1))
    #expect((summary["cases"] as? Int ?? 0) + (summary["passedOver"] as? Int ?? 0) == place + 1)
  }
}
