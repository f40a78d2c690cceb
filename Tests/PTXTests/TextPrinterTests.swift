import AssemblerSupport
import AssemblerTools
import ExampleKernels
import PTX
import Testing

@Suite("Printer")
struct TextPrinterTests {
  /// A module whose kernels have no comments: those are for the reader, and the parser drops them.
  private static func withoutComments(_ module: Module) -> Module {
    var module = module
    for index in module.functions.indices {
      module.functions[index].body?.removeAll { statement in
        if case .comment = statement { return true }
        return false
      }
    }
    return module
  }

  private static func sources(_ module: Module) -> [PTX.SourceLocation?] {
    module.functions.flatMap { $0.body ?? [] }.compactMap { statement in
      if case .instruction(let instruction) = statement { return .some(instruction.source) }
      return nil
    }
  }

  @Test("What is printed is read back as the same kernels, with their Swift lines")
  func examples() throws {
    let kernels = try [
      ExampleKernels.vectorAdd(), ExampleKernels.reduction(), ExampleKernels.softmaxRow(),
      GemmKernel(clusterSize: 1).kernel, GemmKernel(clusterSize: 2).kernel,
    ]
    let module = Module(kernels: kernels)
    let parsed = try Module(parsing: module.description)
    #expect(parsed == Self.withoutComments(module))
    #expect(Self.sources(parsed) == Self.sources(module))
    #expect(parsed.description == Self.withoutComments(module).description)
  }

  @Test("Registers whose names end alike but differ in type are declared one by one")
  func registerNames() throws {
    var function = Function("k")
    function.registers = [
      Register("%a1", .b32), Register("%a2", .f32), Register("%b007", .b32), Register("%c12", .b64),
      Register("%c3", .b64), Register("%7", .b32),
    ]
    let spellings = ["mov.b32", "mov.f32", "mov.b32", "mov.b64", "mov.b64"]
    function.body = spellings.enumerated().map { index, spelling in
      .instruction(Instruction(spelling, [.register(RegisterID(index)), .immediate(.integer(0))]))
    }
    function.registers.removeLast()
    var module = Module()
    module.functions = [function]
    #expect(module.description.contains(".reg .b64 %c<13>;"))
    #expect(module.description.contains(".reg .b32 %b007;"))
    #expect(try Module(parsing: module.description) == module)
  }

  @Test("A range does not cover a variable's name")
  func rangesAndVariables() throws {
    let module = try Module(
      parsing: """
        .version 8.0 .target sm_90a .entry k() {
          .reg .b32 ab1, ab3; .shared .b32 ab2;
          mov.b32 ab1, ab2; mov.b32 ab3, ab1;
        }
        """)
    #expect(module.description.contains("ab3;"))
    #expect(!module.description.contains("ab<"))
    try Ptxas.forTests().expectClean(module)
  }

  @Test("What a function or a table names before it stands is declared in advance")
  func declarations() throws {
    let module = try Module(
      parsing: """
        .version 8.0 .target sm_90a .address_size 64
        .func (.param .b32 r) first (.param .b32 a);
        .func second ();
        .global .u64 table[1] = {first};
        .visible .entry k() { call.uni second, (); ret; }
        .func second () { ret; }
        .func third () { ret; }
        .func (.param .b32 r) first (.param .b32 a) { call.uni third, (); ret; }
        """)
    let heads = module.description.split(separator: "\n").filter {
      $0.contains(".func") || $0.contains(".global")
    }
    #expect(
      heads == [
        ".func second(", ".func (.param .b32 r) first(", ".global .u64 table[1] = {first};", ".func second(",
        ".func third(", ".func (.param .b32 r) first(",
      ])
    #expect(try Module(parsing: module.description) == module)
    try Ptxas.forTests().expectClean(module)
  }

  @Test("Numbers keep their bits")
  func numbers() throws {
    var function = Function("k")
    let values: [Immediate] = [
      .integer(.min), .integer(-1), .integer(.max), .float(0x7FC0_0001), .float(0x8000_0000), .double(1),
      .double((-0.0).bitPattern),
    ]
    function.body = values.map { .instruction(Instruction("mov.b64", [.sink, .immediate($0)])) }
    var module = Module()
    module.functions = [function]
    #expect(try Module(parsing: module.description) == module)
  }
}
