#include "include/simulator_integers.h"

#include <string.h>

#include "clones.h"
#include "include/simulator_floats.h"

// A loop over lanes. Rows are the same or apart, so lanes are independent.
#define LANES                                         \
  _Pragma("clang loop vectorize(assume_safety)")      \
  for (int l = 0; l < SIM_LANES; l++)

// Division is one lane after the other: vectors have none.
#define SCALAR_LANES                                  \
  _Pragma("clang loop vectorize(disable)")            \
  for (int l = 0; l < SIM_LANES; l++)

// Defines the operations of a type: TYPE computes, STORE is what the row holds, WIDE has twice the bits. Unsigned
// arithmetic wraps; signed operands go through it.
#define OPERATIONS(NAME, TYPE, UNSIGNED, STORE, WIDE, BITS)                                                          \
  SIM_INLINE void NAME(sim_integer_operation operation, STORE *d, const STORE *a, const STORE *b, const STORE *c) {  \
    const uint32_t *amount = (const uint32_t *)b;                                                                    \
    switch (operation) {                                                                                             \
      case SIM_ADD: LANES d[l] = (UNSIGNED)((UNSIGNED)a[l] + (UNSIGNED)b[l]); break;                                 \
      case SIM_SUB: LANES d[l] = (UNSIGNED)((UNSIGNED)a[l] - (UNSIGNED)b[l]); break;                                 \
      case SIM_MUL_LO: LANES d[l] = (UNSIGNED)((STORE)(UNSIGNED)a[l] * (UNSIGNED)b[l]); break;                       \
      case SIM_MUL_HI: LANES d[l] = (UNSIGNED)(((WIDE)(TYPE)a[l] * (WIDE)(TYPE)b[l]) >> BITS); break;                \
      case SIM_MAD_LO:                                                                                               \
        LANES d[l] = (UNSIGNED)((STORE)(UNSIGNED)a[l] * (UNSIGNED)b[l] + (UNSIGNED)c[l]);                            \
        break;                                                                                                       \
      case SIM_MAD_HI:                                                                                               \
        LANES d[l] = (UNSIGNED)((UNSIGNED)(((WIDE)(TYPE)a[l] * (WIDE)(TYPE)b[l]) >> BITS) + (UNSIGNED)c[l]);         \
        break;                                                                                                       \
      case SIM_DIV:                                                                                                  \
        SCALAR_LANES {                                                                                               \
          TYPE x = (TYPE)a[l], y = (TYPE)b[l];                                                                       \
          d[l] = y == 0 ? (UNSIGNED)~(UNSIGNED)0                                                                     \
                        : y == (TYPE)-1 && (TYPE)-1 < 0 ? (UNSIGNED)(0 - (UNSIGNED)x) : (UNSIGNED)(x / y);           \
        }                                                                                                            \
        break;                                                                                                       \
      case SIM_REM:                                                                                                  \
        SCALAR_LANES {                                                                                               \
          TYPE x = (TYPE)a[l], y = (TYPE)b[l];                                                                       \
          d[l] = y == 0 ? (UNSIGNED)x : y == (TYPE)-1 && (TYPE)-1 < 0 ? 0 : (UNSIGNED)(x % y);                       \
        }                                                                                                            \
        break;                                                                                                       \
      case SIM_MIN: LANES d[l] = (UNSIGNED)((TYPE)a[l] < (TYPE)b[l] ? (TYPE)a[l] : (TYPE)b[l]); break;               \
      case SIM_MAX: LANES d[l] = (UNSIGNED)((TYPE)a[l] > (TYPE)b[l] ? (TYPE)a[l] : (TYPE)b[l]); break;               \
      case SIM_ABS: LANES d[l] = (UNSIGNED)((TYPE)a[l] < 0 ? 0 - (UNSIGNED)a[l] : (UNSIGNED)a[l]); break;            \
      case SIM_NEG: LANES d[l] = (UNSIGNED)(0 - (UNSIGNED)a[l]); break;                                              \
      case SIM_AND: LANES d[l] = a[l] & b[l]; break;                                                                 \
      case SIM_OR: LANES d[l] = a[l] | b[l]; break;                                                                  \
      case SIM_XOR: LANES d[l] = a[l] ^ b[l]; break;                                                                 \
      case SIM_NOT: LANES d[l] = (UNSIGNED)~a[l]; break;                                                             \
      case SIM_CNOT: LANES d[l] = (UNSIGNED)a[l] == 0; break;                                                        \
      case SIM_SHL:                                                                                                  \
        LANES d[l] = amount[l] < BITS ? (UNSIGNED)(a[l] << (amount[l] & (BITS - 1))) : 0;                            \
        break;                                                                                                       \
      case SIM_SHR:                                                                                                  \
        LANES d[l] = (UNSIGNED)((TYPE)-1 < 0                                                                         \
            ? (TYPE)a[l] >> (amount[l] < BITS ? amount[l] : BITS - 1)                                                \
            : amount[l] < BITS ? (TYPE)a[l] >> (amount[l] & (BITS - 1)) : 0);                                        \
        break;                                                                                                       \
      case SIM_SAD:                                                                                                  \
        LANES d[l] = (UNSIGNED)(c[l] + ((TYPE)a[l] < (TYPE)b[l] ? (UNSIGNED)b[l] - (UNSIGNED)a[l]                    \
                                                                 : (UNSIGNED)a[l] - (UNSIGNED)b[l]));                \
        break;                                                                                                       \
      case SIM_COPY: LANES d[l] = (UNSIGNED)a[l]; break;                                                             \
      case SIM_ADD_SATURATED:                                                                                        \
      case SIM_SUB_SATURATED: break;                                                                                 \
    }                                                                                                                \
  }

