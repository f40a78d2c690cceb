/// Instructions of one thread (PTX ISA 9.7.1 to 9.7.10, 9.7.13).
extension InstructionForms {
  /// PTX ISA 9.7.1, 9.7.2: integer arithmetic.
  static let arithmetic: [InstructionForm] = [
    row("add sat? type=$int|u16x2|s16x2", "w r r", .integer),
    row("sub sat? type=$int", "w r r", .integer),
    row("mul part=lo|hi|wide type=$int", "w r r", .integerMultiply),
    row("mad part=lo|hi|wide sat? type=$int", "w r r r", .integerMultiply),
    row("mul24 part=lo|hi type=u32|s32", "w r r", .integerMultiply),
    row("mad24 part=lo|hi sat? type=u32|s32", "w r r r", .integerMultiply),
    row("div type=$int", "w r r", .integerDivide),
    row("rem type=$int", "w r r", .integerDivide),
    row("abs type=s16|s32|s64", "w r", .integer),
    row("neg type=s16|s32|s64", "w r", .integer),
    row("min relu? type=$int|u16x2|s16x2", "w r r", .integer),
    row("max relu? type=$int|u16x2|s16x2", "w r r", .integer),
    row("add cc type=u32|s32|u64|s64", "w r r", .integer),
    row("addc cc? type=u32|s32|u64|s64", "w r r", .integer),
    row("sub cc type=u32|s32|u64|s64", "w r r", .integer),
    row("subc cc? type=u32|s32|u64|s64", "w r r", .integer),
    row("mad cc part=lo|hi type=u32|s32|u64|s64", "w r r r", .integerMultiply),
    row("madc cc? part=lo|hi type=u32|s32|u64|s64", "w r r r", .integerMultiply),
    row("sad type=$int", "w r r r", .integer),
    row("popc type=b32|b64", "w r", .specialFunction),
    row("clz type=b32|b64", "w r", .specialFunction),
    row("brev type=b32|b64", "w r", .specialFunction),
    row("bfind shiftamt? type=u32|s32|u64|s64", "w r", .specialFunction),
    row("bfe type=u32|s32|u64|s64", "w r r r", .integer),
    row("bfi type=b32|b64", "w r r r r", .integer),
    row("fns type=b32", "w r r r", .specialFunction),
    row("szext mode=clamp|wrap type=u32|s32", "w r r", .integer, since: .init(7, 6)),
    row("bmsk mode=clamp|wrap type=b32", "w r r", .integer, since: .init(7, 6)),
    row("dp4a atype=u32|s32 btype=u32|s32", "w r r r", .integerMultiply),
    row("dp2a part=lo|hi atype=u32|s32 btype=u32|s32", "w r r r", .integerMultiply),
  ]

  /// PTX ISA 9.7.3 to 9.7.5: floating point, single, double and half.
  static let floatingPoint: [InstructionForm] = [
    row("add round=rn|rz|rm|rp? ftz? sat? type=f32", "w r r", .float),
    row("sub round=rn|rz|rm|rp? ftz? sat? type=f32", "w r r", .float),
    row("mul round=rn|rz|rm|rp? ftz? sat? type=f32", "w r r", .float),
    row("fma round=rn|rz|rm|rp ftz? sat? type=f32", "w r r r", .float),
    row("mad round=rn|rz|rm|rp ftz? sat? type=f32", "w r r r", .float),
    row("min ftz? nan=NaN? xorsign? abs? type=f32", "w r r", .integer),
    row("max ftz? nan=NaN? xorsign? abs? type=f32", "w r r", .integer),
    row("abs ftz? type=f32", "w r", .float),
    row("neg ftz? type=f32", "w r", .float),
    row("copysign type=f32|f64", "w r r", .float),
    row("div approx=approx|full ftz? type=f32", "w r r", .specialFunction),
    row("div round=rn|rz|rm|rp ftz? type=f32", "w r r", .specialFunction),
    row("rcp approx=approx? round=rn|rz|rm|rp? ftz? type=f32", "w r", .specialFunction),
    row("sqrt approx=approx? round=rn|rz|rm|rp? ftz? type=f32", "w r", .specialFunction),
    row("rsqrt approx ftz? type=f32", "w r", .specialFunction),
    row("sin approx ftz? type=f32", "w r", .specialFunction),
    row("cos approx ftz? type=f32", "w r", .specialFunction),
    row("lg2 approx ftz? type=f32", "w r", .specialFunction),
    row("ex2 approx ftz? type=f32|f16|f16x2|bf16|bf16x2", "w r", .specialFunction),
    row("tanh approx type=f32|f16|f16x2|bf16|bf16x2", "w r", .specialFunction),
    row("testp test=finite|infinite|number|notanumber|normal|subnormal type=f32|f64", "w r", .float),
    row("add round=rn|rz|rm|rp? type=f64", "w r r", .double),
    row("sub round=rn|rz|rm|rp? type=f64", "w r r", .double),
    row("mul round=rn|rz|rm|rp? type=f64", "w r r", .double),
    row("fma round=rn|rz|rm|rp type=f64", "w r r r", .double),
    row("div round=rn|rz|rm|rp type=f64", "w r r", .double),
    row("rcp round=rn|rz|rm|rp type=f64", "w r", .double),
    row("sqrt round=rn|rz|rm|rp type=f64", "w r", .double),
    row("min type=f64", "w r r", .double),
    row("max type=f64", "w r r", .double),
    row("abs type=f64", "w r", .double),
    row("neg type=f64", "w r", .double),
    row("add round=rn? ftz? sat? type=$half", "w r r", .half),
    row("sub round=rn? ftz? sat? type=$half", "w r r", .half),
    row("mul round=rn? ftz? sat? type=$half", "w r r", .half),
    row("fma round=rn ftz? sat? relu? type=$half", "w r r r", .half),
    row("min ftz? nan=NaN? xorsign? abs? type=$half", "w r r", .half),
    row("max ftz? nan=NaN? xorsign? abs? type=$half", "w r r", .half),
    row("abs ftz? type=$half", "w r", .half),
    row("neg ftz? type=$half", "w r", .half),
  ]

