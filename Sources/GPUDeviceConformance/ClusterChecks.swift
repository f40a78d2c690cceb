import GPUDevice

/// Blocks of a cluster read each other's shared memory, write into it, and tell where they are.
private let clusterText =
  textHeader + """
    .visible .entry exchange(.param .u64 out) {
      .shared .align 4 .b8 own[128];
      .shared .align 4 .b8 received[128];
      .reg .b32 %r<20>;
      .reg .b64 %d<3>;
      mov.u32 %r0, %ctaid.x;
      mov.u32 %r1, %tid.x;
      mov.u32 %r2, %cluster_ctarank;
      mov.u32 %r3, %cluster_nctarank;
      mov.u32 %r4, %clusterid.x;
      shl.b32 %r5, %r1, 2;
      mov.u32 %r6, own;
      add.u32 %r6, %r6, %r5;
      mad.lo.u32 %r7, %r0, 100, %r1;
      st.shared.u32 [%r6], %r7;
      barrier.cluster.arrive.release;
      barrier.cluster.wait.acquire;
      add.u32 %r8, %r2, 1;
      rem.u32 %r8, %r8, %r3;
      mapa.shared::cluster.u32 %r9, %r6, %r8;
      ld.shared::cluster.u32 %r10, [%r9];
      mov.u32 %r11, received;
      add.u32 %r11, %r11, %r5;
      mapa.shared::cluster.u32 %r12, %r11, %r8;
      neg.s32 %r13, %r7;
      st.shared::cluster.u32 [%r12], %r13;
      barrier.cluster.arrive.release;
      barrier.cluster.wait.acquire;
      ld.shared.u32 %r14, [%r11];
      shl.b32 %r15, %r2, 16;
      shl.b32 %r16, %r3, 8;
      or.b32 %r15, %r15, %r16;
      or.b32 %r15, %r15, %r4;
      mad.lo.u32 %r17, %r0, 32, %r1;
      mul.wide.u32 %d0, %r17, 12;
      ld.param.u64 %d1, [out];
      add.u64 %d2, %d1, %d0;
      st.global.u32 [%d2], %r10;
      st.global.u32 [%d2+4], %r14;
      st.global.u32 [%d2+8], %r15;
      ret;
    }
    """

private let requiredClusterText =
  textHeader + """
    .visible .entry pair(.param .u64 out) .reqnctapercluster 2, 1, 1 {
      .reg .b32 %r<3>;
      .reg .b64 %d<3>;
      mov.u32 %r0, %ctaid.x;
      mov.u32 %r1, %cluster_nctarank;
      mov.u32 %r2, %cluster_ctarank;
      mad.lo.u32 %r1, %r1, 10, %r2;
      mul.wide.u32 %d0, %r0, 4;
      ld.param.u64 %d1, [out];
      add.u64 %d2, %d1, %d0;
      st.global.u32 [%d2], %r1;
      ret;
    }
    """

extension DeviceConformance {
  static let clusterChecks: [ConformanceCheck] = [
    ConformanceCheck("clusters and distributed shared memory", text: clusterText) { device, module in
      for size in [2, 4, 8] {
        let blocks = 16
        let out = try device.upload([UInt32](repeating: 0, count: blocks * 96))
        var configuration = LaunchConfiguration(grid: Extent(blocks), block: Extent(32))
        configuration.cluster = Extent(size)
        try device.defaultStream.launch(module.kernel("exchange"), configuration, arguments: [.memory(out)])
        let expected = (0..<blocks * 32).flatMap { index -> [UInt32] in
          let (block, thread) = (index / 32, index % 32)
          let first = block / size * size
          let next = first + (block + 1 - first) % size
          let previous = first + (block + size - 1 - first) % size
          return [
            UInt32(next * 100 + thread), UInt32(bitPattern: Int32(-(previous * 100 + thread))),
            UInt32((block % size) << 16 | size << 8 | block / size),
          ]
        }
        try expectEqual(
          try device.download(blocks * 96, of: UInt32.self, from: out), expected, "word, clusters of \(size)")
      }
    },
    ConformanceCheck("a kernel's own cluster size", text: requiredClusterText) { device, module in
      let kernel = try module.kernel("pair")
      try expect(
        kernel.attributes.requiredCluster == Extent(2),
        "required cluster \(String(describing: kernel.attributes.requiredCluster))")
      let out = try device.upload([UInt32](repeating: 0, count: 4))
      try device.defaultStream.launch(
        kernel, LaunchConfiguration(grid: Extent(4), block: Extent(1)), arguments: [.memory(out)])
      try expectEqual(try device.download(4, of: UInt32.self, from: out), [20, 21, 20, 21], "word")
    },
  ]
}
