// Integer arithmetic of the simulated Hopper on rows of 32 lanes (PTX ISA 9.7.1, 9.7.7, 9.7.8).
//
// A row holds 4 bytes for each lane, or 8 for 64-bit types; 16-bit types use the lower half of 4 bytes and leave the
// upper half 0. A destination may be one of the sources. All lanes are computed.
#ifndef SIMULATOR_INTEGERS_H
#define SIMULATOR_INTEGERS_H

#include <stdint.h>

typedef enum {
  SIM_U16, SIM_S16, SIM_U32, SIM_S32, SIM_U64, SIM_S64,
} sim_integer_type;

typedef enum {
  SIM_ADD, SIM_SUB, SIM_MUL_LO, SIM_MUL_HI, SIM_MAD_LO, SIM_MAD_HI, SIM_DIV, SIM_REM, SIM_MIN, SIM_MAX,
  SIM_ABS, SIM_NEG, SIM_AND, SIM_OR, SIM_XOR, SIM_NOT, SIM_CNOT, SIM_SHL, SIM_SHR, SIM_SAD,
  SIM_ADD_SATURATED, SIM_SUB_SATURATED, SIM_COPY,
} sim_integer_operation;

// d = operation(a, b, c), all of one type; operands that the operation does not have may be anything readable. A shift's
// amount, b, is 32 bits wide whatever the type; amounts beyond the width shift everything out. x / 0 is all ones,
// x rem 0 is x. Overflow wraps.
void sim_integer(
    sim_integer_operation operation, sim_integer_type type, void *d, const void *a, const void *b, const void *c);

// mul.wide and, with c, mad.wide: a and b of a 16- or 32-bit type, c and d of twice the width.
void sim_multiply_wide(sim_integer_type type, void *d, const void *a, const void *b, const void *c);

typedef enum {
  SIM_EQ, SIM_NE, SIM_LT, SIM_LE, SIM_GT, SIM_GE,
} sim_comparison;

// Bit l: whether lane l of a compares so with lane l of b.
uint32_t sim_compare_integer(sim_comparison comparison, sim_integer_type type, const void *a, const void *b);

// Bit l of `ordered`: the comparison of numbers; of `unordered`: whether one is NaN.
typedef struct {
  uint32_t ordered, unordered;
} sim_float_comparison;
sim_float_comparison sim_compare_f32(sim_comparison comparison, const float *a, const float *b, int flushes);
sim_float_comparison sim_compare_f64(sim_comparison comparison, const double *a, const double *b);

// Operations on 32 bits.
typedef enum {
  SIM_PRMT, SIM_LOP3, SIM_SHF_L_CLAMP, SIM_SHF_L_WRAP, SIM_SHF_R_CLAMP, SIM_SHF_R_WRAP, SIM_POPC, SIM_CLZ, SIM_BREV,
  SIM_BFE_U, SIM_BFE_S, SIM_BFIND_U, SIM_BFIND_S, SIM_BFIND_SHIFT_U, SIM_BFIND_SHIFT_S, SIM_DP4A_UU,
  SIM_DP4A_US, SIM_DP4A_SU, SIM_DP4A_SS,
} sim_bit_operation;

// d = operation(a, b, c); `immediate` is the table of lop3 and the mode of prmt (0 the plain one, then f4e, b4e, rc8,
// ecl, ecr, rc16).
void sim_bits32(
    sim_bit_operation operation, uint32_t *d, const uint32_t *a, const uint32_t *b, const uint32_t *c, int immediate);

// Those that also exist for 64 bits; popc, clz and bfind give 32-bit rows.
void sim_bits64(sim_bit_operation operation, void *d, const uint64_t *a, const uint32_t *b, const uint32_t *c);

// Bits of a inserted into b at position c, length e.
void sim_bfi32(uint32_t *d, const uint32_t *a, const uint32_t *b, const uint32_t *c, const uint32_t *e);
void sim_bfi64(uint64_t *d, const uint64_t *a, const uint64_t *b, const uint32_t *c, const uint32_t *e);

// d = a where the lane's bit of `mask` is set, else b.
void sim_select32(uint32_t *d, const uint32_t *a, const uint32_t *b, uint32_t mask);
void sim_select64(uint64_t *d, const uint64_t *a, const uint64_t *b, uint32_t mask);

// Integers to integers: the type that is read, with sign or without, and its width in bits; then the width that is
// written. Saturation to a signed or unsigned range of that width is asked for by `saturates`.
void sim_convert_integer(
    void *d, int to_bits, int to_signed, const void *a, int from_bits, int from_signed, int saturates);

// s32 or u32 to fp32, to the nearest; fp32 to s32 or u32 towards zero (saturating, NaN 0).
void sim_f32_of_s32(float *d, const int32_t *a);
void sim_f32_of_u32(float *d, const uint32_t *a);
void sim_s32_of_f32(int32_t *d, const float *a);
void sim_u32_of_f32(uint32_t *d, const float *a);

#endif
