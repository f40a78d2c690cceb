/// Structured control flow. A block is a Swift closure, called once, that records what the block does; values
/// made in it are not to be used after it (assign to a `Mutable` of outside instead).
extension KernelBuilder {
  /// Records `then` for threads in which the condition holds.
  ///
  /// `isUniform` promises that all threads of a warp decide alike.
  public func `if`(
    _ condition: Value<Pred>, isUniform: Bool = false, file: String = #fileID, line: Int = #line,
    _ then: () -> Void
  ) {
    locate(file, line)
    let end = newLabel("endif")
    branch(to: end, if: Guard(register(condition), isNegated: true), isUniform: isUniform)
    scope(then)
    locate(file, line)
    place(end)
  }

  /// Records `then` for threads in which the condition holds, and `otherwise` for the others.
  ///
  /// `isUniform` promises that all threads of a warp decide alike.
  public func `if`(
    _ condition: Value<Pred>, isUniform: Bool = false, file: String = #fileID, line: Int = #line,
    _ then: () -> Void, else otherwise: () -> Void
  ) {
    locate(file, line)
    let orElse = newLabel("else")
    let end = newLabel("endif")
    branch(to: orElse, if: Guard(register(condition), isNegated: true), isUniform: isUniform)
    scope(then)
    locate(file, line)
    branch(to: end, isUniform: isUniform)
    place(orElse)
    scope(otherwise)
    locate(file, line)
    place(end)
  }

  /// Records instructions that have effect only in threads in which the condition holds, each by its own
  /// predicate instead of a branch: for one or a few instructions. There is no control flow inside.
  public func when(
    _ condition: Value<Pred>, file: String = #fileID, line: Int = #line, _ body: () -> Void
  ) {
    locate(file, line)
    guard predicate == nil else { return fail(.controlFlowUnderPredicate) }
    let condition = register(condition)
    predicate = Guard(condition)
    scope(body)
    locate(file, line)
    predicate = nil
  }

  /// Records a loop without an end: it is left by `break`, `return` or `exit`.
  public func loop(file: String = #fileID, line: Int = #line, _ body: () -> Void) {
    locate(file, line)
    openLoop(named: "loop", file, line) { next, end in
      place(next)
      scope(body)
      locate(file, line)
      branch(to: next)
      place(end)
    }
  }

  /// Records a loop that goes on while a condition, computed before each turn, holds.
  public func `while`(
    _ condition: () -> Value<Pred>, file: String = #fileID, line: Int = #line, _ body: () -> Void
  ) {
    locate(file, line)
    openLoop(named: "while", file, line) { next, end in
      place(next)
      scope {
        let holds = condition()
        locate(file, line)
        branch(to: end, if: Guard(register(holds), isNegated: true))
        body()
      }
      locate(file, line)
      branch(to: next)
      place(end)
    }
  }

  /// Whether a loop's body is repeated in the program.
  public enum Unrolling: Sendable, Hashable {
    /// As the compiler likes.
    case automatic
    /// Not: `.pragma "nounroll"`.
    case never
    /// For every turn; both bounds and the step are numbers.
    case full
  }

  /// Records a loop over `start`, `start + step`, … below `end`.
  ///
  /// `isUniform` promises that all threads of a warp run equally often. The step is positive.
  public func `for`<T: IntegerElement>(
    _ name: String = "i", from start: Value<T>, to end: Value<T>, step: Value<T> = 1,
    unroll: Unrolling = .automatic, isUniform: Bool = false, file: String = #fileID, line: Int = #line,
    _ body: (Value<T>) -> Void
  ) {
    locate(file, line)
    if unroll == .full { return unrolled(start, end, step, body) }
    if let step = step.constant, step < 1 {
      return fail(.outOfRange(what: "step of a loop", value: Int(step), allowed: "at least 1"))
    }
    // The test stands at the end, so that a turn costs one branch; before the first turn it is made once.
    let index = variable(name, start, file: file, line: line)
    openLoop(named: "for", file, line) { next, finish in
      let top = newLabel("for")
      leave(finish, unless: Value.compare(.lt, start, end), isUniform, file, line)
      if unroll == .never { self.body.append(.pragma("\"nounroll\"")) }
      place(top)
      scope { body(index.value) }
      locate(file, line)
      place(next)
      index.assign(index.value + step, isOperator: false)
      let again = Value.compare(.lt, index.value, end)
      locate(file, line)
      branch(to: top, if: Guard(register(again)), isUniform: isUniform)
      place(finish)
    }
  }

