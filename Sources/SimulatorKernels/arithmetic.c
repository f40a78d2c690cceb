#include "include/simulator_floats.h"

#include "bits.h"

// Only what is written as a fused operation is one: otherwise results would depend on the machine.
#pragma STDC FP_CONTRACT OFF

SIM_INLINE float flushed(float value) {
  uint32_t bits = bits_of(value);
  return float_of((bits & 0x7F800000) == 0 ? bits & 0x80000000 : bits);
}

SIM_INLINE float operand(float value, int modifiers) { return modifiers & SIM_FTZ ? flushed(value) : value; }

SIM_INLINE float result(float value, int modifiers) {
  if (modifiers & SIM_FTZ) value = flushed(value);
  if (modifiers & SIM_SATURATE) {
    value = value > 0 ? value : 0;
    return value < 1 ? value : 1;
  }
  // On the bits: of numbers, the compiler takes one NaN for another.
  uint32_t bits = bits_of(value);
  return float_of((bits & 0x7FFFFFFF) > 0x7F800000 ? 0x7FFFFFFF : bits);
}

// The loop of an operation, with the modifiers known inside. Rows are the same or apart, so lanes are independent.
#define ROW(MODIFIERS, EXPRESSION)                                                \
  _Pragma("clang loop vectorize(assume_safety)")                                  \
  for (int lane = 0; lane < SIM_LANES; lane++) d[lane] = result(EXPRESSION, MODIFIERS);
#define ROW_WITH_MODIFIERS(EXPRESSION)                                            \
  if (modifiers == 0) {                                                           \
    enum { known = 0 };                                                           \
    ROW(known, EXPRESSION)                                                        \
  } else if (modifiers == SIM_FTZ) {                                              \
    enum { known = SIM_FTZ };                                                     \
    ROW(known, EXPRESSION)                                                        \
  } else {                                                                        \
    const int known = modifiers;                                                  \
    ROW(known, EXPRESSION)                                                        \
  }
#define A operand(a[lane], known)
#define B operand(b[lane], known)
#define C operand(c[lane], known)

SIM_CLONES void sim_add_f32(float *d, const float *a, const float *b, int modifiers) {
  ROW_WITH_MODIFIERS(A + B)
}

SIM_CLONES void sim_sub_f32(float *d, const float *a, const float *b, int modifiers) {
  ROW_WITH_MODIFIERS(A - B)
}

SIM_CLONES void sim_mul_f32(float *d, const float *a, const float *b, int modifiers) {
  ROW_WITH_MODIFIERS(A * B)
}

SIM_CLONES void sim_fma_f32(float *d, const float *a, const float *b, const float *c, int modifiers) {
  ROW_WITH_MODIFIERS(__builtin_fmaf(A, B, C))
}

// −0 is less than +0: integers of the same order as the numbers.
SIM_INLINE int32_t ordered(float value) {
  int32_t bits = (int32_t)bits_of(value);
  return bits ^ ((bits >> 31) & 0x7FFFFFFF);
}

SIM_INLINE float extremum(float a, float b, int is_maximum, int nan) {
  float chosen = (ordered(a) < ordered(b)) != is_maximum ? a : b;
  float number = a != a ? b : b != b ? a : chosen;
  return nan && (a != a || b != b) ? float_of(0x7FFFFFFF) : number;
}

SIM_CLONES void sim_min_f32(float *d, const float *a, const float *b, int modifiers, int nan) {
  ROW_WITH_MODIFIERS(extremum(A, B, 0, nan))
}

SIM_CLONES void sim_max_f32(float *d, const float *a, const float *b, int modifiers, int nan) {
  ROW_WITH_MODIFIERS(extremum(A, B, 1, nan))
}

SIM_CLONES void sim_div_f32(float *d, const float *a, const float *b, int modifiers) {
  ROW_WITH_MODIFIERS((A / B))
}

SIM_CLONES void sim_rcp_f32(float *d, const float *a, int modifiers) { ROW_WITH_MODIFIERS((1.0f / A)) }

SIM_CLONES void sim_sqrt_f32(float *d, const float *a, int modifiers) {
  ROW_WITH_MODIFIERS(__builtin_elementwise_sqrt(A))
}

SIM_CLONES void sim_rsqrt_f32(float *d, const float *a, int modifiers) {
  ROW_WITH_MODIFIERS((float)(1.0 / __builtin_elementwise_sqrt((double)A)))
}

