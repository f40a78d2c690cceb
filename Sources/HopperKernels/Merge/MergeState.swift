import PTX

/// What is added to a weighted sum: a piece's row, or what a group of threads has added up.
struct MergePart {
  /// The base-2 logarithm of the weight.
  let lse: Value<F32>
  /// What is multiplied by that weight, for a sum of several pieces; nil for 1.
  var weight: Value<F32>?
  let numbers: [Value<F32>]
}

/// The weighted sum of some columns of a row, relative to the greatest LSE so far.
struct MergeState {
  private let k: KernelBuilder
  let maximum, weight: Mutable<F32>
  let numbers: Fragment<F32>

  init(_ k: KernelBuilder, count: Int) {
    self.k = k
    maximum = k.variable("maximum", Softmax.minusInfinity)
    weight = k.variable("weight_sum", 0)
    numbers = k.fragment("numbers", F32.self, count: count)
    numbers.fill(0)
  }

  /// Adds several parts.
  func add(_ parts: [MergePart]) {
    let greatest = k.let("greatest", parts.reduce(maximum.value) { k.max($0, $1.lse) })
    // A row of which no piece has seen a key stays 0: −∞ − (−∞) is no number.
    let subtrahend = k.select(greatest == Softmax.minusInfinity, 0, greatest)
    let correction = k.let("correction", k.exp2(maximum.value - subtrahend))
    let factors = parts.map { k.exp2($0.lse - subtrahend) }
    maximum.set(greatest)
    weight.set(
      zip(factors, parts).reduce(weight.value * correction) { sum, part in
        part.1.weight.map { k.fma(part.0, $0, sum) } ?? sum + part.0
      })
    for index in numbers.indices {
      numbers[index] = zip(factors, parts).reduce(numbers[index] * correction) {
        k.fma($1.0, $1.1.numbers[index], $0)
      }
    }
  }
}
