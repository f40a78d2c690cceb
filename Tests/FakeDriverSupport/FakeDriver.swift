import Foundation
import GPUDevice

/// A `libcuda.so.1` that records what it is asked; its source is beside this file.
package final class FakeDriver {
  /// The library's file.
  package let path: String
  /// Variables with which a process finds this library in place of the system's.
  package let environment: [String: String]
  private let folder: URL

  /// Compiles the library by clang, which comes with Swift.
  package init(deviceCount: Int = 1, isOld: Bool = false) throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("fake-driver-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    environment = ["LD_LIBRARY_PATH": folder.path]
    path = folder.appendingPathComponent("libcuda.so.1").path
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Driver/libcuda.c").path
    let calls = folder.appendingPathComponent("calls").path
    try Data().write(to: URL(fileURLWithPath: calls))
    let clang = Process()
    clang.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    clang.arguments =
      ["clang", "-std=gnu17", "-shared", "-fPIC", "-DCALLS=\"\(calls)\"", "-DDEVICES=\(deviceCount)"]
      + (isOld ? ["-DOLD_DRIVER"] : []) + ["-o", path, source]
    try clang.run()
    clang.waitUntilExit()
    guard clang.terminationStatus == 0 else { throw NoCompiler() }
  }

  deinit {
    try? FileManager.default.removeItem(at: folder)
  }

  /// The device of the library.
  package func device() throws(GPUDeviceError) -> CUDADevice { try CUDADevice(library: path) }

  /// What the library was asked since this was last called, a line each.
  package func takeCalls() throws -> [String] {
    let file = folder.appendingPathComponent("calls")
    let text = try String(contentsOf: file, encoding: .utf8)
    try Data().write(to: file)
    return text.split(separator: "\n").map(String.init)
  }

  /// Clang does not compile the library.
  private struct NoCompiler: Error {}
}
