import GPUDevice

/// Texts of kernels that copy one box by TMA between a tensor and memory that holds the box as shared memory does.
enum TensorMapText {
  /// Where a kernel finds its tensor map.
  enum Place {
    /// A parameter.
    case parameter
    /// At an offset in a struct.
    case member(offset: Int)
    /// In global memory, by its address.
    case memory

    /// The parameter's declaration.
    var declaration: String {
      switch self {
      case .parameter: ".param .align 64 .b8 map[128]"
      case .member(let offset): ".param .align 64 .b8 map[\(offset + 128)]"
      case .memory: ".param .u64 map"
      }
    }

    /// Leaves the generic address of the map in `%map`.
    var address: String {
      switch self {
      case .parameter: "mov.b64 %map, map;\n  cvta.param.u64 %map, %map;"
      case .member(let offset):
        "mov.b64 %map, map;\n  cvta.param.u64 %map, %map;\n  add.u64 %map, %map, \(offset);"
      case .memory: "ld.param.u64 %map, [map];"
      }
    }
  }

  /// The most bytes of a box.
  static let tileByteCount = 32768

  /// Kernel `load`: a box of a tensor, as it lies in shared memory, to `out`. Bytes that the copy leaves are 0xEEEEEEEE
  /// words.
  static func load(rank: Int, place: Place = .parameter) -> String {
    textHeader + """
      .visible .entry load(
        \(place.declaration), .param .u64 out, .param .u32 bytes\(coordinateParameters(rank))
      ) .maxntid 128 {
        .shared .align 1024 .b8 tile[\(tileByteCount)];
        .shared .align 8 .b64 full;
        .reg .pred %p, %first;
        .reg .b32 %thread, %i, %at, %word, %bytes;
        .reg .b32 %c<5>;
        .reg .b64 %map, %out, %to;
        mov.u32 %thread, %tid.x;
        ld.param.u64 %out, [out];
        ld.param.u32 %bytes, [bytes];
        setp.eq.u32 %first, %thread, 0;
        shl.b32 %i, %thread, 2;
        mov.u32 %at, tile;
      CLEAR:
        add.u32 %word, %at, %i;
        st.shared.u32 [%word], 0xEEEEEEEE;
        add.u32 %i, %i, 512;
        setp.lt.u32 %p, %i, \(tileByteCount);
        @%p bra CLEAR;
        @!%first bra READY;
        mbarrier.init.shared::cta.b64 [full], 1;
        fence.mbarrier_init.release.cluster;
      READY:
        fence.proxy.async.shared::cta;
        bar.sync 0;
        @!%first bra WAIT;
        \(place.address)
        \(coordinateLoads(rank))
        mbarrier.arrive.expect_tx.shared::cta.b64 _, [full], %bytes;
        cp.async.bulk.tensor.\(rank)d.shared::cluster.global.mbarrier::complete_tx::bytes [tile], \
      [%map, {\(coordinates(rank))}], [full];
      WAIT:
        mbarrier.try_wait.parity.shared::cta.b64 %p, [full], 0;
        @!%p bra WAIT;
        shl.b32 %i, %thread, 2;
      STORE:
        add.u32 %word, %at, %i;
        ld.shared.u32 %word, [%word];
        cvt.u64.u32 %to, %i;
        add.u64 %to, %out, %to;
        st.global.u32 [%to], %word;
        add.u32 %i, %i, 512;
        setp.lt.u32 %p, %i, \(tileByteCount);
        @%p bra STORE;
        ret;
      }
      """
  }

  /// Kernel `store`: bytes from `in`, as they lie in shared memory, to a box of a tensor.
  static func store(rank: Int) -> String {
    textHeader + """
      .visible .entry store(
        \(Place.parameter.declaration), .param .u64 in\(coordinateParameters(rank))
      ) .maxntid 128 {
        .shared .align 1024 .b8 tile[\(tileByteCount)];
        .reg .pred %p, %first;
        .reg .b32 %thread, %i, %at, %word, %to;
        .reg .b32 %c<5>;
        .reg .b64 %map, %in, %from;
        mov.u32 %thread, %tid.x;
        ld.param.u64 %in, [in];
        setp.eq.u32 %first, %thread, 0;
        shl.b32 %i, %thread, 2;
        mov.u32 %at, tile;
      FILL:
        cvt.u64.u32 %from, %i;
        add.u64 %from, %in, %from;
        ld.global.u32 %word, [%from];
        add.u32 %to, %at, %i;
        st.shared.u32 [%to], %word;
        add.u32 %i, %i, 512;
        setp.lt.u32 %p, %i, \(tileByteCount);
        @%p bra FILL;
        fence.proxy.async.shared::cta;
        bar.sync 0;
        @!%first ret;
        \(Place.parameter.address)
        \(coordinateLoads(rank))
        cp.async.bulk.tensor.\(rank)d.global.shared::cta.bulk_group [%map, {\(coordinates(rank))}], [tile];
        cp.async.bulk.commit_group;
        cp.async.bulk.wait_group 0;
        ret;
      }
      """
  }

  private static func coordinateParameters(_ rank: Int) -> String {
    (0..<rank).map { ", .param .s32 c\($0)" }.joined()
  }

  private static func coordinateLoads(_ rank: Int) -> String {
    (0..<rank).map { "ld.param.s32 %c\($0), [c\($0)];" }.joined(separator: "\n  ")
  }

  private static func coordinates(_ rank: Int) -> String {
    (0..<rank).map { "%c\($0)" }.joined(separator: ", ")
  }
}
