/// Lines, steps, points and bars over two or three axes, drawn as SVG.
///
/// Values that cannot be drawn (not finite, beyond ±1e300, not positive on a logarithmic axis) leave a gap.
/// Series of any length give a small picture: lines are thinned to what a pixel can show, extremes kept.
public struct Chart: Hashable, Sendable {
  /// How the points of a series are drawn.
  public enum Mark: Hashable, Sendable {
    /// Straight from point to point.
    case line
    /// Each value holds until the next point.
    case step
    /// Each point alone.
    case points
    /// A bar from each point's x to that of the next, as high as its y; the last point only ends the last
    /// bar. Bars start at zero, or at the bottom of a logarithmic axis.
    case bars
  }

  /// How an axis maps values to pixels.
  public enum Scale: Hashable, Sendable {
    /// Equal differences are equally long.
    case linear
    /// Equal ratios are equally long.
    case logarithmic
  }

  /// What an axis shows.
  public struct Axis: Hashable, Sendable {
    /// What is measured.
    public var label: String
    /// Unit in which the values are given; labels put an SI prefix before it (`s` gives `5 ms`). Empty for
    /// counts (`5k`), `%` for per cent.
    public var unit: String
    /// How values map to pixels.
    public var scale: Scale
    /// Whether a linear axis reaches zero whatever the values.
    public var includesZero: Bool

    /// Describes an axis.
    public init(_ label: String, unit: String = "", scale: Scale = .linear, includesZero: Bool = false) {
      self.label = label
      self.unit = unit
      self.scale = scale
      self.includesZero = includesZero
    }
  }

  /// Which y axis a series belongs to.
  public enum Side: Hashable, Sendable {
    /// The axis `y`.
    case left
    /// The axis `rightY`.
    case right
  }

  /// A value at a place.
  public struct Point: Hashable, Sendable {
    /// In the unit of the x axis.
    public var x: Double
    /// In the unit of the series' y axis.
    public var y: Double

    /// Makes a point.
    public init(x: Double, y: Double) {
      self.x = x
      self.y = y
    }
  }

  /// Points that belong together.
  public struct Series: Hashable, Sendable {
    /// What the legend calls it.
    public var name: String
    /// How it is drawn.
    public var mark: Mark
    /// Which y axis it belongs to.
    public var side: Side
    /// The points, in the order in which a line visits them.
    public var points: [Point]

    /// Describes a series.
    public init(_ name: String, mark: Mark = .line, side: Side = .left, points: [Point]) {
      self.name = name
      self.mark = mark
      self.side = side
      self.points = points
    }
  }

  /// What the chart is called.
  public var title: String
  /// The axis along the bottom.
  public var x: Axis
  /// The axis at the left.
  public var y: Axis
  /// The axis at the right, for series on that side; without it they are drawn against `y`.
  public var rightY: Axis?
  /// What is drawn, the first at the bottom.
  public var series: [Series]
  /// Width in CSS pixels, from 240.
  public var width: Double
  /// Height in CSS pixels, from 160.
  public var height: Double

  /// Describes a chart. Sizes outside 240…10,000 and 160…10,000 are brought inside when drawing.
  public init(
    title: String, x: Axis, y: Axis, rightY: Axis? = nil, series: [Series], width: Double = 1100,
    height: Double = 340
  ) {
    self.title = title
    self.x = x
    self.y = y
    self.rightY = rightY
    self.series = series
    self.width = width
    self.height = height
  }

  /// Draws the chart. Pointing at it shows the values there.
  ///
  /// - Complexity: O(points).
  public func svg() -> SVGImage { ChartDrawing(self).image() }
}
