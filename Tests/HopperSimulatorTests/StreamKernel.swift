import GPUDevice
import HopperSimulator
import PTX

/// A kernel whose blocks read, or copy, a buffer in tiles of 16 KB by TMA, eight at a time in each of 132 blocks.
struct StreamKernel {
  var byteCount: Int
  /// How often all of it.
  var rounds: Int
  /// Whether tiles are written to another buffer.
  var writes: Bool

  private static let tile = 16384

  private var text: String {
    let tile = Self.tile
    return """
      .version 8.0
      .target sm_90a
      .address_size 64
      .extern .shared .align 1024 .b8 smem[];
      .visible .entry stream(.param .u64 from, .param .u64 to, .param .u32 tiles, .param .u32 rounds) {
        .reg .pred %p<9>; .reg .b32 %r<30>; .reg .b64 %rd<20>;
        ld.param.u64 %rd1, [from];
        ld.param.u64 %rd2, [to];
        ld.param.u32 %r10, [tiles];
        ld.param.u32 %r11, [rounds];
        mov.u32 %r1, %ctaid.x;
        mov.u32 %r2, %nctaid.x;
        mov.u32 %r3, smem;
        mov.u32 %r4, %tid.x;
        // Each warp has a tile of shared memory and an mbarrier.
        shr.u32 %r5, %r4, 5;
        mul.lo.u32 %r6, %r5, \(tile);
        add.u32 %r6, %r6, %r3;
        shl.b32 %r7, %r5, 3;
        add.u32 %r7, %r7, %r3;
        add.u32 %r7, %r7, \(8 * tile);
        // One thread of each warp does it all.
        and.b32 %r22, %r4, 31;
        setp.ne.u32 %p3, %r22, 0;
        @%p3 ret;
        mbarrier.init.shared::cta.b64 [%r7], 1;
        fence.mbarrier_init.release.cluster;
        mov.u32 %r20, 0;
        mul.lo.u32 %r21, %r10, %r11;
        mad.lo.u32 %r12, %r1, 8, %r5;
        mul.lo.u32 %r2, %r2, 8;
      LOOP:
        setp.ge.u32 %p1, %r12, %r21;
        @%p1 bra DONE;
        rem.u32 %r13, %r12, %r10;
        mul.wide.u32 %rd3, %r13, \(tile);
        add.u64 %rd4, %rd1, %rd3;
        add.u64 %rd5, %rd2, %rd3;
        mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r7], \(tile);
        cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r6], [%rd4], \(tile), [%r7];
      WAIT:
        mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r7], %r20;
        @!%p2 bra WAIT;
        xor.b32 %r20, %r20, 1;
        \(writes ? "cp.async.bulk.global.shared::cta.bulk_group [%rd5], [%r6], \(tile);" : "")
        cp.async.bulk.commit_group;
        cp.async.bulk.wait_group.read 0;
        add.u32 %r12, %r12, %r2;
        bra LOOP;
      DONE:
        ret;
      }
      """
  }

  /// Runs it on buffers that it allocates.
  func run(_ device: Simulator) throws -> LaunchReport {
    let module = try device.load(Module(parsing: text))
    var parameters = ParameterBlock()
    parameters.append(try device.allocate(byteCount))
    parameters.append(try device.allocate(byteCount))
    parameters.append(UInt32(byteCount / Self.tile))
    parameters.append(UInt32(rounds))
    var configuration = LaunchConfiguration(grid: Extent(132), block: Extent(256))
    configuration.dynamicSharedByteCount = 8 * Self.tile + 64
    return try device.launch(module, "stream", configuration, parameters: parameters.bytes)
  }
}
