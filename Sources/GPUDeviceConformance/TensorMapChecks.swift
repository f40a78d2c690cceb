import GPUDevice

extension DeviceConformance {
  private typealias Swizzle = TensorMapDescription.Swizzle

  static let tensorMapChecks: [ConformanceCheck] =
    [Swizzle.none, .bytes32, .bytes64, .bytes128].map(swizzleCheck)
    + (1...5).map(rankCheck)
    + [[-4, -2], [60, 37], [-8, 39], [-100, 0], [64, 40]].map(borderCheck)
    + [[32, 16], [52, 36]].flatMap { [storeCheck($0, .bytes128), storeCheck($0, .none)] }
    + [
      ConformanceCheck("tensor-map load filled with NaN", text: TensorMapText.load(rank: 2)) {
        device, module in
        var map = matrix(box: [8, 4])
        map.outOfBoundsFill = .nan
        try checkNaNFill(device, module, map, origin: [60, 38])
      },
      ConformanceCheck("tensor-map load of every other row", text: TensorMapText.load(rank: 2)) {
        device, module in
        var map = matrix(box: [16, 9])
        map.elementStrides = [1, 2]
        try checkLoad(device, module, map, origin: [16, 3])
      },
      ConformanceCheck("tensor-map load of every fourth row", text: TensorMapText.load(rank: 2)) {
        device, module in
        var map = matrix(box: [16, 9])
        map.elementStrides = [1, 4]
        try checkLoad(device, module, map, origin: [0, 34])
      },
      ConformanceCheck(
        "tensor map within a struct", text: TensorMapText.load(rank: 2, place: .member(offset: 64))
      ) { device, module in
        try checkLoad(device, module, matrix(box: [16, 8]), origin: [16, 8]) { map in
          try .bytes([UInt8](repeating: 0, count: 64) + map.bytes, alignment: 64)
        }
      },
      ConformanceCheck("tensor map in global memory", text: TensorMapText.load(rank: 2, place: .memory)) {
        device, module in
        let place = try device.allocate(byteCount: 128)
        try checkLoad(device, module, matrix(box: [16, 8]), origin: [16, 8]) { map in
          try device.defaultStream.copy(map.bytes, to: place.address)
          return .memory(place)
        }
      },
    ]

  /// Boxes that do not begin at a multiple of 16 bytes (PTX ISA 5.5.3.1), and stores that begin before their tensor.
  static let tensorMapFaultChecks: [ConformanceCheck] =
    [
      ConformanceCheck(
        "tensor-map load at a misaligned coordinate fails", text: TensorMapText.load(rank: 2),
        endsUseOfDevice: true
      ) { device, module in
        try expectFault { try checkLoad(device, module, matrix(box: [8, 5]), origin: [-3, -2]) }
      },
      ConformanceCheck(
        "tensor-map store at a misaligned coordinate fails", text: TensorMapText.store(rank: 2),
        endsUseOfDevice: true
      ) { device, module in
        try expectFault { try checkStore(device, module, matrix(box: [8, 5]), origin: [50, 36]) }
      },
    ] + [[-8, 3], [8, -3]].map(storeBeforeTensor)

  /// A store that begins before the tensor: an H100 does not take it, though it takes such loads.
  private static func storeBeforeTensor(_ origin: [Int]) -> ConformanceCheck {
    ConformanceCheck(
      "tensor-map store that begins before the tensor, at \(origin), fails",
      text: TensorMapText.store(rank: 2), endsUseOfDevice: true
    ) { device, module in
      try expectFault { try checkStore(device, module, matrix(box: [8, 5]), origin: origin) }
    }
  }

  private static func expectFault(of work: () throws -> Void) throws(ConformanceFailure) {
    try expectError("kernel", where: { if case .kernelFailed = $0 { true } else { false } }, of: work)
  }

  /// A matrix of 40 rows × 64 columns of `float32` in rows of 272 bytes. A device puts in the address.
  private static func matrix(box: [Int]) -> TensorMapDescription {
    TensorMapDescription(
      elementType: .float32, address: DeviceAddress(0), sizes: [64, 40], byteStrides: [272], box: box)
  }

  /// A box as wide as the swizzle's span, of 16-bit elements, from three places of a matrix.
  private static func swizzleCheck(_ swizzle: Swizzle) -> ConformanceCheck {
    ConformanceCheck("tensor-map load, swizzle \(swizzle.rawValue)", text: TensorMapText.load(rank: 2)) {
      device, module in
      let columns = swizzle == .none ? 64 : swizzle.spanByteCount / 2
      var map = TensorMapDescription(
        elementType: .bfloat16, address: DeviceAddress(0), sizes: [576, 70], byteStrides: [1152],
        box: [columns, 64])
      map.swizzle = swizzle
      map.l2Promotion = .bytes128
      for origin in [[0, 0], [columns, 3], [560, 40]] { try checkLoad(device, module, map, origin: origin) }
    }
  }

  /// A box that crosses a border of a matrix, or lies beyond it.
  private static func borderCheck(_ origin: [Int]) -> ConformanceCheck {
    ConformanceCheck("tensor-map load across a border, at \(origin)", text: TensorMapText.load(rank: 2)) {
      device, module in try checkLoad(device, module, matrix(box: [8, 5]), origin: origin)
    }
  }

