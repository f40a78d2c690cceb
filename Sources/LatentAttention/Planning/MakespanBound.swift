/// A makespan that no assignment of pieces to workers can beat.
struct MakespanBound {
  let value: Double
  init(tiles: [RowTile], tileCosts: [Double], workerCount: Int, costModel: CostModel) {
    value = tileCosts.reduce(0, +) / Double(workerCount)
  }
}
