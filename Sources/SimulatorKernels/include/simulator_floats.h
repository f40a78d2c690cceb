// Arithmetic of the simulated Hopper on rows of 32 lanes, one lane for each thread of a warp.
//
// Rows are 32 values of 4 bytes, aligned to 64; a destination may be one of the sources. All lanes are computed; the
// caller keeps what inactive lanes had. Results are the same bits on every machine: no fused operation but where the
// instruction is one, and no function of the C library whose result is not exact.
#ifndef SIMULATOR_FLOATS_H
#define SIMULATOR_FLOATS_H

#include <stdint.h>

#define SIM_LANES 32

// Modifiers of fp32 arithmetic, to be added.
enum {
  SIM_FTZ = 1,       // subnormal operands and results are zeros of their sign
  SIM_SATURATE = 2,  // results lie in [0, 1], NaN becomes 0
};

// d = a + b, a − b, a · b, a · b + c rounded once; to the nearest, ties to even. NaN is the canonical one.
void sim_add_f32(float *d, const float *a, const float *b, int modifiers);
void sim_sub_f32(float *d, const float *a, const float *b, int modifiers);
void sim_mul_f32(float *d, const float *a, const float *b, int modifiers);
void sim_fma_f32(float *d, const float *a, const float *b, const float *c, int modifiers);

// min and max: of −0 and +0 the one that is meant; of a number and NaN the number, unless `nan`, which gives NaN.
void sim_min_f32(float *d, const float *a, const float *b, int modifiers, int nan);
void sim_max_f32(float *d, const float *a, const float *b, int modifiers, int nan);

// The approximations of PTX ISA 9.7.3, with less than their stated errors. Uncalibrated: the hardware's last bits are
// not published.
void sim_ex2_f32(float *d, const float *a, int modifiers);    // 2^a, relative error below 2^-23
void sim_lg2_f32(float *d, const float *a, int modifiers);    // log2 a, error below 2^-23
void sim_rcp_f32(float *d, const float *a, int modifiers);    // 1 / a, rounded to the nearest
void sim_sqrt_f32(float *d, const float *a, int modifiers);   // √a, rounded to the nearest
void sim_rsqrt_f32(float *d, const float *a, int modifiers);  // 1 / √a, relative error below 2^-23
void sim_div_f32(float *d, const float *a, const float *b, int modifiers);  // a / b, rounded to the nearest
void sim_sin_f32(float *d, const float *a, int modifiers);    // absolute error below 2^-22 for |a| < 2^20
void sim_cos_f32(float *d, const float *a, int modifiers);
void sim_tanh_f32(float *d, const float *a);                  // relative error below 2^-22

// fp32 to 16 bits, to the nearest, ties to even; `high` in the upper half, `low` in the lower.
void sim_pack_f16x2(uint32_t *d, const float *high, const float *low);
void sim_pack_bf16x2(uint32_t *d, const float *high, const float *low);

// 16-bit numbers to fp32, exactly: `count` of them, anywhere.
void sim_widen_f16(float *d, const uint16_t *a, int count);
void sim_widen_bf16(float *d, const uint16_t *a, int count);

#endif
