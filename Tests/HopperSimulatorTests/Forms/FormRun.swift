import GPUDevice
import HopperSimulator
import LatentAttention
import PTX
import Testing

/// Runs a case's kernel on one block and compares every destination of every variant.
struct FormRun {
  let form: FormCase

  init(_ form: FormCase) {
    self.form = form
  }

  /// What went wrong, in words: the first few wrong results, or the error. Empty when all is right.
  func failures(on device: Simulator) -> [String] {
    do {
      return try compare(on: device)
    } catch {
      return ["\(form.name): \(error)"]
    }
  }

  private func compare(on device: Simulator) throws -> [String] {
    var generator = SplitMix64(
      seed: form.name.utf8.reduce(14_695_981_039_346_656_037) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 })
    let threads = (0..<FormCase.threadCount).map { thread in
      Thread(
        inputs: FormInputs(
          bits: form.operands.indices.map { operand in
            form.operands[operand].values.value(thread, operand, of: form.operands.count, using: &generator)
          }), isGuarded: Bool.random(using: &generator))
    }
    let results = try execute(threads, on: device)
    var failures: [String] = []
    for (thread, given) in threads.enumerated() {
      let warp = threads[thread / 32 * 32..<thread / 32 * 32 + 32]
      var expected = form.isOfWarp ? [] : form.expected(inputs(of: Array(warp), .plain), thread % 32)
      for variant in FormCase.Variant.allCases {
        if form.isOfWarp { expected = form.expected(inputs(of: Array(warp), variant), thread % 32) }
        for (index, kind) in form.destinations.enumerated() {
          let result = results[
            (thread * FormCase.Variant.allCases.count + variant.rawValue) * form.destinations.count + index]
          let wanted = wanted(expected[index], kind, variant, given)
          if wanted.matches(result) { continue }
          let sources = given.inputs.bits.map { "0x" + String($0, radix: 16) }.joined(separator: ", ")
          failures.append(
            "\(form.name), \(variant), thread \(thread), of (\(sources)): 0x\(String(result, radix: 16)), not \(wanted)"
          )
          if failures.count == 3 { return failures }
        }
      }
    }
    return failures
  }

  private func inputs(of warp: [Thread], _ variant: FormCase.Variant) -> WarpInputs {
    let active = warp.enumerated().reduce(UInt32(0)) { mask, thread in
      let isActive =
        switch variant {
        case .plain: true
        case .guarded: thread.element.isGuarded
        case .inPlace: !thread.element.isGuarded
        }
      return mask | (isActive ? 1 << UInt32(thread.offset) : 0)
    }
    return WarpInputs(lanes: warp.map(\.inputs), active: active)
  }

  private struct Thread {
    var inputs: FormInputs
    var isGuarded: Bool
  }

  /// Lanes in which the instruction has no effect keep what they had.
  private func wanted(
    _ expected: Expected, _ kind: RegisterKind, _ variant: FormCase.Variant, _ thread: Thread
  )
    -> Expected
  {
    switch variant {
    case .plain: return expected
    case .guarded: return thread.isGuarded ? expected : .bits(kind.truncated(FormCase.former))
    case .inPlace:
      let former = form.isInPlace ? thread.inputs[0] : FormCase.former
      return thread.isGuarded ? .bits(kind.truncated(former)) : expected
    }
  }

  /// The destinations' slots, thread after thread.
  private func execute(_ threads: [Thread], on device: Simulator) throws -> [UInt64] {
    let module = try device.load(Module(parsing: form.kernel))
    let memory = DeviceMemory(device)
    let input = try memory.copy(threads.flatMap { $0.inputs.bits + [$0.isGuarded ? 1 : 0] })
    let count = threads.count * FormCase.Variant.allCases.count * form.destinations.count
    let output = try memory.copy([UInt64](repeating: 0, count: count))
    var parameters = ParameterBlock()
    parameters.append(input)
    parameters.append(output)
    parameters.append(FormCase.fixedBytes, alignment: 16)
    _ = try device.launch(
      module, "form", LaunchConfiguration(grid: Extent(1), block: Extent(threads.count)),
      parameters: parameters.bytes)
    let results = try memory.read(output, count: count, as: UInt64.self)
    try device.free(input)
    try device.free(output)
    return results
  }
}

extension [FormCase] {
  /// Runs all cases, and reports what each got wrong.
  func expectConformance(sourceLocation: Testing.SourceLocation = #_sourceLocation) {
    let device = Simulator()
    device.threadCount = 1
    for form in self {
      for failure in FormRun(form).failures(on: device) {
        Issue.record(Comment(rawValue: failure), sourceLocation: sourceLocation)
      }
    }
  }
}
