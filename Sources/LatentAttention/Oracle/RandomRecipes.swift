/// What random verification cases are held to.
public struct VerificationOptions: Sendable, Hashable {
  /// Number format of queries and cache; nil for any.
  public var elementType: ElementType?
  /// Query heads; nil for any.
  public var headCount: Int?

  /// Holds cases to what is not nil.
  public init(elementType: ElementType? = nil, headCount: Int? = nil) {
    self.elementType = elementType
    self.headCount = headCount
  }
}

extension CaseRecipe {
  /// Multiply-adds that a random case may cost the oracle: about 0.1 s.
  static let maximumRandomCost = 100_000_000
  /// Output elements that a random case may have.
  static let maximumRandomOutputCount = 4_000_000

  /// The random case number `index` of a seed: always the same for the same options.
  public static func random(
    seed: UInt64, index: Int, options: VerificationOptions = VerificationOptions()
  ) -> CaseRecipe {
    var generator = SplitMix64(seed: seed, stream: index)
    var recipe = CaseRecipe("seed \(seed), case \(index)", seed: generator.next(), requests: [])
    recipe.drawGeometry(options, &generator)
    recipe.drawRequests(&generator)
    recipe.drawLayouts(&generator)
    recipe.values = generator.chance(0.5) ? .normal : generator.pick(Values.allCases)
    return recipe
  }

  private mutating func drawGeometry(_ options: VerificationOptions, _ generator: inout SplitMix64) {
    let types = ElementType.allCases + [.bfloat16]
    elementType = options.elementType ?? generator.pick(types)
    outputType = generator.chance(0.5) ? elementType : .float32
    let heads = [1, 3, 8, 16, 20, 24, 40, 48, 64, 96, 126, 128, 256]
    headCount = options.headCount ?? generator.pick(heads)
    let oddWidths = [(256, 64), (512, 0), (96, 32), (33, 7), (512, 1), (1, 0), (576, 128)]
    (latentWidth, ropeWidth) = generator.chance(0.6) ? (512, 64) : generator.pick(oddWidths)
    let keyWidth = Float(latentWidth + ropeWidth)
    softmaxScale = generator.pick([1 / (keyWidth / 3).squareRoot(), 1 / keyWidth.squareRoot(), 0.01])
  }

  private mutating func drawRequests(_ generator: inout SplitMix64) {
    isCausal = generator.chance(0.7)
    pageSize = generator.pick([1, 3, 7, 16, 64, 128, 256])
    sharesPages = generator.chance(0.3)
    let edges = [0, 1, 2, 23, 24, 25, 63, 64, 65, 127, 128, 129, 191, 192, 193, 255, 256, 257]
    // A head count that no call may have is refused when the case is made, not here.
    let heads = min(max(headCount, 1), AttentionGeometry.maximumHeadCount)
    var tokensLeft = Self.maximumRandomOutputCount / (heads * latentWidth)
    var pairsLeft = Self.maximumRandomCost / (heads * (2 * latentWidth + ropeWidth))
    let requestCount = generator.pick([0, 1, 1, 2, 2, 3, 4, 5, 8])
    for _ in 0..<requestCount {
      let queryCount = min(generator.pick([0, 1, 1, 1, 2, 4, 7, 17]), tokensLeft)
      let long = Int.random(in: 258...2050, using: &generator)
      let drawn = generator.chance(0.75) ? generator.pick(edges) : long
      let keyLength = min(drawn, pairsLeft / max(queryCount, 1))
      requests.append(Request(queryCount, keyLength))
      tokensLeft -= queryCount
      pairsLeft -= queryCount * keyLength
    }
  }

  private mutating func drawLayouts(_ generator: inout SplitMix64) {
    func layout(_ generator: inout SplitMix64) -> Layout {
      if generator.chance(0.4) { return Layout() }
      return Layout(
        rowPadding: generator.pick([0, 1, 8, 61, 64]), blockPadding: generator.pick([0, 3, 128]),
        isTransposed: generator.chance(0.2))
    }
    hasCombinedQueries = generator.chance(0.5)
    hasCombinedCache = generator.chance(0.5)
    queryLayout = layout(&generator)
    cacheLayout = layout(&generator)
    outputLayout = layout(&generator)
    lseLayout = generator.chance(0.1) ? nil : layout(&generator)
    lseBase = generator.chance(0.5) ? .natural : .two
  }
}
