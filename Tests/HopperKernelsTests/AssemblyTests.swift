import AssemblerSupport
import AssemblerTools
import HopperKernels
import PTX
import Testing

@Suite("Hopper kernels: assembly")
struct AssemblyTests {
  /// All, but of those with clusters one for each way to load and to share the work: the rest differs in what the others
  /// without clusters show. `mla kernels check` has them all.
  private static let variants = DecodeVariant.all.filter {
    $0.cluster == .none || $0.hasRope && $0.elementType == .bfloat16
  }

  @Test(
    "A kernel assembles without spills, serialised products and ignored registers", arguments: variants)
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
