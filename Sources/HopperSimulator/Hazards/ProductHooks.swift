/// Where the interpreter tells the hazard checks of `wgmma`: of its operands in shared memory.
///
/// The products of a warpgroup are an agent; the time is their number. The four warps read together: their operands are
/// compared with what the first of them has seen.
extension Interpreter {
  func checkProduct(
    a: OperandTile?, b: OperandTile, columns: Int, _ site: Int32, _ warp: Warp, _ hazards: WarpHazards
  ) {
    guard let block = warp.block.hazards else { return }
    let cluster = hazards.cluster
    let number = UInt32(warp.asynchronous.products.executedCount + 1)
    let group = warp.index / 4
    hazards.lastProduct = site
    guard block.beginProduct(group, number) else { return }
    let access = Access(
      kind: .asynchronousRead, mask: 0xF, agent: Int32(block.productAgent(group, cluster)), time: number,
      warp: Int32(hazards.agent), site: site)
    cluster.touch(access, hazards.causality, b, rows: 0..<columns, rank: warp.block.rank)
    if let a { cluster.touch(access, hazards.causality, a, rows: 0..<64, rank: warp.block.rank) }
  }

  /// A warp has waited for products.
  func checkProductWait(_ warp: Warp) {
    guard let hazards = warp.hazards, let block = warp.block.hazards else { return }
    let agent = block.productAgent(warp.index / 4, hazards.cluster)
    let waited = UInt32(warp.asynchronous.products.waitedCount)
    hazards.causality.seen[agent] = max(hazards.causality.seen[agent], waited)
  }
}

extension BlockHazards {
  /// The products of a warpgroup, as an agent.
  func productAgent(_ group: Int, _ cluster: ClusterHazards) -> Int {
    if let known = productAgents[group] { return known }
    let agent = cluster.newAgent()
    productAgents[group] = agent
    return agent
  }

  /// Whether a warp is the first of its warpgroup to execute a product.
  func beginProduct(_ group: Int, _ number: UInt32) -> Bool {
    guard productCounts[group, default: 0] < number else { return false }
    productCounts[group] = number
    return true
  }
}
