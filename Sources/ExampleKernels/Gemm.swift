import PTX

/// `C = A·Bᵀ` on the tensor cores of Hopper: A is M × K, B is N × K, C is M × N, all bf16 with contiguous rows; sums in
/// fp32.
///
/// A block computes 128 × 256 of C. One warp loads tiles of 64 columns of A and B by TMA into a ring of four stages;
/// two warpgroups of 64 rows each multiply them. Two blocks of a cluster, one above the other in C, need the same rows
/// of B: each loads half of them for both. M, N and K are any from 1 on: what lies outside a matrix is loaded as zero and not
/// stored.
public struct GemmKernel: Sendable {
  /// Rows and columns of C that a block computes, and columns of A and B in a stage.
  public static let tile = (m: 128, n: 256, k: 64)
  /// Stages of the ring.
  public static let stageCount = 4
  /// Threads of a block: a warpgroup that loads, two that multiply.
  public static let threadCount = 384
  /// Rows of tiles whose blocks are numbered next to each other, so that they find each other's tiles in L2.
  static let groupHeight = 16

  /// Blocks of a cluster: 1 or 2.
  public let clusterSize: Int
  /// The kernel. Parameters: tensor maps `map_a`, `map_b`, `map_c`, then `m`, `n`, `k` (u32).
  ///
  /// Boxes of the maps, innermost first: A 64 × 128, B 64 × (256 / cluster size), C 64 × 64, all with 128-byte
  /// swizzle.
  public let kernel: Kernel

  /// A kernel for clusters of one or two blocks.
  public init(clusterSize: Int = 2) throws(KernelError) {
    self.clusterSize = clusterSize
    kernel = try Kernel(
      "gemm_bf16_128x256x64_cluster\(clusterSize)",
      .threads(Self.threadCount, cluster: clusterSize == 1 ? [] : [clusterSize])
    ) { k in
      GemmProgram(k, clusterSize: clusterSize).record()
    }
  }

  /// Blocks of the grid, in one dimension: the tiles of C, an even number of rows of them for clusters.
  public func gridSize(m: Int, n: Int) -> Int {
    let rows = (m + Self.tile.m * clusterSize - 1) / (Self.tile.m * clusterSize) * clusterSize
    return rows * ((n + Self.tile.n - 1) / Self.tile.n)
  }
}

/// The parts of the kernel, and what they share.
private struct GemmProgram {
  let k: KernelBuilder
  let clusterSize: Int
  let mapA, mapB, mapC: TensorMap<BF16>
  let m, n, depth: Value<U32>
  let tilesA, tilesB: SharedTiles<BF16>
  /// A stage is full when the copies have brought it, empty when all warpgroups that read it have multiplied it.
  let full, empty: MemoryBarriers
  let rank: Value<U32>
  /// Steps of 64 along K.
  let stepCount: Value<U32>

  init(_ k: KernelBuilder, clusterSize: Int) {
    let (tileM, tileN, tileK) = GemmKernel.tile
    self.k = k
    self.clusterSize = clusterSize
    mapA = k.parameter("map_a", tensorMapOf: BF16.self, rank: 2)
    mapB = k.parameter("map_b", tensorMapOf: BF16.self, rank: 2)
    mapC = k.parameter("map_c", tensorMapOf: BF16.self, rank: 2)
    m = k.parameter("m", U32.self)
    n = k.parameter("n", U32.self)
    depth = k.parameter("k", U32.self)
    tilesA = k.tiles(BF16.self, rows: tileM, columns: tileK, count: GemmKernel.stageCount)
    tilesB = k.tiles(BF16.self, rows: tileN, columns: tileK, count: GemmKernel.stageCount)
    full = k.barriers("full", count: GemmKernel.stageCount)
    empty = k.barriers("empty", count: GemmKernel.stageCount)
    rank = clusterSize == 1 ? 0 : k.let("rank", k.clusterRank())
    stepCount = k.let("step_count", (depth + (tileK - 1)) / tileK)
  }

  func record() {
    let corner = tileCorner()
    setUpBarriers()
    k.warpgroups { roles in
      roles.warpgroup(0, "producer", registers: .decrease(to: 40)) {
        k.if(k.warpIndex() == 0, isUniform: true) {
          k.elected { load(corner) }
        }
      }
      roles.warpgroups(1..<3, "consumer", registers: .increase(to: 232)) { half in
        let sums = k.fragment("sums", F32.self, count: 128)
        multiply(sums, half)
        store(sums, half, corner)
      }
    }
    if clusterSize > 1 {
      // Nobody leaves while the other block may still write here.
      k.arriveCluster(isAligned: false)
      k.waitCluster(isAligned: false)
    }
  }

  /// The first row and column of C of this block. Clusters are numbered down groups of rows, group by group.
  private func tileCorner() -> (row: Value<U32>, column: Value<U32>) {
    let (tileM, tileN, _) = GemmKernel.tile
    let heightInClusters = GemmKernel.groupHeight / clusterSize
    let rows = k.let("cluster_rows", (m + (tileM * clusterSize - 1)) / (tileM * clusterSize))
    let columns = k.let("columns", (n + (tileN - 1)) / tileN)
    let cluster = k.let("cluster", k.blockIndex() / Value(clusterSize))
    let groupSize = columns * heightInClusters
    let firstRow = k.let("first_row", cluster / groupSize * heightInClusters)
    let height = k.let("height", k.min(rows - firstRow, Value(heightInClusters)))
    let inGroup = k.let("in_group", cluster % groupSize)
    let row = k.let("row", ((firstRow + inGroup % height) * clusterSize + rank) * tileM)
    let column = k.let("column", inGroup / height * tileN)
    return (row, column)
  }