OPERATIONS(operate_u16, uint16_t, uint16_t, uint32_t, uint32_t, 16)
OPERATIONS(operate_s16, int16_t, uint16_t, uint32_t, int32_t, 16)
OPERATIONS(operate_u32, uint32_t, uint32_t, uint32_t, uint64_t, 32)
OPERATIONS(operate_s32, int32_t, uint32_t, uint32_t, int64_t, 32)
OPERATIONS(operate_u64, uint64_t, uint64_t, uint64_t, unsigned __int128, 64)
OPERATIONS(operate_s64, int64_t, uint64_t, uint64_t, __int128, 64)

SIM_INLINE uint32_t saturated(int64_t value) {
  return (uint32_t)(value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : value);
}

SIM_CLONES void sim_integer(
    sim_integer_operation operation, sim_integer_type type, void *d, const void *a, const void *b, const void *c) {
  // Saturating sums exist for s32 only.
  if (operation == SIM_ADD_SATURATED || operation == SIM_SUB_SATURATED) {
    const int32_t *x = a, *y = b;
    uint32_t *sum = d;
    if (operation == SIM_ADD_SATURATED) {
      LANES sum[l] = saturated((int64_t)x[l] + y[l]);
    } else {
      LANES sum[l] = saturated((int64_t)x[l] - y[l]);
    }
    return;
  }
  switch (type) {
    case SIM_U16: operate_u16(operation, d, a, b, c); break;
    case SIM_S16: operate_s16(operation, d, a, b, c); break;
    case SIM_U32: operate_u32(operation, d, a, b, c); break;
    case SIM_S32: operate_s32(operation, d, a, b, c); break;
    case SIM_U64: operate_u64(operation, d, a, b, c); break;
    case SIM_S64: operate_s64(operation, d, a, b, c); break;
  }
}

