extension CaseRecipe {
  /// Named cases that every verification includes: the edges where attention kernels are known to fail.
  ///
  /// The oracle computes all of them in a few seconds.
  public static let awkward: [CaseRecipe] =
    awkwardCounts + awkwardCausalBounds + awkwardShapes + awkwardLayouts + awkwardScales + awkwardValues

  private static func make(
    _ name: String, _ requests: [(queries: Int, keys: Int)], _ change: (inout CaseRecipe) -> Void = { _ in }
  ) -> CaseRecipe {
    var recipe = CaseRecipe(name, requests: requests.map { Request($0.queries, $0.keys) })
    change(&recipe)
    return recipe
  }

  /// Numbers of requests, queries and keys.
  private static let awkwardCounts = [
    make("empty batch", []),
    make("no keys", [(1, 0)]),
    make("no queries", [(0, 65)]),
    make("no queries and no keys between others", [(1, 65), (0, 0), (0, 7), (2, 0), (2, 9)]),
    make("one key", [(1, 1)]),
    make("more queries than keys", [(17, 5), (2, 1), (3, 0)]),
    make("more queries than keys, not causal", [(17, 5), (2, 1), (3, 0)]) { $0.isCausal = false },
    make(
      "tile edges", [23, 24, 25, 63, 64, 65, 127, 128, 129, 191, 192, 193, 255, 256, 257].map { (1, $0) }),
    make("prefill of a whole prompt", [(64, 64)]),
    make("one long, many short", [(1, 2000)] + (1...31).map { (1, $0) }) { $0.headCount = 8 },
    make("very long", [(1, 20_000)]) { $0.headCount = 3 },
    make("many requests", (0..<300).map { (1, $0 % 5) }) { $0.headCount = 8 },
  ]

  /// Rows of several tokens in one row tile, where the newest key is visible to the last token only.
  private static let awkwardCausalBounds = [(96, 2), (48, 3), (40, 4), (24, 6), (20, 7), (126, 2), (3, 17)]
    .map { heads, queries in
      make("newest key, \(heads) heads, \(queries) queries", [(queries, 65), (queries, 64)]) {
        $0.headCount = heads
      }
    }

  /// Element types, widths, head counts and page sizes.
  private static let awkwardShapes: [CaseRecipe] = {
    let widths = [(512, 64), (256, 64), (512, 0), (96, 32), (33, 7), (512, 1), (1, 0)]
    let typed = ElementType.allCases.flatMap { type in
      widths.map { latent, rope in
        make("\(type.rawValue), widths \(latent) and \(rope)", [(2, 130)]) {
          $0.elementType = type
          $0.outputType = latent == 256 ? .float32 : type
          $0.latentWidth = latent
          $0.ropeWidth = rope
        }
      }
    }
    let heads = [1, 3, 8, 20, 64, 126, 128, 256].map { heads in
      make("\(heads) heads", [(1, 70)]) { $0.headCount = heads }
    }
    let pages = [1, 3, 7, 16, 128, 256].map { size in
      make("pages of \(size)", [(2, 300), (1, size), (1, size + 1)]) { $0.pageSize = size }
    }
    return typed + heads + pages
  }()

  /// Where tensors lie.
  private static let awkwardLayouts = [
    make("two tensors each", [(2, 100)]) {
      $0.hasCombinedQueries = false
      $0.hasCombinedCache = false
    },
    make("odd padding", [(2, 100), (1, 30)]) {
      $0.queryLayout = Layout(rowPadding: 1, blockPadding: 3)
      $0.cacheLayout = Layout(rowPadding: 7, blockPadding: 5)
      $0.outputLayout = Layout(rowPadding: 3, blockPadding: 1)
      $0.lseLayout = Layout(rowPadding: 1, blockPadding: 2)
    },
    make("heads outside, tokens inside", [(3, 100), (2, 30)]) {
      let transposed = Layout(rowPadding: 8, blockPadding: 16, isTransposed: true)
      $0.queryLayout = transposed
      $0.cacheLayout = transposed
      $0.outputLayout = transposed
      $0.lseLayout = Layout(isTransposed: true)
    },
    make("shared pages", [(1, 300), (1, 200), (2, 400), (1, 64)]) {
      $0.sharesPages = true
      $0.pageSize = 16
    },
    make("no LSE", [(2, 100)]) { $0.lseLayout = nil },
    make("LSE in base 2", [(2, 100), (1, 0)]) { $0.lseBase = .two },
    make("16-bit input, fp32 output", [(2, 100)]) { $0.outputType = .float32 },
  ]

  /// Factors on the scores.
  private static let awkwardScales = [
    make("scale 0", [(2, 100)]) { $0.softmaxScale = 0 },
    make("negative scale", [(2, 100)]) { $0.softmaxScale = -0.05 },
    make("scale 1", [(2, 100)]) { $0.softmaxScale = 1 },
  ]

  /// Every kind of numbers in every element type.
  private static let awkwardValues = ElementType.allCases.flatMap { type in
    Values.allCases.map { values in
      make("\(type.rawValue), values \(values.rawValue)", [(2, 300), (1, 40)]) {
        $0.elementType = type
        $0.outputType = type
        $0.values = values
        $0.headCount = 8
      }
    }
  }
}
