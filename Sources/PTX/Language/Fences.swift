/// Between which kinds of access a proxy fence orders (PTX ISA 8.6).
public enum AsyncProxySpace: String, Sendable, Hashable {
  case shared = ".shared::cta"
  case cluster = ".shared::cluster"
  case global = ".global"
  case all = ""
}

extension KernelBuilder {
  /// Orders memory accesses among the threads of a scope.
  public func fence(
    _ order: MemoryOrder = .acquireRelease(.device), file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    record("fence\(order.modifier)")
  }

  /// Makes writes by ordinary stores visible to TMA and `wgmma` (the asynchronous proxy). The writer runs it,
  /// before the barrier that tells the reader.
  public func fenceAsyncProxy(
    _ space: AsyncProxySpace = .shared, file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    record("fence.proxy.async\(space.rawValue)")
  }

  /// Lets the kernel that depends on this one start.
  public func launchDependents(file: String = #fileID, line: Int = #line) {
    locate(file, line)
    record("griddepcontrol.launch_dependents")
  }

  /// Waits until the kernels on which this one depends have ended and their writes are visible.
  public func waitForPrerequisites(file: String = #fileID, line: Int = #line) {
    locate(file, line)
    record("griddepcontrol.wait")
  }
}
