import AssemblerSupport
import AssemblerTools
import PTX
import Testing

extension Ptxas {
  /// Expects that a module assembles without spills and without warnings, those of serialised `wgmma` included.
  func expectClean(_ module: Module) throws {
    let report = try assemble(module.description)
    #expect(report.messages.isEmpty)
    #expect(report.spillingFunctions.isEmpty)
  }
}
