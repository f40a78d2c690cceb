import PTX

extension ExampleKernels {
  /// `z[i] = x[i] + y[i]` for `i` below `count`: one element for each thread, 256 threads for each block.
  ///
  /// Parameters: `x`, `y`, `z` pointers to fp32, `count` u32.
  public static func vectorAdd() throws(KernelError) -> Kernel {
    try Kernel("vector_add", .threads(256)) { k in
      let x = k.parameter("x", pointerTo: F32.self)
      let y = k.parameter("y", pointerTo: F32.self)
      let z = k.parameter("z", pointerTo: F32.self)
      let count = k.parameter("count", U32.self)

      let i = k.let("i", k.blockIndex() * 256 + k.threadIndex())
      k.if(i < count) {
        z[i] = x[i] + y[i]
      }
    }
  }
}
