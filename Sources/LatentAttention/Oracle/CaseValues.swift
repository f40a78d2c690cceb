/// The numbers of a verification case, row by row.
struct CaseValues {
  private let recipe: CaseRecipe
  private let direction: [Float]
  private let outliers: [Bool]
  private let commonKey: [Float]
  private var generator: SplitMix64

  init(_ recipe: CaseRecipe, _ source: SplitMix64) {
    self.recipe = recipe
    var generator = source
    let width = recipe.latentWidth + recipe.ropeWidth
    direction = (0..<width).map { _ in generator.chance(0.5) ? 1 : -1 }
    outliers = (0..<width).map { $0 < recipe.latentWidth && generator.chance(0.03) }
    commonKey = (0..<width).map { _ in generator.normal() }
    self.generator = generator
  }

  /// The latent and then the rope part of a query row.
  mutating func query(token: Int, head: Int) -> [Float] {
    let row = direction.map { _ in generator.normal() }
    switch recipe.values {
    case .normal, .identicalKeys: return row
    case .small: return row.map { 0.1 * $0 }
    case .peaked: return row.map { (token + head) % 3 == 0 ? 16 * $0 : $0 }
    case .constant: return row.map { _ in 0.375 }
    case .negativeZero: return row.map { _ in -0.0 }
    case .shifted, .rising:
      let sign: Float = head % 2 == 0 ? 2 : -2
      return zip(row, direction).map { $0 + sign * $1 }
    case .outlierColumns: return zip(row, outliers).map { $1 ? $0 / 50 : $0 }
    }
  }

  /// The latent and then the rope part of key `key` of `keyLength`.
  mutating func key(_ key: Int, of keyLength: Int) -> [Float] {
    let row = direction.map { _ in generator.normal() }
    switch recipe.values {
    case .normal, .peaked: return row
    case .small: return row.map { 0.1 * $0 }
    case .identicalKeys: return commonKey
    case .constant: return row.map { _ in -1.5 }
    case .negativeZero: return row.enumerated().map { $0 % 2 == 0 ? -0.0 : $1 }
    case .shifted: return zip(row, direction).map { 0.25 * $0 + 2 * $1 }
    case .rising:
      let size = Float(key + 1) / Float(keyLength)
      return zip(row, direction).map { 0.25 * $0 + size * $1 }
    case .outlierColumns: return zip(row, outliers).map { $1 ? 50 * $0 : $0 }
    }
  }
}
