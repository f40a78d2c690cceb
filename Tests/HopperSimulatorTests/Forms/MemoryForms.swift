import Testing

/// Loads and stores of every type, width and space, and conversions of addresses (PTX ISA 9.7.9).
@Suite("Forms: memory")
struct MemoryForms {
  @Test("Every load and store")
  func conformance() { Self.cases.expectConformance() }

  static var cases: [FormCase] {
    globalLoads + fixedLoads + vectorLoads + stores + spaces + hints + orders + wide + hintsWithoutEffect
      + addresses
  }

  /// An element type of memory, and the register that it comes into.
  private struct Element {
    var name: String
    var byteCount: Int
    var isSigned: Bool { name.hasPrefix("s") }
    var kind: RegisterKind { byteCount == 8 ? .double : byteCount == 4 ? .word : .half }

    /// What a load of the bytes leaves in a register of so many bits.
    func loaded(_ bytes: [UInt8], at place: Int, into kind: RegisterKind? = nil) -> Expected {
      let bits = (0..<byteCount).reduce(UInt64(0)) { $0 | UInt64(bytes[place + $1]) << UInt64(8 * $1) }
      let value = FormInputs(bits: [bits]).signed(0, 8 * byteCount)
      return .bits((kind ?? self.kind).truncated(isSigned ? UInt64(truncatingIfNeeded: value) : bits))
    }
  }

  private static let elements = [
    ("b8", 1), ("u8", 1), ("s8", 1), ("b16", 2), ("u16", 2), ("s16", 2), ("b32", 4), ("u32", 4), ("s32", 4),
    ("b64", 8),
    ("u64", 8), ("s64", 8), ("f32", 4), ("f64", 8),
  ].map { Element(name: $0, byteCount: $1) }

  /// The sources' slots, as bytes.
  private static func bytes(_ inputs: FormInputs) -> [UInt8] {
    inputs.bits.flatMap { bits in (0..<8).map { UInt8(truncatingIfNeeded: bits >> UInt64(8 * $0)) } }
  }

  private static func list(_ count: Int) -> String {
    let names = ["$d", "$q", "$u", "$v"].prefix(count).joined(separator: ", ")
    return count == 1 ? names : "{\(names)}"
  }

  private static let four: [FormOperand] = [.double, .double, .double, .double]

  private static var globalLoads: [FormCase] {
    elements.flatMap { element in
      [
        FormCase(text: "ld.global.\(element.name) $d, [%in+8]", [element.kind], four) {
          [element.loaded(bytes($0), at: 8)]
        },
        // Wider registers take the number with its sign, or zeros.
        FormCase(text: "ld.global.\(element.name) $d, [%in+16]", [.double], four) {
          [element.loaded(bytes($0), at: 16, into: .double)]
        },
        FormCase(text: "ldu.global.\(element.name) $d, [%in+8]", [element.kind], four) {
          [element.loaded(bytes($0), at: 8)]
        },
      ]
    }
  }

  /// From constant memory and from a parameter, alone and in vectors.
  private static var fixedLoads: [FormCase] {
    elements.flatMap { element in
      [1, 2, 4].filter { $0 * element.byteCount <= 16 }.flatMap { count in
        [("const", "constant_bytes"), ("param", "parameter_bytes"), ("param::entry", "parameter_bytes")].map {
          space, name in
          let vector = count == 1 ? "" : ".v\(count)"
          return FormCase(
            text: "ld.\(space)\(vector).\(element.name) \(list(count)), [\(name)+16]",
            Array(repeating: element.kind, count: count), []
          ) { _ in (0..<count).map { element.loaded(FormCase.fixedBytes, at: 16 + $0 * element.byteCount) } }
        }
      }
    }
  }

