import AssemblerSupport
import AssemblerTools
import HopperKernels
import PTX
import Testing

@Suite("Hopper kernels: assembly")
struct AssemblyTests {
  @Test(
    "A kernel assembles without spills, serialised products and ignored registers",
    arguments: DecodeVariant.all)
  func decode(_ variant: DecodeVariant) throws {
    try expectClean(DecodeKernel(variant).kernel)
  }

  @Test("The second stage alone assembles", arguments: StorageFormat.halves)
  func merge(_ type: StorageFormat) throws {
    try expectClean(MergeKernel(elementType: type).kernel)
  }

  private func expectClean(_ kernel: Kernel) throws {
    let report = try Ptxas.forTests().assemble(kernel.module.description)
    #expect(report.messages.isEmpty)
    #expect(report.spillingFunctions.isEmpty)
  }
}
