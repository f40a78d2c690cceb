import GPUDevice

/// `produce` lets the next kernel start before it has stored; `consume` waits for it. `scale` multiplies in place.
private let orderText =
  textHeader + """
    .visible .entry produce(.param .u64 out) {
      .reg .pred %p;
      .reg .b32 %r<4>;
      .reg .b64 %d<3>;
      griddepcontrol.launch_dependents;
      mov.u32 %r3, 0;
    DELAY:
      add.u32 %r3, %r3, 1;
      setp.lt.u32 %p, %r3, 200;
      @%p bra DELAY;
      mov.u32 %r0, %ctaid.x;
      mov.u32 %r1, %tid.x;
      mad.lo.u32 %r2, %r0, 32, %r1;
      mul.wide.u32 %d0, %r2, 4;
      ld.param.u64 %d1, [out];
      add.u64 %d2, %d1, %d0;
      add.u32 %r2, %r2, %r3;
      st.global.u32 [%d2], %r2;
      ret;
    }
    .visible .entry consume(.param .u64 in, .param .u64 out) {
      .reg .b32 %r<4>;
      .reg .b64 %d<5>;
      mov.u32 %r0, %ctaid.x;
      mov.u32 %r1, %tid.x;
      mad.lo.u32 %r2, %r0, 32, %r1;
      mul.wide.u32 %d0, %r2, 4;
      ld.param.u64 %d1, [in];
      ld.param.u64 %d2, [out];
      add.u64 %d3, %d1, %d0;
      add.u64 %d4, %d2, %d0;
      griddepcontrol.wait;
      ld.global.u32 %r3, [%d3];
      add.u32 %r3, %r3, %r3;
      st.global.u32 [%d4], %r3;
      ret;
    }
    .visible .entry scale(.param .u64 values, .param .u32 factor) {
      .reg .b32 %r<5>;
      .reg .b64 %d<3>;
      mov.u32 %r0, %ctaid.x;
      mov.u32 %r1, %tid.x;
      mad.lo.u32 %r2, %r0, 32, %r1;
      mul.wide.u32 %d0, %r2, 4;
      ld.param.u64 %d1, [values];
      add.u64 %d2, %d1, %d0;
      ld.global.u32 %r3, [%d2];
      ld.param.u32 %r4, [factor];
      mul.lo.u32 %r3, %r3, %r4;
      st.global.u32 [%d2], %r3;
      ret;
    }
    """

extension DeviceConformance {
  private static let blocks = 64
  private static let count = 64 * 32
  private static let configuration = LaunchConfiguration(grid: Extent(64), block: Extent(32))

  static let streamChecks: [ConformanceCheck] = [
    ConformanceCheck("a stream's work is in order", text: orderText) { device, module in
      let stream = try device.makeStream()
      let values = try device.upload([UInt32](repeating: 1, count: count))
      let scale = try module.kernel("scale")
      for factor in [3, 5, 7] as [UInt32] {
        try stream.launch(scale, configuration, arguments: [.memory(values), .value(factor)])
      }
      try stream.synchronize()
      let expected = [UInt32](repeating: 105, count: count)
      try expectEqual(try device.download(count, of: UInt32.self, from: values), expected, "word")
    },
    ConformanceCheck("programmatic dependent launch", text: orderText) { device, module in
      let produced = try device.upload([UInt32](repeating: 0, count: count))
      let consumed = try device.upload([UInt32](repeating: 0, count: count))
      let stream = device.defaultStream
      try stream.launch(module.kernel("produce"), configuration, arguments: [.memory(produced)])
      var dependent = configuration
      dependent.allowsEarlyStart = true
      try stream.launch(
        module.kernel("consume"), dependent, arguments: [.memory(produced), .memory(consumed)])
      let expected = (0..<count).map { 2 * UInt32($0 + 200) }
      try expectEqual(try device.download(count, of: UInt32.self, from: consumed), expected, "word")
    },
    ConformanceCheck("a stream waits for another's event", text: orderText) { device, module in
      let (first, second) = (try device.makeStream(), try device.makeStream())
      let (produced, copy) = (
        try device.allocate(byteCount: 4 * count), try device.allocate(byteCount: 4 * count)
      )
      let event = try device.makeEvent()
      try first.launch(module.kernel("produce"), configuration, arguments: [.memory(produced)])
      try first.record(event)
      try second.wait(for: event)
      try second.copy(from: produced.address, to: copy.address, byteCount: 4 * count)
      try second.launch(
        module.kernel("scale"), configuration, arguments: [.memory(copy), .value(UInt32(2))])
      try second.synchronize()
      let expected = (0..<count).map { 2 * UInt32($0 + 200) }
      try expectEqual(try device.download(count, of: UInt32.self, from: copy), expected, "word")
    },
    ConformanceCheck("events take the time", text: orderText) { device, module in
      let values = try device.upload([UInt32](repeating: 1, count: count))
      let scale = try module.kernel("scale")
      let stream = device.defaultStream
      let events = try (0..<3).map { _ in try device.makeEvent() }
      try stream.record(events[0])
      try stream.launch(scale, configuration, arguments: [.memory(values), .value(UInt32(3))])
      try stream.record(events[1])
      try stream.launch(scale, configuration, arguments: [.memory(values), .value(UInt32(3))])
      try stream.record(events[2])
      try events[2].synchronize()
      let (first, both) = (try events[1].elapsed(since: events[0]), try events[2].elapsed(since: events[0]))
      try expect(first > .zero, "a kernel took \(first)")
      try expect(both > first, "two kernels took \(both), the first of them \(first)")
    },
  ]
}