  /// Of global and of shared memory; three sources make rows that are aligned for every vector.
  private static var vectorLoads: [FormCase] {
    let production = [
      ("ld.global.nc.L1::evict_last.L2::128B", 4, "s32"), ("ld.global.nc.L1::evict_last.L2::256B", 4, "s32"),
    ]
    let all = elements.flatMap { element in
      [2, 4].filter { $0 * element.byteCount <= 16 }.flatMap { count in
        ["ld.global", "ldu.global", "ld.global.nc", "ld", "ld.shared"].map { ($0, count, element.name) }
      }
    }
    let single = elements.map { ("ld.shared", 1, $0.name) } + ["f32", "u32"].map { ("ld.global.nc", 1, $0) }
    return (all + single + production).compactMap { mnemonic, count, name -> FormCase? in
      guard let element = elements.first(where: { $0.name == name }) else { return nil }
      let isShared = mnemonic == "ld.shared"
      let copy = isShared ? "st.shared.b64 [%shared], $0; st.shared.b64 [%shared+8], $1; " : ""
      let vector = count == 1 ? "" : ".v\(count)"
      return FormCase(
        text: copy + "\(mnemonic)\(vector).\(name) \(list(count)), [\(isShared ? "%shared" : "%in")]",
        Array(repeating: element.kind, count: count), [.double, .double, .double]
      ) { inputs in (0..<count).map { element.loaded(bytes(inputs), at: $0 * element.byteCount) } }
    }
  }

  /// Stored beside other bytes, which stay, and read back.
  private static var stores: [FormCase] {
    elements.flatMap { element in
      [1, 2, 4].filter { $0 * element.byteCount <= 16 }.flatMap { count in
        ["shared", "shared::cta", "local", "global"].map { space in
          // Behind the sources, which fill 40 bytes, there is room before the next row's.
          let place = ["local": "local_bytes", "global": "%generic"][space] ?? "%shared"
          let bytes = space.hasPrefix("shared") ? "shared" : space
          let vector = count == 1 ? "" : ".v\(count)"
          let sources = ["$1", "$2", "$3", "$4"].prefix(count).joined(separator: ", ")
          let start = space == "global" ? "add.u64 %generic, %in, 32; " : ""
          let clear = "\(start)st.\(bytes).b64 [\(place)], $0; st.\(bytes).b64 [\(place)+8], $0; "
          return FormCase(
            text: clear
              + "st.\(space)\(vector).\(element.name) [\(place)], \(count == 1 ? sources : "{\(sources)}"); "
              + "ld.\(bytes).b64 $d, [\(place)]; ld.\(bytes).b64 $q, [\(place)+8]",
            [.double, .double],
            [.double]
              + Array(
                repeating: FormOperand(kind: element.kind, values: .bits(element.kind.bitCount)), count: 4)
          ) { inputs in
            var memory = bytesOf(inputs[0]) + bytesOf(inputs[0])
            for part in 0..<count {
              for byte in 0..<element.byteCount {
                memory[part * element.byteCount + byte] = UInt8(
                  truncatingIfNeeded: inputs[1 + part] >> UInt64(8 * byte))
              }
            }
            return [0, 8].map { elements[9].loaded(memory, at: $0) }
          }
        }
      }
    }
  }

  private static func bytesOf(_ bits: UInt64) -> [UInt8] { bytes(FormInputs(bits: [bits])) }

  private static func echo(_ text: String) -> FormCase {
    FormCase(text: text, [.double], [.double]) { [.bits($0[0])] }
  }

  private static func echoWord(_ text: String) -> FormCase {
    FormCase(text: text, [.word], [.word]) { [.bits($0[0])] }
  }

