/// Where the time of the warps of a launch has gone, by role.
///
/// The role of a warp is the outermost named region in which it has spent most of its time. Without regions, the warps
/// of a block of at most eight are told apart, and those of larger ones by warpgroup.
struct WarpAccount {
  struct Role {
    var warpCount = 0
    /// From start to end of each.
    var cycles: UInt64 = 0
    /// By region.
    var regions: [StallCounts]
  }

  private(set) var roles: [String: Role] = [:]

  /// Counts a warp that has ended; returns its role.
  mutating func add(_ warp: Warp, _ table: RegionTable) -> String {
    let counts = (0..<table.regions.count).map { warp.profile.counts($0) }
    let name = Self.role(warp, counts, table)
    var role = roles.removeValue(forKey: name) ?? Role(regions: counts.map { _ in StallCounts() })
    role.warpCount += 1
    role.cycles += warp.time - warp.startTime
    for region in counts.indices { role.regions[region].add(counts[region]) }
    roles[name] = role
    return name
  }

  mutating func add(_ other: WarpAccount) {
    for (name, counts) in other.roles {
      guard var role = roles.removeValue(forKey: name) else {
        roles[name] = counts
        continue
      }
      role.warpCount += counts.warpCount
      role.cycles += counts.cycles
      for region in counts.regions.indices { role.regions[region].add(counts.regions[region]) }
      roles[name] = role
    }
  }

  private static func role(_ warp: Warp, _ counts: [StallCounts], _ table: RegionTable) -> String {
    var totals: [Int: UInt64] = [:]
    for region in counts.indices.dropFirst() where counts[region].total > 0 {
      totals[table.ancestry(region)[0], default: 0] += counts[region].total
    }
    // The first of those that are alike.
    if let longest = totals.min(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
      return table.regions[longest.key].name
    }
    if warp.block.warps.count <= 8 { return "warp \(warp.index)" }
    let first = warp.index / 4 * 4
    return "warps \(first)–\(min(first + 3, warp.block.warps.count - 1))"
  }
}
