import GPUDevice

/// Each thread stores where it is: block, thread, and the sizes, at its own place.
private let indicesText =
  textHeader + """
    .visible .entry indices(.param .u64 out) {
      .reg .b32 %r<16>;
      .reg .b64 %d<3>;
      mov.u32 %r0, %ctaid.x;
      mov.u32 %r1, %ctaid.y;
      mov.u32 %r2, %ctaid.z;
      mov.u32 %r3, %tid.x;
      mov.u32 %r4, %tid.y;
      mov.u32 %r5, %tid.z;
      mov.u32 %r6, %nctaid.x;
      mov.u32 %r7, %nctaid.y;
      mov.u32 %r8, %ntid.x;
      mov.u32 %r9, %ntid.y;
      mov.u32 %r10, %ntid.z;
      mad.lo.u32 %r11, %r2, %r7, %r1;
      mad.lo.u32 %r11, %r11, %r6, %r0;
      mad.lo.u32 %r11, %r11, %r10, %r5;
      mad.lo.u32 %r11, %r11, %r9, %r4;
      mad.lo.u32 %r11, %r11, %r8, %r3;
      mul.wide.u32 %d0, %r11, 8;
      ld.param.u64 %d1, [out];
      add.u64 %d2, %d1, %d0;
      shl.b32 %r1, %r1, 8;
      shl.b32 %r2, %r2, 16;
      or.b32 %r12, %r0, %r1;
      or.b32 %r12, %r12, %r2;
      shl.b32 %r4, %r4, 8;
      shl.b32 %r5, %r5, 16;
      or.b32 %r13, %r3, %r4;
      or.b32 %r13, %r13, %r5;
      st.global.v2.u32 [%d2], {%r12, %r13};
      ret;
    }
    """

/// A block writes `count` words to dynamic shared memory and stores them in reverse.
private let sharedText =
  textHeader + """
    .extern .shared .align 16 .b8 words[];
    .visible .entry reverse(.param .u64 out, .param .u32 count) {
      .reg .pred %p;
      .reg .b32 %r<10>;
      .reg .b64 %d<3>;
      ld.param.u64 %d0, [out];
      ld.param.u32 %r0, [count];
      mov.u32 %r1, %tid.x;
      mov.u32 %r2, %ntid.x;
      mov.u32 %r3, words;
      mov.u32 %r4, %r1;
    FILL:
      shl.b32 %r5, %r4, 2;
      add.u32 %r5, %r3, %r5;
      mul.lo.u32 %r6, %r4, 2654435761;
      st.shared.u32 [%r5], %r6;
      add.u32 %r4, %r4, %r2;
      setp.lt.u32 %p, %r4, %r0;
      @%p bra FILL;
      bar.sync 0;
      mov.u32 %r4, %r1;
    STORE:
      sub.u32 %r7, %r0, %r4;
      sub.u32 %r7, %r7, 1;
      shl.b32 %r7, %r7, 2;
      add.u32 %r7, %r3, %r7;
      ld.shared.u32 %r8, [%r7];
      mul.wide.u32 %d1, %r4, 4;
      add.u64 %d2, %d0, %d1;
      st.global.u32 [%d2], %r8;
      add.u32 %r4, %r4, %r2;
      setp.lt.u32 %p, %r4, %r0;
      @%p bra STORE;
      ret;
    }
    """

/// Two kernels share a variable; a third reads constants.
private let severalText =
  textHeader + """
    .global .align 4 .u32 total = 41;
    .const .align 4 .u32 table[4] = {3, 5, 7, 11};
    .visible .entry increase() {
      .reg .b64 %d0;
      mov.u64 %d0, total;
      red.global.add.u32 [%d0], 1;
      ret;
    }
    .visible .entry show(.param .u64 out) {
      .reg .b32 %r0;
      .reg .b64 %d0;
      ld.global.u32 %r0, [total];
      ld.param.u64 %d0, [out];
      st.global.u32 [%d0], %r0;
      ret;
    }
    .visible .entry constants(.param .u64 out) {
      .reg .b32 %r<2>;
      .reg .b64 %d<5>;
      mov.u32 %r0, %tid.x;
      mul.wide.u32 %d0, %r0, 4;
      mov.u64 %d1, table;
      add.u64 %d2, %d1, %d0;
      ld.const.u32 %r1, [%d2];
      ld.param.u64 %d3, [out];
      add.u64 %d4, %d3, %d0;
      st.global.u32 [%d4], %r1;
      ret;
    }
    """