  /// One number through every space by every way.
  private static var spaces: [FormCase] {
    [
      echo("st.global.b64 [%in+8], $0; ld.global.b64 $d, [%in+8]"),
      echo("st.b64 [%in+8], $0; ld.b64 $d, [%in+8]"), echo("st.u64 [%in+8], $0; ld.u64 $d, [%in+8]"),
      echo("st.shared::cluster.b64 [%shared], $0; ld.shared::cluster.b64 $d, [%shared]"),
      echo("st.shared::cta.b64 [%shared], $0; ld.shared::cta.b64 $d, [%shared]"),
      echo(
        "cvt.u64.u32 %place, %shared; cvta.shared.u64 %place, %place; st.b64 [%place+8], $0; ld.shared.b64 $d, [%shared+8]"
      ),
      echo(
        "mov.u64 %place, local_bytes; cvta.local.u64 %place, %place; st.b64 [%place+16], $0; ld.local.b64 $d, [local_bytes+16]"
      ),
      echo(
        "st.local.b64 [local_bytes+8], $0; mov.u64 %place, local_bytes; cvta.local.u64 %place, %place; ld.b64 $d, [%place+8]"
      ),
      FormCase(
        text:
          "mov.u64 %place, constant_bytes; cvta.const.u64 %place, %place; ld.u8 $t, [%place+5]; mov.b32 $d, $t",
        [.word], []
      ) { _ in
        [.bits(UInt64(FormCase.fixedBytes[5]))]
      },
      FormCase(
        text: "mov.b64 %place, parameter_bytes; cvta.param.u64 %place, %place; ld.u8 $d, [%place+5]", [.word],
        []
      ) { _ in
        [.bits(UInt64(FormCase.fixedBytes[5]))]
      },
    ]
  }

  /// Cache hints change nothing.
  private static var hints: [FormCase] {
    let loads = [
      "ca", "cg", "cs", "lu", "cv", "L1::evict_normal", "L1::evict_unchanged", "L1::evict_first",
      "L1::evict_last",
      "L1::no_allocate", "L2::64B", "L2::128B", "L2::256B", "nc", "nc.L1::evict_last.L2::128B",
      "nc.L1::no_allocate.L2::256B", "nc.L1::evict_last.L2::256B", "L2::evict_last", "L2::evict_normal",
      "L2::evict_first",
    ].map { FormCase(text: "ld.global.\($0).u32 $d, [%in]", [.word], [.word]) { [.bits($0[0])] } }
    let stores = [
      "wb", "cg", "cs", "wt", "L1::evict_normal", "L1::evict_unchanged", "L1::evict_first", "L1::evict_last",
      "L1::no_allocate", "L2::evict_last", "L2::evict_normal", "L2::evict_first",
    ].map { echoWord("st.global.\($0).u32 [%in+8], $0; ld.global.u32 $d, [%in+8]") }
    let policies = [
      echoWord(
        "createpolicy.fractional.L2::evict_last.b64 %place, 0.5; st.global.L2::cache_hint.u32 [%in+8], $0, %place; ld.global.L2::cache_hint.u32 $d, [%in+8], %place"
      ),
      echoWord(
        "createpolicy.fractional.L2::evict_first.L2::evict_unchanged.b64 %place; ld.global.nc.L2::cache_hint.u32 $d, [%in], %place"
      ),
      echoWord(
        "createpolicy.fractional.L2::evict_normal.L2::evict_first.b64 %place, 1.0; ld.global.L2::cache_hint.u32 $d, [%in], %place"
      ),
      echoWord(
        "createpolicy.fractional.L2::evict_unchanged.b64 %place, 1.0; ld.global.L2::cache_hint.u32 $d, [%in], %place"
      ),
      echoWord(
        "createpolicy.range.global.L2::evict_last.L2::evict_unchanged.b64 %place, [%in], 1024, 4096; ld.global.L2::cache_hint.u32 $d, [%in], %place"
      ),
      echoWord(
        "createpolicy.cvt.L2.b64 %place, 0x1234567890ABCDEF; ld.global.L2::cache_hint.u32 $d, [%in], %place"),
    ]
    let ranges = ["L2::evict_normal", "L2::evict_first", "L2::evict_unchanged"].map {
      echoWord(
        "createpolicy.range.\($0).L2::evict_first.b64 %place, [%in], 1024, 4096; ld.global.L2::cache_hint.u32 $d, [%in], %place"
      )
    }
    return loads + stores + policies + ranges
  }

