/// Whether warps stay until their products have ended, and blocks as long as other blocks of the cluster access their
/// shared memory (PTX ISA 5.1.7; CUDA C++ programming guide, distributed shared memory).
extension Interpreter {
  /// Notes an access to another block's shared memory. That block must not exit before something orders this access
  /// before the exit of one of its warps.
  func checkRemote(_ access: Access, _ address: UInt64, _ warp: Warp) {
    let rank = Int(address >> AddressWindow.sharedBits & 0xFF)
    guard rank != warp.block.rank, let hazards = warp.hazards else { return }
    noteRemote(access, rank, address & 0xFFFF_FFFF, in: warp.block.cluster, hazards.cluster)
  }

  /// As above, of a block by its rank.
  func noteRemote(
    _ access: Access, _ rank: Int, _ address: UInt64, in cluster: Cluster, _ hazards: ClusterHazards
  ) {
    guard rank < cluster.blocks.count, let block = cluster.blocks[rank].hazards else { return }
    if cluster.blocks[rank].isFinished {
      hazards.report(
        .accessAfterExit, access, address: address,
        "block \(cluster.blocks[rank].index) of the cluster has exited")
    }
    block.remote[access.agent] = access
  }

  /// A warp exits.
  func checkExit(_ warp: Warp, _ site: Int32) {
    guard let hazards = warp.hazards, let block = warp.block.hazards else { return }
    let cluster = hazards.cluster
    let products = warp.products
    if products.waitedCount < products.executedCount {
      cluster.report(
        .unfinishedProducts, hazards.access(.read, site), other: hazards.access(.read, hazards.lastProduct),
        "no wgmma.wait_group comes between the warp's last wgmma and its exit")
    }
    block.exited.join(hazards.causality)
    cluster.exited.join(hazards.causality)
    guard warp.block.isFinished else { return }
    for (agent, access) in block.remote.sorted(by: { $0.key < $1.key })
    where block.exited.seen[Int(agent)] < access.time {
      cluster.report(
        .accessAfterExit, access, other: hazards.access(.read, site),
        "nothing keeps block \(warp.block.index) from exiting before this access to its shared memory")
    }
  }
}
