import HopperSimulator
import Testing

/// Copies by tensor map of one to five dimensions, and changes of a map (PTX ISA 9.7.9.27, 9.7.9.28).
@Suite("Forms: tensor copies")
struct TensorForms {
  static func all() throws {
    let tests = TensorForms()
    for rank in 1...5 {
      for variant in Variant.allCases { try tests.load(rank, variant) }
      for suffix in suffixes { try tests.store(rank, suffix) }
      for operation in operations { try tests.reduce(rank, operation) }
    }
    try tests.replacement()
  }

  private static let sizes = [12, 7, 5, 4, 3]
  private static let box = [8, 3, 2, 2, 2]
  private static let start = [-4, 5, 1, 3, 1]
  /// Of stores, which must not begin before the tensor.
  private static let startOfStore = [8, 5, 1, 3, 1]

  /// Words from one element to the next in each dimension; rows end with 4 words that belong to nobody.
  private static var steps: [Int] {
    var steps = [1, 16]
    for dimension in 1..<4 { steps.append(steps[dimension] * sizes[dimension]) }
    return steps
  }

  private static func wordCount(_ rank: Int) -> Int { rank == 1 ? 16 : steps[rank - 1] * sizes[rank - 1] }

  private static func map(_ rank: Int) -> TensorMapFields {
    TensorMapFields(
      address: 0, element: .u32, sizes: Array(sizes[..<rank]), strides: steps[1..<rank].map { $0 * 4 },
      box: Array(box[..<rank]))
  }

  /// Each element of the box, in order: its place in the tensor's words, or nil outside.
  private static func places(_ rank: Int, from start: [Int] = start) -> [Int?] {
    (0..<box[..<rank].reduce(1, *)).map { index in
      var (rest, place) = (index, 0)
      for dimension in 0..<rank {
        let coordinate = start[dimension] + rest % box[dimension]
        rest /= box[dimension]
        guard (0..<sizes[dimension]).contains(coordinate) else { return nil }
        place += coordinate * steps[dimension]
      }
      return place
    }
  }

  private static func coordinates(_ rank: Int, from start: [Int] = start) -> String {
    "{" + start[..<rank].map { String($0) }.joined(separator: ", ") + "}"
  }

  /// PTX that reads words of shared memory into the output, all threads together.
  private static func dump(_ count: Int) -> String {
    """
      mov.u32 %r30, %r1;
      DUMP:
      setp.ge.u32 %p6, %r30, \(count);
      @%p6 bra DUMPED;
      shl.b32 %r31, %r30, 2; add.u32 %r32, %r2, %r31;
      ld.shared.u32 %r33, [%r32];
      mad.wide.u32 %rd30, %r30, 4, %rd2;
      st.global.u32 [%rd30], %r33;
      add.u32 %r30, %r30, 32;
      bra DUMP;
      DUMPED:
    """
  }

  enum Variant: CaseIterable {
    case plain, tile, hint, block, blockTileHint, multicast, multicastTileHint
  }

  private static func spelling(_ rank: Int, _ variant: Variant) -> (spelling: String, operands: String) {
    let space = [.block, .blockTileHint].contains(variant) ? "shared::cta" : "shared::cluster"
    let tile = [.tile, .blockTileHint, .multicastTileHint].contains(variant) ? ".tile" : ""
    let isMulticast = [.multicast, .multicastTileHint].contains(variant)
    let hasHint = [.hint, .blockTileHint, .multicastTileHint].contains(variant)
    return (
      "cp.async.bulk.tensor.\(rank)d.\(space).global\(tile).mbarrier::complete_tx::bytes"
        + (isMulticast ? ".multicast::cluster" : "") + (hasHint ? ".L2::cache_hint" : ""),
      (isMulticast ? ", %h1" : "") + (hasHint ? ", %rd20" : "")
    )
  }

  /// PTX of one thread that makes an mbarrier at 8192 and has a box brought.
  private static func awaited(_ byteCount: Int, _ copy: String) -> String {
    """
      mov.b64 %rd4, map0; cvta.param.u64 %rd4, %rd4;
      add.u32 %r8, %r2, 8192;
      createpolicy.fractional.L2::evict_first.b64 %rd20, 1.0;
      mov.u16 %h1, 1;

    """ + awaitedCopy(byteCount, barrier: "%r8", copy)
  }

