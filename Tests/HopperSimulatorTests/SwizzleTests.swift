import HopperSimulator
import Testing

@Suite("Swizzle")
struct SwizzleTests {
  @Test("Address bits are exchanged as the published rule says")
  func bits() {
    #expect(Swizzle.none(0x3f0) == 0x3f0)
    #expect(Swizzle.bytes32(0x080) == 0x090)
    #expect(Swizzle.bytes32(0x180) == 0x190)
    #expect(Swizzle.bytes64(0x180) == 0x1b0)
    #expect(Swizzle.bytes128(0x380) == 0x3f0)
    #expect(Swizzle.bytes128(0x3f0) == 0x380)
    #expect(Swizzle.bytes128(0x40c) == 0x40c)
  }

  @Test("It is its own inverse and stays in its row of 8 spans", arguments: Swizzle.allCases)
  func inverse(_ swizzle: Swizzle) {
    for address in 0..<4096 {
      #expect(swizzle(swizzle(address)) == address)
      #expect(swizzle(address) / swizzle.span == address / swizzle.span)
    }
  }
}
