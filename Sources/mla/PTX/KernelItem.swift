import GPUDevice

/// An argument of a kernel as the command takes it.
enum KernelItem {
  /// `NAME` or `NAME+OFFSET`: an address in a buffer.
  case address(BufferPlace)
  /// `TYPE:VALUE`.
  case number([UInt8])
  /// `map:…`
  case map(TensorMapRecipe)
  /// `struct:BYTES,OFFSET=ITEM,…`
  case structure(byteCount: Int, fields: [(offset: Int, item: KernelItem)])

  /// Takes a text apart. A buffer that it declares is added to `buffers`.
  init(_ text: Substring, buffers: inout [BufferRecipe]) throws(ItemError) {
    if text.hasPrefix("struct:") {
      self = try KernelItem.structure(text.dropFirst(7))
    } else if let equals = text.firstIndex(of: "="), !text[..<equals].contains(":") {
      let buffer = try BufferRecipe(text)
      buffers.append(buffer)
      self = .address(BufferPlace(name: buffer.name, offset: 0))
    } else {
      try self.init(simple: text)
    }
  }

  /// An item that can stand in a struct.
  private init(simple text: Substring) throws(ItemError) {
    guard let colon = text.firstIndex(of: ":") else {
      self = .address(try BufferPlace(text))
      return
    }
    let rest = text[text.index(after: colon)...]
    if text[..<colon] == "map" {
      self = .map(try TensorMapRecipe(rest))
    } else {
      let type = try NumberType(named: text[..<colon])
      self = .number(type.bytes(try type.bits(parsing: rest)))
    }
  }

  private static func structure(_ text: Substring) throws(ItemError) -> KernelItem {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let byteCount = try integer(parts[0], "size of the struct", least: 1)
    var fields: [(offset: Int, item: KernelItem)] = []
    for part in parts.dropFirst() {
      guard let equals = part.firstIndex(of: "=") else {
        throw ItemError("expected OFFSET=ITEM, found '\(part)'")
      }
      let offset = try integer(part[..<equals], "offset")
      let item = try KernelItem(simple: part[part.index(after: equals)...])
      guard offset <= byteCount - item.byteCount else {
        throw ItemError("\(item.byteCount) bytes at offset \(offset) are not in the struct of \(byteCount)")
      }
      fields.append((offset, item))
    }
    return .structure(byteCount: byteCount, fields: fields)
  }

  /// Bytes of the parameter.
  var byteCount: Int {
    switch self {
    case .address: 8
    case .number(let bytes): bytes.count
    case .map: TensorMap.byteCount
    case .structure(let byteCount, _): byteCount
    }
  }

  /// The places in buffers that it names.
  var places: [BufferPlace] {
    switch self {
    case .address(let place): [place]
    case .number: []
    case .map(let map): [map.place]
    case .structure(_, let fields): fields.flatMap(\.item.places)
    }
  }

  /// The parameter's bytes on a device, with the addresses of its buffers.
  func bytes(_ device: any GPUDevice, _ memory: [String: DeviceMemory]) throws -> [UInt8] {
    switch self {
    case .address(let place): return KernelArgument.address(try place.address(memory)).bytes
    case .number(let bytes): return bytes
    case .map(let map): return try device.makeTensorMap(map.description(memory)).bytes
    case .structure(let byteCount, let fields):
      var bytes = [UInt8](repeating: 0, count: byteCount)
      for (offset, item) in fields {
        bytes.replaceSubrange(offset..<offset + item.byteCount, with: try item.bytes(device, memory))
      }
      return bytes
    }
  }
}

/// An address in a buffer: `NAME` or `NAME+OFFSET`, in bytes.
struct BufferPlace {
  var name: String
  var offset: Int

  init(name: String, offset: Int) {
    self.name = name
    self.offset = offset
  }

  init(_ text: Substring) throws(ItemError) {
    let parts = text.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
    name = try BufferRecipe.name(parts.first ?? "")
    offset = try parts.count > 1 ? integer(parts[1], "offset") : 0
  }

  func address(_ memory: [String: DeviceMemory]) throws(ItemError) -> DeviceAddress {
    guard let buffer = memory[name] else { throw ItemError("no buffer is named '\(name)'") }
    return buffer.address.advanced(by: offset)
  }
}

/// A tensor map over a buffer: `BUFFER[+OFFSET]:TYPE:SIZES:STRIDES:BOX[:OPTION…]`, innermost dimension first.
struct TensorMapRecipe {
  let place: BufferPlace
  private var recipe: TensorMapDescription

  init(_ text: Substring) throws(ItemError) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count >= 5 else {
      throw ItemError("expected map:BUFFER:TYPE:SIZES:STRIDES:BOX[:OPTION…]")
    }
    place = try BufferPlace(parts[0])
    guard let type = Self.elementTypes[String(parts[1])] else {
      let all = Self.elementTypes.keys.sorted().joined(separator: ", ")
      throw ItemError("'\(parts[1])' is no type of a tensor map; types are \(all)")
    }
    recipe = TensorMapDescription(
      elementType: type, address: DeviceAddress(0), sizes: try Self.list(parts[2], "size"),
      byteStrides: try parts[3] == "-" ? [] : Self.list(parts[3], "stride"),
      box: try Self.list(parts[4], "box"))
    for part in parts.dropFirst(5) { try set(part) }
  }

  /// The description with the buffer's address.
  func description(_ memory: [String: DeviceMemory]) throws(ItemError) -> TensorMapDescription {
    var description = recipe
    description.address = try place.address(memory)
    return description
  }

  private static func list(_ text: Substring, _ what: String) throws(ItemError) -> [Int] {
    var numbers: [Int] = []
    for part in text.split(separator: "x", omittingEmptySubsequences: false) {
      numbers.append(try integer(part, what))
    }
    return numbers
  }

  private mutating func set(_ text: Substring) throws(ItemError) {
    let parts = text.split(separator: "=", maxSplits: 1)
    switch (parts.first, parts.last) {
    case ("swizzle", "32"): recipe.swizzle = .bytes32
    case ("swizzle", "64"): recipe.swizzle = .bytes64
    case ("swizzle", "128"): recipe.swizzle = .bytes128
    case ("fill", "nan"): recipe.outOfBoundsFill = .nan
    case ("elements", let strides?) where parts.count == 2:
      recipe.elementStrides = try Self.list(strides, "element stride")
    default:
      throw ItemError("'\(text)' is none of swizzle=32|64|128, fill=nan, elements=STRIDES")
    }
  }

  private static let elementTypes: [String: TensorMapDescription.ElementType] = [
    "u8": .uint8, "u16": .uint16, "u32": .uint32, "u64": .uint64, "s32": .int32, "s64": .int64,
    "f16": .float16,
    "f32": .float32, "f64": .float64, "bf16": .bfloat16, "tf32": .tfloat32,
  ]
}
