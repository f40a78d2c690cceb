import PTX

/// Kernels of the forms by which threads work together.
extension FormKernels {
  static func asynchronous() throws -> Kernel {
    try Kernel("asynchronous", .threads(128)) { k in
      let out = k.parameter("out", pointerTo: BF16.self, alignment: 16)
      let map4 = k.parameter("map4", tensorMapOf: BF16.self, rank: 4)
      let map5 = k.parameter("map5", tensorMapOf: BF16.self, rank: 5)
      let tile = k.tile(BF16.self, rows: 64, columns: 64)
      let full = k.barrier("full")
      let policy = k.createPolicy(.last)
      k.prefetch(map4)
      k.loadTensor(map4, at: [0, 0, 0, 0], to: tile.panel(0), signalling: full, policy: policy)
      k.storeTensor(from: tile.panel(0), to: map4, at: [0, 0, 0, 0])
      k.storeTensor(from: tile.panel(0), to: map5, at: [0, 0, 0, 0, 0])
      k.reduceTensor(.add, from: tile.panel(0), to: map4, at: [0, 0, 0, 0])
      k.prefetchTensor(map4, at: [0, 0, 0, 0])
      k.copyBulk(from: tile.pointer, to: out, byteCount: 128)
      k.copyBulk(from: out, to: tile.pointer, byteCount: 128, signalling: full, multicast: 3)
      k.reduceBulk(.add, from: tile.pointer, to: out, byteCount: 128)
      k.prefetchBulk(out, byteCount: 128)
      k.commitBulk()
      k.waitBulk(pending: 0, readOnly: true)
      k.copyAsync(from: out, to: tile.pointer, onlyBytes: 0, hints: CacheHints(prefetchByteCount: 128))
      k.commitCopies()
      k.waitCopies(pending: 1)
      k.waitAllCopies()
      full.addArrivalAfterCopies()
      full.arriveAfterCopies()
    }
  }

  static func barriers() throws -> Kernel {
    try Kernel("barriers", .threads(256, cluster: [2])) { k in
      let full = k.barriers("full", count: 2)
      let words = k.shared("words", S64.self, count: 4, alignment: 16)
      full[0].initialize(arrivals: 1)
      k.fenceBarrierInit()
      k.syncCluster()
      full[0].arrive()
      full[0].expect(16)
      full[1].arrive(expecting: 16)
      full[0].wait(parity: 0)
      let peer = full[0].ofBlock(k.clusterRank() ^ 1)
      peer.arrive()
      full.ofBlock(k.clusterRank() ^ 1)[1].arrive(scope: .block)
      full[0].wait(parity: 0, scope: .cluster)
      k.storeAsync([3, 4], to: k.mapToBlock(words, 1), signalling: peer)
      k.syncBlock()
      k.syncThreads(1, count: 128)
      k.arriveThreads(2, count: 256)
      k.syncDivergentThreads(3, count: 256)
      k.fenceAsyncProxy()
      k.fence()
      k.fence(.acquire(.cluster))
      k.launchDependents()
      k.waitForPrerequisites()
      k.warpgroups { roles in
        roles.warpgroup(0, "small", registers: .decrease(to: 40)) {}
        roles.warpgroup(1, "large", registers: .increase(to: 232)) {}
      }
      k.arriveCluster(isRelaxed: true, isAligned: false)
      k.waitCluster(isAligned: false)
    }
  }

  static func matrices() throws -> Kernel {
    try Kernel("matrices", .threads(128)) { k in
      let out = k.parameter("out", pointerTo: F32.self)
      let tile = k.tile(BF16.self, rows: 64, columns: 256)
      let small = k.fragment("small", F32.self, count: 32)
      let large = k.fragment("large", F32.self, count: 128)
      let keys = k.descriptor(tile, major: .k)
      let values = k.descriptor(tile, major: .mn)
      k.fenceProducts()
      k.multiply(small, keys, keys, depth: 256, accumulate: false)
      k.commitProducts()
      k.waitProducts(pending: 0)
      let pairs = (0..<4).map { k.pack(BF16x2.self, small[2 * $0], small[2 * $0 + 1]) }
      k.fenceProducts()
      k.multiply(large, pairs, values, accumulate: false)
      k.commitProducts()
      k.waitProducts(pending: 0)
      let row = tile.element(row: k.laneIndex(), column: 8)
      let a = k.loadMatrices(row, count: 4)
      let b = k.loadMatrices(row, count: 4, transposed: true)
      let sums = k.fragment("sums", F32.self, count: 4)
      sums.fill(0)
      k.multiplyWarp(
        sums, a: a.map { $0.bits(as: BF16x2.self) }, b: b[0..<2].map { $0.bits(as: BF16x2.self) })
      k.storeMatrices(b, to: row)
      for (index, value) in [sums[0], small[31], large[127]].enumerated() { out[index] = value }
    }
  }

  static func warps() throws -> Kernel {
    try Kernel("warps", .threads(128)) { k in
      let out = k.parameter("out", pointerTo: U32.self)
      let value = k.let("value", out[0])
      let sum = value + k.shuffle(value, .butterfly, 1) + k.broadcast(value, from: 0)
      k.elected { out[1] = sum }
      k.syncWarp()
      let anyone = k.vote(.any, sum == 3)
      out[2] = k.select(anyone, k.reduce(.max, sum), k.count(.ones, of: k.ballot(sum == 4)))
      k.loop { k.break(if: k.threadIndex() < 3) }
      k.return()
    }
  }
}
