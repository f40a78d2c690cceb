/// Where the interpreter tells the hazard checks of `wgmma`: of its operands in shared memory.
///
/// The products of a warpgroup are an agent; the time is the number of their group, for groups are waited for. The four warps read together: their operands are
/// compared with what the first of them has seen.
extension Interpreter {
  func checkProduct(
    a: OperandTile?, b: OperandTile, columns: Int, _ site: Int32, _ block: Block, _ warp: Warp,
    _ hazards: WarpHazards
  ) {
    let rank = block.rank
    guard let block = block.hazards else { return }
    let cluster = hazards.cluster
    let number = UInt32(warp.products.executedCount + 1)
    hazards.lastProduct = site
    let products = block.products(of: warp, cluster)
    guard products.begin(number) else { return }
    let access = Access(
      kind: .asynchronousRead, mask: 0xF, agent: Int32(products.agent),
      time: UInt32(warp.products.groupCount + 1), warp: Int32(hazards.agent), site: site)
    cluster.touch(access, hazards, b, rows: 0..<columns, rank: rank)
    if let a { cluster.touch(access, hazards, a, rows: 0..<64, rank: rank) }
  }

  /// A warp has waited for products.
  func checkProductWait(_ warp: Warp) {
    guard let hazards = warp.hazards, let block = warp.block.hazards else { return }
    let agent = block.products(of: warp, hazards.cluster).agent
    let waited = UInt32(warp.products.waitedGroupCount)
    hazards.causality.seen[agent] = max(hazards.causality.seen[agent], waited)
  }
}

/// The products of a warpgroup, which are an agent.
final class ProductHazards {
  let agent: Int
  /// How many have begun.
  private var count: UInt32 = 0

  init(agent: Int) {
    self.agent = agent
  }

  /// A warp executes a product. Whether it is the first of its warpgroup to do so.
  func begin(_ number: UInt32) -> Bool {
    guard count < number else { return false }
    count = number
    return true
  }
}

extension BlockHazards {
  /// The products of a warp's warpgroup.
  func products(of warp: Warp, _ cluster: ClusterHazards) -> ProductHazards {
    if let known = products[warp.index / 4] { return known }
    let made = ProductHazards(agent: cluster.newAgent())
    products[warp.index / 4] = made
    return made
  }
}
