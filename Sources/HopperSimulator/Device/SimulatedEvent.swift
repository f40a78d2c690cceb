import GPUDevice
import Synchronization

/// An event of a simulated device. What is before it has run when it is recorded.
final class SimulatedEvent: GPUEvent {
  private let context: SimulatedContext
  private let recorded = Mutex<Duration?>(nil)

  init(_ context: SimulatedContext) {
    self.context = context
  }

  /// The device's time when it was recorded.
  var time: Duration? { recorded.withLock { $0 } }

  func record(_ time: Duration) { recorded.withLock { $0 = time } }

  func synchronize() throws(GPUDeviceError) {}

  func elapsed(since start: any GPUEvent) throws(GPUDeviceError) -> Duration {
    let operation = "time between events"
    let start = try SimulatedEvent.own(start, context, operation, "start")
    return try time(operation, "end") - start.time(operation, "start")
  }

  private func time(_ operation: String, _ field: String) throws(GPUDeviceError) -> Duration {
    guard let time else {
      throw .invalid(operation: operation, field: field, value: "not recorded", requirement: "recorded")
    }
    return time
  }

  /// The event as one of this device.
  static func own(
    _ event: any GPUEvent, _ context: SimulatedContext, _ operation: String, _ field: String
  ) throws(GPUDeviceError) -> SimulatedEvent {
    guard let event = event as? SimulatedEvent, event.context === context else {
      throw .otherDevice(operation: operation, field: field)
    }
    return event
  }
}