SIM_INLINE double double_of(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// The nearest integer of a number below 2^51 in magnitude.
SIM_INLINE double nearest(double value) {
  const double shift = 0x1.8p52;
  return (value + shift) - shift;
}

// 2^value for |value| < 1000: the fraction by the exponential series of degree 10, whose rest is below 2^-38.
SIM_INLINE double power_of_two(double value) {
  double whole = nearest(value);
  double t = (value - whole) * 0x1.62e42fefa39efp-1;
  double series =
      1 + t * (1 + t * (1.0 / 2 + t * (1.0 / 6 + t * (1.0 / 24 + t * (1.0 / 120 + t * (1.0 / 720 +
      t * (1.0 / 5040 + t * (1.0 / 40320 + t * (1.0 / 362880 + t * (1.0 / 3628800))))))))));
  return series * double_of((uint64_t)((int64_t)whole + 1023) << 52);
}

SIM_INLINE float ex2(float value) {
  double clamped = value < -200 ? -200 : value > 200 ? 200 : value;
  float power = (float)power_of_two(value != value ? 0 : clamped);
  return value != value ? value : power;
}

SIM_CLONES void sim_ex2_f32(float *d, const float *a, int modifiers) { ROW_WITH_MODIFIERS(ex2(A)) }

// log2 of m · 2^e, m in [√½, √2), by 2 · artanh((m − 1) / (m + 1)) to degree 17, whose rest is below 2^-50.
SIM_INLINE float lg2(float value) {
  double wide = value;
  uint64_t bits;
  memcpy(&bits, &wide, sizeof bits);
  // In steps of the fraction of √½, so that the exponent rises at √½ and not at 1.
  uint64_t above = bits - 0x3FE6A09E667F3BCDull;
  int64_t exponent = (int64_t)above >> 52;
  double m = double_of(bits - ((uint64_t)exponent << 52));
  double s = (m - 1) / (m + 1);
  double z = s * s;
  double series = 1 + z * (1.0 / 3 + z * (1.0 / 5 + z * (1.0 / 7 + z * (1.0 / 9 + z * (1.0 / 11 +
      z * (1.0 / 13 + z * (1.0 / 15 + z * (1.0 / 17))))))));
  float logarithm = (float)((double)exponent + 2 * s * series * 0x1.71547652b82fep0);
  float special = value == 0 ? -__builtin_inff() : value > 0 ? value : float_of(0x7FFFFFFF);
  return value > 0 && value < __builtin_inff() ? logarithm : special;
}

SIM_CLONES void sim_lg2_f32(float *d, const float *a, int modifiers) { ROW_WITH_MODIFIERS(lg2(A)) }

// sin(value + quarter · π/2): reduced to |t| ≤ π/4 with π/2 in two parts, then the series of both functions.
SIM_INLINE float sine(float value, int quarter) {
  double turns = nearest((double)value * 0x1.45f306dc9c883p-1);
  double t = ((double)value - turns * 0x1.921fb544p0) - turns * 0x1.0b4611a626331p-34;
  double z = t * t;
  double odd = t * (1 + z * (-1.0 / 6 + z * (1.0 / 120 + z * (-1.0 / 5040 + z * (1.0 / 362880 - z * (1.0 / 39916800))))));
  double even = 1 + z * (-1.0 / 2 + z * (1.0 / 24 + z * (-1.0 / 720 + z * (1.0 / 40320 - z * (1.0 / 3628800)))));
  int64_t quadrant = (int64_t)turns + quarter;
  double magnitude = quadrant & 1 ? even : odd;
  return (float)(quadrant & 2 ? -magnitude : magnitude);
}

// Beyond 2^20 turns the hardware's error is not bounded; NaN for infinities.
SIM_INLINE float sine_or_nan(float value, int quarter) {
  float magnitude = __builtin_fabsf(value);
  float bounded = sine(magnitude < 0x1p30f ? value : 0, quarter);
  return magnitude < __builtin_inff() ? bounded : float_of(0x7FFFFFFF);
}

SIM_CLONES void sim_sin_f32(float *d, const float *a, int modifiers) { ROW_WITH_MODIFIERS(sine_or_nan(A, 0)) }

SIM_CLONES void sim_cos_f32(float *d, const float *a, int modifiers) { ROW_WITH_MODIFIERS(sine_or_nan(A, 1)) }

// tanh = (e − 1) / (e + 1) with e = exp(2 |a|); near 0, where that cancels, the series.
SIM_INLINE float hyperbolic_tangent(float value) {
  double magnitude = __builtin_fabs((double)value);
  double z = magnitude * magnitude;
  double small = magnitude * (1 + z * (-1.0 / 3 + z * (2.0 / 15 - z * (17.0 / 315))));
  double e = power_of_two((magnitude < 40 ? magnitude : 40) * 0x1.71547652b82fep1);
  double t = magnitude < 0x1p-4 ? small : (e - 1) / (e + 1);
  return value != value ? float_of(0x7FFFFFFF) : (float)__builtin_copysign(t, (double)value);
}

SIM_CLONES void sim_tanh_f32(float *d, const float *a) {
#pragma clang loop vectorize(assume_safety)
  for (int lane = 0; lane < SIM_LANES; lane++) d[lane] = hyperbolic_tangent(a[lane]);
}
