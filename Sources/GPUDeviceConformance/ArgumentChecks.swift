import GPUDevice

private let additionText =
  textHeader + """
    .visible .entry add(
      .param .u64 first, .param .u64 second, .param .u64 sum, .param .f32 scale, .param .u32 count
    ) {
      .reg .pred %p;
      .reg .b32 %r<5>;
      .reg .b64 %d<7>;
      .reg .f32 %f<4>;
      mov.u32 %r0, %ctaid.x;
      mov.u32 %r1, %ntid.x;
      mov.u32 %r2, %tid.x;
      mad.lo.u32 %r3, %r0, %r1, %r2;
      ld.param.u32 %r4, [count];
      setp.ge.u32 %p, %r3, %r4;
      @%p ret;
      ld.param.u64 %d0, [first];
      ld.param.u64 %d1, [second];
      ld.param.u64 %d2, [sum];
      ld.param.f32 %f0, [scale];
      mul.wide.u32 %d3, %r3, 4;
      add.u64 %d4, %d0, %d3;
      add.u64 %d5, %d1, %d3;
      add.u64 %d6, %d2, %d3;
      ld.global.f32 %f1, [%d4];
      ld.global.f32 %f2, [%d5];
      fma.rn.f32 %f3, %f1, %f0, %f2;
      st.global.f32 [%d6], %f3;
      ret;
    }
    """

/// Each parameter is stored as 64 bits.
private let scalarsText =
  textHeader + """
    .visible .entry scalars(
      .param .u8 a, .param .s16 b, .param .u32 c, .param .f32 d, .param .f64 e, .param .s8 f, .param .u64 out
    ) {
      .reg .b16 %h;
      .reg .b32 %r;
      .reg .b64 %d<3>;
      ld.param.u64 %d0, [out];
      ld.param.u8 %h, [a];
      cvt.u64.u16 %d1, %h;
      st.global.u64 [%d0], %d1;
      ld.param.s16 %h, [b];
      cvt.s64.s16 %d1, %h;
      st.global.u64 [%d0+8], %d1;
      ld.param.u32 %r, [c];
      cvt.u64.u32 %d1, %r;
      st.global.u64 [%d0+16], %d1;
      ld.param.b32 %r, [d];
      cvt.u64.u32 %d1, %r;
      st.global.u64 [%d0+24], %d1;
      ld.param.b64 %d1, [e];
      st.global.u64 [%d0+32], %d1;
      ld.param.s8 %h, [f];
      cvt.s64.s16 %d1, %h;
      st.global.u64 [%d0+40], %d1;
      ret;
    }
    """

/// A struct by value that holds an address, two numbers and a row; `last` follows it.
private let structText =
  textHeader + """
    .visible .entry members(.param .align 16 .b8 values[40], .param .u32 last) {
      .reg .b32 %r<6>;
      .reg .b64 %d<2>;
      ld.param.u64 %d0, [values];
      ld.param.u16 %r0, [values+8];
      ld.param.u32 %r1, [values+12];
      ld.param.v4.u32 {%r2, %r3, %r4, %r5}, [values+16];
      st.global.u32 [%d0], %r0;
      st.global.u32 [%d0+4], %r1;
      st.global.u32 [%d0+8], %r2;
      st.global.u32 [%d0+12], %r3;
      st.global.u32 [%d0+16], %r4;
      st.global.u32 [%d0+20], %r5;
      ld.param.u64 %d1, [values+32];
      st.global.u64 [%d0+24], %d1;
      ld.param.u32 %r0, [last];
      st.global.u32 [%d0+32], %r0;
      ret;
    }
    """

extension DeviceConformance {
  static let argumentChecks: [ConformanceCheck] = [
    ConformanceCheck("vector addition, typed arguments", text: additionText) { device, module in
      try checkAddition(device, module) { first, second, sum, scale, count in
        ParameterBlock([
          .memory(first), .memory(second), .memory(sum), .value(scale), .value(UInt32(count)),
        ])
      }
    },
    ConformanceCheck("vector addition, parameter block", text: additionText) { device, module in
      try checkAddition(device, module) { first, second, sum, scale, count in
        var block = ParameterBlock(bytes: [UInt8](repeating: 0xEE, count: 32))
        try block.write(.address(first.address), at: 0)
        try block.write(.address(second.address), at: 8)
        try block.write(.address(sum.address), at: 16)
        try block.write(.value(scale), at: 24)
        try block.write(.value(UInt32(count)), at: 28)
        return block
      }
    },
    ConformanceCheck("scalars of every size", text: scalarsText) { device, module in
      let out = try device.upload([UInt64](repeating: 0, count: 6))
      try device.defaultStream.launch(
        module.kernel("scalars"), LaunchConfiguration(grid: Extent(1), block: Extent(1)),
        arguments: [
          .value(UInt8(0xFE)), .value(Int16(-3)), .value(UInt32.max - 5), .value(Float(-1.5)), .value(2.25),
          .value(Int8(-7)), .memory(out),
        ])
      let expected: [UInt64] = [
        0xFE, UInt64(bitPattern: -3), 0xFFFF_FFFA, UInt64(Float(-1.5).bitPattern), 2.25.bitPattern,
        UInt64(bitPattern: -7),
      ]
      try expectEqual(try device.download(6, of: UInt64.self, from: out), expected, "scalar")
    },
    ConformanceCheck("struct by value, with an address in it", text: structText) { device, module in
      let out = try device.upload([UInt32](repeating: 0, count: 9))
      var members = ParameterBlock(bytes: [UInt8](repeating: 0xEE, count: 40))
      try members.write(.address(out.address), at: 0)
      try members.write(.value(UInt16(0x1234)), at: 8)
      try members.write(.value(UInt32(77)), at: 12)
      for index in 0..<4 { try members.write(.value(UInt32(100 + index)), at: 16 + 4 * index) }
      try members.write(.value(UInt64(0x1_0000_0002)), at: 32)
      try device.defaultStream.launch(
        module.kernel("members"), LaunchConfiguration(grid: Extent(1), block: Extent(1)),
        arguments: [.bytes(members.bytes, alignment: 16), .value(UInt32(5))])
      try expectEqual(
        try device.download(9, of: UInt32.self, from: out), [0x1234, 77, 100, 101, 102, 103, 2, 1, 5],
        "member")
    },
  ]

  /// 1000 sums in blocks of 128 threads; the elements past the count stay as they are.
  private static func checkAddition(
    _ device: any GPUDevice, _ module: any GPUModule,
    arguments: (DeviceMemory, DeviceMemory, DeviceMemory, Float, Int) throws -> ParameterBlock
  ) throws {
    let count = 1000
    let values = (0..<1024).map(Float.init)
    let first = try device.upload(values)
    let second = try device.upload(values.map { 0.5 - $0 })
    let sum = try device.upload([Float](repeating: -1, count: 1024))
    try device.defaultStream.launch(
      module.kernel("add"), LaunchConfiguration(grid: Extent(8), block: Extent(128)),
      arguments(first, second, sum, 3, count))
    let expected = (0..<1024).map { $0 < count ? 2 * Float($0) + 0.5 : -1 }
    try expectEqual(try device.download(1024, of: Float.self, from: sum), expected, "sum")
  }
}
