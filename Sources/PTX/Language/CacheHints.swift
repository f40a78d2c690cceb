/// Memory order of a load, store or atomic (PTX ISA 8.8).
public enum MemoryOrder: Sendable, Hashable {
  /// No order with other threads.
  case weak
  /// Of single accesses only.
  case relaxed(MemoryScope)
  case acquire(MemoryScope)
  case release(MemoryScope)
  /// Both; of atomics and fences.
  case acquireRelease(MemoryScope)
  case volatile

  var modifier: String {
    switch self {
    case .weak: ""
    case .relaxed(let scope): ".relaxed.\(scope.rawValue)"
    case .acquire(let scope): ".acquire.\(scope.rawValue)"
    case .release(let scope): ".release.\(scope.rawValue)"
    case .acquireRelease(let scope): ".acq_rel.\(scope.rawValue)"
    case .volatile: ".volatile"
    }
  }
}

/// Among which threads an order holds.
public enum MemoryScope: String, Sendable, Hashable {
  case block = "cta"
  case cluster
  case device = "gpu"
  case system = "sys"
}

/// How long a cache keeps what an access brings (PTX ISA 9.7.9.2).
public enum Eviction: String, Sendable, Hashable {
  case normal = "evict_normal"
  case unchanged = "evict_unchanged"
  case first = "evict_first"
  case last = "evict_last"
  case noAllocate = "no_allocate"
}

/// What an access tells the caches. Nothing, if nothing is said.
public struct CacheHints {
  /// Priority in L1.
  public var l1: Eviction?
  /// Bytes that L2 fetches at least: 64, 128 or 256.
  public var prefetchByteCount: Int?
  /// A policy made by `createPolicy`.
  public var policy: Value<B64>?

  /// What is not said is nil.
  public init(l1: Eviction? = nil, prefetchByteCount: Int? = nil, policy: Value<B64>? = nil) {
    self.l1 = l1
    self.prefetchByteCount = prefetchByteCount
    self.policy = policy
  }

  /// Nothing.
  public static var none: CacheHints { CacheHints() }

  var modifier: String {
    (l1.map { ".L1::\($0.rawValue)" } ?? "") + (policy == nil ? "" : ".L2::cache_hint")
      + (prefetchByteCount.map { ".L2::\($0)B" } ?? "")
  }
}

extension KernelBuilder {
  /// A cache policy that gives a fraction of accesses, by address, a priority in L2 (PTX ISA 9.7.9.17).
  public func createPolicy(
    _ primary: Eviction, fraction: Double = 1, file: String = #fileID, line: Int = #line
  ) -> Value<B64> {
    locate(file, line)
    return result(
      "createpolicy.fractional.L2::\(primary.rawValue).b64",
      [.immediate(.float(Float(fraction).bitPattern))])
  }

  /// The operands of a policy, if there is one.
  func policyOperands(_ policy: Value<B64>?) -> [Operand] {
    policy.map { [.register(register($0))] } ?? []
  }
}
