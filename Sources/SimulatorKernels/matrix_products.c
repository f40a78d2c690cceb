#include <string.h>

#include "bits.h"
#include "include/simulator_floats.h"
#include "include/simulator_matrices.h"

#pragma STDC FP_CONTRACT OFF

typedef float lanes16 __attribute__((vector_size(64)));
typedef uint32_t words16 __attribute__((vector_size(64)));
typedef float lanes4 __attribute__((vector_size(16)));

// Groups of eight columns that are summed up at once: their sums, 2 parities × 2 vectors, fill the registers.
enum { GROUPS = 4 };

// Four numbers, four times.
SIM_INLINE void tile_four(lanes16 *d, const float *four) {
  lanes4 once;
  memcpy(&once, four, sizeof once);
  *d = __builtin_shufflevector(once, once, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
}

SIM_INLINE void store_canonical(float *d, const lanes16 *sums) {
  words16 is_nan = (words16)(*sums != *sums);
  words16 bits = ((words16)*sums & ~is_nan) | (is_nan & 0x7FFFFFFF);
  memcpy(d, &bits, sizeof bits);
}

// Register i of a lane holds row l / 4 + 8 · (i / 2 mod 2) and column 8 · (i / 4) + 2 · (l mod 4) + i mod 2. So the 32
// lanes of a register are 8 rows, each four times, by 4 columns of one parity, eight times.
SIM_INLINE void sum_columns(
    float *registers, const int32_t *slots, const float *rows, const float *b, int pitch, int depth, int adds,
    int half, int group, int groups) {
  lanes16 sums[GROUPS][2][2];
  for (int g = 0; g < groups; g++) {
    for (int parity = 0; parity < 2; parity++) {
      const float *row = registers + 32 * (intptr_t)slots[4 * (group + g) + 2 * half + parity];
      if (adds) {
        memcpy(sums[g][parity], row, 2 * sizeof(lanes16));
      } else {
        sums[g][parity][0] = sums[g][parity][1] = (lanes16){0};
      }
    }
  }
  for (int k = 0; k < depth; k++) {
    lanes16 low, high;
    memcpy(&low, rows + (k * 2 + half) * 32, sizeof low);
    memcpy(&high, rows + (k * 2 + half) * 32 + 16, sizeof high);
    for (int g = 0; g < groups; g++) {
      for (int parity = 0; parity < 2; parity++) {
        lanes16 column;
        tile_four(&column, b + k * pitch + (group + g) * 8 + parity * 4);
        sums[g][parity][0] = __builtin_elementwise_fma(low, column, sums[g][parity][0]);
        sums[g][parity][1] = __builtin_elementwise_fma(high, column, sums[g][parity][1]);
      }
    }
  }
  for (int g = 0; g < groups; g++) {
    for (int parity = 0; parity < 2; parity++) {
      float *row = registers + 32 * (intptr_t)slots[4 * (group + g) + 2 * half + parity];
      store_canonical(row, &sums[g][parity][0]);
      store_canonical(row + 16, &sums[g][parity][1]);
    }
  }
}

SIM_CLONES void sim_multiply(
    float *registers, const int32_t *slots, const float *a, const float *b, int columns, int depth, int adds) {
  int groups = columns / 8;
  int pitch = (columns + 15) & ~15;
  for (int half = 0; half < 2; half++) {
    int group = 0;
    for (; group + GROUPS <= groups; group += GROUPS) {
      sum_columns(registers, slots, a, b, pitch, depth, adds, half, group, GROUPS);
    }
    for (; group < groups; group++) sum_columns(registers, slots, a, b, pitch, depth, adds, half, group, 1);
  }
}

SIM_CLONES void sim_add_sums(int32_t *d, const int32_t *c, const float *sums, int saturates) {
  for (int lane = 0; lane < SIM_LANES; lane++) {
    int64_t sum = (int64_t)(c ? c[lane] : 0) + (int32_t)sums[lane];
    int64_t limited = sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum;
    d[lane] = (int32_t)(uint32_t)(saturates ? limited : sum);
  }
}
