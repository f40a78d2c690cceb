/// How often straight-line code is passed.
let straightLinePasses = 3

/// One warp's passes through so much code, of which eight FMAs are 128 bytes: the cycles of each.
func straightLineText(kilobytes: Int) -> String {
  let line = (0..<8).map { "  fma.rn.f32 %f\($0), %f\($0), %f8, %f9;" }.joined(separator: "\n")
  return textHeader + """
    .visible .entry measure(.param .u64 out) .maxntid 32 {
      .reg .pred %again, %first;
      .reg .b32 %thread, %pass;
      .reg .b64 %out, %start, %end;
      .reg .f32 %f<10>;
      ld.param.u64 %out, [out];
      mov.u32 %thread, %tid.x;
      setp.eq.u32 %first, %thread, 0;
    \(unknownFloats)
      mov.u32 %pass, 0;
    PASS:
      .pragma "nounroll";
      bar.sync 0;
      mov.u64 %start, %clock64;
    \(Array(repeating: line, count: kilobytes * 8).joined(separator: "\n"))
      mov.u64 %end, %clock64;
      sub.u64 %end, %end, %start;
      @%first st.global.u64 [%out], %end;
      add.u64 %out, %out, 8;
      add.u32 %pass, %pass, 1;
      setp.lt.u32 %again, %pass, \(straightLinePasses);
      @%again bra PASS;
    \(sum(of: "%f", 8))
      @%first st.global.f32 [%out], %f0;
      ret;
    }
    """
}

/// Where A of a product is.
enum ProductOperands: String, CaseIterable {
  case shared = "shared memory"
  case registers
}

/// Products of one warpgroup, one behind the other.
struct ProductLoop {
  var columns: Int
  var operands: ProductOperands
  /// A multiple of `groupCount`.
  var count: Int

  /// Products that are committed together.
  static let groupCount = 8

  /// `%da` and `%db` describe A and B.
  var text: String {
    let sums = (0..<columns / 2).map { "%d\($0)" }.joined(separator: ", ")
    let (a, literals) =
      operands == .shared ? ("%da", "1, 1, 0, 0") : ("{%a0, %a1, %a2, %a3}", "1, 1, 0")
    let product =
      "  wgmma.mma_async.sync.aligned.m64n\(columns)k16.f32.bf16.bf16 {\(sums)}, \(a), %db, %always, \(literals);"
    return """
        mov.u32 %count, 0;
        wgmma.fence.sync.aligned;
        mov.u64 %start, %clock64;
      PRODUCTS:
        .pragma "nounroll";
        wgmma.fence.sync.aligned;
      \(Array(repeating: product, count: Self.groupCount).joined(separator: "\n"))
        wgmma.commit_group.sync.aligned;
        wgmma.wait_group.sync.aligned 1;
        add.u32 %count, %count, 1;
        setp.lt.u32 %again, %count, \(count / Self.groupCount);
        @%again bra PRODUCTS;
        wgmma.wait_group.sync.aligned 0;
        mov.u64 %end, %clock64;
      \(sum(of: "%d", columns / 2))
        mov.f32 %f0, %d0;
      """
  }
}

/// Instructions of one kind, of eight registers in turn.
enum ArithmeticLoop: String, CaseIterable {
  case multiplication = "fp32 FMA"
  case maximum = "fp32 maximum"
  case integer = "integer multiplication and addition"
  case exponential = "exponential"

  /// Instructions in the loop's body, so many that those of the loop itself hardly count, and of each warp in all.
  private static let bodyCount = 64
  static let count = bodyCount * 64

  var text: String {
    let instruction = (0..<Self.bodyCount).map { "  " + self.instruction($0 % 8) }.joined(separator: "\n")
    return """
        mov.u32 %count, 0;
        mov.u64 %start, %clock64;
      ARITHMETIC:
        .pragma "nounroll";
      \(instruction)
        add.u32 %count, %count, 1;
        setp.lt.u32 %again, %count, \(Self.count / Self.bodyCount);
        @%again bra ARITHMETIC;
        mov.u64 %end, %clock64;
      \((0..<8).map { "  cvt.rn.f32.s32 %f8, %i\($0); add.f32 %f\($0), %f\($0), %f8;" }.joined(separator: "\n"))
      \(sum(of: "%f", 8))
      """
  }

  private func instruction(_ number: Int) -> String {
    switch self {
    case .multiplication: "fma.rn.f32 %f\(number), %f\(number), %f8, %f9;"
    case .maximum: "max.f32 %f\(number), %f\(number), %f\((number + 1) % 8);"
    case .integer: "mad.lo.u32 %i\(number), %i\(number), %i8, %i9;"
    case .exponential: "ex2.approx.ftz.f32 %f\(number), %f\(number);"
    }
  }
}

/// A warpgroup of products and, behind it, one of arithmetic: the cycles of each. Without products the first does nothing.
func clockText(_ products: ProductLoop?, _ arithmetic: ArithmeticLoop?) -> String {
  textHeader + """
    .visible .entry measure(.param .u64 out) .maxntid \(arithmetic == nil ? 128 : 256) {
      .shared .align 1024 .b8 tiles[40960];
      .reg .pred %again, %first, %other, %always;
      .reg .b32 %thread, %at, %end_of_tiles, %count, %a<4>, %i<10>;
      .reg .b64 %out, %start, %end, %da, %db;
      .reg .f32 %f<10>, %d<128>;
      ld.param.u64 %out, [out];
      mov.u32 %thread, %tid.x;
      mov.u32 %at, tiles;
      cvt.u64.u32 %da, %at;
      shr.u64 %da, %da, 4;
      or.b64 %da, %da, \(matrixDescriptor);
      add.u64 %db, %da, 512;
      add.u32 %end_of_tiles, %at, 40960;
      mad.lo.u32 %at, %thread, 4, %at;
    CLEAR:
      st.shared.u32 [%at], 0;
      add.u32 %at, %at, \(4 * (arithmetic == nil ? 128 : 256));
      setp.lt.u32 %again, %at, %end_of_tiles;
      @%again bra CLEAR;
      fence.proxy.async;
    \(unknownFloats)
    \((0..<10).map { "  add.u32 %i\($0), %thread, \($0);" }.joined(separator: "\n"))
    \((0..<4).map { "  mov.u32 %a\($0), 0;" }.joined(separator: "\n"))
    \((0..<128).map { "  mov.f32 %d\($0), 0f00000000;" }.joined(separator: "\n"))
      setp.eq.u32 %always, %thread, %thread;
      bar.sync 0;
      setp.ge.u32 %other, %thread, 128;
      @%other bra OTHERS;
      setp.eq.u32 %first, %thread, 0;
    \(products?.text ?? "  ret;")
      bra STORE;
    OTHERS:
      setp.eq.u32 %first, %thread, 128;
      add.u64 %out, %out, 8;
    \(arithmetic?.text ?? "  ret;")
    STORE:
      sub.u64 %end, %end, %start;
      @%first st.global.u64 [%out], %end;
      @%first st.global.f32 [%out+16], %f0;
      ret;
    }
    """
}

/// Sets `%f0` to `%f9` to what an assembler cannot know.
private let unknownFloats =
  (0..<10).map { "  cvt.rn.f32.u32 %f\($0), %thread;" }.joined(separator: "\n")

/// Adds registers up in the first, so that all are used.
private func sum(of name: String, _ count: Int) -> String {
  (1..<count).map { "  add.f32 \(name)0, \(name)0, \(name)\($0);" }.joined(separator: "\n")
}
