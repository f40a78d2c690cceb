import AssemblerSupport
import AssemblerTools
import ExampleKernels
import PTX
import Testing

@Suite("Kernel language: examples")
struct LanguageExampleTests {
  @Test("Every example is recorded, and assembles cleanly")
  func examples() throws {
    let kernels = try [
      ExampleKernels.vectorAdd(), ExampleKernels.reduction(), ExampleKernels.softmaxRow(),
      GemmKernel(clusterSize: 1).kernel, GemmKernel(clusterSize: 2).kernel,
    ]
    let module = Module(kernels: kernels)
    #expect(module.kernels.count == 5)
    #expect(module.version == Module.Version(8, 0))
    try Ptxas.forTests().expectClean(module)
  }
}
