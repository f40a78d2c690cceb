import GPUDevice

/// A kernel and all that its launch takes.
public struct KernelLaunch: Sendable {
  /// The kernel's module.
  public var module: LoadedModule
  /// The kernel's name.
  public var kernel: String
  /// Grid, block, cluster and shared memory.
  public var configuration: LaunchConfiguration
  /// The parameter block: the kernel's parameters in order, each at its alignment.
  public var parameters: [UInt8]

  /// A launch of a kernel.
  public init(
    module: LoadedModule, kernel: String, configuration: LaunchConfiguration, parameters: [UInt8]
  ) {
    self.module = module
    self.kernel = kernel
    self.configuration = configuration
    self.parameters = parameters
  }
}

/// What one of several launches has come to, of which each may have started before the one ahead of it had ended.
public struct OverlappedReport: Sendable {
  /// When its blocks could start, in cycles from the start of the first.
  public var start: UInt64
  /// What it has come to.
  public var report: LaunchReport
}
