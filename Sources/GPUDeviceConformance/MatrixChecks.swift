import GPUDevice

/// D = A·Bᵀ for A and B of 64 × 64 in shared memory as TMA lays it out with the 128-byte swizzle: four steps of K.
private let productText: String = {
  let accumulators = (0..<32).map { "%f\($0)" }.joined(separator: ", ")
  let steps = (0..<4).map { step in
    """
      add.u64 %a, %da, \(2 * step);
      add.u64 %b, %db, \(2 * step);
      wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {\(accumulators)}, %a, %b, \
    \(step == 0 ? "%never" : "%always"), 1, 1, 0, 0;
    """
  }
  // Register i of lane l is row l/4 + 8·((i/2)%2), column 8·(i/4) + 2·(l%4) + i%2 of the warp's 16 rows.
  let stores = (0..<32).map { i in
    "  st.global.f32 [%out+\(4 * (64 * 8 * (i / 2 % 2) + 8 * (i / 4) + i % 2))], %f\(i);"
  }
  return textHeader + """
    .visible .entry product(
      .param .align 64 .b8 mapA[128], .param .align 64 .b8 mapB[128], .param .u64 out
    ) .maxntid 128 {
      .shared .align 1024 .b8 tiles[16384];
      .shared .align 8 .b64 full;
      .reg .pred %p, %first, %never, %always;
      .reg .b32 %thread, %lane, %warp, %row, %column, %at;
      .reg .b64 %map, %out, %to, %da, %db, %a, %b;
      .reg .f32 %f<32>;
      mov.u32 %thread, %tid.x;
      setp.eq.u32 %first, %thread, 0;
      setp.ne.u32 %never, %thread, %thread;
      setp.eq.u32 %always, %thread, %thread;
      @!%first bra READY;
      mbarrier.init.shared::cta.b64 [full], 1;
      fence.mbarrier_init.release.cluster;
      mbarrier.arrive.expect_tx.shared::cta.b64 _, [full], 16384;
      mov.b64 %map, mapA;
      cvta.param.u64 %map, %map;
      cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [tiles], [%map, {0, 0}], [full];
      mov.b64 %map, mapB;
      cvta.param.u64 %map, %map;
      cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [tiles+8192], [%map, {0, 0}], \
    [full];
    READY:
      bar.sync 0;
    WAIT:
      mbarrier.try_wait.parity.shared::cta.b64 %p, [full], 0;
      @!%p bra WAIT;
      mov.u32 %at, tiles;
      cvt.u64.u32 %da, %at;
      shr.u64 %da, %da, 4;
      or.b64 %da, %da, \(matrixDescriptor);
      add.u64 %db, %da, 512;
      wgmma.fence.sync.aligned;
    \(steps.joined(separator: "\n"))
      wgmma.commit_group.sync.aligned;
      wgmma.wait_group.sync.aligned 0;
      shr.u32 %warp, %thread, 5;
      and.b32 %lane, %thread, 31;
      shr.u32 %row, %lane, 2;
      mad.lo.u32 %row, %warp, 16, %row;
      and.b32 %column, %lane, 3;
      shl.b32 %column, %column, 1;
      mad.lo.u32 %row, %row, 64, %column;
      mul.wide.u32 %to, %row, 4;
      ld.param.u64 %out, [out];
      add.u64 %out, %out, %to;
    \(stores.joined(separator: "\n"))
      ret;
    }
    """
}()

/// The constant part of a matrix descriptor: 128-byte swizzle, 8-row groups 1024 bytes apart (PTX ISA 9.7.15.5.1).
let matrixDescriptor: UInt64 = 1 << 62 | (1024 >> 4) << 32 | 1 << 16

extension DeviceConformance {
  static let matrixChecks: [ConformanceCheck] = [
    ConformanceCheck("wgmma of two swizzled tiles", text: productText) { device, module in
      let a = (0..<4096).map { Float($0 % 13 - 6) }
      let b = (0..<4096).map { Float($0 % 11 - 5) / 4 }
      func map(_ memory: DeviceMemory) throws -> TensorMap {
        var map = TensorMapDescription(
          elementType: .bfloat16, address: memory.address, sizes: [64, 64], byteStrides: [128], box: [64, 64])
        map.swizzle = .bytes128
        return try device.makeTensorMap(map)
      }
      // These values have few bits: their upper halves are exact, and so are the sums.
      let memory = try [a, b].map { try device.upload($0.map { UInt16($0.bitPattern >> 16) }) }
      let out = try device.upload([Float](repeating: .nan, count: 4096))
      try device.defaultStream.launch(
        module.kernel("product"), LaunchConfiguration(grid: Extent(1), block: Extent(128)),
        arguments: [.tensorMap(map(memory[0])), .tensorMap(map(memory[1])), .memory(out)])
      let expected = (0..<4096).map { index -> Float in
        let (row, column) = (64 * (index / 64), 64 * (index % 64))
        return (0..<64).reduce(0) { (sum: Float, k: Int) in sum + a[row + k] * b[column + k] }
      }
      let product = try device.download(4096, of: Float.self, from: out)
      withExtendedLifetime(memory) {}
      try expectEqual(product, expected, "element")
    }
  ]
}