private let attributesText =
  textHeader + """
    .visible .entry limited(.param .u64 out, .param .u8 value) .maxntid 96 {
      .shared .align 4 .b8 space[1280];
      .reg .b16 %h;
      .reg .b32 %r<2>;
      .reg .b64 %d0;
      ld.param.u8 %h, [value];
      st.volatile.shared.u8 [space+1279], %h;
      ld.volatile.shared.u8 %h, [space+1279];
      ld.param.u64 %d0, [out];
      st.global.u8 [%d0], %h;
      ret;
    }
    """

/// A grid-wide barrier: every block needs what another stored before it.
private let cooperativeText =
  textHeader + """
    .visible .entry meet(.param .u64 slots, .param .u64 counter, .param .u64 out) {
      .reg .pred %p, %first;
      .reg .b32 %r<9>;
      .reg .b64 %d<7>;
      ld.param.u64 %d0, [slots];
      ld.param.u64 %d1, [counter];
      ld.param.u64 %d2, [out];
      mov.u32 %r0, %ctaid.x;
      mov.u32 %r1, %nctaid.x;
      mov.u32 %r2, %tid.x;
      setp.eq.u32 %first, %r2, 0;
      @!%first bra WAIT;
      mad.lo.u32 %r3, %r0, 3, 1;
      mul.wide.u32 %d3, %r0, 4;
      add.u64 %d4, %d0, %d3;
      st.global.u32 [%d4], %r3;
      atom.release.gpu.global.add.u32 %r4, [%d1], 1;
    SPIN:
      ld.acquire.gpu.global.u32 %r5, [%d1];
      setp.lt.u32 %p, %r5, %r1;
      @%p bra SPIN;
    WAIT:
      bar.sync 0;
      add.u32 %r6, %r0, 1;
      rem.u32 %r6, %r6, %r1;
      mul.wide.u32 %d3, %r6, 4;
      add.u64 %d4, %d0, %d3;
      ld.global.u32 %r7, [%d4];
      mad.lo.u32 %r8, %r0, 64, %r2;
      mul.wide.u32 %d5, %r8, 4;
      add.u64 %d6, %d2, %d5;
      st.global.u32 [%d6], %r7;
      ret;
    }
    """

