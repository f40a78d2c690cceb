import Foundation
import Testing

/// `mla ptx` from outside.
@Suite("mla ptx")
struct PTXCommandTests {
  /// `scale` multiplies numbers; `tile` copies a box of a tensor whose map is in a struct, behind an address and a count.
  private static let text = """
    .version 8.0
    .target sm_90a
    .address_size 64
    .visible .entry scale(.param .u64 in, .param .u64 out, .param .u32 count, .param .f32 factor) .maxntid 256 {
      .reg .pred %p;
      .reg .f32 %f<2>;
      .reg .b32 %r<5>;
      .reg .b64 %d<5>;
      ld.param.u32 %r0, [count];
      mov.u32 %r1, %ctaid.x;
      mov.u32 %r2, %ntid.x;
      mov.u32 %r3, %tid.x;
      mad.lo.u32 %r4, %r1, %r2, %r3;
      setp.ge.u32 %p, %r4, %r0;
      @%p bra DONE;
      mul.wide.u32 %d0, %r4, 4;
      ld.param.u64 %d1, [in];
      ld.param.u64 %d2, [out];
      add.u64 %d3, %d1, %d0;
      add.u64 %d4, %d2, %d0;
      ld.global.f32 %f0, [%d3];
      ld.param.f32 %f1, [factor];
      mul.f32 %f0, %f0, %f1;
      st.global.f32 [%d4], %f0;
    DONE:
      ret;
    }
    .visible .entry tile(.param .align 64 .b8 p[192]) {
      .shared .align 128 .b8 box[128];
      .shared .align 8 .b64 full;
      .reg .pred %p, %first;
      .reg .b32 %r<5>;
      .reg .b64 %d<5>;
      mov.u32 %r0, %tid.x;
      setp.eq.u32 %first, %r0, 0;
      @!%first bra READY;
      mbarrier.init.shared::cta.b64 [full], 1;
      fence.mbarrier_init.release.cluster;
      mbarrier.arrive.expect_tx.shared::cta.b64 _, [full], 128;
      mov.b64 %d0, p;
      cvta.param.u64 %d0, %d0;
      add.u64 %d0, %d0, 64;
      cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [box], [%d0, {4, 2}], [full];
    READY:
      bar.sync 0;
    WAIT:
      mbarrier.try_wait.parity.shared::cta.b64 %p, [full], 0;
      @!%p bra WAIT;
      shl.b32 %r1, %r0, 2;
      mov.u32 %r2, box;
      add.u32 %r2, %r2, %r1;
      ld.shared.u32 %r3, [%r2];
      ld.param.u32 %r4, [p+8];
      add.u32 %r3, %r3, %r4;
      ld.param.u64 %d1, [p];
      mul.wide.u32 %d2, %r0, 4;
      add.u64 %d3, %d1, %d2;
      st.global.u32 [%d3], %r3;
      ret;
    }
    """

  private let folder: TemporaryFolder
  private let file: String

  init() throws {
    folder = try TemporaryFolder()
    file = folder.path("kernels.ptx")
    try Data(Self.text.utf8).write(to: URL(fileURLWithPath: file))
  }

  /// The words of a raw file.
  private func words(_ path: String) throws -> [UInt32] {
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    return stride(from: 0, to: bytes.count, by: 4).map { first in
      (0..<4).reduce(0) { $0 | UInt32(bytes[first + $1]) << UInt32(8 * $1) }
    }
  }

  private func floats(_ path: String) throws -> [Float] { try words(path).map(Float.init(bitPattern:)) }

