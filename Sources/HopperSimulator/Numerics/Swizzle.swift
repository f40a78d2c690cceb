/// How rows of shared memory are permuted, in 16-byte units, so that columns of a tile fall into different banks.
/// TMA writes and `wgmma` reads with the same rule (CUTLASS `cute/swizzle.hpp`; PTX ISA 5.5.6, 9.7.15.5).
package enum Swizzle: Int, CaseIterable {
  case none, bytes32, bytes64, bytes128

  /// Bytes of a row that is permuted as a whole; 16 without a swizzle.
  package var span: Int {
    switch self {
    case .none: 16
    case .bytes32: 32
    case .bytes64: 64
    case .bytes128: 128
    }
  }

  /// Where the byte at `address` of the plain layout lies. Its own inverse.
  ///
  /// Address bits from 7 on, as many as the span has 16-byte units, are added without carry to bits from 4 on.
  package func callAsFunction(_ address: Int) -> Int {
    let unitMask = span / 16 - 1
    return address ^ (((address >> 7) & unitMask) << 4)
  }
}
