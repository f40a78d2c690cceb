import GPUDevice
import LatentAttention
import PTX

/// Why a Hopper engine did not do what it was asked.
public enum HopperEngineError: Error, Sendable, CustomStringConvertible {
  /// A mistake in what the caller passed.
  case problem(ProblemError)
  /// The device failed, or refused.
  case device(GPUDeviceError)
  /// A kernel could not be recorded: a mistake in this package.
  case kernel(KernelError)

  /// What happened.
  public var description: String {
    switch self {
    case .problem(let error): error.description
    case .device(let error): error.description
    case .kernel(let error): error.description
    }
  }
}

/// Does something that can throw one kind of error, as part of something that throws several.
func asProblem<Result>(
  _ body: () throws(ProblemError) -> Result
) throws(HopperEngineError) -> Result {
  do { return try body() } catch { throw .problem(error) }
}

/// Does something that can throw one kind of error, as part of something that throws several.
func onDevice<Result>(
  _ body: () throws(GPUDeviceError) -> Result
) throws(HopperEngineError) -> Result {
  do { return try body() } catch { throw .device(error) }
}