  @Test("Runs a kernel on buffers, shows and dumps them, and writes the documented keys")
  func run() throws {
    let (json, dump, trace) = (folder.path("run.json"), folder.path("out.raw"), folder.path("trace.json"))
    let run = try CommandRun(
      "ptx", "run", file, "--kernel", "scale", "--grid", "4", "--block", "256", "--arg",
      "x=f32:1000:range=3,0.5",
      "--arg", "y=f32:1000:-7", "--arg", "u32:999", "--arg", "f32:-2", "--show", "y:3", "--dump", "y=\(dump)",
      "--device", "h20", "--threads", "1", "--json", json, "--trace", trace)
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    #expect(run.output.contains("y: -6.0 -7.0 -8.0\n"))
    let expected = (0..<1000).map { (index: Int) -> Float in index < 999 ? -6 - Float(index) : -7 }
    #expect(try floats(dump) == expected)
    let result = try #require(try jsonRows(json).first)
    #expect(
      Set(result.keys) == [
        "kernel", "device", "grid", "block", "cluster", "sharedBytes", "cooperative", "seconds",
        "launchSeconds",
        "report", "findings", "fault",
      ])
    #expect(result["device"] as? String == "h20")
    #expect(result["grid"] as? [Int] == [4, 1, 1])
    #expect(result["fault"] is NSNull)
    #expect((result["findings"] as? [String])?.isEmpty == true)
    let report = try #require(result["report"] as? [String: Any])
    #expect((report["cycles"] as? Int ?? 0) > 0)
    #expect(run.output.contains("\(report["cycles"] ?? "") cycles"))
    #expect(try jsonRows(trace).count == 1)
  }

  @Test("Raw files fill buffers, and random ones repeat")
  func fills() throws {
    let (input, first, second) = (folder.path("in.raw"), folder.path("1.raw"), folder.path("2.raw"))
    let numbers = (0..<64).map { Float($0 * $0) }
    let bytes = numbers.flatMap { number in (0..<4).map { UInt8(number.bitPattern >> UInt32(8 * $0) & 0xFF) }
    }
    try Data(bytes).write(to: URL(fileURLWithPath: input))
    func run(_ fill: String, _ dump: String) throws {
      let run = try CommandRun(
        "ptx", "run", file, "--kernel", "scale", "--block", "64", "--buffer", "x=f32:64:\(fill)", "--arg",
        "x",
        "--arg", "y=f32:64", "--arg", "u32:0x40", "--arg", "f32:0.5", "--dump", "y=\(dump)")
      #expect(run.status == 0, "\(run.output)\(run.errors)")
    }
    try run("file=\(input)", first)
    #expect(try floats(first) == numbers.map { $0 / 2 })
    try run("random=9,2,4", first)
    try run("random=9,2,4", second)
    let drawn = try floats(first)
    #expect(try floats(second) == drawn)
    #expect(drawn.allSatisfy { (1...2).contains($0) })
    #expect(Set(drawn).count > 32)
  }

  @Test("A struct carries an address, a number and a tensor map")
  func structure() throws {
    let dump = folder.path("tile.raw")
    let run = try CommandRun(
      "ptx", "run", file, "--kernel", "tile", "--block", "32", "--buffer", "t=s32:160:range", "--buffer",
      "o=s32:40",
      "--arg", "struct:192,0=o+32,8=s32:-1000,64=map:t:s32:16x10:64:8x4", "--dump", "o=\(dump)")
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    let expected = (0..<32).map { index -> Int32 in
      let (row, column) = (2 + index / 8, 4 + index % 8)
      return Int32(16 * row + column - 1000)
    }
    #expect(try words(dump).map(Int32.init(bitPattern:)) == [Int32](repeating: 0, count: 8) + expected)
  }

  @Test("A fault is printed with its line, is in the JSON, and gives status 1")
  func fault() throws {
    let json = folder.path("run.json")
    let run = try CommandRun(
      "ptx", "run", file, "--kernel", "scale", "--block", "64", "--arg", "x=f32:63", "--arg", "y=f32:64",
      "--arg",
      "u32:64", "--arg", "f32:1", "--json", json)
    #expect(run.status == 1)
    #expect(run.output.contains("PTX line 21"))
    let fault = try #require(try jsonRows(json).first?["fault"] as? String)
    #expect(fault.contains("lane 31: 4 bytes"))
  }

  @Test("A kernel without an end is given up, with its place and count", arguments: [true, false])
  func endless(isInstructionLimit: Bool) throws {
    let (json, path) = (folder.path("run.json"), folder.path("endless.ptx"))
    let text = ".version 8.0\n.target sm_90a\n.address_size 64\n.visible .entry spin() {\nL:\nbra L;\n}\n"
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    let limit = isInstructionLimit ? "--instruction-limit" : "--cycle-limit"
    let run = try CommandRun("ptx", "run", path, "--block", "64", limit, "100000", "--json", json)
    #expect(run.status == 1)
    #expect(run.output.contains("FAULT in spin: spin, PTX line 6, block 0, warp 0: bra L"), "\(run.output)")
    let fault = try #require(try jsonRows(json).first?["fault"] as? String)
    #expect(fault.contains("not at its end after"))
    #expect(fault.contains(isInstructionLimit ? "the limit is 100000" : "100000 cycles"))
  }

  @Test("A text for another architecture is refused with its line", arguments: ["run", "check"])
  func architecture(command: String) throws {
    let path = folder.path("new.ptx")
    let text = ".version 8.8\n.target sm_100a\n.address_size 64\n.visible .entry k() { ret; }\n"
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    let run = try CommandRun(list: ["ptx", command, path] + (command == "run" ? ["--block", "1"] : []))
    #expect(run.status == 1)
    #expect((run.output + run.errors).contains("target 'sm_100a' is not one of sm_80"), "\(run.errors)")
    #expect(command == "run" || run.output.contains("new.ptx:2:9:"))
  }

  @Test(
    "A wrong argument is named by its index and its text",
    arguments: [
      (["--arg", "x=f32:8", "--arg", "u33:1"], "--arg[1] = u33:1: 'u33' is no type"),
      (["--arg", "u8:256"], "--arg[0] = u8:256: 256 is out of the range of u8"),
      (["--arg", "s8:-129"], "--arg[0] = s8:-129: -129 is out of the range of s8"),
      (["--arg", "z"], "--arg[0] = z: no buffer is named 'z'"),
      (["--arg", "x=f32:8", "--arg", "x=f32:8"], "the buffer 'x' is declared twice"),
      (["--buffer", "x=f32:0"], "--buffer[0] = x=f32:0: count '0' is no integer from 1 up"),
      (["--arg", "x=f32:2", "--arg", "x+9"], "--arg[1] = x+9: 'x' has 8 bytes, offset 9 is outside"),
      (["--arg", "struct:8,4=u64:1"], "8 bytes at offset 4 are not in the struct of 8"),
      (["--arg", "x=f32:8:random=1,5,2"], "5.0 to 2.0 is no range"),
      (["--dump", "x=/tmp/x"], "--dump[0] = x=/tmp/x: no buffer is named 'x'"),
      (["--arg", "x=f32:8", "--arg", "map:x:f32:8:-"], "expected map:BUFFER"),
    ])
  func usage(arguments: [String], message: String) throws {
    let run = try CommandRun(list: ["ptx", "run", file, "--kernel", "scale", "--block", "1"] + arguments)
    #expect(run.status == 64)
    #expect(run.errors.contains(message), "\(run.errors)")
  }

  @Test(
    "What the device refuses gives status 1",
    arguments: [
      (["--kernel", "absent", "--block", "1"], "no kernel named absent"),
      (["--kernel", "scale", "--block", "257"], "at most 256 threads"),
      (["--kernel", "scale", "--block", "1", "--arg", "u32:1"], "arguments.count is 1"),
      (
        ["--kernel", "tile", "--block", "32", "--arg", "x=u8:64", "--arg", "map:x+8:u8:64:-:64"],
        "--arg[1]: tensor map: address"
      ),
    ])
  func refused(arguments: [String], message: String) throws {
    var arguments = arguments
    if !arguments.contains("--arg") {
      arguments += ["--arg", "x=f32:1", "--arg", "x", "--arg", "u32:1", "--arg", "f32:1"]
    }
    let run = try CommandRun(list: ["ptx", "run", file] + arguments)
    #expect(run.status == 1)
    #expect(run.errors.contains(message), "\(run.errors)")
  }

  @Test("check lists what a text has, and what cannot run")
  func check() throws {
    let (json, path) = (folder.path("check.json"), folder.path("odd.ptx"))
    let odd = """
      .version 8.0
      .target sm_90a
      .address_size 64
      .visible .entry odd(.param .u32 a, .param .u64 b) .reqntid 64, 2 {
        .shared .align 4 .b8 s[20];
        .reg .b32 %r<100>;
        ld.param.u32 %r90, [a];
        add.u32 %r91, %r90, 1;
        st.shared.u32 [s], %r91;
        frobnicate.u32 %r92, %r91;
        selp.b32 %r92, %r91, %r90;
        ret;
      }
      """
    try Data(odd.utf8).write(to: URL(fileURLWithPath: path))
    let run = try CommandRun("ptx", "check", path, "--json", json, environment: ["PTXAS": "/nowhere"])
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.contains("odd.ptx:10: odd: unknown instruction: frobnicate.u32 %r92, %r91"))
    #expect(run.output.contains("odd.ptx:11: odd: takes 4 operands: selp.b32 %r92, %r91, %r90"))
    #expect(run.output.contains("ptxas: not installed"))
    let result = try #require(try jsonRows(json).first)
    #expect(Set(result.keys) == ["file", "error", "functions", "ptxas"])
    let function = try #require((result["functions"] as? [[String: Any]])?.first)
    #expect(function["namedRegisterCount"] as? Int == 3)
    #expect(function["sharedByteCount"] as? Int == 32)
    #expect(function["directives"] as? [String] == [".reqntid 64, 2"])
    let parameters = try #require(function["parameters"] as? [[String: Any]])
    #expect(parameters.map { $0["offset"] as? Int } == [0, 8])
  }

  @Test("check of a text that is no PTX names the place and gives status 1")
  func checkError() throws {
    let path = folder.path("broken.ptx")
    try Data(".version 8.0\n.target sm_90a\n.entry k() { mov.u32 %r1, 1; }\n".utf8).write(
      to: URL(fileURLWithPath: path))
    let run = try CommandRun("ptx", "check", path)
    #expect(run.status == 1)
    #expect(run.output.contains("broken.ptx:3:"))
    #expect(run.output.contains("'%r1' is not declared"))
  }

  @Test("devices lists every constant with its source")
  func devices() throws {
    let json = folder.path("devices.json")
    let run = try CommandRun("ptx", "devices", "--json", json)
    #expect(run.status == 0)
    let devices = try jsonRows(json)
    #expect(devices.map { $0["device"] as? String } == ["h100", "h800", "h200", "h20"])
    for device in devices {
      let constants = try #require(device["constants"] as? [[String: Any]])
      #expect(constants.count > 40)
      for constant in constants {
        #expect(Set(constant.keys) == ["name", "value", "kind", "source"])
        #expect((constant["source"] as? String)?.isEmpty == false)
      }
    }
  }
}
