/// Findings of one cluster or of a launch: each pair of instructions once, with a count.
struct FindingLog {
  /// What findings that count as the same have in common: the instructions by number, -1 for none.
  struct Key: Hashable {
    var kind: HazardFinding.Kind
    var site: Int32
    var other: Int32 = -1
  }

  private struct Entry {
    var finding: HazardFinding
    /// Index of the cluster that came upon it, and how many the cluster had found before.
    var cluster: Int
    var sequence: Int
  }

  private var entries: [Key: Entry] = [:]
  private let firstSequence: Int

  /// Different findings that are kept; more than these nobody reads.
  static let limit = 200

  /// Nothing yet. With `isLate`, of clusters that have ended: what is found then comes after all that they found before.
  init(isLate: Bool = false) { firstSequence = isLate ? Self.limit : 0 }

  /// Counts a finding of a cluster; `finding` makes it when it is new.
  mutating func add(_ key: Key, cluster: Int, _ finding: () -> HazardFinding) {
    if entries[key] != nil {
      entries[key]?.finding.count += 1
    } else if entries.count < Self.limit {
      entries[key] = Entry(finding: finding(), cluster: cluster, sequence: firstSequence + entries.count)
    }
  }

  /// Adds what another log has. The order of such calls does not matter, as long as there are fewer than the limit.
  mutating func merge(_ other: FindingLog) {
    for (key, entry) in other.entries.sorted(by: { Self.isBefore($0.value, $1.value) }) {
      guard let old = entries[key] else {
        if entries.count < Self.limit { entries[key] = entry }
        continue
      }
      var first = Self.isBefore(entry, old) ? entry : old
      first.finding.count = old.finding.count + entry.finding.count
      entries[key] = first
    }
  }

  private static func isBefore(_ a: Entry, _ b: Entry) -> Bool {
    (a.cluster, a.sequence) < (b.cluster, b.sequence)
  }

  /// In the order of clusters, and of each cluster's time.
  var findings: [HazardFinding] { entries.values.sorted(by: Self.isBefore).map(\.finding) }
}

/// What is found of clusters that have ended: by copies that they started.
final class LateFindings {
  var log = FindingLog(isLate: true)
}
