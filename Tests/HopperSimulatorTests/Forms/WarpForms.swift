import Testing

/// What the lanes of a warp exchange (PTX ISA 9.7.9.6, 9.7.13.8 to 9.7.13.11), with all lanes and with some.
@Suite("Forms: warps")
struct WarpForms {
  @Test("Every shuffle, vote, match and reduction")
  func conformance() { Self.cases.expectConformance() }

  static var cases: [FormCase] { shuffles + votes + matches + reductions + others }

  /// After the pseudocode of PTX ISA 9.7.9.6: the lane that is read, and whether it is in range.
  private static func source(_ mode: String, _ lane: Int, _ b: Int, _ c: Int) -> (lane: Int, isInRange: Bool)
  {
    let (segment, clamp) = (c >> 8 & 31, c & 31)
    let highest = (lane & segment) | (clamp & ~segment)
    let lowest = lane & segment
    switch mode {
    case "up":
      let other = lane - b
      return other >= highest ? (other, true) : (lane, false)
    case "down":
      let other = lane + b
      return other <= highest ? (other, true) : (lane, false)
    case "bfly":
      let other = lane ^ b
      return other <= highest ? (other, true) : (lane, false)
    default:
      let other = lowest | (b & ~segment)
      return other <= highest ? (other, true) : (lane, false)
    }
  }

  private static var shuffles: [FormCase] {
    ["up", "down", "bfly", "idx"].flatMap { mode in
      // Whole warps, halves, quarters and so on; one clamp within a segment.
      [0, 0x1F, 0x0F1F, 0x101F, 0x1808, 0x1C07, 0x1F00].flatMap { c in
        [0, 1, 2, 5, 16, 31].map { b in
          FormCase(
            ofWarp: "shfl.sync.\(mode).b32 $d|$q, $0, \(b), \(c), $m", [.word, .predicate], [.word]
          ) { warp, lane in
            let (from, isInRange) = source(mode, lane, b, c)
            return [
              warp.isActive(from) ? .bits(warp.lanes[from][0]) : .unspecified, .bits(isInRange ? 1 : 0),
            ]
          }
        }
      } + [
        // A place of each lane's own.
        FormCase(ofWarp: "shfl.sync.\(mode).b32 $d, $0, $1, 31, $m", [.word], [.word, .amount]) {
          warp, lane in
          let (from, _) = source(mode, lane, Int(warp.lanes[lane][1] & 31), 31)
          return [warp.isActive(from) ? .bits(warp.lanes[from][0]) : .unspecified]
        }
      ]
    }
  }

  private static var votes: [FormCase] {
    let votes: [(String, (Int, Int) -> Bool)] = [
      ("all", { $0 == $1 }), ("any", { count, _ in count > 0 }), ("uni", { $0 == 0 || $0 == $1 }),
    ]
    let rare = FormOperand(
      kind: .predicate, values: .listed(Array(repeating: 1, count: 40) + [0] + Array(repeating: 0, count: 40))
    )
    return votes.flatMap { mode, holds in
      [FormOperand.predicate, rare].map { operand in
        FormCase(ofWarp: "vote.sync.\(mode).pred $d, $0, $m", [.predicate], [operand]) { warp, _ in
          let count = warp.activeLanes.count { warp.lanes[$0][0] == 1 }
          return [.bits(holds(count, warp.activeLanes.count) ? 1 : 0)]
        }
      }
    } + [
      FormCase(ofWarp: "vote.sync.ballot.b32 $d, !$0, $m", [.word], [.predicate]) { warp, _ in
        [.bits(warp.activeLanes.reduce(0) { $0 | (1 - warp.lanes[$1][0]) << UInt64($1) })]
      }
    ]
  }

  private static var matches: [FormCase] {
    [("b32", RegisterKind.word), ("b64", .double)].flatMap { type, kind in
      let few = FormOperand(kind: kind, values: .listed([3, 3, kind.truncated(.max), 3, 0]))
      let runs = FormOperand(kind: kind, values: .listed(Array(repeating: 7, count: 64) + [8]))
      func equal(_ warp: WarpInputs, _ lane: Int) -> UInt64 {
        warp.activeLanes.reduce(0) { $0 | (warp.lanes[$1][0] == warp.lanes[lane][0] ? 1 << UInt64($1) : 0) }
      }
      return [few, runs].flatMap { operand in
        [
          FormCase(ofWarp: "match.any.sync.\(type) $d, $0, $m", [.word], [operand]) { warp, lane in
            [.bits(equal(warp, lane))]
          },
          FormCase(ofWarp: "match.all.sync.\(type) $d|$q, $0, $m", [.word, .predicate], [operand]) {
            warp, lane in
            let areAll = equal(warp, warp.activeLanes.first ?? 0) == UInt64(warp.active)
            return [.bits(areAll ? UInt64(warp.active) : 0), .bits(areAll ? 1 : 0)]
          },
        ]
      }
    }
  }

  private static var reductions: [FormCase] {
    func form(_ spelling: String, _ reduce: @escaping ([FormInputs]) -> Int128) -> FormCase {
      FormCase(ofWarp: "redux.sync.\(spelling) $d, $0, $m", [.word], [.word]) { warp, _ in
        [.bits(UInt64(truncatingIfNeeded: reduce(warp.activeLanes.map { warp.lanes[$0] })) & 0xFFFF_FFFF)]
      }
    }
    return [
      form("add.u32") { $0.reduce(0) { $0 + $1.unsigned(0, 32) } },
      form("add.s32") { $0.reduce(0) { $0 + $1.signed(0, 32) } },
      form("min.u32") { $0.map { $0.unsigned(0, 32) }.min() ?? 0 },
      form("max.u32") { $0.map { $0.unsigned(0, 32) }.max() ?? 0 },
      form("min.s32") { $0.map { $0.signed(0, 32) }.min() ?? 0 },
      form("max.s32") { $0.map { $0.signed(0, 32) }.max() ?? 0 },
      form("and.b32") { $0.reduce(-1) { $0 & $1.unsigned(0, 32) } },
      form("or.b32") { $0.reduce(0) { $0 | $1.unsigned(0, 32) } },
      form("xor.b32") { $0.reduce(0) { $0 ^ $1.unsigned(0, 32) } },
    ]
  }

  private static var others: [FormCase] {
    [
      FormCase(ofWarp: "activemask.b32 $d", [.word], []) { warp, _ in
        // Lanes in which the instruction has no effect may count as active or not.
        [.oneOf([UInt64(warp.active), 0xFFFF_FFFF])]
      },
      FormCase(ofWarp: "elect.sync $d|$q, $m", [.word, .predicate], []) { warp, lane in
        let leader = warp.activeLanes.first ?? 0
        return [.bits(UInt64(leader)), .bits(lane == leader ? 1 : 0)]
      },
      FormCase(ofWarp: "bar.warp.sync $m; shfl.sync.idx.b32 $d, $0, 0, 31, $m", [.word], [.word]) { warp, _ in
        [warp.isActive(0) ? .bits(warp.lanes[0][0]) : .unspecified]
      },
    ]
  }
}
