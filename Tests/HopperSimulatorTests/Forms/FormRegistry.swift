/// Every suite that counts. A file of tests that executes instructions adds itself here.
enum FormRegistry {
  static let suites: [FormSuite] = [
    FormSuite("Integers", cases: { IntegerForms.cases }),
    FormSuite("Bits", cases: { BitForms.cases }),
    FormSuite("Comparisons", cases: { ComparisonForms.cases }),
    FormSuite("fp32 and fp64", cases: { FloatForms.cases }),
    FormSuite("fp16 and bf16", cases: { HalfForms.cases }),
    FormSuite("Conversions", cases: { ConversionForms.cases }),
    FormSuite("Approximations", cases: { ApproximationForms.cases }),
    FormSuite("Memory", cases: { MemoryForms.cases }),
    FormSuite("Atomics", cases: { AtomicForms.cases }),
    FormSuite("Warps", cases: { WarpForms.cases }),
    FormSuite("Control flow", running: { try ControlForms.all() }),
    FormSuite("Special registers", running: { try SpecialRegisterForms.all() }),
    FormSuite("Barriers", running: { try BarrierForms.all() }),
    FormSuite("Clusters", running: { try ClusterForms.all() }),
    FormSuite("Asynchronous copies", running: { try CopyForms.all() }),
    FormSuite("Asynchronous reductions", running: { try AsynchronousReductionForms.all() }),
    FormSuite("Tensor copies", running: { try TensorForms.all() }),
    FormSuite("Matrix loads and stores", running: matrixMemory), FormSuite("mma.sync", running: warpProducts),
    FormSuite("wgmma", running: warpgroupProducts),
  ]

  private static func matrixMemory() throws {
    let tests = MatrixMemoryTests()
    for count in [1, 2, 4] {
      for isTransposed in [false, true] {
        try tests.load(count, isTransposed)
        try tests.store(count, isTransposed)
      }
    }
    try tests.transpose()
  }

  private static func warpProducts() throws {
    for product in WarpProduct.all { try product.check(seed: 1) }
  }

  private static func warpgroupProducts() throws {
    let tests = WarpgroupProductTests()
    for n in stride(from: 8, through: 256, by: 8) { try tests.everyN(n) }
    for type in MatrixValues.allCases { try tests.everyType(type, 128) }
    try tests.saturation()
  }
}
