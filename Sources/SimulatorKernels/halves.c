#include "include/simulator_halves.h"

#include "bits.h"
#include "include/simulator_floats.h"

#pragma STDC FP_CONTRACT OFF

SIM_INLINE float widened(uint32_t bits, int is_bf16) { return is_bf16 ? float_of(bits << 16) : float_of_f16(bits); }

SIM_INLINE uint32_t narrowed(float value, int is_bf16) { return is_bf16 ? bf16_bits(value) : f16_bits(value); }

// a · b + c as a float between whose neighbours the exact number lies and whose last bit says whether it is exact:
// rounded once more, to 11 bits or fewer, it gives what the exact number gives. The product is exact in double
// precision; the error of the sum, and then of the narrowing, is told by the last bit.
SIM_INLINE float fused(float a, float b, float c) {
  double product = (double)a * b;
  double sum = product + c;
  double part = sum - product;
  double error = (product - (sum - part)) + ((double)c - part);
  uint64_t bits;
  memcpy(&bits, &sum, sizeof bits);
  // Away from the nearest towards zero, then odd. Infinities and NaN have no error to tell.
  int is_finite = (bits >> 52 & 0x7FF) != 0x7FF;
  if (is_finite && error != 0) {
    bits -= (error < 0) == (sum > 0);
    bits |= 1;
  }
  // The same for the narrowing to fp32, by cutting off: bits that are lost make the last one odd.
  double odd;
  memcpy(&odd, &bits, sizeof odd);
  float nearest = (float)odd;
  uint32_t narrow = bits_of(nearest);
  if ((narrow & 0x7F800000) != 0x7F800000 && (double)nearest != odd) {
    narrow -= __builtin_fabs((double)nearest) > __builtin_fabs(odd);
    narrow |= 1;
  }
  return float_of(narrow);
}

SIM_INLINE int32_t ordered(float value) {
  int32_t bits = (int32_t)bits_of(value);
  return bits ^ ((bits >> 31) & 0x7FFFFFFF);
}

SIM_INLINE float extremum(float a, float b, int is_maximum, int modifiers) {
  float chosen = (ordered(a) < ordered(b)) != is_maximum ? a : b;
  float number = a != a ? b : b != b ? a : chosen;
  return modifiers & SIM_HALF_NAN && (a != a || b != b) ? float_of(0x7FFFFFFF) : number;
}

// Sums and products of two numbers of 11 bits are rounded rightly by way of fp32, which has twice as many and two
// (Figueroa, "When is double rounding innocuous?", 1995).
SIM_INLINE float operated(sim_half_operation operation, float a, float b, float c, int modifiers) {
  switch (operation) {
    case SIM_HALF_ADD: return a + b;
    case SIM_HALF_SUB: return a - b;
    case SIM_HALF_MUL: return a * b;
    case SIM_HALF_FMA: return fused(a, b, c);
    case SIM_HALF_MIN: return extremum(a, b, 0, modifiers);
    case SIM_HALF_MAX: return extremum(a, b, 1, modifiers);
    default: return a;
  }
}

SIM_INLINE uint32_t flushed(uint32_t bits, int is_bf16, int modifiers) {
  return modifiers & SIM_HALF_FTZ && !is_bf16 && (bits & 0x7C00) == 0 ? bits & 0x8000 : bits;
}

SIM_INLINE uint32_t half(
    sim_half_operation operation, int is_bf16, int modifiers, uint32_t a, uint32_t b, uint32_t c) {
  if (operation == SIM_HALF_NEG) return flushed(a, is_bf16, modifiers) ^ 0x8000;
  if (operation == SIM_HALF_ABS) return flushed(a, is_bf16, modifiers) & 0x7FFF;
  float result = operated(
      operation, widened(flushed(a, is_bf16, modifiers), is_bf16), widened(flushed(b, is_bf16, modifiers), is_bf16),
      widened(flushed(c, is_bf16, modifiers), is_bf16), modifiers);
  if (modifiers & SIM_HALF_SATURATE) result = result > 0 ? result < 1 ? result : 1 : 0;
  if (modifiers & SIM_HALF_RELU) result = result > 0 || result != result ? result : 0;
  return flushed(narrowed(result, is_bf16), is_bf16, modifiers);
}

SIM_CLONES void sim_unpack_half(float *d, const uint32_t *a, sim_half_format format, int upper) {
#pragma clang loop vectorize(assume_safety)
  for (int l = 0; l < SIM_LANES; l++) {
    uint32_t bits = upper ? a[l] >> 16 : a[l] & 0xFFFF;
    d[l] = format == SIM_BF16 ? float_of(bits << 16) : float_of_f16(bits);
  }
}

#define HALVES(OPERATION, IS_BF16)                                                                             \
  _Pragma("clang loop vectorize(assume_safety)")                                                               \
  for (int l = 0; l < SIM_LANES; l++) {                                                                        \
    uint32_t low = half(OPERATION, IS_BF16, modifiers, a[l] & 0xFFFF, b[l] & 0xFFFF, c[l] & 0xFFFF);           \
    uint32_t high = half(OPERATION, IS_BF16, modifiers, a[l] >> 16, b[l] >> 16, c[l] >> 16);                   \
    d[l] = low | (pairs ? high << 16 : 0);                                                                     \
  }

#define BOTH_FORMATS(OPERATION)       \
  case OPERATION:                     \
    if (format == SIM_BF16) {         \
      HALVES(OPERATION, 1)            \
    } else {                          \
      HALVES(OPERATION, 0)            \
    }                                 \
    break;

SIM_CLONES void sim_half(
    sim_half_operation operation, sim_half_format format, int pairs, int modifiers, uint32_t *d, const uint32_t *a,
    const uint32_t *b, const uint32_t *c) {
  switch (operation) {
    BOTH_FORMATS(SIM_HALF_ADD)
    BOTH_FORMATS(SIM_HALF_SUB)
    BOTH_FORMATS(SIM_HALF_MUL)
    BOTH_FORMATS(SIM_HALF_FMA)
    BOTH_FORMATS(SIM_HALF_MIN)
    BOTH_FORMATS(SIM_HALF_MAX)
    BOTH_FORMATS(SIM_HALF_NEG)
    BOTH_FORMATS(SIM_HALF_ABS)
    case SIM_HALF_EX2:
    case SIM_HALF_TANH: {
      float low[SIM_LANES], high[SIM_LANES];
      sim_unpack_half(low, a, format, 0);
      sim_unpack_half(high, a, format, 1);
      if (operation == SIM_HALF_EX2) {
        sim_ex2_f32(low, low, 0);
        sim_ex2_f32(high, high, 0);
      } else {
        sim_tanh_f32(low, low);
        sim_tanh_f32(high, high);
      }
      for (int l = 0; l < SIM_LANES; l++) {
        d[l] = narrowed(low[l], format == SIM_BF16) | (pairs ? narrowed(high[l], format == SIM_BF16) << 16 : 0);
      }
    }
  }
}