  private static let comparison =
    "compare=eq|ne|lt|le|gt|ge|lo|ls|hi|hs|equ|neu|ltu|leu|gtu|geu|num|nan"

  /// PTX ISA 9.7.6 to 9.7.8: comparison, selection, logic and shifts.
  static let logic: [InstructionForm] = [
    row("setp \(comparison) ftz? type=$any|$half", "w r r", .integer),
    row("setp \(comparison) combine=and|or|xor ftz? type=$any|$half", "w r r r", .integer),
    row(
      "set \(comparison) ftz? to=u32|s32|f32|u16|s16|f16|bf16|f16x2|bf16x2 type=$any|$half", "w r r", .integer
    ),
    row(
      "set \(comparison) combine=and|or|xor ftz? to=u32|s32|f32|u16|s16|f16|bf16|f16x2|bf16x2 type=$any|$half",
      "w r r r", .integer),
    row("selp type=$any", "w r r r", .integer),
    row("slct ftz? type=$any by=s32|f32", "w r r r", .integer),
    row("and type=pred|$bits", "w r r", .integer),
    row("or type=pred|$bits", "w r r", .integer),
    row("xor type=pred|$bits", "w r r", .integer),
    row("not type=pred|$bits", "w r", .integer),
    row("cnot type=$bits", "w r", .integer),
    row("lop3 type=b32", "w r r r r", .integer),
    row("lop3 combine=and|or type=b32", "w r r r r r", .integer),
    row("shf direction=l|r mode=clamp|wrap type=b32", "w r r r", .integer),
    row("shl type=$bits", "w r r", .integer),
    row("shr type=b16|b32|b64|u16|u32|u64|s16|s32|s64", "w r r", .integer),
    row("prmt type=b32 mode=f4e|b4e|rc8|ecl|ecr|rc16?", "w r r r", .integer),
  ]

  /// PTX ISA 9.7.9: moves and conversions.
  static let movement: [InstructionForm] = [
    row("mov type=pred|$any|f16|bf16|f16x2|bf16x2|b128", "w r", .integer),
    row(
      "cvta to? space=global|shared|shared::cta|shared::cluster|local|const|param|param::entry type=u64",
      "w r", .integer),
    row(
      "isspacep space=global|shared|shared::cta|shared::cluster|local|const|param|param::entry", "w r",
      .integer),
    row("mapa space=shared::cluster? type=u32|u64", "w r r", .integer, since: .init(7, 8)),
    row("getctarank space=shared::cluster? type=u32|u64", "w r", .integer, since: .init(7, 8)),
    row(
      "cvt round=rn|rz|rm|rp|rni|rzi|rmi|rpi? ftz? sat? to=$cvt from=$cvt", "w r",
      .conversion),
    row("cvt round=rn|rz relu? satfinite? to=f16x2|bf16x2 from=f32", "w r r", .conversion),
    row("cvt round=rna satfinite? to=tf32 from=f32", "w r", .conversion, since: .init(7, 0)),
    row("cvt round=rn|rz satfinite? relu? to=tf32|bf16|f16 from=f32", "w r", .conversion, since: .init(7, 0)),
    row("cvt round=rn satfinite relu? to=e4m3x2|e5m2x2 from=f32", "w r r", .conversion, since: .init(7, 8)),
    row("cvt round=rn satfinite relu? to=e4m3x2|e5m2x2 from=f16x2", "w r", .conversion, since: .init(7, 8)),
    row("cvt round=rn relu? to=f16x2 from=e4m3x2|e5m2x2", "w r", .conversion, since: .init(7, 8)),
    row("cvt pack sat to=u16|s16 from=s32", "w r r", .conversion),
    row("cvt pack sat to=u8|s8 from=s32 with=b32", "w r r r", .conversion),
  ]

  /// PTX ISA 9.7.12, 9.7.14, 9.7.19: control flow and the rest that a thread does.
  static let control: [InstructionForm] = [
    row("bra uni?", "l", .control),
    row("brx idx uni?", "r c", .control),
    row("call uni?", "c c? c? c?", .control),
    row("ret uni?", "", .control),
    row("exit", "", .control),
    row("trap", "", .control),
    row("brkpt", "", .control),
    row("nanosleep type=u32", "r", .control),
    row("pmevent mask?", "r", .control),
    row("setmaxnreg action=inc|dec sync aligned type=u32", "r", .control, since: .init(8, 0)),
  ]
}
