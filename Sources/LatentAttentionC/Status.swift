import CPUEngine
import GPUDevice
import HopperEngine
import LatentAttention
import LatentAttentionHeader

/// A pointer that must be given is null.
struct NullPointer: Error {
  let field: String
}

/// The machine lacks what was asked for.
struct Unavailable: Error {
  let message: String
}

/// Does the work of one call: an error becomes a status, and its description the thread's message.
func answer(_ work: () throws -> Void) -> mla_status {
  do {
    try work()
    return mla_status(mla_ok)
  } catch {
    let (status, message) = statusAndMessage(of: error)
    unsafe mla_keep_message(message)
    return mla_status(status)
  }
}

private func statusAndMessage(of error: any Error) -> (status: Int, message: String) {
  switch error {
  case let error as ProblemError: (status(of: error.code), error.description)
  case let error as NullPointer: (mla_null_pointer, "\(error.field) = NULL: must be given")
  case let error as Unavailable: (mla_unavailable, error.message)
  case let error as CPUEngineError: (status(of: error), error.description)
  case HopperEngineError.problem(let error): (status(of: error.code), error.description)
  case HopperEngineError.device(let error): (mla_device_failed, error.description)
  default: (mla_device_failed, String(describing: error))
  }
}

private func status(of code: ProblemError.Code) -> Int {
  switch code {
  case .notPositive: mla_not_positive
  case .outOfRange, .poolExhausted: mla_out_of_range
  case .overflow: mla_overflow
  case .badOffsets: mla_bad_offsets
  case .tooShort, .bufferTooSmall: mla_too_short
  case .misaligned: mla_misaligned
  case .mismatch: mla_mismatch
  case .overlap: mla_overlap
  case .notFinite: mla_not_finite
  }
}

private func status(of error: CPUEngineError) -> Int {
  switch error {
  case .unknownInstructionSet, .badThreadCount: mla_out_of_range
  case .unavailableInstructionSet, .threadCreationFailed: mla_unavailable
  }
}

/// What an argument points to.
func given<Value>(_ pointer: UnsafePointer<Value>?, _ field: String) throws(NullPointer) -> Value {
  guard let pointer = unsafe pointer else { throw NullPointer(field: field) }
  return unsafe pointer.pointee
}

/// Where a result goes.
func given<Value>(
  _ pointer: UnsafeMutablePointer<Value>?, _ field: String
) throws(NullPointer) -> UnsafeMutablePointer<Value> {
  guard let pointer = unsafe pointer else { throw NullPointer(field: field) }
  return unsafe pointer
}

/// `count` numbers of the caller's.
func numbers(
  _ pointer: UnsafePointer<Int32>?, count: Int64, _ field: String
) throws -> UnsafeBufferPointer<Int32> {
  guard (0...Int64(Int32.max)).contains(count) else {
    throw ProblemError(
      .outOfRange, "\(field).count", value: count, requirement: "must be 0 to \(Int32.max)")
  }
  guard unsafe pointer != nil || count == 0 else { throw NullPointer(field: field) }
  return unsafe UnsafeBufferPointer(start: pointer, count: Int(count))
}

/// The case that a number of the caller's stands for.
func choice<Value>(_ number: Int64, of values: [Value], _ field: String) throws(ProblemError) -> Value {
  guard let index = Int(exactly: number), values.indices.contains(index) else {
    throw ProblemError(
      .outOfRange, field, value: number, requirement: "must be 0 to \(values.count - 1)")
  }
  return values[index]
}
