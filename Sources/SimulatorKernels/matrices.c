#include "include/simulator_matrices.h"

#include "bits.h"
#include "include/simulator_floats.h"

#pragma STDC FP_CONTRACT OFF

// 8-bit floating-point numbers, by way of fp16: e5m2 is its upper half, e4m3 has a bit of exponent less.
SIM_INLINE float float_of_e4m3(uint32_t bits) {
  uint32_t magnitude = bits & 0x7F;
  float scaled = float_of_f16((magnitude & 0x7F) << 7) * 256.0f;
  uint32_t value = magnitude == 0x7F ? 0x7FFFFFFF : bits_of(scaled);
  return float_of(value | (bits & 0x80) << 24);
}

SIM_INLINE int bytes_of(sim_matrix_type type) {
  return type == SIM_MATRIX_TF32 ? 4 : type == SIM_MATRIX_F16 || type == SIM_MATRIX_BF16 ? 2 : 1;
}

SIM_INLINE float element(sim_matrix_type type, const uint8_t *a, int index) {
  uint16_t half;
  uint32_t word;
  switch (type) {
    case SIM_MATRIX_F16: memcpy(&half, a + 2 * index, 2); return float_of_f16(half);
    case SIM_MATRIX_BF16: memcpy(&half, a + 2 * index, 2); return float_of((uint32_t)half << 16);
    // Of fp32 data, tf32 products use the upper 19 bits.
    case SIM_MATRIX_TF32: memcpy(&word, a + 4 * index, 4); return float_of(word & 0xFFFFE000);
    case SIM_MATRIX_E4M3: return float_of_e4m3(a[index]);
    case SIM_MATRIX_E5M2: return float_of_f16((uint32_t)a[index] << 8);
    case SIM_MATRIX_S8: return (float)(int8_t)a[index];
    case SIM_MATRIX_U8: return (float)a[index];
  }
  return 0;
}

void sim_widen(sim_matrix_type type, float *d, const void *a, int count) {
  for (int index = 0; index < count; index++) d[index] = element(type, a, index);
}

// The place of a unit of 16 bytes, before the swizzle: `unit` counts them along the contiguous dimension, `line` the
// other. Canonical layouts of CUTLASS (cute/atom/mma_traits_sm90_gmma.hpp).
SIM_INLINE uint32_t plain_place(const sim_tile *tile, uint32_t line, uint32_t unit) {
  uint32_t span = tile->swizzle == 0 ? 16 : (uint32_t)tile->swizzle;
  uint32_t units = span / 16;
  if (tile->is_mn_major) {
    // line is k, units lie along M or N.
    if (tile->swizzle == 0) return unit * tile->stride + line / 8 * tile->leading + line % 8 * 16;
    return unit / units * tile->leading + line / 8 * tile->stride + line % 8 * span + unit % units * 16;
  }
  if (tile->swizzle == 0) return line / 8 * tile->stride + unit * tile->leading + line % 8 * 16;
  // Along K a tile stays in its atom.
  return line / 8 * tile->stride + line % 8 * span + unit * 16;
}

SIM_INLINE uint32_t place(const sim_tile *tile, uint32_t line, uint32_t unit) {
  uint32_t address = tile->start + plain_place(tile, line, unit);
  uint32_t mask = tile->swizzle == 0 ? 0 : (uint32_t)tile->swizzle / 16 - 1;
  return address ^ (address >> 7 & mask) << 4;
}

void sim_tile_extent(const sim_tile *tile, int rows, int depth, uint32_t *first, uint32_t *end) {
  int per_unit = 16 / bytes_of(tile->type);
  int lines = tile->is_mn_major ? depth : rows;
  int units = ((tile->is_mn_major ? rows : depth) + per_unit - 1) / per_unit;
  *first = ~0u;
  *end = 0;
  for (int line = 0; line < lines; line++) {
    for (int unit = 0; unit < units; unit++) {
      uint32_t address = place(tile, (uint32_t)line, (uint32_t)unit);
      if (address < *first) *first = address;
      if (address + 16 > *end) *end = address + 16;
    }
  }
}

// With the type known, the loops over a unit have a known length.
SIM_INLINE void gather(const sim_tile *tile, sim_matrix_type type, int first_row, int rows, int depth, float *d, int pitch) {
  const int per_unit = 16 / bytes_of(type);
  if (tile->is_mn_major) {
    for (int k = 0; k < depth; k++) {
      for (int unit = 0; unit < rows / per_unit; unit++) {
        const uint8_t *source =
            tile->memory + place(tile, (uint32_t)k, (uint32_t)(first_row / per_unit + unit));
        for (int index = 0; index < per_unit; index++) {
          d[k * pitch + unit * per_unit + index] = element(type, source, index);
        }
      }
    }
    return;
  }
  for (int row = 0; row < rows; row++) {
    for (int unit = 0; unit < depth / per_unit; unit++) {
      const uint8_t *source = tile->memory + place(tile, (uint32_t)(first_row + row), (uint32_t)unit);
      for (int index = 0; index < per_unit; index++) {
        d[(unit * per_unit + index) * pitch + row] = element(type, source, index);
      }
    }
  }
}

