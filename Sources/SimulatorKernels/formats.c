#include "bits.h"
#include "include/simulator_floats.h"

#pragma STDC FP_CONTRACT OFF

SIM_CLONES void sim_pack_f16x2(uint32_t *d, const float *high, const float *low) {
#pragma clang loop vectorize(assume_safety)
  for (int lane = 0; lane < SIM_LANES; lane++) d[lane] = f16_bits(high[lane]) << 16 | f16_bits(low[lane]);
}

SIM_CLONES void sim_pack_bf16x2(uint32_t *d, const float *high, const float *low) {
#pragma clang loop vectorize(assume_safety)
  for (int lane = 0; lane < SIM_LANES; lane++) d[lane] = bf16_bits(high[lane]) << 16 | bf16_bits(low[lane]);
}

SIM_CLONES void sim_widen_f16(float *d, const uint16_t *a, int count) {
#pragma clang loop vectorize(assume_safety)
  for (int index = 0; index < count; index++) {
    d[index] = float_of_f16(a[index]);
  }
}

SIM_CLONES void sim_widen_bf16(float *d, const uint16_t *a, int count) {
#pragma clang loop vectorize(assume_safety)
  for (int index = 0; index < count; index++) d[index] = float_of((uint32_t)a[index] << 16);
}
