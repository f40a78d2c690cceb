// Vectors of LANES floats, written with the compiler's vector types so that one text serves every
// instruction set. Included by one C file per instruction set, after it has defined LANES and set its
// target attributes; a product and a sum in one expression become a fused multiply-add where there is one.
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "CPUMicrokernels.h"

#define UNROLL _Pragma("clang loop unroll(full)")

typedef float lanes __attribute__((vector_size(LANES * 4)));
typedef int32_t int_lanes __attribute__((vector_size(LANES * 4)));
typedef float loose_lanes __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t loose_int_lanes __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

static inline lanes load(const float *source) { return *(const loose_lanes *)source; }
static inline void store(float *target, lanes value) { *(loose_lanes *)target = value; }
static inline lanes splat(float value) { return value - (lanes){0}; }
static inline lanes bits_where(int_lanes mask, lanes value) { return (lanes)(mask & (int_lanes)value); }
static inline lanes choose(int_lanes mask, lanes yes, lanes no) {
  return (lanes)((mask & (int_lanes)yes) | (~mask & (int_lanes)no));
}

// Every other lane of two vectors.
#if LANES == 16
#define EVEN_LANES 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD_LANES 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#elif LANES == 8
#define EVEN_LANES 0, 2, 4, 6, 8, 10, 12, 14
#define ODD_LANES 1, 3, 5, 7, 9, 11, 13, 15
#else
#define EVEN_LANES 0, 2, 4, 6
#define ODD_LANES 1, 3, 5, 7
#endif

// Sums of neighbouring lanes, in the lower half; the upper half is 0.
static inline lanes pair_sums(lanes a) {
  lanes zero = {0};
  return __builtin_shufflevector(a, zero, EVEN_LANES) + __builtin_shufflevector(a, zero, ODD_LANES);
}

static inline lanes largest(lanes a, lanes b) { return choose(a > b, a, b); }

static inline float bf16_value(uint16_t bits) {
  uint32_t wide = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &wide, 4);
  return value;
}

static inline uint16_t bf16_rounding(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// 2^x for x <= 0, relative error below 1.2e-7; 0 below -126, where the result would be subnormal, and for
// -inf. Coefficients: minimax in relative error of 2^f on |f| <= 1/2, constant term exactly 1.
static inline lanes exp2_nonpositive(lanes x) {
  const float to_integer = 0x1.8p23f;
  lanes shifted = x + to_integer;
  lanes f = x - (shifted - to_integer);
  lanes p = splat(0x1.41d2b8p-13f);
  p = p * f + 0x1.5f4638p-10f;
  p = p * f + 0x1.3b2dc0p-7f;
  p = p * f + 0x1.c6aed2p-5f;
  p = p * f + 0x1.ebfbdap-3f;
  p = p * f + 0x1.62e430p-1f;
  p = p * f + 1.0f;
  int_lanes exponent = (int_lanes)shifted << 23;
  return choose(x < -126.0f, splat(0), (lanes)((int_lanes)p + exponent));
}