  /// A box that may cross a border of a matrix: what lies outside is not stored.
  private static func storeCheck(_ origin: [Int], _ swizzle: Swizzle) -> ConformanceCheck {
    ConformanceCheck(
      "tensor-map store, swizzle \(swizzle.rawValue), at \(origin)", text: TensorMapText.store(rank: 2)
    ) { device, module in
      var map = matrix(box: [32, 8])
      map.swizzle = swizzle
      try checkStore(device, module, map, origin: origin)
    }
  }

  /// A box of a tensor whose every dimension has padding behind it.
  private static func rankCheck(_ rank: Int) -> ConformanceCheck {
    ConformanceCheck("tensor-map load of rank \(rank)", text: TensorMapText.load(rank: rank)) {
      device, module in
      let sizes = [24, 5, 4, 3, 3]
      var stride = 24 * 4 + 16
      var strides: [Int] = []
      for size in sizes[1...] {
        strides.append(stride)
        stride = stride * size + 32
      }
      let map = TensorMapDescription(
        elementType: .int32, address: DeviceAddress(0), sizes: Array(sizes[..<rank]),
        byteStrides: Array(strides[..<(rank - 1)]), box: Array([8, 3, 2, 2, 3][..<rank]))
      try checkLoad(device, module, map, origin: Array([8, 1, 1, 1, 0][..<rank]))
      try checkLoad(device, module, map, origin: Array([20, 3, -1, 2, 1][..<rank]))
    }
  }

  /// Bytes of a tensor, from its origin to its last element, no two neighbours alike.
  private static func tensorBytes(_ map: TensorMapDescription) -> [UInt8] {
    let last = zip(map.sizes.dropFirst(), map.byteStrides).map { ($0 - 1) * $1 }.reduce(0, +)
    let count = last + map.sizes[0] * map.elementType.byteCount
    return (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8 &* 3 &+ 1) }
  }

  /// Loads a box and yields shared memory as the kernel saw it.
  private static func load(
    _ device: any GPUDevice, _ module: any GPUModule, _ expectation: BoxExpectation,
    argument: (TensorMap) throws -> KernelArgument
  ) throws -> [UInt8] {
    let out = try device.allocate(byteCount: TensorMapText.tileByteCount)
    let map = try device.makeTensorMap(expectation.map)
    try device.defaultStream.launch(
      module.kernel("load"), LaunchConfiguration(grid: Extent(1), block: Extent(128)),
      arguments: [argument(map), .memory(out), .value(UInt32(expectation.byteCount))]
        + expectation.origin.map { .value(Int32($0)) })
    return try device.download(TensorMapText.tileByteCount, of: UInt8.self, from: out)
  }

  private static func checkLoad(
    _ device: any GPUDevice, _ module: any GPUModule, _ map: TensorMapDescription, origin: [Int],
    argument: (TensorMap) throws -> KernelArgument = { .tensorMap($0) }
  ) throws {
    let bytes = tensorBytes(map)
    let memory = try device.upload(bytes)
    var map = map
    map.address = memory.address
    let expectation = BoxExpectation(map: map, origin: origin)
    let tile = try load(device, module, expectation, argument: argument)
    withExtendedLifetime(memory) {}
    try expectEqual(tile, expectation.loaded(from: bytes), "shared byte, box at \(origin)")
  }

  /// Elements outside must be NaN, those inside what they are.
  private static func checkNaNFill(
    _ device: any GPUDevice, _ module: any GPUModule, _ map: TensorMapDescription, origin: [Int]
  ) throws {
    let memory = try device.upload([Float](repeating: 2.5, count: 68 * 40))
    var map = map
    map.address = memory.address
    let expectation = BoxExpectation(map: map, origin: origin)
    let tile = try load(device, module, expectation) { .tensorMap($0) }
    withExtendedLifetime(memory) {}
    var found: [String] = []
    var expected: [String] = []
    expectation.forEachElement { inShared, inTensor in
      let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(tile[inShared + $1]) << (8 * UInt32($1)) }
      let value = Float(bitPattern: bits)
      found.append(value.isNaN ? "NaN" : "\(value)")
      expected.append(inTensor == nil ? "NaN" : "2.5")
    }
    try expectEqual(found, expected, "element")
  }

  private static func checkStore(
    _ device: any GPUDevice, _ module: any GPUModule, _ map: TensorMapDescription, origin: [Int]
  ) throws {
    let before = tensorBytes(map)
    let memory = try device.upload(before)
    var map = map
    map.address = memory.address
    let tile = (0..<TensorMapText.tileByteCount).map { UInt8(truncatingIfNeeded: 255 &- $0 &* 5 &- $0 >> 8) }
    let source = try device.upload(tile)
    try device.defaultStream.launch(
      module.kernel("store"), LaunchConfiguration(grid: Extent(1), block: Extent(128)),
      arguments: [.tensorMap(device.makeTensorMap(map)), .memory(source)] + origin.map { .value(Int32($0)) })
    let after = try device.download(before.count, of: UInt8.self, from: memory)
    withExtendedLifetime(source) {}
    let expected = BoxExpectation(map: map, origin: origin).stored(to: before, from: tile)
    try expectEqual(after, expected, "byte of the tensor, box at \(origin)")
  }
}
