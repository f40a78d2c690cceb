/// Thinning a series to what a picture can show.
package enum Decimation {
  /// A point in pixels, and whether the line is interrupted before it.
  package struct Vertex: Hashable {
    package var x: Double
    package var y: Double
    package var startsAnew: Bool
  }

  /// The vertices of a line, at most four in each run of points within one pixel column: first, lowest,
  /// highest and last, in their order. The picture is that of all points.
  ///
  /// nil among `points` interrupts the line, unless both its neighbours fall into the same column.
  /// Source: Jugel et al., "M4: A Visualization-Oriented Time Series Data Aggregation" (VLDB 2014).
  ///
  /// - Complexity: O(points).
  package static func line(_ points: some Sequence<(x: Double, y: Double)?>) -> [Vertex] {
    var result: [Vertex] = []
    var column: [Vertex] = []
    var isInterrupted = true
    for point in points {
      guard let point else {
        isInterrupted = true
        continue
      }
      let vertex = Vertex(x: point.x, y: point.y, startsAnew: isInterrupted)
      isInterrupted = false
      if let first = column.first, first.x.rounded(.down) != vertex.x.rounded(.down) {
        append(column: column, to: &result)
        column.removeAll(keepingCapacity: true)
      }
      column.append(vertex)
    }
    append(column: column, to: &result)
    return result
  }

  /// The points of a cloud without those that fall into a square of `cell` pixels already taken.
  ///
  /// - Complexity: O(points).
  package static func cloud(_ points: some Sequence<(x: Double, y: Double)>, cell: Double) -> [(
    x: Double, y: Double
  )] {
    var taken: Set<SIMD2<Int32>> = []
    return points.filter { point in
      taken.insert(SIMD2(Int32(point.x / cell), Int32(point.y / cell))).inserted
    }
  }

  private static func append(column: [Vertex], to result: inout [Vertex]) {
    guard let last = column.indices.last,
      let lowest = column.indices.min(by: { column[$0].y < column[$1].y }),
      let highest = column.indices.max(by: { column[$0].y < column[$1].y })
    else { return }
    for index in Set([0, lowest, highest, last]).sorted() {
      var vertex = column[index]
      vertex.startsAnew = index == 0 && vertex.startsAnew
      result.append(vertex)
    }
  }
}
