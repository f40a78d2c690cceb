/// Where the interpreter tells the hazard checks of registers.
extension Interpreter {
  /// An instruction is about to be executed that names followed registers.
  func checkRegisters(
    _ use: RegisterWatch.Use, _ watch: RegisterWatch, _ site: Int32, active: UInt32, mask: UInt32,
    _ warp: Warp,
    _ hazards: WarpHazards
  ) {
    guard var state = hazards.registers else { return }
    hazards.registers = nil
    defer { hazards.registers = state }
    let access = hazards.access(.read, site)
    func report(_ kind: HazardFinding.Kind, _ register: Int, other: Access? = nil, _ text: String) {
      hazards.cluster.report(kind, access, other: other, "\(watch.names[register]) \(text)")
    }
    if watch.hasUndefined {
      if let name = use.guardRegister, state.undefined([name], mask) != nil {
        report(.uninitialisedRegister, name, "guards it, and was never written")
      }
      if use.role == .decision, active != 0, let name = state.undefined(use.reads, active) {
        report(.uninitialisedRegister, name, "was never written, or comes from one that was not")
      }
    }
    if use.role == .product || active == 0 { return }
    let waited = warp.asynchronous.products.waitedCount
    if let (register, product) = state.inFlight(use, waited: waited) {
      report(.registerInFlight, register, other: product, "is used by a wgmma that has not been waited for")
    }
    state.write(use, active: active)
  }

  /// A warp executes a `wgmma`: its registers.
  func checkProductRegisters(_ site: Int32, _ index: Int, adds: Bool, _ warp: Warp, _ hazards: WarpHazards) {
    guard let watch = launch.program.watch, watch.useIndex[index] >= 0, hazards.registers != nil else {
      return
    }
    let use = watch.uses[Int(watch.useIndex[index])]
    let access = hazards.access(.read, site)
    let products = warp.asynchronous.products
    if let register = hazards.registers?.unfenced(use) {
      hazards.cluster.report(
        .missingRegisterFence, access,
        register < 0
          ? "no wgmma.fence comes before the first wgmma"
          : "\(watch.names[register]) was written since the last wgmma.fence")
    }
    if watch.hasResultsAsOperands,
      let (register, product) = hazards.registers?.operandInFlight(use, waited: products.waitedCount)
    {
      hazards.cluster.report(
        .registerInFlight, access, other: product,
        "\(watch.names[register]) is the result of a wgmma that has not been waited for")
    }
    if watch.hasUndefined, let register = hazards.registers?.undefined(use, adds: adds) {
      hazards.cluster.report(
        .uninitialisedRegister, access,
        "\(watch.names[register]) was never written, or comes from one that was not")
    }
    hazards.registers?.multiply(use, UInt32(products.executedCount + 1), access)
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
