import PTX

extension ExampleKernels {
  /// `y[r][c] = exp(x[r][c]) / Σ exp(x[r][·])`: one block of 256 threads for each row.
  ///
  /// Parameters: `x`, `y` pointers to fp32, row-major without gaps; `columns` u32.
  public static func softmaxRow() throws(KernelError) -> Kernel {
    try Kernel("softmax_row", .threads(256)) { k in
      let x = k.parameter("x", pointerTo: F32.self)
      let y = k.parameter("y", pointerTo: F32.self)
      let columns = k.parameter("columns", U32.self)
      let partials = k.shared("partials", F32.self, count: 8)

      let thread = k.let("thread", k.threadIndex())
      let row = k.let("row", k.blockIndex().to(U64.self) * columns.to(U64.self))
      let input = x + row
      let output = y + row

      // Powers of two: exp(a - b) = 2^((a - b)·log2 e).
      let log2e = 1.4426950408889634
      let greatest = k.variable("greatest", F32.self, Value(-Double.infinity))
      k.region("maximum") {
        k.for("column", from: thread, to: columns, step: 256) { column in
          greatest.set(k.max(greatest.value, input[column]))
        }
      }
      let maximum = k.let(
        "maximum", overBlock(k, greatest.value, thread, partials) { k.max($0, $1) } * log2e)

      let total = k.variable("total", F32.self, 0)
      k.region("sum") {
        k.for("column", from: thread, to: columns, step: 256) { column in
          let power = k.exp2(k.fma(input[column], Value(log2e), -maximum))
          output[column] = power
          total += power
        }
      }
      let scale = k.reciprocal(overBlock(k, total.value, thread, partials) { $0 + $1 })

      k.region("scale") {
        k.for("column", from: thread, to: columns, step: 256) { column in
          output[column] *= scale
        }
      }
    }
  }

  /// Combines one value of each of 256 threads; each thread gets the result.
  private static func overBlock(
    _ k: KernelBuilder, _ value: Value<F32>, _ thread: Value<U32>, _ partials: Pointer<F32, Shared>,
    _ combine: (Value<F32>, Value<F32>) -> Value<F32>
  ) -> Value<F32> {
    let ofWarp = overLanes(k, value, lanes: 32, combine)
    k.when(thread % 32 == 0) { partials[thread / 32] = ofWarp }
    k.syncBlock()
    let ofBlock = (1..<8).reduce(partials[0]) { combine($0, partials[$1]) }
    // The next use of `partials` must not overtake the last reader of this one.
    k.syncBlock()
    return ofBlock
  }
}
