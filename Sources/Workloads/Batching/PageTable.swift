/// The page lists of the active requests in one array, changed in place from step to step.
///
/// A row is given room for all the pages it will ever need, so growing writes one entry. Removing a row
/// leaves its room to the row before it, as entries past the end of a list may be anything; when more
/// room is lost than used, or the first row goes, the rows are moved together. So a step costs
/// O(rows), and a row O(its pages) over its whole life, on average.
struct PageTable: Sendable {
  private struct Row {
    var start: Int
    var count: Int
    let capacity: Int
  }

  /// All rows, with −1 in the room not used yet.
  private(set) var indices: [Int32] = []
  private var rows: [Row] = []
  private var capacityTotal = 0

  /// Where rows start, and the end: offsets as a `Batch` wants them.
  var offsets: [Int] {
    var offsets: [Int] = []
    offsets.reserveCapacity(rows.count + 1)
    for row in rows { offsets.append(row.start) }
    offsets.append(indices.count)
    return offsets
  }

  func pageCount(row: Int) -> Int { rows[row].count }

  func page(row: Int, at position: Int) -> Int32 { indices[rows[row].start + position] }

  func pages(row: Int, from position: Int) -> [Int32] {
    let row = rows[row]
    return Array(indices[(row.start + position)..<(row.start + row.count)])
  }

  /// Adds a row at the end, with room for `capacity` pages.
  mutating func appendRow(pages: [Int32], capacity: Int) {
    rows.append(Row(start: indices.count, count: pages.count, capacity: capacity))
    capacityTotal += capacity
    indices.append(contentsOf: pages)
    indices.append(contentsOf: repeatElement(-1, count: capacity - pages.count))
  }

  /// Adds a page to a row, which has room for it.
  mutating func append(_ page: Int32, row: Int) {
    indices[rows[row].start + rows[row].count] = page
    rows[row].count += 1
  }

  mutating func removeLastRow() {
    guard let row = rows.popLast() else { return }
    capacityTotal -= row.capacity
    indices.removeSubrange(row.start...)
  }

  /// Removes rows, given in ascending order.
  mutating func removeRows(_ removed: [Int]) {
    for row in removed.reversed() { capacityTotal -= rows.remove(at: row).capacity }
    guard let first = rows.first else {
      indices.removeAll(keepingCapacity: true)
      return
    }
    if first.start > 0 || indices.count > 2 * capacityTotal { moveTogether() }
  }

  private mutating func moveTogether() {
    var moved: [Int32] = []
    moved.reserveCapacity(2 * capacityTotal)
    for row in rows.indices {
      let start = rows[row].start
      rows[row].start = moved.count
      moved.append(contentsOf: indices[start..<(start + rows[row].capacity)])
    }
    indices = moved
  }
}
