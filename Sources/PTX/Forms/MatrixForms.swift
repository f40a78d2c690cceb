/// Matrix instructions and bulk copies (PTX ISA 9.7.9.24 to 9.7.9.27, 9.7.14, 9.7.15).
extension InstructionForms {
  private static let wgmmaShape =
    stride(from: 8, through: 256, by: 8).map { "m64n\($0)" }

  private static func wgmmaShapes(depth: Int) -> String {
    "shape=" + wgmmaShape.map { "\($0)k\(depth)" }.joined(separator: "|")
  }

  /// Of integers, N is a multiple of 16 from 32 on.
  private static let wgmmaIntegerShapes =
    "shape="
    + ([8, 24] + stride(from: 16, through: 256, by: 16)).map { "m64n\($0)k32" }.joined(separator: "|")

  /// `ldmatrix`, `stmatrix`, `mma.sync`, `wgmma`.
  static let matrix: [InstructionForm] = [
    row(
      "ldmatrix sync aligned shape=m8n8 count=x1|x2|x4 trans? space=shared|shared::cta? type=b16", "w m",
      .matrixMemory, since: .init(6, 5)),
    row(
      "stmatrix sync aligned shape=m8n8 count=x1|x2|x4 trans? space=shared|shared::cta? type=b16", "m r",
      .matrixMemory, since: .init(7, 8)),
    row("movmatrix sync aligned shape=m8n8 trans type=b16", "w r", .warp, since: .init(7, 8)),
    row(
      "mma sync aligned shape=m16n8k8|m16n8k16 row col d=f32|f16 a=f16|bf16 b=f16|bf16 c=f32|f16", "w r r r",
      .matrix, since: .init(7, 0)),
    row(
      "mma sync aligned shape=m16n8k4|m16n8k8 row col d=f32 a=tf32 b=tf32 c=f32", "w r r r", .matrix,
      since: .init(7, 0)),
    row(
      "mma sync aligned shape=m16n8k32|m16n8k16 row col d=f32|f16 a=e4m3|e5m2 b=e4m3|e5m2 c=f32|f16",
      "w r r r",
      .matrix, since: .init(8, 4)),
    row(
      "mma sync aligned shape=m16n8k16|m16n8k32 row col satfinite? d=s32 a=u8|s8 b=u8|s8 c=s32", "w r r r",
      .matrix, since: .init(7, 0)),
    row(
      "wgmma mma_async sync aligned \(wgmmaShapes(depth: 16)) d=f32|f16 a=f16|bf16 b=f16|bf16",
      "a r r r r r r? r?", .warpgroupMatrix, since: .init(8, 0)),
    row(
      "wgmma mma_async sync aligned \(wgmmaShapes(depth: 8)) d=f32 a=tf32 b=tf32", "a r r r r r",
      .warpgroupMatrix, since: .init(8, 0)),
    row(
      "wgmma mma_async sync aligned \(wgmmaShapes(depth: 32)) d=f32|f16 a=e4m3|e5m2 b=e4m3|e5m2",
      "a r r r r r", .warpgroupMatrix, since: .init(8, 0)),
    row(
      "wgmma mma_async sync aligned \(wgmmaIntegerShapes) satfinite? d=s32 a=u8|s8 b=u8|s8",
      "a r r r", .warpgroupMatrix, since: .init(8, 0)),
    row("wgmma fence sync aligned", "", .warpgroupMatrix, since: .init(8, 0)),
    row("wgmma commit_group sync aligned", "", .warpgroupMatrix, since: .init(8, 0)),
    row("wgmma wait_group sync aligned", "r", .warpgroupMatrix, since: .init(8, 0)),
  ]

  private static let rank = "rank=1d|2d|3d|4d|5d"
  private static let completion = "completion=mbarrier::complete_tx::bytes"
  private static let reduction = "operation=add|min|max|inc|dec|and|or|xor"

  /// Bulk copies: linear (`cp.async.bulk`) and by tensor map (`cp.async.bulk.tensor`).
  static let bulk: [InstructionForm] = [
    row(
      "cp async bulk to=shared::cluster from=global \(completion) multicast=multicast::cluster? "
        + "hint=L2::cache_hint?", "m m r m r? r?", .bulkCopy, since: .init(8, 0)),
    row(
      "cp async bulk to=shared::cta from=global \(completion) hint=L2::cache_hint?", "m m r m r?", .bulkCopy,
      since: .init(8, 6)),
    row(
      "cp async bulk to=shared::cluster from=shared::cta \(completion)", "m m r m", .bulkCopy,
      since: .init(8, 0)),
    row(
      "cp async bulk to=global from=shared::cta completion=bulk_group hint=L2::cache_hint?", "m m r r?",
      .bulkCopy, since: .init(8, 0)),
    row(
      "cp async bulk prefetch level=L2 space=global hint=L2::cache_hint?", "m r r?", .bulkCopy,
      since: .init(8, 0)),
    row("cp async bulk commit_group", "", .bulkCopy, since: .init(8, 0)),
    row("cp async bulk wait_group read?", "r", .bulkCopy, since: .init(8, 0)),
    row(
      "cp async bulk tensor \(rank) to=shared::cluster from=global tile? \(completion) "
        + "multicast=multicast::cluster? hint=L2::cache_hint?", "m m m r? r?", .bulkCopy,
      since: .init(8, 0)),
    row(
      "cp async bulk tensor \(rank) to=shared::cta from=global tile? \(completion) "
        + "hint=L2::cache_hint?", "m m m r?", .bulkCopy, since: .init(8, 6)),
    row(
      "cp async bulk tensor \(rank) to=global from=shared::cta tile? completion=bulk_group "
        + "hint=L2::cache_hint?", "m m r?", .bulkCopy, since: .init(8, 0)),
    row(
      "cp async bulk prefetch tensor \(rank) level=L2 space=global tile? hint=L2::cache_hint?",
      "m r?", .bulkCopy, since: .init(8, 0)),
    row(
      "cp reduce async bulk to=global from=shared::cta completion=bulk_group hint=L2::cache_hint? \(reduction) "
        + "noftz? type=f16|bf16|f32|f64|u32|s32|u64|s64|b32|b64", "m m r r?", .bulkCopy, since: .init(8, 0)),
    row(
      "cp reduce async bulk to=shared::cluster from=shared::cta \(completion) \(reduction) "
        + "type=u32|s32|u64|b32", "m m r m", .bulkCopy, since: .init(8, 0)),
    row(
      "cp reduce async bulk tensor \(rank) to=global from=shared::cta \(reduction) tile? "
        + "completion=bulk_group hint=L2::cache_hint?", "m m r?", .bulkCopy, since: .init(8, 0)),
  ]
}
