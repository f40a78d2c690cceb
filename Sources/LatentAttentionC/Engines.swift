// swift-format-ignore-file: AlwaysUseLowerCamelCase

// Functions here have the names of latent_attention.h.
import CPUEngine
import GPUDevice
import HopperEngine
import HopperSimulator
import LatentAttention
import LatentAttentionHeader

/// Described in `latent_attention.h`.
@c @implementation
public func mla_engine_create_cpu(
  _ threads: Int64, _ instructionSetName: UnsafePointer<CChar>?,
  _ engine: UnsafeMutablePointer<OpaquePointer?>?
) -> mla_status {
  answer {
    let target = unsafe try given(engine, "engine")
    let made = try CPUEngine(
      threadCount: try threadCount(threads),
      instructionSet: unsafe try instructionSetName.map { unsafe try instructionSet(String(cString: $0)) })
    unsafe target.pointee = Handle.make(EngineObject(made, workerCount: made.threadCount))
  }
}

/// Described in `latent_attention.h`.
@c @implementation
public func mla_engine_create_hopper(
  _ device: Int64, _ memory: Int64, _ threads: Int64, _ engine: UnsafeMutablePointer<OpaquePointer?>?
) -> mla_status {
  answer {
    let target = unsafe try given(engine, "engine")
    let inDeviceMemory = try choice(memory, of: [false, true], "memory")
    let threads = try threadCount(threads)
    let isSimulated = device == mla_simulated_h100
    guard !(isSimulated && inDeviceMemory) else {
      throw ProblemError(
        .mismatch, "memory", value: memory, requirement: "must be mla_memory_host with a simulated device")
    }
    let hopper = HopperEngine(
      device: isSimulated ? SimulatedGPU(.h100, threadCount: threads) : try realDevice(device))
    let made: any AttentionEngine = inDeviceMemory ? hopper : HostHopperEngine(hopper)
    unsafe target.pointee = Handle.make(EngineObject(made, workerCount: hopper.workerCount))
  }
}

/// Described in `latent_attention.h`.
@c @implementation
public func mla_engine_destroy(_ engine: OpaquePointer?) -> mla_status {
  answer { unsafe Handle.release(engine, as: EngineObject.self) }
}

/// Described in `latent_attention.h`.
@c @implementation
public func mla_engine_worker_count(
  _ engine: OpaquePointer?, _ workerCount: UnsafeMutablePointer<Int64>?
) -> mla_status {
  answer {
    let object = unsafe try Handle.object(engine, "engine", as: EngineObject.self)
    unsafe try given(workerCount, "worker_count").pointee = Int64(object.workerCount)
  }
}

/// The number of threads, nil for all there are.
private func threadCount(_ count: Int64) throws(ProblemError) -> Int? {
  guard (0...1024).contains(count) else {
    throw ProblemError(.outOfRange, "thread_count", value: count, requirement: "must be 0 to 1024")
  }
  return count == 0 ? nil : Int(count)
}

private func instructionSet(_ name: String) throws(ProblemError) -> InstructionSet {
  guard let set = InstructionSet(rawValue: name) else {
    throw ProblemError(
      .outOfRange, "instruction_set", value: name,
      requirement: "must be " + InstructionSet.allCases.map(\.rawValue).joined(separator: ", "))
  }
  return set
}

private func realDevice(_ index: Int64) throws -> any GPUDevice {
  guard index >= 0 else {
    throw ProblemError(
      .outOfRange, "device", value: index, requirement: "must be mla_simulated_h100 or not negative")
  }
  do {
    return try CUDADevice(index: Int(index))
  } catch {
    throw Unavailable(message: error.description)
  }
}
