import PTX

/// The second stage as a kernel of its own: it may be launched before the decode kernel has ended (programmatic dependent
/// launch), and waits for it.
public struct MergeKernel: Sendable {
  /// Threads of a block.
  public static let threadCount = 256

  /// The kernel, `mla_merge_bf16` or `mla_merge_fp16`. Parameter: the struct `call` (`CallLayout`). Its grid has the blocks
  /// that the plan has workers.
  public let kernel: Kernel

  /// The name of the kernel for outputs in a 16-bit type or fp32.
  static func name(elementType: StorageFormat) -> String { "mla_merge_\(elementType.label)" }

  /// Records the kernel for outputs in a 16-bit type or fp32.
  public init(elementType: StorageFormat) throws(KernelError) {
    kernel = try Kernel(Self.name(elementType: elementType), .threads(Self.threadCount)) { k in
      let call = k.parameter("call", CallLayout.standard.layout)
      let memory = MergeMemory(
        over: k.dynamicShared(B32.self, count: MergeMemory.byteCount / 4, alignment: 16))
      k.waitForPrerequisites()
      let threads = Self.threadCount
      switch elementType {
      case .bfloat16: MergeStage<BF16>(k: k, call: call, threadCount: threads, memory: memory).run()
      case .float16: MergeStage<F16>(k: k, call: call, threadCount: threads, memory: memory).run()
      case .float32: k.trap()
      }
    }
  }
}
