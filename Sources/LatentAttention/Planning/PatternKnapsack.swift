/// The dearest set of whole tiles and pieces that fits into one worker: a knapsack in which each item takes a fixed
/// cost beside its groups.
struct PatternKnapsack {
  /// Groups that `wholes` tiles and `pieces` pieces leave room for together.
  private struct Room {
    let wholes: Int
    let pieces: Int
    let groups: Int
    /// Position of the room with one piece less, or, without pieces, with one tile less; itself for the empty one.
    let previous: Int
  }

  private let rooms: [Room]
  private let longest: Int
  /// Groups of the whole tiles that fit.
  private let wholes: [Int]

  /// A set of rows, as `PatternProgramme` counts them.
  struct Pattern {
    let worth: Double
    let items: [Int]
  }

  init(prices: PiecePrices, capacity: Double, longest: Int, wholes: [Int]) {
    self.longest = longest
    self.wholes = wholes
    var rooms: [Room] = []
    var wholeCount = 0
    var previousWhole = 0
    while true {
      var pieces = 0
      var previous = previousWhole
      while true {
        let fixed = Double(wholeCount) * prices.whole + Double(pieces) * prices.partial
        let groups = prices.groups(costing: capacity - fixed)
        // Each item has a group at least.
        guard fixed <= capacity, groups >= wholeCount + pieces else { break }
        rooms.append(Room(wholes: wholeCount, pieces: pieces, groups: groups, previous: previous))
        previous = rooms.count - 1
        if pieces == 0 { previousWhole = previous }
        pieces += 1
      }
      wholeCount += 1
      guard pieces > 0, !wholes.isEmpty else { break }
    }
    self.rooms = rooms
  }

  /// The dearest pattern at these prices of rows, none of them negative. O(rooms · groups · rows).
  func dearest(_ prices: [Double]) -> Pattern {
    let width = (rooms.first?.groups ?? 0) + 1
    // What the items of a room are worth at most within so many groups, and the row of the last of them.
    var worth = Array(repeating: -Double.infinity, count: rooms.count * width)
    var last = Array(repeating: -1, count: rooms.count * width)
    var best = (worth: 0.0, place: 0)
    for (position, room) in rooms.enumerated() {
      for groups in 0...room.groups {
        let place = position * width + groups
        if room.wholes + room.pieces == 0 {
          worth[place] = 0
          continue
        }
        let from = room.previous * width + groups
        for (row, length) in items(of: room)
        where length <= groups && worth[from - length] + prices[row] > worth[place] {
          worth[place] = worth[from - length] + prices[row]
          last[place] = row
        }
        if worth[place] > best.worth { best = (worth[place], place) }
      }
    }
    return Pattern(worth: best.worth, items: rows(from: best.place, last: last, width: width))
  }

  /// The rows that may be a room's last item, with their groups.
  private func items(of room: Room) -> [(row: Int, groups: Int)] {
    room.pieces > 0
      ? (0..<longest).map { ($0, $0 + 1) }
      : wholes.enumerated().map { (longest + $0.offset, $0.element) }
  }

  private func rows(from place: Int, last: [Int], width: Int) -> [Int] {
    var rows: [Int] = []
    var place = place
    while last[place] >= 0 {
      let row = last[place]
      rows.append(row)
      let length = row < longest ? row + 1 : wholes[row - longest]
      place = rooms[place / width].previous * width + place % width - length
    }
    return rows
  }
}
