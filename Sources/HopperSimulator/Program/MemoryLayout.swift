import PTX

/// Where the variables of a module lie.
///
/// Addresses of the spaces that have windows in the generic space are kept apart by their upper bits; global memory has
/// everything else.
enum AddressWindow {
  /// Of a cluster's shared memory: block rank in bits 24 and up, as the hardware numbers them.
  static let shared: UInt64 = 0x0000_7D00_0000_0000
  static let local: UInt64 = 0x0000_7E00_0000_0000
  static let parameter: UInt64 = 0x0000_7F00_0000_0000
  /// Of functions, which are not in memory: 16 apart, in the module's order.
  static let function: UInt64 = 0x0000_7C00_0000_0000
  static let mask: UInt64 = 0x0000_FFFF_0000_0000

  /// Bytes at the start of shared memory that belong to the system.
  static let reservedShared = 1024
  /// Bits of the offset in a block's shared memory.
  static let sharedBits: UInt64 = 24
}

/// Where the variables that one function names lie.
struct VariableLayout {
  enum Place: Equatable {
    /// In the kernel's parameter block.
    case parameter(Int)
    /// In the block's shared memory.
    case shared(Int)
    /// In the thread's local frame.
    case frame(Int)
    /// In global or constant memory.
    case global(UInt64)
    /// A function: what stands for its address.
    case function(UInt64)
  }

  private(set) var places: [String: Place] = [:]
  /// Bytes of the kernel's parameter block.
  private(set) var parameterByteCount = 0
  /// End of the statically declared shared memory, where the dynamic begins; counted with the reserved bytes.
  private(set) var sharedEnd = AddressWindow.reservedShared
  /// Bytes of a thread's local frame.
  private(set) var frameByteCount = 0

  /// Lays out what `function` names, as part of a kernel. `globals` are the addresses of the module's variables in
  /// global and constant memory.
  init(_ function: Function, of kernel: Function, module: Module, globals: [String: UInt64]) {
    for (name, address) in globals { places[name] = .global(address) }
    for (name, address) in module.functionAddresses { places[name] = .function(address) }
    layOutShared(kernel, module)
    if function.kind == .entry {
      for parameter in function.parameters {
        parameterByteCount = Self.aligned(parameterByteCount, parameter)
        places[parameter.name] = .parameter(parameterByteCount)
        parameterByteCount += parameter.byteCount
      }
    } else {
      for parameter in function.results + function.parameters where parameter.space == .parameter {
        placeInFrame(parameter)
      }
    }
    for variable in function.variables where variable.space == .local || variable.space == .parameter {
      placeInFrame(variable)
    }
  }

  private mutating func layOutShared(_ kernel: Function, _ module: Module) {
    // Functions share the block's memory, so each must find the same addresses: all static variables of the module
    // that are not of other kernels.
    let functions = module.functions.filter { $0.kind == .function || $0.name == kernel.name }
    let variables = module.variables + functions.flatMap(\.variables)
    var dynamic: [Variable] = []
    for variable in variables where variable.space == .shared {
      if variable.dimensions.first == 0 {
        dynamic.append(variable)
      } else {
        sharedEnd = Self.aligned(sharedEnd, variable)
        places[variable.name] = .shared(sharedEnd)
        sharedEnd += variable.byteCount
      }
    }
    // Dynamic shared memory of every name is the same.
    for variable in dynamic { sharedEnd = Self.aligned(sharedEnd, variable) }
    sharedEnd = (sharedEnd + 15) & ~15
    for variable in dynamic { places[variable.name] = .shared(sharedEnd) }
  }

  private mutating func placeInFrame(_ variable: Variable) {
    frameByteCount = Self.aligned(frameByteCount, variable)
    places[variable.name] = .frame(frameByteCount)
    frameByteCount += variable.byteCount
  }

  private static func aligned(_ offset: Int, _ variable: Variable) -> Int {
    let alignment = variable.effectiveAlignment
    return (offset + alignment - 1) & ~(alignment - 1)
  }
}

extension Module {
  /// What stands for the addresses of functions, by name.
  var functionAddresses: [String: UInt64] {
    functions.enumerated().reduce(into: [:]) { addresses, function in
      addresses[function.element.name] = AddressWindow.function + UInt64(function.offset) * 16
    }
  }
}
