import CPUEngine
import CPUMicrokernels
import LatentAttention
import Testing

@Suite struct MicrokernelTests {
  @Test func availableSetsAreListedBestFirst() {
    let order = InstructionSet.allCases
    let places = InstructionSet.available.compactMap { order.firstIndex(of: $0) }
    #expect(places == places.sorted())
    #expect(InstructionSet.available.last == .portable)
    for set in order {
      let isListed = MicrokernelTable.sets.contains { $0.instructionSet == set }
      #expect(InstructionSet.available.contains(set) == isListed)
    }
  }

  @Test func everySetHasItsElementTypesOnce() {
    for set in InstructionSet.available {
      let types = MicrokernelTable.sets.filter { $0.instructionSet == set }.map(\.elementType)
      #expect(types == (set == .avx512bf16 ? [.bfloat16] : ElementType.allCases), "\(set)")
    }
  }

  /// What runs here is what the C table holds, less the sets that the machine lacks.
  @Test func tableFollowsTheBuild() {
    var names: [String] = []
    for index in 0..<mla_microkernel_count() {
      guard let set = unsafe mla_microkernel(index), unsafe mla_microkernel_runs_here(set) != 0 else {
        continue
      }
      names.append(unsafe String(cString: set.pointee.isa))
    }
    #expect(names == MicrokernelTable.sets.map(\.instructionSet.rawValue))
  }

  private func chosen(
    _ type: ElementType, _ latentWidth: Int, _ ropeWidth: Int, _ limit: InstructionSet
  ) -> InstructionSet {
    let set = MicrokernelTable.set(
      for: type, latentWidth: latentWidth, ropeWidth: ropeWidth, limit: limit)
    #expect(set.elementType == type)
    return set.instructionSet
  }

  /// The best set that this machine has, no better than `limit`.
  private func best(_ limit: InstructionSet) -> InstructionSet {
    let order = InstructionSet.allCases
    let start = order.firstIndex(of: limit) ?? 0
    return order[start...].first { InstructionSet.available.contains($0) } ?? .portable
  }

  @Test(arguments: InstructionSet.allCases)
  func deepSeekWidthsGetTheLimit(limit: InstructionSet) {
    #expect(chosen(.bfloat16, 512, 64, limit) == best(limit))
    let withoutPairs = limit == .avx512bf16 ? best(.avx512f) : best(limit)
    #expect(chosen(.float16, 512, 64, limit) == withoutPairs)
    #expect(chosen(.float32, 512, 64, limit) == withoutPairs)
  }

  /// Pairs of bf16 need an even rope and whole column chunks; fp32 products take any width.
  @Test(arguments: [(33, 7), (512, 1), (511, 64), (1, 0), (8191, 8191), (72, 2)])
  func oddWidthsGetSetsThatPad(latentWidth: Int, ropeWidth: Int) {
    for limit in InstructionSet.allCases {
      let withoutPairs = limit == .avx512bf16 ? best(.avx512f) : best(limit)
      for type in ElementType.allCases {
        #expect(chosen(type, latentWidth, ropeWidth, limit) == withoutPairs, "\(type), \(limit)")
      }
    }
  }

  @Test func evenOtherWidthsKeepThePairs() {
    for (latentWidth, ropeWidth) in [(256, 64), (512, 0), (576, 128)] {
      #expect(chosen(.bfloat16, latentWidth, ropeWidth, .avx512bf16) == best(.avx512bf16))
    }
  }
}
