/// Who waits when nothing can go on, and for what.
extension Interpreter {
  /// Who waits for what, in words.
  var waits: [String] {
    warps.filter { $0.live != 0 }.flatMap { warp in
      warp.fragments.map { fragment in
        let program = fragment.frame.program
        let statement = unsafe Int(program.code.base[fragment.index].statement)
        return "\(ExecutionPlace(program, statement, warp)) waits for \(words(fragment.wait, warp))"
      }
    }
  }

  /// Makes a finding of each who waits.
  func reportWaits() {
    for warp in warps where warp.live != 0 {
      guard let hazards = warp.hazards else { continue }
      for place in warp.fragments.indices where warp.fragments[place].wait != .nothing {
        let fragment = warp.fragments[place]
        let instruction = unsafe fragment.frame.program.code.base[fragment.index]
        let access = hazards.access(.read, site(instruction, warp, place))
        let (kind, address, other) = cause(of: fragment.wait, warp, hazards.cluster)
        hazards.cluster.report(
          kind, access, address: address, other: other.flatMap { $0 == access ? nil : $0 },
          "waits for \(words(fragment.wait, warp))")
      }
    }
  }

  /// What keeps a wait from ending, as far as it shows; the mbarrier; and the instruction that others would have to match.
  private func cause(of wait: Wait, _ warp: Warp, _ hazards: ClusterHazards) -> (
    HazardFinding.Kind, address: UInt64?, other: Access?
  ) {
    switch wait {
    case .registers: return (.registerBudget, nil, nil)
    case .barrier(let number): return (.deadlock, nil, warp.block.hazards?.arrivals[number])
    case .object(let address, _):
      let known = hazards.objects[address]
      guard let object = object(address, warp), object.pending == 0, object.transactions != 0 else {
        return (.deadlock, address, known?.initialisation)
      }
      return (.transactionMismatch, address, known?.lastExpectation)
    default: return (.deadlock, nil, nil)
    }
  }

  /// The mbarrier at a shared address; nil when it is gone.
  private func object(_ address: UInt64, _ warp: Warp) -> BarrierObject? {
    let offset = Int(address & (1 << AddressWindow.sharedBits - 1))
    let block = warp.block.cluster.blocks[Int(address >> AddressWindow.sharedBits)]
    return BarrierObject(bits: unsafe (block.shared + offset).load(as: UInt64.self))
  }

  private func words(_ wait: Wait, _ warp: Warp) -> String {
    switch wait {
    case .nothing: return "nothing"
    case .barrier(let number):
      let barrier = warp.block.barriers[number]
      let expected = barrier.expected > 0 ? barrier.expected : warp.block.liveWarpCount * 32
      return "barrier \(number): \(barrier.arrived) of \(expected) threads have arrived"
    case .object(let address, let parity):
      let state = object(address, warp).map {
        "\($0.pending) of \($0.expected) arrivals and \($0.transactions) bytes are missing"
      }
      return
        "the phase of parity \(parity) of the mbarrier at 0x\(String(address, radix: 16)): \(state ?? "it is gone")"
    case .cluster:
      return
        "the cluster's barrier: \(warp.block.cluster.arrivedWarpCount) of \(warp.block.cluster.liveWarpCount) warps have arrived"
    case .lanes(let mask): return "lanes 0x\(String(mask, radix: 16)) of its warp"
    case .turn: return "its turn"
    case .memory: return "data from memory"
    case .registers: return "registers: \(warp.block.freeRegisters) of the block are free"
    case .grid: return "the grid before"
    case .products: return warp.block.warpgroup(of: warp).waits
    }
  }
}