// The sources may be narrower than the destination and the same memory: products are kept apart until all are made.
SIM_CLONES void sim_multiply_wide(sim_integer_type type, void *d, const void *a, const void *b, const void *c) {
  const uint32_t *x = a, *y = b;
  uint64_t wide[SIM_LANES];
  switch (type) {
    case SIM_U16: LANES wide[l] = (uint32_t)(uint16_t)x[l] * (uint16_t)y[l]; break;
    case SIM_S16: LANES wide[l] = (uint32_t)((int32_t)(int16_t)x[l] * (int16_t)y[l]); break;
    case SIM_U32: LANES wide[l] = (uint64_t)x[l] * y[l]; break;
    default: LANES wide[l] = (uint64_t)((int64_t)(int32_t)x[l] * (int32_t)y[l]); break;
  }
  if (type == SIM_U16 || type == SIM_S16) {
    const uint32_t *addend = c;
    uint32_t *result = d;
    LANES result[l] = (uint32_t)wide[l] + (addend ? addend[l] : 0);
  } else {
    const uint64_t *addend = c;
    uint64_t *result = d;
    if (addend) {
      LANES result[l] = wide[l] + addend[l];
    } else {
      LANES result[l] = wide[l];
    }
  }
}

#define MASK(CONDITION)                                                          \
  {                                                                              \
    uint32_t mask = 0;                                                           \
    for (int l = 0; l < SIM_LANES; l++) mask |= (uint32_t)(CONDITION) << l;      \
    return mask;                                                                 \
  }

#define COMPARISONS(NAME, TYPE, STORE)                                                           \
  SIM_INLINE uint32_t NAME(sim_comparison comparison, const STORE *a, const STORE *b) {          \
    switch (comparison) {                                                                        \
      case SIM_EQ: MASK((TYPE)a[l] == (TYPE)b[l])                                                \
      case SIM_NE: MASK((TYPE)a[l] != (TYPE)b[l])                                                \
      case SIM_LT: MASK((TYPE)a[l] < (TYPE)b[l])                                                 \
      case SIM_LE: MASK((TYPE)a[l] <= (TYPE)b[l])                                                \
      case SIM_GT: MASK((TYPE)a[l] > (TYPE)b[l])                                                 \
      case SIM_GE: MASK((TYPE)a[l] >= (TYPE)b[l])                                                \
    }                                                                                            \
    return 0;                                                                                    \
  }

COMPARISONS(compare_u16, uint16_t, uint32_t)
COMPARISONS(compare_s16, int16_t, uint32_t)
COMPARISONS(compare_u32, uint32_t, uint32_t)
COMPARISONS(compare_s32, int32_t, uint32_t)
COMPARISONS(compare_u64, uint64_t, uint64_t)
COMPARISONS(compare_s64, int64_t, uint64_t)
COMPARISONS(compare_f32, float, float)
COMPARISONS(compare_f64, double, double)

SIM_CLONES uint32_t sim_compare_integer(
    sim_comparison comparison, sim_integer_type type, const void *a, const void *b) {
  switch (type) {
    case SIM_U16: return compare_u16(comparison, a, b);
    case SIM_S16: return compare_s16(comparison, a, b);
    case SIM_U32: return compare_u32(comparison, a, b);
    case SIM_S32: return compare_s32(comparison, a, b);
    case SIM_U64: return compare_u64(comparison, a, b);
    case SIM_S64: return compare_s64(comparison, a, b);
  }
  return 0;
}

SIM_INLINE float flushed(float value, int flushes) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if (flushes && (bits & 0x7F800000) == 0) bits &= 0x80000000;
  memcpy(&value, &bits, sizeof bits);
  return value;
}

SIM_INLINE uint32_t unordered_f32(const float *a, const float *b) { MASK((a[l] != a[l]) | (b[l] != b[l])) }

SIM_INLINE uint32_t unordered_f64(const double *a, const double *b) { MASK((a[l] != a[l]) | (b[l] != b[l])) }

SIM_CLONES sim_float_comparison sim_compare_f32(
    sim_comparison comparison, const float *a, const float *b, int flushes) {
  float x[SIM_LANES], y[SIM_LANES];
  LANES {
    x[l] = flushed(a[l], flushes);
    y[l] = flushed(b[l], flushes);
  }
  uint32_t unordered = unordered_f32(a, b);
  return (sim_float_comparison){compare_f32(comparison, x, y) & ~unordered, unordered};
}

