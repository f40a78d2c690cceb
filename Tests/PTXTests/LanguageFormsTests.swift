import AssemblerSupport
import AssemblerTools
import PTX
import TestSupport
import Testing

/// Kernels that together use every production form through typed builders.
@Suite("Kernel language: instruction forms")
struct LanguageFormsTests {
  @Test("Every production form is written by a typed builder")
  func productionForms() throws {
    let kernels = try FormKernels.all()
    var written: Set<FormKey> = []
    for kernel in kernels {
      for case .instruction(let instruction) in kernel.function.body ?? [] {
        let form = try #require(InstructionForms.decode(instruction), "\(instruction.spelling)")
        written.insert(FormKey(form))
      }
    }
    let missing = ProductionForms.spellings.filter { spelling in
      !(0...8).contains { count in
        InstructionForms.decode(spelling, operandCount: count).map { written.contains(FormKey($0)) } ?? false
      }
    }
    #expect(missing.isEmpty)
  }

  @Test("The kernels of all forms assemble")
  func assemble() throws {
    for kernel in try FormKernels.all() {
      #expect(throws: Never.self, "\(kernel.function.name)") {
        try Ptxas.forTests().assemble(kernel.module.description)
      }
    }
  }

  /// A form and its modifiers, in whatever order they were spelled.
  private struct FormKey: Hashable {
    var index: Int
    var choices: [UInt8?]

    init(_ form: DecodedForm) {
      index = form.index
      choices = form.choices
    }
  }
}

enum FormKernels {
  static func all() throws -> [Kernel] {
    try [
      integers(), floats(), comparisons(), conversions(), memory(), parameters(), asynchronous(), barriers(),
      matrices(), warps(),
    ]
  }

  /// Stores a value where nobody looks, so that the assembler keeps its computation.
  private static func keep<T: MemoryElement>(
    _ value: Value<T>, _ k: KernelBuilder, _ to: Pointer<B64, Global>
  ) {
    k.store(value, to: to.reinterpreted(as: T.self))
  }

  static func integers() throws -> Kernel {
    try Kernel("integers", .threads(128)) { k in
      let out = k.parameter("out", pointerTo: B64.self)
      let s = k.parameter("s", S32.self)
      let u = k.parameter("u", U32.self)
      let wide = k.parameter("wide", U64.self)
      let long = k.parameter("long", S64.self)
      let short = k.parameter("short", U16.self)
      keep(s + s - 3, k, out)
      keep(-(s * s / 3 % 5), k, out)
      keep(u / 3 + u % 7, k, out)
      keep(k.multiplyHigh(u, u), k, out)
      keep(k.multiplyWide(u, 3), k, out)
      keep(k.multiplyWide(s, 3), k, out)
      keep(k.mad(s, s, 7), k, out)
      keep(long * long + 4, k, out)
      keep(wide + wide, k, out)
      keep(((wide << 3) >> 1) & 0xFF | wide ^ 5, k, out)
      keep(~u & (u << 2 | 9) ^ u >> 3, k, out)
      keep(s >> 3, k, out)
      keep(k.min(s, 3), k, out)
      keep(k.max(s, 9), k, out)
      keep(k.min(u, 3), k, out)
      keep(k.max(u, 9), k, out)
      keep(short & 7, k, out)
      let bits = u.bits(as: B32.self)
      keep(k.insertBits(of: bits, into: bits, position: 3, length: 5), k, out)
      keep(k.insertBits(of: wide, into: wide, position: 3, length: 5), k, out)
      keep(k.permuteBytes(bits, bits, selector: 0x3210), k, out)
      let p = u == 3
      keep(k.select(p, s.bits(as: B32.self), 0), k, out)
      keep(k.select(p, u, 1), k, out)
      keep(k.select(p, wide.bits(as: B64.self), 2), k, out)
      keep(k.select(p, short, 3), k, out)
      let signed = k.variable("signed", S32.self, 3)
      let unsigned = k.variable("unsigned", U64.self, 3)
      let narrow = k.variable("narrow", U16.self, 3)
      k.if(p, isUniform: true) {
        signed += 1
        unsigned += 1
        narrow += 1
      }
      keep(signed.value, k, out)
      keep(unsigned.value, k, out)
      keep(narrow.value, k, out)
      k.if(u == 77) { k.trap() }
      k.print("%d of %u: %lld\n", s, u, long)
    }
  }

  static func floats() throws -> Kernel {
    try Kernel("floats", .threads(128)) { k in
      let out = k.parameter("out", pointerTo: B64.self)
      let a = k.parameter("a", F32.self)
      let b = k.parameter("b", F32.self)
      let pair = k.parameter("pair", BF16x2.self)
      keep(k.fma(a, b, a + b - 1) * b, k, out)
      keep(k.divideApproximately(a, b), k, out)
      keep(k.exp2(a) + k.log2(b) + k.reciprocal(a), k, out)
      keep(k.max(a, b), k, out)
      keep(k.select(a < b, a, b), k, out)
      let raised = (a.bits(as: B32.self).bits(as: U32.self) + 0x80_0000).bits(as: F32.self)
      keep(raised * Value<U32>(0x4000_0000).bits(as: F32.self), k, out)
      keep(pair * pair, k, out)
      let sum = k.variable("sum", F32.self, 0)
      k.for(0..<4) { _ in sum += a }
      keep(sum.value, k, out)
    }
  }

