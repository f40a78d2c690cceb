import LatentAttention

/// What a handle of the caller's points to: an object that lives until the handle is destroyed.
enum Handle {
  /// A handle that keeps `object`.
  static func make(_ object: some AnyObject) -> OpaquePointer {
    unsafe OpaquePointer(Unmanaged.passRetained(object).toOpaque())
  }

  /// The object of a handle.
  static func object<Object: AnyObject>(
    _ handle: OpaquePointer?, _ field: String, as type: Object.Type = Object.self
  ) throws(NullPointer) -> Object {
    guard let handle = unsafe handle else { throw NullPointer(field: field) }
    return unsafe Unmanaged<Object>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
  }

  /// Lets go of a handle's object, if there is one.
  static func release<Object: AnyObject>(_ handle: OpaquePointer?, as type: Object.Type) {
    guard let handle = unsafe handle else { return }
    unsafe Unmanaged<Object>.fromOpaque(UnsafeRawPointer(handle)).release()
  }
}

/// An engine behind a handle.
final class EngineObject: Sendable {
  let engine: any AttentionEngine
  let workerCount: Int

  init(_ engine: any AttentionEngine, workerCount: Int) {
    self.engine = engine
    self.workerCount = workerCount
  }
}

/// A plan behind a handle.
final class PlanObject: Sendable {
  let plan: AttentionPlan
  /// Whether runs take caches of more pages than the plan's.
  let takesLargerCaches: Bool

  init(_ plan: AttentionPlan, takesLargerCaches: Bool) {
    self.plan = plan
    self.takesLargerCaches = takesLargerCaches
  }
}
