import GPUDevice

private let plainText =
  textHeader + """
    .visible .entry store(.param .u64 out, .param .u32 value) .maxntid 64 {
      .reg .b32 %r0;
      .reg .b64 %d0;
      ld.param.u64 %d0, [out];
      ld.param.u32 %r0, [value];
      st.global.u32 [%d0], %r0;
      ret;
    }
    """

extension DeviceConformance {
  static let errorChecks: [ConformanceCheck] = [
    ConformanceCheck("text with an error does not load, and the compiler says why") { device in
      let broken = textHeader + ".visible .entry k() {\n  .reg .b32 %r0\n  mov.u32 %r0, 1;\n  ret;\n}\n"
      try expectError(
        "load", where: { if case .moduleRejected(let log) = $0 { !log.isEmpty } else { false } }
      ) {
        _ = try device.load(ptx: broken)
      }
      try expectError("load", where: { if case .moduleRejected = $0 { true } else { false } }) {
        _ = try device.load(ptx: "")
      }
    },
    ConformanceCheck("a kernel that is not there", text: plainText) { device, module in
      try expectError("look-up", where: { $0 == .kernelNotFound(name: "absent") }) {
        _ = try module.kernel("absent")
      }
    },
    ConformanceCheck("impossible allocations") { device in
      for byteCount in [0, -1] {
        try expectError("allocation", where: { $0.invalidField == "byteCount" }) {
          _ = try device.allocate(byteCount: byteCount)
        }
      }
      let tooLarge = device.properties.memoryByteCount + 1
      try expectError("allocation", where: { $0 == .outOfMemory(byteCount: tooLarge) }) {
        _ = try device.allocate(byteCount: tooLarge)
      }
    },
    ConformanceCheck("impossible launches", text: plainText) { device, module in
      let kernel = try module.kernel("store")
      let memory = try device.upload([1] as [UInt32])
      let parameters = ParameterBlock([.memory(memory), .value(UInt32(2))])
      let broken: [(String, (inout LaunchConfiguration) -> Void)] = [
        ("grid", { $0.grid = Extent(0) }),
        ("block", { $0.block = Extent(65) }),
        ("block", { $0.block = Extent(1, 1, 65) }),
        ("cluster", { $0.cluster = Extent(32) }),
        ("grid", { $0.cluster = Extent(3) }),
        ("dynamicSharedByteCount", { $0.dynamicSharedByteCount = 1 << 20 }),
        ("dynamicSharedByteCount", { $0.dynamicSharedByteCount = -1 }),
        (
          "grid",
          {
            $0.grid = Extent(1 << 20)
            $0.isCooperative = true
          }
        ),
      ]
      for (field, change) in broken {
        var configuration = LaunchConfiguration(grid: Extent(4), block: Extent(1))
        change(&configuration)
        try expectError("launch, wrong \(field)", where: { $0.invalidField == field }) {
          try device.defaultStream.launch(kernel, configuration, parameters)
        }
      }
      try expectEqual(try device.download(1, of: UInt32.self, from: memory), [1], "untouched word")
    },
    ConformanceCheck("arguments that the kernel does not take", text: plainText) { device, module in
      let kernel = try module.kernel("store")
      // Old drivers do not tell what a kernel takes.
      guard kernel.parameters != nil else { return }
      let memory = try device.upload([1] as [UInt32])
      let configuration = LaunchConfiguration(grid: Extent(1), block: Extent(1))
      try expectError("launch", where: { $0.invalidField == "arguments.count" }) {
        try device.defaultStream.launch(kernel, configuration, arguments: [.memory(memory)])
      }
      try expectError("launch", where: { $0.invalidField == "arguments[1]" }) {
        try device.defaultStream.launch(
          kernel, configuration, arguments: [.memory(memory), .value(UInt64(2))])
      }
      try expectError("launch", where: { $0.invalidField == "parameter bytes" }) {
        try device.defaultStream.launch(kernel, configuration, ParameterBlock(bytes: [0, 0, 0, 0]))
      }
      try expectEqual(try device.download(1, of: UInt32.self, from: memory), [1], "untouched word")
    },
    ConformanceCheck("impossible tensor maps") { device in
      var map = TensorMapDescription(
        elementType: .float16, address: DeviceAddress(8), sizes: [64, 64], byteStrides: [128], box: [64, 64])
      try expectError("tensor map", where: { $0.invalidField == "address" }) {
        _ = try device.makeTensorMap(map)
      }
      map.address = DeviceAddress(1024)
      map.swizzle = .bytes64
      try expectError("tensor map", where: { $0.invalidField == "box[0]" }) {
        _ = try device.makeTensorMap(map)
      }
    },
  ]
}
