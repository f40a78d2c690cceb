/// Of what a launch writes a trace down: traces are large, so it is limited.
public struct TraceRequest: Sendable, Hashable {
  /// Blocks, by their index in the grid, whose warps are traced. The units of the multiprocessors that run them are too.
  public var blocks: Range<Int>
  /// Cycles of the shortest wait that is shown; shorter ones are left out.
  public var shortestStall: UInt64

  /// A request.
  public init(blocks: Range<Int> = 0..<4, shortestStall: UInt64 = 8) {
    self.blocks = blocks
    self.shortestStall = shortestStall
  }
}
