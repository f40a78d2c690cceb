import GPUDevice
import PTX

/// A module of a simulated device, with variables of its own.
final class SimulatedModule: GPUModule {
  let context: SimulatedContext
  let loaded: LoadedModule

  init(ptx: String, context: SimulatedContext) throws(GPUDeviceError) {
    self.context = context
    let module: Module
    do throws(ParseError) {
      module = try Module(parsing: ptx)
    } catch {
      throw .moduleRejected(log: "\(error)")
    }
    loaded = try context.run("loading a module") { simulator throws(SimulationError) in
      try simulator.load(module)
    }
  }

  deinit { context.free(loaded.addresses.values) }

  func kernel(_ name: String) throws(GPUDeviceError) -> any GPUKernel {
    guard let program = loaded.kernel(name) else { throw .kernelNotFound(name: name) }
    return SimulatedKernel(program, module: self)
  }
}

/// A kernel of a simulated device.
final class SimulatedKernel: GPUKernel {
  let name: String
  let attributes: KernelAttributes
  let parameters: [KernelParameter]?
  let module: SimulatedModule

  init(_ program: Program, module: SimulatedModule) {
    self.module = module
    name = program.function.name
    attributes = program.attributes
    parameters = program.function.parameters.compactMap { parameter in
      guard case .parameter(let offset) = program.layout.places[parameter.name] else { return nil }
      return KernelParameter(offset: offset, byteCount: parameter.byteCount)
    }
  }
}