SIM_CLONES sim_float_comparison sim_compare_f64(sim_comparison comparison, const double *a, const double *b) {
  uint32_t unordered = unordered_f64(a, b);
  return (sim_float_comparison){compare_f64(comparison, a, b) & ~unordered, unordered};
}

// Selects bytes of {b, a} by the nibbles of a selector; the upper bit of a nibble replicates the byte's sign
// (PTX ISA 9.7.9.7).
SIM_INLINE uint32_t permuted(uint32_t a, uint32_t b, uint32_t selector, int mode) {
  uint64_t bytes = (uint64_t)b << 32 | a;
  uint32_t result = 0;
  for (uint32_t i = 0; i < 4; i++) {
    uint32_t s = selector & 3;
    uint32_t nibble = selector >> (4 * i) & 15;
    switch (mode) {
      case 1: nibble = s + i; break;
      case 2: nibble = (s - i) & 7; break;
      case 3: nibble = s; break;
      case 4: nibble = i > s ? i : s; break;
      case 5: nibble = i < s ? i : s; break;
      case 6: nibble = (s & 1) * 2 + (i & 1); break;
    }
    uint32_t byte = (uint32_t)(bytes >> (8 * (nibble & 7))) & 0xFF;
    if (nibble & 8) byte = byte & 0x80 ? 0xFF : 0;
    result |= byte << (8 * i);
  }
  return result;
}

