// 16-bit floating-point arithmetic of the simulated Hopper on rows of 32 lanes (PTX ISA 9.7.4): one number in the
// lower half of each lane, or two.
#ifndef SIMULATOR_HALVES_H
#define SIMULATOR_HALVES_H

#include <stdint.h>

typedef enum { SIM_F16, SIM_BF16 } sim_half_format;

typedef enum {
  SIM_HALF_ADD, SIM_HALF_SUB, SIM_HALF_MUL, SIM_HALF_FMA, SIM_HALF_MIN, SIM_HALF_MAX, SIM_HALF_NEG, SIM_HALF_ABS,
  SIM_HALF_EX2, SIM_HALF_TANH,
} sim_half_operation;

// Modifiers, to be added.
enum {
  SIM_HALF_FTZ = 1,       // subnormal fp16 operands and results are zeros
  SIM_HALF_SATURATE = 2,  // results lie in [0, 1], NaN becomes 0
  SIM_HALF_RELU = 4,      // negative results become 0
  SIM_HALF_NAN = 8,       // min and max: NaN where an operand is NaN
};

// d = operation(a, b, c), rounded once to the nearest, ties to even; both halves when `pairs`, else the lower one, and
// the upper is 0. Operands that the operation does not have may be anything readable.
void sim_half(
    sim_half_operation operation, sim_half_format format, int pairs, int modifiers, uint32_t *d, const uint32_t *a,
    const uint32_t *b, const uint32_t *c);

// The numbers of one half of each lane: the lower (0) or the upper (1), as fp32.
void sim_unpack_half(float *d, const uint32_t *a, sim_half_format format, int upper);

#endif
