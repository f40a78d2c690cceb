import GPUDevice
import HopperSimulator
import PTX
import Testing

@Suite("Registers by liveness")
struct LiveRegisterTests {
  /// A chain of additions, each into a register of its own, of which the first is needed at the end again.
  private static func text(count: Int) -> String {
    let chain = (1..<count).map { "add.u32 %r\($0), %r\($0 - 1), \($0);" }.joined(separator: "\n")
    return """
      .version 8.0
      .target sm_90a
      .address_size 64
      .visible .entry k(.param .u64 out) {
        .reg .b32 %r<\(count)>; .reg .b64 %rd<3>; .reg .b32 %sum;
        mov.u32 %r0, %tid.x;
        \(chain)
        add.u32 %sum, %r\(count - 1), %r0;
        ld.param.u64 %rd0, [out];
        mul.wide.u32 %rd1, %r0, 4;
        add.u64 %rd2, %rd0, %rd1;
        st.global.u32 [%rd2], %sum;
        ret;
      }
      """
  }

  @Test("Of 45,000 registers that are named, seven are live, and a block of 1024 threads has room")
  func chain() throws {
    let count = 45_000
    let module = try Module(parsing: Self.text(count: count))
    let summary = try #require(FunctionSummary.all(of: module).first)
    #expect(summary.namedRegisterCount == count + 1 + 3 * 2)
    // At the last addition: the sum, and three words of 64 bits.
    #expect(summary.liveRegisterCount == 7)
    let device = Simulator()
    let memory = DeviceMemory(device)
    let output = try memory.copy([UInt32](repeating: 0, count: 1024))
    var parameters = ParameterBlock()
    parameters.append(output)
    let configuration = LaunchConfiguration(grid: Extent(1), block: Extent(1024))
    _ = try device.launch(device.load(module), "k", configuration, parameters: parameters.bytes)
    let increments = UInt32(truncatingIfNeeded: count * (count - 1) / 2)
    #expect(try memory.read(output, count: 1024, as: UInt32.self) == (0..<1024).map { 2 * $0 + increments })
  }
}
