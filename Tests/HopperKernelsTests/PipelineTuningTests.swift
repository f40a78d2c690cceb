import HopperKernels
import Testing

@Suite("Hopper kernels: parameters of pipelines")
struct PipelineTuningTests {
  private static func variant(
    _ pipeline: DecodeVariant.Pipeline, hasRope: Bool = true
  ) -> DecodeVariant {
    DecodeVariant(elementType: .bfloat16, hasRope: hasRope, loading: .rows, pipeline: pipeline)
  }

  /// A value that is refused, and what is said of it.
  struct Refusal: Sendable {
    let pipeline: DecodeVariant.Pipeline
    let tuning: PipelineTuning
    let message: String
  }

  private static func refusal(
    _ pipeline: DecodeVariant.Pipeline, registers split: PipelineTuning.Registers, _ message: String
  ) -> Refusal {
    Refusal(pipeline: pipeline, tuning: .init(registers: split), message: message)
  }

  private static let refusals = [
    refusal(
      .twoWarpgroups, registers: .init(holders: 224, loader: 60),
      "registers.loader = 60: must be a multiple of 8 from 24 to 256"),
    refusal(
      .threeWarpgroups, registers: .init(holders: 264, loader: 56),
      "registers.holders = 264: must be a multiple of 8 from 24 to 256"),
    refusal(
      .fourWarpgroups, registers: .init(holders: 168, scores: 16, loader: 64),
      "registers.scores = 16: must be a multiple of 8 from 24 to 256"),
    refusal(
      .fourWarpgroups, registers: .init(holders: 168, loader: 64),
      "registers.scores = none: must be given with four warpgroups"),
    refusal(
      .twoWarpgroups, registers: .init(holders: 168, scores: 112, loader: 56),
      "registers.scores = 112: only with four warpgroups is there one for scores"),
    // 65,536 registers are 170 for each of 384 threads, which then begin with 168.
    refusal(
      .twoWarpgroups, registers: .init(holders: 224, loader: 64),
      "registers = 224,64: must be at most 64512 in all 384 threads, and are 65536"),
    refusal(
      .fourWarpgroups, registers: .init(holders: 168, scores: 120, loader: 64),
      "registers = 168,120,64: must be at most 65536 in all 512 threads, and are 66560"),
    Refusal(
      pipeline: .twoWarpgroups, tuning: .init(keyStages: 1),
      message: "keyStages = 1: must be 2 with two warpgroups, each of which has a tile of its own"),
    Refusal(
      pipeline: .threeWarpgroups, tuning: .init(keyStages: 0), message: "keyStages = 0: must be at least 1"),
    // 4 × 9 panels of 64 × 128 bytes, and what comes before them in whole kilobytes.
    Refusal(
      pipeline: .fourWarpgroups, tuning: .init(keyStages: 3),
      message:
        "keyStages = 3: must be at most 2: 3 take 296960 bytes of shared memory, and a block has 232448"),
    Refusal(
      pipeline: .threeWarpgroups, tuning: .init(keyStages: .max),
      message: "keyStages = \(Int.max): must be at most 2: "
        + "3 take 296960 bytes of shared memory, and a block has 232448"),
    Refusal(
      pipeline: .threeWarpgroups, tuning: .init(probabilities: .deferred, keyStages: 1),
      message: "probabilities = deferred: must be immediate with one place for keys: "
        + "the next tile comes when the values are done"),
    Refusal(pipeline: .twoWarpgroups, tuning: .init(unroll: 0), message: "unroll = 0: must be 1 or 2"),
    Refusal(
      pipeline: .twoWarpgroups, tuning: .init(unroll: .max), message: "unroll = \(Int.max): must be 1 or 2"),
  ]

  @Test("A value that cannot be is refused by name", arguments: refusals)
  func refused(_ refusal: Refusal) {
    let error = #expect(throws: PipelineTuningError.self) {
      try Self.variant(refusal.pipeline).tuned(refusal.tuning)
    }
    #expect(error?.description == refusal.message)
  }

  @Test func parametersAreInTheName() throws {
    let three = Self.variant(.threeWarpgroups)
    let tuned = try three.tuned(.init(probabilities: .deferred, unroll: 2))
    #expect(tuned.description == "mla_decode_bf16_512_64_rows_wg3_deferred_unroll2")
    #expect(tuned.tuning == PipelineTuning(probabilities: .deferred, unroll: 2))
    // The pipeline's own values are no others, and what is set later keeps the rest.
    #expect(try three.tuned(.init(probabilities: .immediate, keyStages: 2, unroll: 1)) == three)
    #expect(
      try tuned.tuned(.init(registers: .init(holders: 208, loader: 88), unroll: 1)).description
        == "mla_decode_bf16_512_64_rows_wg3_deferred_registers208_88")
  }

  /// What `ptxas` assembles and the engine's tests run is what may be set.
  @Test func listedVariantsCanBe() throws {
    for kernel in HopperKernel.tuned {
      guard case .decode(let variant) = kernel else { continue }
      #expect(try variant.tuned(variant.tuning) == variant)
      #expect(!variant.tuning.labels.isEmpty)
    }
    #expect(Set(HopperKernel.tuned).count == HopperKernel.tuned.count)
    #expect(Set(HopperKernel.tuned).isDisjoint(with: HopperKernel.all))
  }

  /// The bytes that are said to be taken are those of the kernel, but for the alignment of its tiles.
  @Test("Shared memory for places", arguments: [true, false])
  func sharedMemory(hasRope: Bool) throws {
    let variant = Self.variant(.threeWarpgroups, hasRope: hasRope)
    let bytes = try [1, 2].map { stages in
      try HopperKernel.decode(variant.tuned(.init(keyStages: stages))).record().dynamicSharedByteCount
    }
    let panel = 64 * 128
    #expect(bytes == [1, 2].map { ((hasRope ? 9 : 8) + 9 * $0) * panel })
    let error = #expect(throws: PipelineTuningError.self) { try variant.tuned(.init(keyStages: 3)) }
    #expect(error?.requirement.contains("3 take \(bytes[1] + 9 * panel + 2048) bytes") == true)
  }
}