  private func setUpBarriers() {
    k.if(k.threadIndex() == 0) {
      for stage in 0..<GemmKernel.stageCount {
        full[stage].initialize(arrivals: 1)
        empty[stage].initialize(arrivals: 2 * clusterSize)
      }
      k.fenceBarrierInit()
      k.prefetch(mapA)
      k.prefetch(mapB)
    }
    if clusterSize > 1 { k.syncCluster() } else { k.syncBlock() }
  }

  /// One thread fills the ring.
  private func load(_ corner: (row: Value<U32>, column: Value<U32>)) {
    let rowsOfB = GemmKernel.tile.n / clusterSize
    let ring = k.producerState(stages: GemmKernel.stageCount)
    let row = corner.row.to(S32.self)
    let firstB = k.let("first_b", (corner.column + rank * rowsOfB).to(S32.self))
    let everyone = clusterSize == 1 ? nil : Value<U16>(1 << clusterSize - 1)
    k.for("step", from: 0, to: stepCount) { step in
      let stage = ring.stage
      let position = k.let("position", (step * GemmKernel.tile.k).to(S32.self))
      empty[stage].wait(parity: ring.phase)
      let (a, b) = (tilesA[stage], tilesB[stage])
      full[stage].arrive(expecting: Value(a.byteCount + b.byteCount))
      k.loadTensor(mapA, at: [position, row], to: a.panel(0), signalling: full[stage])
      k.loadTensor(
        mapB, at: [position, firstB], to: b.rowBlock(rank, of: rowsOfB).panel(0), signalling: full[stage],
        multicast: everyone)
      ring.advance()
    }
  }

  /// A warpgroup multiplies its 64 rows of A with all of B, stage by stage.
  private func multiply(_ sums: Fragment<F32>, _ half: Value<U32>) {
    let ring = k.consumerState(stages: GemmKernel.stageCount)
    let lastStage = k.variable("last_stage", U32.self, 0)
    // As many threads as the cluster has blocks tell one block each.
    let thread = k.let("thread", k.threadIndex() % 128)
    let isMessenger = k.let("is_messenger", thread < clusterSize)
    let peer = k.let("peer", k.select(isMessenger, thread, 0))
    k.for("step", from: 0, to: stepCount, isUniform: true) { step in
      let stage = ring.stage
      full[stage].wait(parity: ring.phase)
      let a = k.descriptor(tilesA[stage].rowBlock(half, of: 64))
      let b = k.descriptor(tilesB[stage])
      k.fenceProducts()
      k.multiply(sums, a, b, depth: GemmKernel.tile.k, accumulate: step > 0)
      k.commitProducts()
      // The products of the step before have ended: its stage may be filled again, in both blocks. Nothing that was written is
      // told, so the scope is the block's: at the cluster's the device lets all of the thread's accesses end first.
      k.waitProducts(pending: 1)
      let lastEmpty = empty[lastStage.value].ofBlock(peer)
      k.when(isMessenger && step > 0) { lastEmpty.arrive(scope: .block) }
      lastStage.set(stage)
      ring.advance()
    }
    k.waitProducts(pending: 0)
  }

  /// A warpgroup rounds its sums, lays them out in shared memory that the ring no longer needs, and one thread stores
  /// them by TMA.
  private func store(
    _ sums: Fragment<F32>, _ half: Value<U32>, _ corner: (row: Value<U32>, column: Value<U32>)
  ) {
    k.region("epilogue") {
      let staging = k.tile(over: tilesB[0].pointer, rows: 128, columns: GemmKernel.tile.n)
        .rowBlock(half, of: 64)
      let thread = k.let("thread", k.threadIndex() % 128)
      let lane = k.let("lane", thread % 32)
      // Both warpgroups have read the last stages.
      k.syncThreads(1, count: 256)
      // Matrix i of four: rows 8·(i mod 2) on, columns 8·(i / 2) on; lane l gives row l mod 8 of matrix l / 8.
      let row = k.let("staging_row", thread / 32 * 16 + lane % 16)
      let columnInPair = k.let("staging_column", lane / 16 * 8)
      for column in stride(from: 0, to: GemmKernel.tile.n, by: 16) {
        let first = column / 2
        let pairs = (0..<4).map { pair in
          k.pack(BF16x2.self, sums[first + 2 * pair], sums[first + 2 * pair + 1]).bits(as: B32.self)
        }
        k.storeMatrices(pairs, to: staging.element(row: row, column: columnInPair + column))
      }
      k.fenceAsyncProxy()
      k.syncThreads(half + 2, count: 128)
      k.if(thread == 0) {
        let firstRow = (corner.row + half * 64).to(S32.self)
        for panel in 0..<staging.panelCount {
          let column = (corner.column + panel * 64).to(S32.self)
          k.storeTensor(from: staging.panel(panel), to: mapC, at: [column, firstRow])
        }
        k.commitBulk()
        k.waitBulk(pending: 0)
      }
    }
  }
}