  /// Orders and scopes, seen from one thread, change nothing either.
  private static var orders: [FormCase] {
    let scoped = ["cta", "cluster", "gpu", "sys"]
    let loads =
      ["relaxed", "acquire"].flatMap { order in scoped.map { "\(order).\($0)" } } + [
        "weak", "volatile", "mmio.relaxed.sys",
      ]
    let stores =
      ["relaxed", "release"].flatMap { order in scoped.map { "\(order).\($0)" } } + [
        "weak", "volatile", "mmio.relaxed.sys",
      ]
    return loads.map { echoWord("ld.\($0).global.u32 $d, [%in]") } + [
      echoWord("ld.acquire.gpu.u32 $d, [%in]")
    ]
      + stores.map { echoWord("st.\($0).global.u32 [%in+8], $0; ld.global.u32 $d, [%in+8]") }
      + [echoWord("st.release.gpu.u32 [%in+8], $0; ld.acquire.gpu.u32 $d, [%in+8]")]
  }

  /// 128 bits.
  private static var wide: [FormCase] {
    [
      FormCase(
        text:
          "mov.b128 %wide, {$0, $1}; st.shared.b128 [%shared], %wide; ld.shared.v2.b64 {$d, $q}, [%shared]",
        [.double, .double], [.double, .double]
      ) { [.bits($0[0]), .bits($0[1])] },
      FormCase(
        text:
          "st.shared.v2.b64 [%shared+16], {$0, $1}; ld.shared.b128 %wide, [%shared+16]; mov.b128 {$d, $q}, %wide",
        [.double, .double], [.double, .double]
      ) { [.bits($0[0]), .bits($0[1])] },
    ]
  }

  private static var hintsWithoutEffect: [FormCase] {
    [
      "prefetch.global.L1 [%in]", "prefetch.global.L2 [%in]", "prefetch.L1 [%in]",
      "prefetch.local.L2 [local_bytes]",
      "prefetch.global.L2::evict_last [%in]", "prefetch.global.L2::evict_normal [%in]", "prefetchu.L1 [%in]",
      "applypriority.global.L2::evict_normal [%in], 128", "applypriority.L2::evict_normal [%in], 128",
    ].map { echoWord("\($0); ld.global.u32 $d, [%in]") } + [
      // What is discarded has to be written before it is read again.
      echoWord("discard.global.L2 [%in], 128; st.global.u32 [%in+8], $0; ld.global.u32 $d, [%in+8]"),
      echoWord("discard.L2 [%in], 128; st.global.u32 [%in+8], $0; ld.global.u32 $d, [%in+8]"),
    ]
  }

  /// Addresses of variables in their windows, and back.
  private static var addresses: [FormCase] {
    let spaces = [
      ("shared", "cvt.u64.u32 %place, %shared"), ("shared::cta", "cvt.u64.u32 %place, %shared"),
      ("shared::cluster", "cvt.u64.u32 %place, %shared"), ("local", "mov.u64 %place, local_bytes"),
      ("global", "mov.b64 %place, %in"), ("const", "mov.u64 %place, constant_bytes"),
      ("param", "mov.b64 %place, parameter_bytes"), ("param::entry", "mov.b64 %place, parameter_bytes"),
    ]
    let roundTrips = spaces.map { space, address in
      FormCase(
        text: "\(address); cvta.\(space).u64 %generic, %place; cvta.to.\(space).u64 %generic, %generic; "
          + "sub.u64 $d, %generic, %place", [.double], []
      ) { _ in [.bits(0)] }
    }
    let tests = spaces.flatMap { space, address in
      spaces.filter {
        !["param::entry", "shared::cta", "shared::cluster", "const", "global"].contains($0.0) || space == $0.0
      }
      .map { other, _ in
        FormCase(
          text: "\(address); cvta.\(space).u64 %generic, %place; isspacep.\(other) $d, %generic",
          [.predicate], []
        ) { _ in
          let kind = { (name: String) in name.split(separator: ":")[0] }
          return [.bits(kind(space) == kind(other) ? 1 : 0)]
        }
      }
    }
    return roundTrips + tests
  }
}