extension DeviceConformance {
  static let launchChecks: [ConformanceCheck] = [
    ConformanceCheck("grid and block indices in three dimensions", text: indicesText) { device, module in
      let (grid, block) = (Extent(3, 2, 4), Extent(5, 3, 2))
      let count = grid.count * block.count
      let out = try device.upload([UInt32](repeating: .max, count: 2 * count))
      try device.defaultStream.launch(
        module.kernel("indices"), LaunchConfiguration(grid: grid, block: block), arguments: [.memory(out)])
      let expected = (0..<count).flatMap { index in
        [packed(index / block.count, grid), packed(index % block.count, block)]
      }
      try expectEqual(try device.download(2 * count, of: UInt32.self, from: out), expected, "word")
    },
    ConformanceCheck("dynamic shared memory, up to the most", text: sharedText) { device, module in
      let most = device.properties.maximumBlockSharedByteCount
      for byteCount in [1024, 49152, 49156, most] {
        let count = byteCount / 4
        let out = try device.upload([UInt32](repeating: 0, count: count))
        var configuration = LaunchConfiguration(grid: Extent(1), block: Extent(256))
        configuration.dynamicSharedByteCount = byteCount
        try device.defaultStream.launch(
          module.kernel("reverse"), configuration, arguments: [.memory(out), .value(UInt32(count))])
        let expected = (0..<count).map { UInt32(count - 1 - $0) &* 2_654_435_761 }
        try expectEqual(
          try device.download(count, of: UInt32.self, from: out), expected, "word of \(byteCount) bytes")
      }
    },
    ConformanceCheck("kernels of a module share its variables", text: severalText) { device, module in
      let out = try device.upload([UInt32](repeating: 0, count: 4))
      let stream = device.defaultStream
      let one = LaunchConfiguration(grid: Extent(1), block: Extent(1))
      try stream.launch(
        module.kernel("increase"), LaunchConfiguration(grid: Extent(10), block: Extent(96)), arguments: [])
      try stream.launch(module.kernel("show"), one, arguments: [.memory(out)])
      try expectEqual(try device.download(1, of: UInt32.self, from: out), [41 + 960], "total")
      // Another copy of the module has variables of its own.
      let other = try device.load(ptx: severalText)
      try stream.launch(other.kernel("show"), one, arguments: [.memory(out)])
      try expectEqual(try device.download(1, of: UInt32.self, from: out), [41], "total of another copy")
      try stream.launch(
        module.kernel("constants"), LaunchConfiguration(grid: Extent(1), block: Extent(4)),
        arguments: [.memory(out)])
      try expectEqual(try device.download(4, of: UInt32.self, from: out), [3, 5, 7, 11], "constant")
    },
    ConformanceCheck("attributes and parameters of a kernel", text: attributesText) { device, module in
      let kernel = try module.kernel("limited")
      try expect(kernel.name == "limited", "name \(kernel.name)")
      let attributes = kernel.attributes
      try expect(
        attributes.maximumBlockThreadCount == 96, "\(attributes.maximumBlockThreadCount) threads, not 96")
      try expect(
        (1280...1280 + 1024).contains(attributes.staticSharedByteCount),
        "\(attributes.staticSharedByteCount) bytes of shared memory, not 1280 and what the system reserves")
      try expect(
        attributes.requiredCluster == nil,
        "required cluster \(String(describing: attributes.requiredCluster))")
      if let parameters = kernel.parameters {
        let expected = [KernelParameter(offset: 0, byteCount: 8), KernelParameter(offset: 8, byteCount: 1)]
        try expectEqual(parameters, expected, "parameter")
      }
      let out = try device.upload([0] as [UInt8])
      try device.defaultStream.launch(
        kernel, LaunchConfiguration(grid: Extent(1), block: Extent(1)),
        arguments: [.memory(out), .value(UInt8(99))])
      try expectEqual(try device.download(1, of: UInt8.self, from: out), [99], "value")
    },
    ConformanceCheck("cooperative launch, all blocks meet", text: cooperativeText) { device, module in
      let blocks = device.properties.multiprocessorCount
      let slots = try device.upload([UInt32](repeating: 0, count: blocks))
      let counter = try device.upload([0] as [UInt32])
      let out = try device.upload([UInt32](repeating: 0, count: blocks * 64))
      var configuration = LaunchConfiguration(grid: Extent(blocks), block: Extent(64))
      configuration.isCooperative = true
      try device.defaultStream.launch(
        module.kernel("meet"), configuration, arguments: [.memory(slots), .memory(counter), .memory(out)])
      let expected = (0..<blocks * 64).map { UInt32(($0 / 64 + 1) % blocks * 3 + 1) }
      try expectEqual(try device.download(blocks * 64, of: UInt32.self, from: out), expected, "word")
    },
  ]

  /// The place of a linear index in an extent, a byte for each dimension.
  private static func packed(_ index: Int, _ extent: Extent) -> UInt32 {
    UInt32(
      index % extent.x | (index / extent.x % extent.y) << 8 | (index / (extent.x * extent.y)) << 16)
  }
}
