/// Where the interpreter tells the hazard checks of `wgmma`: of its operands in shared memory.
///
/// The products of a warpgroup are an agent; the time is the number of their group, for groups are waited for. The four
/// warps read together: their operands are compared with what the first of them has seen.
extension Interpreter {
  /// A warp executes its last product, and is the first of its warpgroup to do so.
  func checkProduct(
    a: OperandTile?, b: OperandTile, columns: Int, _ block: Block, _ warp: Warp, _ hazards: WarpHazards
  ) {
    let rank = block.rank
    guard let block = block.hazards else { return }
    let cluster = hazards.cluster
    let access = Access(
      kind: .asynchronousRead, mask: 0xF, agent: Int32(block.productAgent(of: warp, cluster)),
      time: UInt32(warp.products.groupCount + 1), warp: Int32(hazards.agent), site: hazards.lastProduct)
    cluster.touch(access, hazards, b, rows: 0..<columns, rank: rank)
    if let a { cluster.touch(access, hazards, a, rows: 0..<64, rank: rank) }
  }

  /// A warp has waited for products.
  func checkProductWait(_ warp: Warp) {
    guard let hazards = warp.hazards, let block = warp.block.hazards else { return }
    let agent = block.productAgent(of: warp, hazards.cluster)
    let waited = UInt32(warp.products.waitedGroupCount)
    hazards.causality.seen[agent] = max(hazards.causality.seen[agent], waited)
  }
}

extension BlockHazards {
  /// The agent that the products of a warp's warpgroup are.
  func productAgent(of warp: Warp, _ cluster: ClusterHazards) -> Int {
    if let known = productAgents[warp.index / 4] { return known }
    let made = cluster.newAgent()
    productAgents[warp.index / 4] = made
    return made
  }
}