SIM_INLINE uint32_t logic(uint32_t a, uint32_t b, uint32_t c, int table) {
  uint32_t result = 0;
  for (int i = 0; i < 8; i++) {
    uint32_t term = (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
    result |= table >> i & 1 ? term : 0;
  }
  return result;
}

SIM_INLINE uint32_t leading_zeros(uint64_t value, uint32_t bits) {
  return value == 0 ? bits : (uint32_t)__builtin_clzll(value) - (64 - bits);
}

SIM_INLINE uint64_t reversed(uint64_t value, uint32_t bits) {
  return __builtin_bitreverse64(value) >> (64 - bits);
}

// The position of the highest bit that differs from the sign; ~0 without one.
SIM_INLINE uint32_t highest(uint64_t value, uint32_t bits, int is_signed, int as_shift) {
  uint64_t mask = ~0ull >> (64 - bits);
  if (is_signed && value >> (bits - 1) & 1) value = ~value & mask;
  if (value == 0) return ~0u;
  uint32_t position = bits - 1 - leading_zeros(value, bits);
  return as_shift ? bits - 1 - position : position;
}

// `length` bits from `position` on; beyond the word stands the sign, or 0.
SIM_INLINE uint64_t extracted(uint64_t value, uint32_t position, uint32_t length, uint32_t bits, int is_signed) {
  position &= 255;
  length &= 255;
  if (length == 0) return 0;
  uint32_t last = position + length - 1 < bits - 1 ? position + length - 1 : bits - 1;
  uint64_t sign = is_signed && value >> last & 1 ? ~0ull : 0;
  if (position >= bits) return sign;
  uint64_t field = value >> position;
  uint32_t kept = last - position + 1;
  return kept >= 64 ? field : (field & ((1ull << kept) - 1)) | sign << kept;
}

SIM_INLINE uint64_t inserted(uint64_t a, uint64_t b, uint32_t position, uint32_t length, uint32_t bits) {
  position &= 255;
  length &= 255;
  if (position >= bits || length == 0) return b;
  uint64_t mask = (length >= 64 ? ~0ull : (1ull << length) - 1) << position;
  return (b & ~mask) | (a << position & mask);
}

SIM_INLINE uint32_t dot(uint32_t a, uint32_t b, uint32_t c, int a_signed, int b_signed) {
  for (int i = 0; i < 4; i++) {
    int32_t x = a_signed ? (int8_t)(a >> 8 * i) : (int32_t)(uint8_t)(a >> 8 * i);
    int32_t y = b_signed ? (int8_t)(b >> 8 * i) : (int32_t)(uint8_t)(b >> 8 * i);
    c += (uint32_t)(x * y);
  }
  return c;
}

SIM_CLONES void sim_bits32(
    sim_bit_operation operation, uint32_t *d, const uint32_t *a, const uint32_t *b, const uint32_t *c,
    int immediate) {
  switch (operation) {
    case SIM_PRMT: LANES d[l] = permuted(a[l], b[l], c[l], immediate); break;
    case SIM_LOP3: LANES d[l] = logic(a[l], b[l], c[l], immediate); break;
    case SIM_SHF_L_CLAMP: {
      LANES {
        uint32_t n = c[l] < 32 ? c[l] : 32;
        d[l] = (uint32_t)(((uint64_t)b[l] << 32 | a[l]) << n >> 32);
      }
      break;
    }
    case SIM_SHF_L_WRAP: LANES d[l] = (uint32_t)(((uint64_t)b[l] << 32 | a[l]) << (c[l] & 31) >> 32); break;
    case SIM_SHF_R_CLAMP: {
      LANES {
        uint32_t n = c[l] < 32 ? c[l] : 32;
        d[l] = (uint32_t)(((uint64_t)b[l] << 32 | a[l]) >> n);
      }
      break;
    }
    case SIM_SHF_R_WRAP: LANES d[l] = (uint32_t)(((uint64_t)b[l] << 32 | a[l]) >> (c[l] & 31)); break;
    case SIM_POPC: LANES d[l] = (uint32_t)__builtin_popcount(a[l]); break;
    case SIM_CLZ: SCALAR_LANES d[l] = leading_zeros(a[l], 32); break;
    case SIM_BREV: SCALAR_LANES d[l] = (uint32_t)reversed(a[l], 32); break;
    case SIM_BFE_U: SCALAR_LANES d[l] = (uint32_t)extracted(a[l], b[l], c[l], 32, 0); break;
    case SIM_BFE_S: SCALAR_LANES d[l] = (uint32_t)extracted(a[l], b[l], c[l], 32, 1); break;
    case SIM_BFIND_U: SCALAR_LANES d[l] = highest(a[l], 32, 0, 0); break;
    case SIM_BFIND_S: SCALAR_LANES d[l] = highest(a[l], 32, 1, 0); break;
    case SIM_BFIND_SHIFT_U: SCALAR_LANES d[l] = highest(a[l], 32, 0, 1); break;
    case SIM_BFIND_SHIFT_S: SCALAR_LANES d[l] = highest(a[l], 32, 1, 1); break;
    case SIM_DP4A_UU: LANES d[l] = dot(a[l], b[l], c[l], 0, 0); break;
    case SIM_DP4A_US: LANES d[l] = dot(a[l], b[l], c[l], 0, 1); break;
    case SIM_DP4A_SU: LANES d[l] = dot(a[l], b[l], c[l], 1, 0); break;
    case SIM_DP4A_SS: LANES d[l] = dot(a[l], b[l], c[l], 1, 1); break;
  }
}

SIM_CLONES void sim_bits64(
    sim_bit_operation operation, void *d, const uint64_t *a, const uint32_t *b, const uint32_t *c) {
  uint64_t wide[SIM_LANES];
  int narrow = 1;
  switch (operation) {
    case SIM_POPC: SCALAR_LANES wide[l] = (uint64_t)__builtin_popcountll(a[l]); break;
    case SIM_CLZ: SCALAR_LANES wide[l] = leading_zeros(a[l], 64); break;
    case SIM_BFIND_U: SCALAR_LANES wide[l] = highest(a[l], 64, 0, 0); break;
    case SIM_BFIND_S: SCALAR_LANES wide[l] = highest(a[l], 64, 1, 0); break;
    case SIM_BFIND_SHIFT_U: SCALAR_LANES wide[l] = highest(a[l], 64, 0, 1); break;
    case SIM_BFIND_SHIFT_S: SCALAR_LANES wide[l] = highest(a[l], 64, 1, 1); break;
    case SIM_BREV: SCALAR_LANES wide[l] = reversed(a[l], 64); narrow = 0; break;
    case SIM_BFE_U: SCALAR_LANES wide[l] = extracted(a[l], b[l], c[l], 64, 0); narrow = 0; break;
    default: SCALAR_LANES wide[l] = extracted(a[l], b[l], c[l], 64, 1); narrow = 0; break;
  }
  if (narrow) {
    uint32_t *result = d;
    LANES result[l] = (uint32_t)wide[l];
  } else {
    memcpy(d, wide, sizeof wide);
  }
}

SIM_CLONES void sim_bfi32(
    uint32_t *d, const uint32_t *a, const uint32_t *b, const uint32_t *c, const uint32_t *e) {
  SCALAR_LANES d[l] = (uint32_t)inserted(a[l], b[l], c[l], e[l], 32);
}

SIM_CLONES void sim_bfi64(
    uint64_t *d, const uint64_t *a, const uint64_t *b, const uint32_t *c, const uint32_t *e) {
  SCALAR_LANES d[l] = inserted(a[l], b[l], c[l], e[l], 64);
}

SIM_CLONES void sim_select32(uint32_t *d, const uint32_t *a, const uint32_t *b, uint32_t mask) {
  LANES d[l] = mask >> l & 1 ? a[l] : b[l];
}

SIM_CLONES void sim_select64(uint64_t *d, const uint64_t *a, const uint64_t *b, uint32_t mask) {
  LANES d[l] = mask >> l & 1 ? a[l] : b[l];
}

// As 64-bit integers first: every narrower type fits, and u64 keeps its bits.
SIM_CLONES void sim_convert_integer(
    void *d, int to_bits, int to_signed, const void *a, int from_bits, int from_signed, int saturates) {
  uint64_t wide[SIM_LANES];
  if (from_bits == 64) {
    memcpy(wide, a, sizeof wide);
  } else {
    const uint32_t *narrow = a;
    uint32_t spare = 32 - (uint32_t)from_bits;
    if (from_signed) {
      LANES wide[l] = (uint64_t)(int64_t)((int32_t)(narrow[l] << spare) >> spare);
    } else {
      LANES wide[l] = narrow[l] << spare >> spare;
    }
  }
  if (saturates) {
    uint64_t all = ~0ull >> (64 - to_bits);
    int64_t low = to_signed ? -(int64_t)(all >> 1) - 1 : 0;
    uint64_t high = to_signed ? all >> 1 : all;
    LANES {
      int negative = from_signed && (int64_t)wide[l] < 0;
      uint64_t below = (int64_t)wide[l] < low ? (uint64_t)low : wide[l];
      wide[l] = negative ? below : wide[l] > high ? high : wide[l];
    }
  }
  if (to_bits == 64) {
    memcpy(d, wide, sizeof wide);
  } else {
    // 8-bit results fill their 16- or 32-bit register by their sign, 16-bit ones leave the upper half 0.
    uint32_t *result = d;
    if (to_bits == 8 && to_signed) {
      LANES result[l] = (uint32_t)(int32_t)(int8_t)wide[l];
    } else {
      uint32_t mask = ~0u >> (32 - to_bits);
      LANES result[l] = (uint32_t)wide[l] & mask;
    }
  }
}

SIM_CLONES void sim_f32_of_s32(float *d, const int32_t *a) { LANES d[l] = (float)a[l]; }

SIM_CLONES void sim_f32_of_u32(float *d, const uint32_t *a) { LANES d[l] = (float)a[l]; }

SIM_CLONES void sim_s32_of_f32(int32_t *d, const float *a) {
  LANES {
    float x = a[l] == a[l] ? a[l] : 0;
    d[l] = x >= 0x1p31f ? INT32_MAX : x < -0x1p31f ? INT32_MIN : (int32_t)x;
  }
}

SIM_CLONES void sim_u32_of_f32(uint32_t *d, const float *a) {
  LANES {
    float x = a[l] > 0 ? a[l] : 0;
    d[l] = x >= 0x1p32f ? UINT32_MAX : (uint32_t)x;
  }
}
