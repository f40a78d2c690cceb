/// Where the interpreter tells the hazard checks of registers.
extension Interpreter {
  /// An instruction is about to be executed that names followed registers; `number` is that of its use.
  func checkRegisters(
    _ number: Int32, _ site: Int32, active: UInt32, mask: UInt32, _ frame: Frame, _ warp: Warp,
    _ hazards: WarpHazards
  ) {
    guard let state = frame.registerState else { return }
    let (watch, use) = (state.watch, state.use(number))
    if watch.hasUndefined {
      if let name = use.guardRegister, state.isUndefined(name, mask) {
        report(.uninitialisedRegister, watch.names[name], site, hazards, "guards it, and was never written")
      }
      if use.role == .decision, active != 0, let name = state.undefined(use.reads, active) {
        report(
          .uninitialisedRegister, watch.names[name], site, hazards,
          "was never written, or comes from one that was not")
      }
    }
    if use.role == .product || active == 0 { return }
    let waited = warp.products.waitedCount
    if let (register, product) = state.inFlight(use, waited: waited) {
      report(
        .registerInFlight, watch.names[register], site, hazards, other: product,
        "is used by a wgmma that has not been waited for")
    }
    state.write(use, active: active)
  }

  private func report(
    _ kind: HazardFinding.Kind, _ register: String, _ site: Int32, _ hazards: WarpHazards,
    other: Int32? = nil, _ text: String
  ) {
    hazards.cluster.report(
      kind, hazards.access(.read, site), other: other.map { hazards.access(.read, $0) }, "\(register) \(text)"
    )
  }

  /// A warp executes a `wgmma`: its registers.
  func checkProductRegisters(
    _ site: Int32, _ index: Int, adds: Bool, _ frame: Frame, _ warp: Warp, _ hazards: WarpHazards
  ) {
    guard let state = frame.registerState, unsafe state.watch.productIndex[index] >= 0 else { return }
    let watch = state.watch
    let use = unsafe state.use(watch.productIndex[index])
    if let register = state.unfenced(use) {
      hazards.cluster.report(
        .missingRegisterFence, hazards.access(.read, site),
        register < 0
          ? "no wgmma.fence comes before the first wgmma"
          : "\(watch.names[register]) was written since the last wgmma.fence")
    }
    if watch.hasResultsAsOperands,
      let (register, product) = state.operandInFlight(
        use, waited: warp.products.waitedCount)
    {
      report(
        .registerInFlight, watch.names[register], site, hazards, other: product,
        "is the result of a wgmma that has not been waited for")
    }
    if watch.hasUndefined, let register = state.undefined(use, adds: adds) {
      report(
        .uninitialisedRegister, watch.names[register], site, hazards,
        "was never written, or comes from one that was not")
    }
    state.multiply(use, UInt32(warp.products.executedCount + 1), site)
  }

  /// A function returns: the registers that its results are in.
  func checkReturn(_ frame: Frame, _ site: Int32, active: UInt32, _ warp: Warp) {
    guard let hazards = warp.hazards, let watch = frame.program.watch, let state = frame.registerState else {
      return
    }
    if let register = state.undefined(watch.results, active) {
      report(
        .uninitialisedRegister, watch.names[register], site, hazards,
        "is returned, and was never written or comes from a register that was not")
    }
    let use = RegisterWatch.Use(role: .decision, reads: watch.results)
    if let (register, product) = state.inFlight(use, waited: warp.products.waitedCount) {
      report(
        .registerInFlight, watch.names[register], site, hazards, other: product,
        "is returned, and is used by a wgmma that has not been waited for")
    }
  }

  /// `setmaxnreg` that would change the count of registers in the other direction; it has no effect.
  func checkRegisterCount(_ i: DecodedInstruction, _ warp: Warp, _ place: Int) {
    guard let hazards = warp.hazards else { return }
    hazards.cluster.report(
      .registerBudget, hazards.access(.read, site(i, warp, place)),
      "a thread has \(warp.registersPerThread) registers: this does not \(i.operation == 0 ? "de" : "in")crease that"
    )
  }
}
