import HopperEngine
import LatentAttention

extension FaultTests {
  /// Two requests of 100 rows, more rows than blocks, each in more pieces than a turn of the second stage has.
  static let merges: CaseRecipe = {
    var recipe = CaseRecipe("faults of the second stage", requests: [.init(1, 900), .init(1, 1050)])
    recipe.headCount = 100
    recipe.values = .rising
    return recipe
  }()

  private static func mergeFault(
    _ name: String, places: Int, _ pattern: String, _ replacement: String,
    _ way: HopperEngineOptions.MergeWay = .sharedMemory,
    _ secondStage: HopperEngineOptions.SecondStage = .sameLaunch
  ) -> Fault {
    var fault = Fault(name, places: places, pattern, replacement, recipe: merges)
    fault.policy = HopperEngineTests.OddPieces()
    fault.options.mergeWay = way
    fault.options.secondStage = secondStage
    fault.options.partialType = .float32
    return fault
  }

  /// Faults of how partial results are combined, and of how blocks wait for them. The text has the second stage three
  /// times, for each type of partial results.
  static let faultsOfSecondStage = [
    mergeFault(
      "sums are put down over those of the row before, which are still read", places: 3,
      #"(cp\.async\.wait_group 0;\s+\.loc [^\n]*)\s+bar\.sync 4, 256;"#, "$1"),
    mergeFault(
      "other groups' sums are read before they are there", places: 3,
      #"bar\.sync 4, 256;(?=\s+\.loc [^\n]*\s+setp\.eq\.s32 %p\d+, %group)"#, ""),
    mergeFault(
      "a batch of pieces comes to the place of the one that is read", places: 3,
      #"(add\.s32 %r\d+, %turn[_0-9]*,) 1;"#, "$1 2;"),
    mergeFault(
      "a batch of pieces is not waited for", places: 3,
      #"cp\.async\.wait_group 1;(?=\s+\.loc [^\n]*\s+and\.b32)"#, "cp.async.wait_group 2;"),
    mergeFault(
      "the rows of pieces are those of the next row", places: 3,
      #"add\.s32 (%r\d+), %r\d+, %row[_0-9]*;(?=\s+mul\.lo\.s32 %r\d+, %group)"#, "$0 add.s32 $1, $1, 1;"),
    mergeFault(
      "of every fourth piece the next row is added, in registers", places: 3,
      #"add\.s32 (%r\d+), %r\d+, %r\d+;(?=\s+mul\.lo\.s32 %r\d+, %piece)"#, "$0 add.s32 $1, $1, 1;",
      .registers),
    mergeFault(
      "all pieces have the first one's weight", places: 3,
      #"shl\.b64 (%lses_step[_0-9]*), %rows[_0-9]*, 2;"#, "mov.b64 $1, 0;"),
    mergeFault(
      "a piece has the next row's weight, in registers", places: 12,
      #"(ld\.global\.f32 %lse[_0-9]*, \[%rd\d+)\]"#, "$1+4]", .registers),
    mergeFault(
      "what has been added up keeps the old maximum's scale", places: 9,
      #"mul\.ftz\.f32 (%f\d+, %weight_sum[_0-9]*), %correction[_0-9]*;"#, "mov.f32 $1;"),
    mergeFault(
      "blocks with pieces are not waited for", places: 1,
      #"mul\.lo\.u64 (%target), %rd\d+, %blocks;"#, "$0 sub.u64 $1, $1, 60;"),
    mergeFault(
      "a block is waited for that there is not", places: 1, #"mul\.lo\.u64 (%target), %rd\d+, %blocks;"#,
      "$0 add.u64 $1, $1, 1;"),
    mergeFault(
      "other blocks' pieces are not acquired", places: 1, #"ld\.acquire\.gpu"#, "ld.relaxed.gpu"),
    mergeFault(
      "a block's pieces are not released", places: 1, #"atom\.acq_rel\.gpu"#, "atom.acquire.gpu"),
    mergeFault(
      "a block arrives before all of its threads have written their partial results", places: 1,
      #"(\$region_begin_grid_barrier[^\n]*\s+\.loc [^\n]*)\s+bar\.sync 4, 256;"#, "$1"),
    mergeFault(
      "threads do not wait for the one that waits for other blocks", places: 1,
      #"bar\.sync 4, 256;(?=\s+\$region_end_grid_barrier)"#, ""),
    mergeFault(
      "the second kernel does not wait for the first", places: 1, #"griddepcontrol\.wait;"#, "",
      .automatic, .dependentLaunch),
  ]
}
