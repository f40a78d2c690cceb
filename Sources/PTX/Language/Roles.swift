/// Blocks of a `switch`, one for each value that matters.
public struct Cases {
  fileprivate var cases: [(values: [Int], body: () -> Void)] = []
  fileprivate var otherwise: (() -> Void)?

  /// A block for these values.
  public mutating func `case`(_ values: Int..., body: @escaping () -> Void) {
    cases.append((values, body))
  }

  /// The block for all other values.
  public mutating func `default`(_ body: @escaping () -> Void) { otherwise = body }
}

/// How a warpgroup changes the registers of its threads when it takes its role.
public enum RegisterBudget: Sendable, Hashable {
  /// Gives registers back until it has so many: `setmaxnreg.dec`.
  case decrease(to: Int)
  /// Waits until it can have so many: `setmaxnreg.inc`.
  case increase(to: Int)
  /// Keeps what it has.
  case unchanged
}

/// Roles of the warpgroups of a block.
public struct WarpgroupRoles {
  fileprivate struct Role {
    var warpgroups: Range<Int>
    var name: String
    var registers: RegisterBudget
    var body: (Value<U32>) -> Void
  }
  fileprivate var roles: [Role] = []

  /// What one warpgroup does, as a region of this name.
  public mutating func warpgroup(
    _ index: Int, _ name: String, registers: RegisterBudget = .unchanged, _ body: @escaping () -> Void
  ) {
    roles.append(Role(warpgroups: index..<index + 1, name: name, registers: registers) { _ in body() })
  }

  /// What several warpgroups do alike, as a region of this name. `body` gets the warpgroup's number in the range,
  /// from 0 on.
  public mutating func warpgroups(
    _ range: Range<Int>, _ name: String, registers: RegisterBudget = .unchanged,
    _ body: @escaping (Value<U32>) -> Void
  ) {
    roles.append(Role(warpgroups: range, name: name, registers: registers, body: body))
  }
}

extension KernelBuilder {
  /// Records blocks of which each thread runs the one for its value; none where there is none for it.
  ///
  /// `isUniform` promises that all threads of a warp have the same value.
  public func `switch`<T: IntegerElement>(
    _ value: Value<T>, isUniform: Bool = false, file: String = #fileID, line: Int = #line,
    _ body: (inout Cases) -> Void
  ) {
    locate(file, line)
    var cases = Cases()
    body(&cases)
    let end = newLabel("switch_end")
    for (values, body) in cases.cases {
      locate(file, line)
      let next = newLabel("case_next")
      guard let first = values.first else { continue }
      let isCase = values.dropFirst().reduce(value == first) { $0 || value == $1 }
      locate(file, line)
      branch(to: next, if: Guard(register(isCase), isNegated: true), isUniform: isUniform)
      scope(body)
      locate(file, line)
      branch(to: end, isUniform: isUniform)
      place(next)
    }
    if let otherwise = cases.otherwise { scope(otherwise) }
    locate(file, line)
    place(end)
  }

  /// Records what each warpgroup (four warps) of the block does: one branch by the warpgroup's index, which all
  /// lanes of a warp agree on.
  ///
  /// The kernel demands a number of threads that is a multiple of 128 and covers the roles.
  public func warpgroups(
    file: String = #fileID, line: Int = #line, _ body: (inout WarpgroupRoles) -> Void
  ) {
    locate(file, line)
    var roles = WarpgroupRoles()
    body(&roles)
    let count = (threadCount ?? 0) / 128
    for role in roles.roles where role.warpgroups.lowerBound < 0 || role.warpgroups.upperBound > count {
      fail(
        .outOfRange(
          what: "warpgroup of role \(role.name)", value: role.warpgroups.upperBound - 1,
          allowed: "0..<\(count), by the threads demanded"))
    }
    let index = warpgroupIndex(file: file, line: line)
    self.switch(index, isUniform: true, file: file, line: line) { cases in
      for role in roles.roles {
        cases.cases.append((Array(role.warpgroups), { self.play(role, index, file, line) }))
      }
    }
  }

  private func play(_ role: WarpgroupRoles.Role, _ index: Value<U32>, _ file: String, _ line: Int) {
    region(role.name, file: file, line: line) {
      switch role.registers {
      case .decrease(let count): setRegisterCount(.decrease, to: count, file: file, line: line)
      case .increase(let count): setRegisterCount(.increase, to: count, file: file, line: line)
      case .unchanged: break
      }
      role.body(index - role.warpgroups.lowerBound)
    }
  }

  /// Which way `setmaxnreg` goes.
  public enum RegisterChange: String, Sendable, Hashable {
    case decrease = "dec"
    case increase = "inc"
  }

  /// Changes the registers that each thread of a warpgroup may have; every warp of it must come here.
  ///
  /// `count` is a multiple of 8 from 24 to 256. The kernel must fix its registers at entry, by threads and
  /// `blocksPerProcessor` or `maximumRegisters`: otherwise the compiler ignores the instruction.
  public func setRegisterCount(
    _ change: RegisterChange, to count: Int, file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    if !(24...256).contains(count) || !count.isMultiple(of: 8) {
      fail(.outOfRange(what: "registers of setmaxnreg", value: count, allowed: "24 to 256 in steps of 8"))
    }
    if demands.maximumRegisters == nil && (demands.blocksPerProcessor == nil || demands.threads.isEmpty) {
      fail(.missingDemand("setmaxnreg needs threads and blocksPerProcessor, or maximumRegisters"))
    }
    record("setmaxnreg.\(change.rawValue).sync.aligned.u32", [.immediate(.integer(Int64(count)))])
  }
}
