extension LaunchReport: CustomStringConvertible {
  /// The report as text: how much of each unit is used, memory, and where the time of warps has gone, by reason and by
  /// region.
  public var description: String {
    [head, speedOfLight, memoryText, stallText, regionText].filter { !$0.isEmpty }.joined(separator: "\n\n")
      + "\n"
  }

  private var head: String {
    let microseconds = Text.number(seconds * 1e6)
    let busy = processors.reduce(0.0) { $0 + Double($1.busyCycles) } / Double(max(1, cycles))
    let limit = limitingUnit().map {
      "\($0.name.title), used \(Text.percent($0.utilisation)) of the time"
    }
    return """
      \(kernel) on \(device), simulated
      \(cycles) cycles, \(microseconds) µs at \(clock) GHz; \(instructionCount) instructions of warps
      \(processors.count) multiprocessors used, \(Text.number(busy)) of them busy on average
      limited by: \(limit ?? "latency (no unit is used for more than 60 % of the time)")
      """
  }

  private var speedOfLight: String {
    var rows = [["unit", "used", "busiest SM", ""]]
    for unit in units {
      let bar = String(repeating: "#", count: Int((unit.utilisation * 40).rounded()))
      rows.append([unit.name.title, Text.percent(unit.utilisation), Text.percent(unit.peak), bar])
    }
    return Text.table(rows, leading: [0, 3])
  }

  private var memoryText: String {
    let rate = { (bytes: UInt64) in Text.number(Double(bytes) / max(self.seconds, 1e-12) / 1e9) + " GB/s" }
    var rows = [["memory", "bytes", "rate"]]
    rows.append(["L2 read", "\(memory.l2ReadBytes)", rate(memory.l2ReadBytes)])
    rows.append(["L2 written", "\(memory.l2WriteBytes)", rate(memory.l2WriteBytes)])
    rows.append(["DRAM read", "\(memory.dramReadBytes)", rate(memory.dramReadBytes)])
    rows.append(["DRAM written", "\(memory.dramWriteBytes)", rate(memory.dramWriteBytes)])
    let hits = memory.hitRate.map { "L2 hit rate \(Text.percent($0))" } ?? "no reads of L2"
    return Text.table(rows, leading: [0])
      + "\n\(hits); shared memory: \(shared.wavefronts) wavefronts, \(shared.conflictWavefronts) of them by bank conflicts"
  }

  /// A column for each role, a row for each reason that occurred.
  private var stallText: String {
    var rows = [["share of warps' time, %"] + roles.map { "\($0.name) (\($0.warpCount))" }]
    let cells = { (value: (WarpTimeReport) -> UInt64) in
      self.roles.map { Text.percent(Double(value($0.time)) / Double(max(1, $0.time.cycles)), unit: "") }
    }
    rows.append(["issued"] + cells { $0.issued })
    for reason in StallReason.allCases where roles.contains(where: { $0.time.stalls[reason] != nil }) {
      rows.append([reason.name] + cells { $0.stalls[reason] ?? 0 })
    }
    return Text.table(rows, leading: [0])
  }

  /// A row for each named region of a role: its share of the role's time, without that of regions inside, and what took
  /// most of it. Empty without regions.
  private var regionText: String {
    var rows = [["region of warps", "share of time, %", "mostly"]]
    for role in roles {
      let parts = { (cycles: UInt64) in
        Text.percent(Double(cycles) / Double(max(1, role.time.cycles)), unit: "")
      }
      for region in role.regionsByPath where !region.path.isEmpty {
        let reasons = region.time.stalls.map { ($0.key.name, $0.value) } + [("issued", region.time.issued)]
        let most = reasons.sorted { ($1.1, $0.0) < ($0.1, $1.0) }.prefix(2).map { "\($0.0) \(parts($0.1))" }
        rows.append([region.path, parts(region.time.cycles), most.joined(separator: ", ")])
      }
    }
    return rows.count > 1 ? Text.table(rows, leading: [0, 2]) : ""
  }
}

extension RoleReport {
  /// The regions, those of one path added up, in the order of first use.
  fileprivate var regionsByPath: [RegionReport] {
    regions.reduce(into: []) { sums, region in
      if let place = sums.firstIndex(where: { $0.path == region.path }) {
        sums[place].time.cycles += region.time.cycles
        sums[place].time.issued += region.time.issued
        sums[place].time.stalls.merge(region.time.stalls, uniquingKeysWith: +)
      } else {
        sums.append(region)
      }
    }
  }
}

extension UnitReport.Name {
  /// As tables name it.
  public var title: String {
    switch self {
    case .issue: "issue slots"
    case .tensor: "tensor cores"
    case .float: "float pipe"
    case .integer: "integer pipe"
    case .specialFunction: "special functions"
    case .double: "double precision"
    case .loadStore: "load/store"
    case .shared: "shared memory"
    case .tensorCopy: "TMA"
    case .l2: "L2 bandwidth"
    case .dram: "DRAM bandwidth"
    }
  }
}

/// Numbers and columns.
private enum Text {
  /// With three significant digits, or all of a whole number.
  static func number(_ value: Double) -> String {
    guard value.isFinite, value > 0 else { return "0" }
    if value >= 100 { return "\(Int(value.rounded()))" }
    let scale = value >= 10 ? 10.0 : value >= 1 ? 100 : 1000
    return "\((value * scale).rounded() / scale)"
  }

  static func percent(_ share: Double, unit: String = " %") -> String {
    let tenths = Int((share * 1000).rounded())
    return "\(tenths / 10).\(tenths % 10)\(unit)"
  }

  /// Rows as columns; those named by `leading` begin at the left, the others end at the right.
  static func table(_ rows: [[String]], leading: Set<Int>) -> String {
    let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      let cells = row.indices.map { column in
        let padding = String(repeating: " ", count: widths[column] - row[column].count)
        return leading.contains(column) ? row[column] + padding : padding + row[column]
      }
      return String(cells.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
    }.joined(separator: "\n")
  }
}