SIM_CLONES void sim_gather_tile(const sim_tile *tile, int first_row, int rows, int depth, float *d, int pitch) {
  switch (tile->type) {
    case SIM_MATRIX_F16: gather(tile, SIM_MATRIX_F16, first_row, rows, depth, d, pitch); break;
    case SIM_MATRIX_BF16: gather(tile, SIM_MATRIX_BF16, first_row, rows, depth, d, pitch); break;
    default: gather(tile, tile->type, first_row, rows, depth, d, pitch); break;
  }
}

void sim_pack_b(const float *b, int columns, int depth, float sign, float *packed) {
  for (int k = 0; k < depth; k++) {
    for (int group = 0; group < columns / 8; group++) {
      for (int pair = 0; pair < 4; pair++) {
        const float *source = b + k * columns + group * 8 + pair * 2;
        packed[(k * columns) + group * 8 + pair] = source[0] * sign;
        packed[(k * columns) + group * 8 + 4 + pair] = source[1] * sign;
      }
    }
  }
}

typedef float lanes16 __attribute__((vector_size(64)));

SIM_INLINE lanes16 tiled(const float *four) {
  return (lanes16){four[0], four[1], four[2], four[3], four[0], four[1], four[2], four[3],
                   four[0], four[1], four[2], four[3], four[0], four[1], four[2], four[3]};
}

// Groups of eight columns that are summed at once: 4 × 2 parities × 2 halves of lanes fill the registers.
#define GROUPS 4

// Register i of a lane holds row l / 4 + 8 · (i / 2 mod 2) and column 8 · (i / 4) + 2 · (l mod 4) + i mod 2. So the
// 32 lanes of a register are 8 rows, each four times, by 4 columns of one parity, eight times.
SIM_INLINE void sum_columns(
    float *const *d, const lanes16 *rows, const float *b, int columns, int depth, int adds, int half, int group,
    int groups) {
  lanes16 sums[GROUPS][2][2];
  for (int g = 0; g < groups; g++) {
    for (int parity = 0; parity < 2; parity++) {
      const float *row = d[4 * (group + g) + 2 * half + parity];
      for (int upper = 0; upper < 2; upper++) {
        if (adds) {
          memcpy(&sums[g][parity][upper], row + 16 * upper, sizeof(lanes16));
        } else {
          sums[g][parity][upper] = (lanes16){0};
        }
      }
    }
  }
  for (int k = 0; k < depth; k++) {
    lanes16 low = rows[(k * 2 + half) * 2], high = rows[(k * 2 + half) * 2 + 1];
    for (int g = 0; g < groups; g++) {
      for (int parity = 0; parity < 2; parity++) {
        lanes16 column = tiled(b + k * columns + (group + g) * 8 + parity * 4);
        sums[g][parity][0] = __builtin_elementwise_fma(low, column, sums[g][parity][0]);
        sums[g][parity][1] = __builtin_elementwise_fma(high, column, sums[g][parity][1]);
      }
    }
  }
  for (int g = 0; g < groups; g++) {
    for (int parity = 0; parity < 2; parity++) {
      float *row = d[4 * (group + g) + 2 * half + parity];
      memcpy(row, sums[g][parity], 2 * sizeof(lanes16));
    }
  }
}

SIM_CLONES void sim_wgmma(float *const *d, const float *a, const float *b, int columns, int depth, int adds) {
  // Each row's number four times, eight rows in two vectors, for both halves of the 16 rows.
  lanes16 rows[32 * 2 * 2];
  for (int k = 0; k < depth; k++) {
    for (int vector = 0; vector < 4; vector++) {
      const float *four = a + k * 16 + vector * 4;
      rows[k * 4 + vector] = (lanes16){four[0], four[0], four[0], four[0], four[1], four[1], four[1], four[1],
                                       four[2], four[2], four[2], four[2], four[3], four[3], four[3], four[3]};
    }
  }
  int groups = columns / 8;
  for (int half = 0; half < 2; half++) {
    int group = 0;
    for (; group + GROUPS <= groups; group += GROUPS) {
      sum_columns(d, rows, b, columns, depth, adds, half, group, GROUPS);
    }
    for (; group < groups; group++) sum_columns(d, rows, b, columns, depth, adds, half, group, 1);
  }
}

SIM_CLONES void sim_mma(float *d, const float *a, const float *b, const float *c, int depth) {
  for (int row = 0; row < 16; row++) {
    float sums[8];
    memcpy(sums, c + row * 8, sizeof sums);
    for (int k = 0; k < depth; k++) {
      float factor = a[k * 16 + row];
      for (int column = 0; column < 8; column++) {
        sums[column] = __builtin_fmaf(factor, b[k * 8 + column], sums[column]);
      }
    }
    memcpy(d + row * 8, sums, sizeof sums);
  }
}
