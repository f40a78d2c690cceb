import GPUDevice

extension DeviceConformance {
  static let memoryChecks: [ConformanceCheck] = [
    ConformanceCheck("copies to the device and back") { device in
      for byteCount in [1, 3, 4096, 1_000_001] {
        let bytes = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ byteCount) }
        let memory = try device.upload(bytes)
        try expect(memory.address.rawValue % 256 == 0, "address \(memory.address) is not aligned to 256")
        try expect(memory.byteCount == byteCount, "\(memory.byteCount) bytes, not \(byteCount)")
        try expectEqual(try device.download(byteCount, of: UInt8.self, from: memory), bytes, "bytes")
      }
    },
    ConformanceCheck("copies of parts") { device in
      let memory = try device.upload((0..<100).map(UInt8.init))
      try device.defaultStream.copy([200, 201, 202] as [UInt8], to: memory.address.advanced(by: 51))
      let expected = (50..<56).map { (51..<54).contains($0) ? UInt8($0 + 149) : UInt8($0) }
      try expectEqual(try device.download(6, of: UInt8.self, from: memory, at: 50), expected, "bytes 50…55")
      try device.defaultStream.copy([] as [UInt8], to: memory.address)
    },
    ConformanceCheck("copies within the device") { device in
      let source = try device.upload((0..<1000).map(UInt32.init))
      let target = try device.upload([UInt32](repeating: 7, count: 1000))
      try device.defaultStream.copy(
        from: source.address.advanced(by: 40), to: target.address.advanced(by: 400), byteCount: 2000)
      let expected = (0..<1000).map { (100..<600).contains($0) ? UInt32($0 - 90) : 7 }
      try expectEqual(try device.download(1000, of: UInt32.self, from: target), expected, "words")
    },
    ConformanceCheck("fill") { device in
      let memory = try device.upload([UInt8](repeating: 1, count: 1000))
      try device.defaultStream.fill(memory.address.advanced(by: 3), byteCount: 701, with: 0xA5)
      try device.defaultStream.fill(memory.address, byteCount: 0, with: 0xFF)
      let expected = (0..<1000).map { (3..<704).contains($0) ? UInt8(0xA5) : 1 }
      try expectEqual(try device.download(1000, of: UInt8.self, from: memory), expected, "bytes")
    },
    ConformanceCheck("allocations are apart, and memory returns") { device in
      let kept = try (0..<8).map { try device.upload([UInt32](repeating: UInt32($0), count: 300)) }
      // Twice the memory, were none freed.
      for _ in 0..<16 {
        _ = try device.allocate(byteCount: device.properties.memoryByteCount / 8)
      }
      for (index, memory) in kept.enumerated() {
        let expected = [UInt32](repeating: UInt32(index), count: 300)
        try expectEqual(
          try device.download(300, of: UInt32.self, from: memory), expected, "allocation \(index)")
      }
    },
  ]
}