  static func comparisons() throws -> Kernel {
    try Kernel("comparisons", .threads(128)) { k in
      let out = k.parameter("out", pointerTo: B64.self)
      let s = k.parameter("s", S32.self)
      let u = k.parameter("u", U32.self)
      let long = k.parameter("long", S64.self)
      let short = k.parameter("short", S16.self)
      let f = k.parameter("f", F32.self)
      let bits = u.bits(as: B32.self)
      var all = k.let("all", bits == 3 || bits != 4)
      for next in [
        f == 0, f != 1, k.compare(f, .equ, 2), k.compare(f, .leu, 3), short == 4, short != 5, s == 6, s != 7,
        s < 8, s <= 9, s > 10, s >= 11, u < 12, u <= 13, u > 14, u >= 15, long == 16, long != 17,
      ] { all = all && !next ^ (u == 18) }
      let flag = k.variable("flag", Pred.self, false)
      k.if(u == 4) { flag.set(all) }
      keep(k.select(flag.value, u, 0), k, out)
    }
  }

  static func conversions() throws -> Kernel {
    try Kernel("conversions", .threads(128)) { k in
      let out = k.parameter("out", pointerTo: B64.self)
      let u = k.parameter("u", U32.self)
      let s = k.parameter("s", S32.self)
      let f = k.parameter("f", F32.self)
      let narrow = u.to(U16.self)
      keep(narrow.to(U32.self), k, out)
      keep(narrow.to(U64.self), k, out)
      keep(u.to(U64.self), k, out)
      keep(k.parameter("wide", U64.self).to(U32.self), k, out)
      keep(s.to(S64.self), k, out)
      keep(k.parameter("byte", S8.self).to(S32.self), k, out)
      keep(f.to(BF16.self), k, out)
      keep(f.to(F16.self), k, out)
      keep(k.parameter("brain", BF16.self).to(F32.self), k, out)
      keep(k.parameter("half", F16.self).to(F32.self), k, out)
      keep(k.pack(BF16x2.self, f, f), k, out)
      keep(k.parameter("eights", E4M3x2.self).to(F16x2.self), k, out)
      keep(k.join(B32.self, [narrow, narrow]), k, out)
      keep(k.join(B64.self, [u, u]), k, out)
      keep(k.split(s.to(S64.self), into: U32.self)[1], k, out)
    }
  }

  static func memory() throws -> Kernel {
    try Kernel("memory", .threads(128)) { k in
      let out = k.parameter("out", pointerTo: B64.self, alignment: 16)
      let word = out.reinterpreted(as: U32.self)
      let signed = out.reinterpreted(as: S32.self)
      let float = out.reinterpreted(as: F32.self)
      let hints = CacheHints(l1: .last, prefetchByteCount: 128)
      let more = CacheHints(l1: .last, prefetchByteCount: 256)
      k.store(k.load(signed, count: 4, isReadOnly: true, hints: hints)[0], to: signed)
      k.store(k.load(signed, count: 4, isReadOnly: true, hints: more)[1], to: signed)
      k.store(k.load(signed, count: 2, isReadOnly: true)[1], to: signed)
      k.store(k.load(float, isReadOnly: true), to: float)
      k.store(k.load(word, isReadOnly: true), to: word)
      float[1] += 1
      signed[1] += 1
      word[1] += 1
      k.store(k.load(word, count: 4), to: word + 4)
      k.store(Array(k.load(word, count: 4)[0..<2]), to: word + 8)
      float[0] = k.load(float, count: 4)[2]
      out.reinterpreted(as: U16.self)[0] = 3
      out.reinterpreted(as: U64.self)[0] = 3
      let generic = word.generic()
      word[2] = k.load(generic, order: .acquire(.device))
      word[3] = k.atomic(.add, generic, 1, order: .release(.device))
      k.store(4, to: generic.reinterpreted(as: U64.self))
      let tile = k.shared("tile", U64.self, count: 64, alignment: 16)
      let floats = tile.reinterpreted(as: F32.self)
      let words = tile.reinterpreted(as: U32.self)
      let bytes = tile.reinterpreted(as: U8.self)
      floats[1] = floats[0]
      words[2] = words[3]
      k.store(k.load(floats, count: 2), to: floats + 2)
      k.store(k.load(bytes, count: 2), to: bytes + 2)
      k.store(k.load(words, count: 4), to: words + 4)
      k.store([5, 6], to: tile)
      let back = words.generic().in(Shared.self)
      words[7] = back[0]
      let private_ = k.local("scratch", U32.self, count: 8, alignment: 8)
      let index = k.let("index", words[0] & 3)
      private_[index] = 3
      (private_.reinterpreted(as: U64.self) + index)[0] = 4
      word[5] = private_[index]
      let buffer = private_.generic()
      word[6] = buffer[0]
      word[7] = out.generic().in(Global.self).reinterpreted(as: U32.self)[0]
    }
  }

  static func parameters() throws -> Kernel {
    var layout = ParameterLayout()
    let scales = layout.field(F32.self, count: 2)
    let sizes = layout.field(U32.self, count: 2)
    let flag = layout.field(U8.self)
    let pointer = layout.pointer(to: B64.self)
    return try Kernel("parameters", .threads(128)) { k in
      let problem = k.parameter("problem", layout)
      let out = problem[pointer]
      keep(problem.vector(scales)[1], k, out)
      keep(problem.vector(sizes)[1], k, out)
      keep(problem[flag], k, out)
      keep(k.parameter("bits", B32.self), k, out)
    }
  }
}