  @Test("Boxes of one to five dimensions, in part outside", arguments: 1...5, Variant.allCases)
  func load(_ rank: Int, _ variant: Variant) throws {
    let places = Self.places(rank)
    let (spelling, operands) = Self.spelling(rank, variant)
    let prefetches = """
      prefetch.tensormap [%rd4];
      prefetch.param.tensormap [map0];
      prefetch.const.tensormap [spare];
      cp.async.bulk.prefetch.tensor.\(rank)d.L2.global [%rd4, \(Self.coordinates(rank))];
      cp.async.bulk.prefetch.tensor.\(rank)d.L2.global.tile.L2::cache_hint [%rd4, \(Self.coordinates(rank))], %rd20;
      """
    var kernel = KernelRun(
      Self.awaited(
        places.count * 4,
        prefetches + "\n\(spelling) [%r2], [%rd4, \(Self.coordinates(rank))], [%r8]\(operands);")
        + Self.dump(places.count))
    kernel.input = (0..<Self.wordCount(rank)).map { UInt32($0 + 1) }
    kernel.outputCount = places.count
    kernel.declarations = ".const .align 64 .b8 spare[128];"
    kernel.maps = [Self.map(rank)]
    #expect(try kernel() == places.map { $0.map { UInt32($0 + 1) } ?? 0 })
  }

  static let suffixes = ["", ".tile", ".L2::cache_hint", ".tile.L2::cache_hint"]

  /// A kernel that writes words into shared memory, lets one thread store them, and copies the tensor to the output.
  private static func stored(_ rank: Int, _ store: String) -> KernelRun {
    let count = box[..<rank].reduce(1, *)
    let all = wordCount(rank)
    var kernel = KernelRun(
      """
        mov.b64 %rd4, map0; cvta.param.u64 %rd4, %rd4;
        createpolicy.fractional.L2::evict_first.b64 %rd20, 1.0;
        mov.u32 %r30, %r1;
        FILL:
        setp.ge.u32 %p6, %r30, \(count);
        @%p6 bra FILLED;
        shl.b32 %r31, %r30, 2; add.u32 %r32, %r2, %r31;
        mad.lo.u32 %r33, %r30, 3, 5;
        st.shared.u32 [%r32], %r33;
        add.u32 %r30, %r30, 32;
        bra FILL;
        FILLED:
        fence.proxy.async.shared::cta;
        bar.sync 0;
        @!%p1 bra DONE;
        \(store)
        cp.async.bulk.commit_group;
        cp.async.bulk.wait_group 0;
        fence.acq_rel.gpu;
        DONE:
        bar.sync 0;
        mov.u32 %r30, %r1;
        COPY:
        setp.ge.u32 %p6, %r30, \(all);
        @%p6 bra COPIED;
        mad.wide.u32 %rd10, %r30, 4, %rd1; ld.global.u32 %r33, [%rd10];
        mad.wide.u32 %rd11, %r30, 4, %rd2; st.global.u32 [%rd11], %r33;
        add.u32 %r30, %r30, 32;
        bra COPY;
        COPIED:
      """)
    kernel.input = (0..<all).map { UInt32($0 % 200) }
    kernel.outputCount = all
    kernel.maps = [map(rank)]
    return kernel
  }

  @Test("Boxes are stored only inside of the tensor", arguments: 1...5, suffixes)
  func store(_ rank: Int, _ suffix: String) throws {
    let (tile, hint) = (
      suffix.contains("tile") ? ".tile" : "", suffix.contains("hint") ? ".L2::cache_hint" : ""
    )
    let coordinates = Self.coordinates(rank, from: Self.startOfStore)
    let kernel = Self.stored(
      rank,
      "cp.async.bulk.tensor.\(rank)d.global.shared::cta\(tile).bulk_group\(hint) [%rd4, \(coordinates)], [%r2]\(hint.isEmpty ? "" : ", %rd20");"
    )
    var expected = kernel.input
    for (index, place) in Self.places(rank, from: Self.startOfStore).enumerated() {
      if let place { expected[place] = UInt32(3 * index + 5) }
    }
    #expect(try kernel() == expected)
  }

  static let operations = ["add", "min", "max", "inc", "dec", "and", "or", "xor"]

