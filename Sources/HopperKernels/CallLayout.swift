import PTX

/// The struct parameter `call` that every kernel of this module takes: the tensors of one attention call, the plan in
/// device memory, and what the work is to be. Strides are in bytes.
public struct CallLayout: Sendable {
  /// The one layout there is.
  public static let standard = CallLayout()

  /// Fields with their offsets.
  public private(set) var layout = ParameterLayout()

  /// First element of the queries' latent part, `[token, head, 512]`, and of their rope part.
  public let queryLatent, queryRope: ParameterLayout.PointerField<U16>
  /// First element of the cache's latent part, `[page, slot, 512]`, and of its rope part.
  public let cacheLatent, cacheRope: ParameterLayout.PointerField<U16>
  /// First byte of the output `[token, head, 512]`.
  public let output: ParameterLayout.PointerField<U8>
  /// First LSE `[token, head]`; 0 if not wanted.
  public let lse: ParameterLayout.PointerField<U8>
  /// Partial outputs, 512 numbers a row without gaps.
  public let partialOutput: ParameterLayout.PointerField<U8>
  /// Their LSEs, in base 2.
  public let partialLSE: ParameterLayout.PointerField<F32>
  /// `PieceRecord`s: of each block's first piece, then of the others.
  public let pieces: ParameterLayout.PointerField<S32>
  /// The page lists of all requests.
  public let pages: ParameterLayout.PointerField<S32>
  /// `MergeRecord`s, and for each block the first of its own; one offset more than blocks.
  public let mergeJobs, mergeOffsets: ParameterLayout.PointerField<S32>
  /// A number that blocks count up when they have done their pieces; 0 if a launch of its own merges. Whatever it was, a
  /// launch that uses it leaves a multiple of its blocks behind.
  public let arrivedBlocks: ParameterLayout.PointerField<U64>

  /// Bytes from a token, page or head to the next.
  public let queryLatentToken, queryLatentHead, queryRopeToken, queryRopeHead: ParameterLayout.Field<U64>
  public let cacheLatentPage, cacheLatentSlot, cacheRopePage, cacheRopeSlot: ParameterLayout.Field<U64>
  public let outputToken, outputHead, lseToken, lseHead: ParameterLayout.Field<U64>

  /// What scores are multiplied by: the softmax scale and log₂ e.
  public let scoreScale: ParameterLayout.Field<F32>
  /// What LSEs in base 2 are multiplied by: 1, or ln 2 for natural ones.
  public let lseUnit: ParameterLayout.Field<F32>
  /// Query heads, and tokens of a page.
  public let headCount, pageSize: ParameterLayout.Field<S32>
  /// Keys that each query token sees more than the one before: 1 if causal, else 0.
  public let keysPerToken: ParameterLayout.Field<S32>
  /// The `StorageFormat` of the output and of partial outputs.
  public let outputFormat, partialFormat: ParameterLayout.Field<U32>
  /// 1 if all rows of the queries, of the cache, of the output are aligned to 16 bytes.
  public let queriesAreAligned, cacheIsAligned, outputIsAligned: ParameterLayout.Field<U32>

  private init() {
    queryLatent = layout.pointer(to: U16.self)
    queryRope = layout.pointer(to: U16.self)
    cacheLatent = layout.pointer(to: U16.self)
    cacheRope = layout.pointer(to: U16.self)
    output = layout.pointer(to: U8.self)
    lse = layout.pointer(to: U8.self)
    partialOutput = layout.pointer(to: U8.self)
    partialLSE = layout.pointer(to: F32.self)
    pieces = layout.pointer(to: S32.self)
    pages = layout.pointer(to: S32.self)
    mergeJobs = layout.pointer(to: S32.self)
    mergeOffsets = layout.pointer(to: S32.self)
    arrivedBlocks = layout.pointer(to: U64.self)
    queryLatentToken = layout.field(U64.self)
    queryLatentHead = layout.field(U64.self)
    queryRopeToken = layout.field(U64.self)
    queryRopeHead = layout.field(U64.self)
    cacheLatentPage = layout.field(U64.self)
    cacheLatentSlot = layout.field(U64.self)
    cacheRopePage = layout.field(U64.self)
    cacheRopeSlot = layout.field(U64.self)
    outputToken = layout.field(U64.self)
    outputHead = layout.field(U64.self)
    lseToken = layout.field(U64.self)
    lseHead = layout.field(U64.self)
    scoreScale = layout.field(F32.self)
    lseUnit = layout.field(F32.self)
    headCount = layout.field(S32.self)
    pageSize = layout.field(S32.self)
    keysPerToken = layout.field(S32.self)
    outputFormat = layout.field(U32.self)
    partialFormat = layout.field(U32.self)
    queriesAreAligned = layout.field(U32.self)
    cacheIsAligned = layout.field(U32.self)
    outputIsAligned = layout.field(U32.self)
  }
}
