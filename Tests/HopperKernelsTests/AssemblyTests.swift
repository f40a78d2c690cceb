import AssemblerSupport
import AssemblerTools
import HopperKernels
import PTX
import Testing

@Suite("Hopper kernels: assembly")
struct AssemblyTests {
  @Test(
    "A kernel assembles without spills, serialised products and ignored registers",
    arguments: HopperKernel.all + HopperKernel.tuned)
  func assembles(_ kernel: HopperKernel) throws {
    let recorded = try kernel.record()
    #expect(recorded.function.name == kernel.description)
    let report = try Ptxas.forTests().assemble(recorded.module.description)
    #expect(report.usage(of: kernel.description) != nil)
    #expect(report.messages.isEmpty)
    #expect(report.spillingFunctions.isEmpty)
  }
}