  @Test("Boxes are combined with what is inside of the tensor", arguments: 1...5, operations)
  func reduce(_ rank: Int, _ operation: String) throws {
    let hasHint = operation == "add" || operation == "xor"
    let kernel = Self.stored(
      rank,
      "cp.reduce.async.bulk.tensor.\(rank)d.global.shared::cta.\(operation)\(operation == "min" ? "" : ".tile").bulk_group"
        + "\(hasHint ? ".L2::cache_hint" : "") [%rd4, \(Self.coordinates(rank))], [%r2]\(hasHint ? ", %rd20" : "");"
    )
    var expected = kernel.input
    for (index, place) in Self.places(rank).enumerated() {
      guard let place else { continue }
      let (old, new) = (expected[place], UInt32(3 * index + 5))
      expected[place] =
        switch operation {
        case "add": old + new
        case "min": min(old, new)
        case "max": max(old, new)
        case "inc": old >= new ? 0 : old + 1
        case "dec": old == 0 || old > new ? new : old - 1
        case "and": old & new
        case "or": old | new
        default: old ^ new
        }
    }
    #expect(try kernel() == expected)
  }

  /// A map of nothing is changed, field by field, into that of the two-dimensional test, in shared memory and then in
  /// global memory.
  @Test("A tensor map whose fields are replaced")
  func replacement() throws {
    let places = Self.places(2)
    for (scope, isShared) in [("cta", true), ("cluster", true), ("gpu", true), ("sys", true), ("sys", false)]
    {
      let address = isShared ? "[%r9]" : "[%rd5]"
      let space = isShared ? ".shared::cta" : ".global"
      func replace(_ field: String, _ type: String, _ operands: String) -> String {
        "@%p1 tensormap.replace.tile.\(field)\(space).b1024.\(type) \(address), \(operands);"
      }
      let changes = [
        replace("global_address", "b64", "%rd6"), replace("rank", "b32", "1"),
        replace("box_dim", "b32", "0, 8"),
        replace("box_dim", "b32", "1, %r10"), replace("global_dim", "b32", "0, 12"),
        replace("global_dim", "b32", "1, 7"),
        replace("global_stride", "b64", "0, 64"), replace("element_stride", "b32", "0, 1"),
        replace("element_stride", "b32", "1, 1"), replace("elemtype", "b32", "2"),
        replace("interleave_layout", "b32", "0"), replace("swizzle_mode", "b32", "0"),
        replace("fill_mode", "b32", "0"),
      ]
      let publish =
        isShared
        ? "tensormap.cp_fenceproxy.global.shared::cta.tensormap::generic.release.\(scope).sync.aligned [%rd5], [%r9], 128;"
        : "fence.proxy.tensormap::generic.release.sys;"
      var kernel = KernelRun(
        """
          add.u32 %r9, %r2, 16384;
          add.u64 %rd5, %rd2, 512;
          add.u64 %rd6, %rd1, 128;
          mov.u32 %r10, 3;
          shl.b32 %r4, %r1, 2; add.u32 %r5, %r9, %r4;
          cvt.u64.u32 %rd7, %r4; add.u64 %rd8, %rd7, %rd1; ld.global.u32 %r6, [%rd8];
          st.shared.u32 [%r5], %r6;
          add.u64 %rd9, %rd7, %rd5; st.global.u32 [%rd9], %r6;
          bar.sync 0;
        \(changes.joined(separator: "\n"))
          bar.sync 0;
          \(publish)
          fence.proxy.tensormap::generic.acquire.\(scope) [%rd5], 128;
        """
          + Self.awaited(
            96,
            "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd5, \(Self.coordinates(2))], [%r8];"
          ) + Self.dump(24))
      // Another map, of one dimension, comes first in the input; the tensor behind it.
      let other = TensorMapFields(
        address: 0, element: .u8, sizes: [64], strides: [], box: [16], swizzle: .bytes32, fillsWithNaN: true)
      let words = stride(from: 0, to: 128, by: 4).map { place in
        (0..<4).reduce(UInt32(0)) { $0 | UInt32(other.bytes[place + $1]) << UInt32(8 * $1) }
      }
      kernel.input = words + (0..<Self.wordCount(2)).map { UInt32($0 + 1) }
      kernel.outputCount = 160
      kernel.maps = [Self.map(2)]
      #expect(try kernel()[..<24] == (places.map { $0.map { UInt32($0 + 1) } ?? 0 })[...])
    }
  }
}