  /// Records a loop over a range of numbers.
  public func `for`(
    _ range: Range<Int>, step: Int = 1, name: String = "i", unroll: Unrolling = .automatic,
    file: String = #fileID, line: Int = #line, _ body: (Value<S32>) -> Void
  ) {
    self.for(
      name, from: Value<S32>(range.lowerBound), to: Value<S32>(range.upperBound), step: Value<S32>(step),
      unroll: unroll, isUniform: true, file: file, line: line, body)
  }

  /// Leaves the innermost loop, in threads in which the condition holds.
  public func `break`(if condition: Value<Pred>? = nil, file: String = #fileID, line: Int = #line) {
    locate(file, line)
    guard let target = openLoops.last?.end else { return fail(.outsideLoop) }
    branch(to: target, if: condition.map { Guard(register($0)) })
  }

  /// Goes on with the next turn of the innermost loop, in threads in which the condition holds.
  public func `continue`(if condition: Value<Pred>? = nil, file: String = #fileID, line: Int = #line) {
    locate(file, line)
    guard let target = openLoops.last?.next else { return fail(.outsideLoop) }
    branch(to: target, if: condition.map { Guard(register($0)) })
  }

  /// Ends the thread.
  public func `return`(file: String = #fileID, line: Int = #line) {
    locate(file, line)
    record("ret")
  }

  /// Ends the thread, and the kernel with an error.
  public func trap(file: String = #fileID, line: Int = #line) {
    locate(file, line)
    record("trap")
  }

  /// Sleeps for about so many nanoseconds, at most a millisecond.
  public func sleep(nanoseconds: Value<U32>, file: String = #fileID, line: Int = #line) {
    locate(file, line)
    record("nanosleep.u32", [operand(nanoseconds)])
  }

  private func unrolled<T: IntegerElement>(
    _ start: Value<T>, _ end: Value<T>, _ step: Value<T>, _ body: (Value<T>) -> Void
  ) {
    guard let start = start.constant, let end = end.constant, let step = step.constant, step > 0 else {
      return fail(.mismatch("a loop unrolled in full needs numbers as bounds and a positive step"))
    }
    // Far more than any program should have; it bounds the time that recording takes.
    let limit = 1 << 16
    let (length, overflows) = end.subtractingReportingOverflow(start)
    guard !overflows, length / step < limit else {
      return fail(.outOfRange(what: "end of an unrolled loop", value: Int(end), allowed: "\(limit) turns"))
    }
    for index in Swift.stride(from: start, to: end, by: Int(step)) { body(Value(Int(index))) }
  }

  private func openLoop(
    named name: String, _ file: String, _ line: Int, _ body: (_ next: LabelID, _ end: LabelID) -> Void
  ) {
    guard predicate == nil else { return fail(.controlFlowUnderPredicate) }
    let next = newLabel("\(name)_next")
    let end = newLabel("\(name)_end")
    openLoops.append((next, end))
    body(next, end)
    openLoops.removeLast()
  }

  private func leave(
    _ label: LabelID, unless condition: Value<Pred>, _ isUniform: Bool, _ file: String, _ line: Int
  ) {
    locate(file, line)
    if condition.constant == 1 { return }
    branch(to: label, if: Guard(register(condition), isNegated: true), isUniform: isUniform)
  }
}
