import AssemblerSupport
import AssemblerTools
import HopperKernels
import PTX
import Testing

@Suite("Hopper kernels: assembly")
struct AssemblyTests {
  /// Of those whose parameters have not been set enough for any three options to have all their values together;
  /// `mla kernels check` assembles all.
  private static let kernels =
    covering(DecodeVariant.all).map(HopperKernel.decode) + StorageFormat.halves.map(HopperKernel.merge)
    + HopperKernel.tuned

  @Test("A kernel assembles without spills, serialised products and ignored registers", arguments: kernels)
  func assembles(_ kernel: HopperKernel) throws {
    let recorded = try kernel.record()
    #expect(recorded.function.name == kernel.description)
    let report = try Ptxas.forTests().assemble(recorded.module.description)
    #expect(report.usage(of: kernel.description) != nil)
    #expect(report.messages.isEmpty)
    #expect(report.spillingFunctions.isEmpty)
  }

  @Test("What is left out has no three values of options that nothing else has")
  func coverage() {
    let covered = Self.covering(DecodeVariant.all)
    #expect(covered.count < DecodeVariant.all.count / 2)
    let combinations = covered.reduce(into: Set()) { $0.formUnion(Self.combinations($1)) }
    for variant in DecodeVariant.all { #expect(combinations.isSuperset(of: Self.combinations(variant))) }
  }

  // MARK: Covering arrays

  /// Variants that together have all the combinations that all have: greedily, the one that adds most first.
  private static func covering(_ all: [DecodeVariant]) -> [DecodeVariant] {
    var missing = all.reduce(into: Set()) { $0.formUnion(combinations($1)) }
    var chosen: [DecodeVariant] = []
    while !missing.isEmpty {
      let counts = all.map { missing.intersection(combinations($0)).count }
      guard let most = counts.max(), let place = counts.firstIndex(of: most), most > 0 else { break }
      chosen.append(all[place])
      missing.subtract(combinations(all[place]))
    }
    return chosen
  }

  /// Values of three options of a variant.
  private static func combinations(_ variant: DecodeVariant) -> Set<[String]> {
    let options = [
      "\(variant.elementType)", "rope \(variant.hasRope)", "\(variant.loading)", "\(variant.pipeline)",
      "cluster \(variant.cluster)",
    ]
    var combinations: Set<[String]> = []
    for first in options.indices {
      for second in options.indices[(first + 1)...] {
        for third in options.indices[(second + 1)...] {
          combinations.insert([options[first], options[second], options[third]])
        }
      }
    }
    return combinations
  }
}
