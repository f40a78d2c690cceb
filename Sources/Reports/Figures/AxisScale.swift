import Foundation

/// An axis laid out: which values lie at which pixels, and where the labels stand.
struct AxisScale {
  let axis: Chart.Axis
  let domain: ClosedRange<Double>
  let ticks: [Tick]
  /// Pixel of the domain's lower end and of its upper end; y axes run upwards, to smaller numbers.
  var pixels: (lower: Double, upper: Double) = (0, 1)

  /// - Parameters:
  ///   - isWidened: whether a linear axis ends at ticks rather than at the outermost values.
  ///   - tickCount: about how many ticks there is room for.
  init(axis: Chart.Axis, values: some Sequence<Double>, isWidened: Bool, tickCount: Int) {
    self.axis = axis
    switch axis.scale {
    case .linear:
      let tight = Domain.linear(values, includesZero: axis.includesZero)
      domain = isWidened ? Ticks.widened(tight, count: tickCount) : tight
      ticks = Ticks.linear(domain, count: tickCount, unit: axis.unit)
    case .logarithmic:
      domain = Domain.logarithmic(values)
      ticks = Ticks.logarithmic(domain, count: tickCount, unit: axis.unit)
    }
  }

  /// Whether the axis can show `value`; otherwise `position` has no meaning.
  func shows(_ value: Double) -> Bool {
    axis.scale == .linear ? Domain.isDrawable(value) : Domain.isDrawableOnLogarithmicAxis(value)
  }

  /// The pixel at which `value` lies.
  func position(_ value: Double) -> Double {
    let share: Double
    switch axis.scale {
    case .linear: share = (value - domain.lowerBound) / (domain.upperBound - domain.lowerBound)
    case .logarithmic:
      // A difference of logarithms: the ratio of two numbers may be infinite.
      let lower = log(domain.lowerBound)
      share = (log(value) - lower) / (log(domain.upperBound) - lower)
    }
    return pixels.lower + share * (pixels.upper - pixels.lower)
  }

  /// `value` for people.
  func text(_ value: Double) -> String { NumberFormat.si(value, unit: axis.unit, digits: 4) }

  /// About how wide the widest tick label is.
  var labelWidth: Double {
    FigureText.width(ticks.map(\.label).max { DisplayWidth.columns($0) < DisplayWidth.columns($1) } ?? "")
  }
}

/// Sizes of the figures' text, which is drawn in whatever font the reader's system has.
enum FigureText {
  /// About how wide `text` is at 12 pixels; most fonts stay below.
  static func width(_ text: String) -> Double { 6.8 * Double(DisplayWidth.columns(text)) }
}
