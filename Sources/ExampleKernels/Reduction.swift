import PTX

extension ExampleKernels {
  /// Adds the sum of `count` numbers to `sum`: any number of blocks of 256 threads.
  ///
  /// Parameters: `x` pointer to fp32, `count` u32, `sum` pointer to one fp32.
  public static func reduction() throws(KernelError) -> Kernel {
    try Kernel("reduction", .threads(256)) { k in
      let x = k.parameter("x", pointerTo: F32.self)
      let count = k.parameter("count", U32.self)
      let sum = k.parameter("sum", pointerTo: F32.self)
      let sumsOfWarps = k.shared("sums_of_warps", F32.self, count: 8)

      let thread = k.let("thread", k.threadIndex())
      let lane = k.let("lane", thread % 32)
      let warp = k.let("warp", thread / 32)
      let total = k.variable("total", F32.self, 0)
      let start = k.let("start", k.blockIndex() * 256 + thread)
      k.for("i", from: start, to: count, step: k.gridSize() * 256) { i in
        total += x[i]
      }

      let sumOfWarp = k.let("sum_of_warp", sumOverLanes(k, total.value, lanes: 32))
      k.when(lane == 0) { sumsOfWarps[warp] = sumOfWarp }
      k.syncBlock()
      k.if(thread < 8) {
        let sumOfBlock = sumOverLanes(k, sumsOfWarps[thread], lanes: 8)
        k.when(thread == 0) { k.reduce(.add, sum, sumOfBlock) }
      }
    }
  }

  /// The sum over groups of so many lanes, in each lane of the group. Only these lanes come here.
  static func sumOverLanes(_ k: KernelBuilder, _ value: Value<F32>, lanes: Int) -> Value<F32> {
    overLanes(k, value, lanes: lanes) { $0 + $1 }
  }

  /// Combines the values of groups of so many lanes; each lane of a group gets the result.
  static func overLanes(
    _ k: KernelBuilder, _ value: Value<F32>, lanes: Int, _ combine: (Value<F32>, Value<F32>) -> Value<F32>
  ) -> Value<F32> {
    let mask = Value<B32>(bits: lanes == 32 ? 0xFFFF_FFFF : (1 << UInt64(lanes)) - 1)
    var value = value
    var distance = lanes / 2
    while distance > 0 {
      value = combine(value, k.shuffle(value, .butterfly, Value(distance), mask: mask))
      distance /= 2
    }
    return value
  }
}
