import PTX

/// The loops of a warpgroup over the tiles of a piece, in order. Tiles take turns in the places for them.
struct TileLoop {
  let k: KernelBuilder
  /// Places for tiles, 1 or 2.
  let stages: Int
  /// How often the body of a loop stands in the program.
  let unroll: Int

  /// Records what is done for each group of tiles below `end`, one tile for each place; the last group may lack some.
  /// `body` gets the number of the group's first tile.
  func forEachGroup(below end: Value<S32>, _ body: (_ first: Value<S32>) -> Void) {
    k.for("pair", from: 0, to: end, step: Value(stages * unroll), isUniform: true) { first in
      body(first)
      for turn in 1..<unroll {
        let next = k.let("next_pair", first + turn * stages)
        k.if(next < end, isUniform: true) { body(next) }
      }
    }
  }

  /// Records what is done for each tile of a piece, in each of the places.
  func forEach(of piece: LoadedPiece, _ body: (_ side: Int, _ start: Value<S32>) -> Void) {
    forEachGroup(below: piece.tileCount) { tile in
      let start = k.let("tile_start", firstKey(of: tile, piece))
      body(0, start)
      for side in 1..<stages {
        k.if(tile + side < piece.tileCount, isUniform: true) {
          body(side, start + side * HopperKernels.tileRows)
        }
      }
    }
  }

  /// Records what is done for each tile of a piece that has any, in two places, where the body starts products of the next
  /// tile: `hasNext` says whether there is one.
  func forEachBeforeNext(
    of piece: LoadedPiece, _ body: (_ side: Int, _ start: Value<S32>, _ hasNext: Bool) -> Void
  ) {
    // The last tile stands apart: where products may be pending or not, `ptxas` waits.
    let last = k.let("last_tile", piece.tileCount - 1)
    forEachGroup(below: last) { tile in
      let start = k.let("tile_start", firstKey(of: tile, piece))
      body(0, start, true)
      k.if(tile + 1 < last, isUniform: true) { body(1, start + HopperKernels.tileRows, true) }
    }
    let start = k.let("last_start", firstKey(of: last, piece))
    k.if(last % 2 == 0, isUniform: true, { body(0, start, false) }, else: { body(1, start, false) })
  }

  private func firstKey(of tile: Value<S32>, _ piece: LoadedPiece) -> Value<S32> {
    piece.keyStart + tile * HopperKernels.tileRows
  }
}
