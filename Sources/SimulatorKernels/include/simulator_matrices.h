// Matrix products of the simulated Hopper (PTX ISA 9.7.14, 9.7.15).
//
// Products of the narrow types are exact in fp32. Sums are rounded after each product, in the order of k. Uncalibrated:
// the hardware's order, and the bits that it keeps between, are not published.
#ifndef SIMULATOR_MATRICES_H
#define SIMULATOR_MATRICES_H

#include <stdint.h>

typedef enum {
  SIM_MATRIX_F16, SIM_MATRIX_BF16, SIM_MATRIX_TF32, SIM_MATRIX_E4M3, SIM_MATRIX_E5M2, SIM_MATRIX_S8, SIM_MATRIX_U8,
} sim_matrix_type;

// `count` elements anywhere in memory as fp32.
void sim_widen(sim_matrix_type type, float *d, const void *a, int count);

// How an operand of wgmma lies in shared memory: element (r, k) of the tile, r along M or N.
typedef struct {
  const uint8_t *memory;     // byte 0 of the block's shared memory
  uint32_t start;            // address of the tile
  uint32_t leading, stride;  // byte offsets of the descriptor
  int swizzle;               // bytes: 0, 32, 64 or 128
  int is_mn_major;
  sim_matrix_type type;
} sim_tile;

// The lowest address of the tile of `rows` × `depth` elements, and the one behind its last byte.
void sim_tile_extent(const sim_tile *tile, int rows, int depth, uint32_t *first, uint32_t *end);

// The tile's rows from `first_row` on, as d[k][row], with `pitch` numbers from one k to the next. Must lie in memory.
void sim_gather_tile(const sim_tile *tile, int first_row, int rows, int depth, float *d, int pitch);

// A tile of B as the product wants it: for each k, groups of eight columns, the even ones first.
void sim_pack_b(const float *b, int columns, int depth, float sign, float *packed);

// One warp's rows of D = A · B + D: `a` is [k][16], `b` packed, `d` are columns / 2 rows of 32 lanes, as registers lie.
// Without `adds`, D is not read.
void sim_wgmma(float *const *d, const float *a, const float *b, int columns, int depth, int adds);

// A warp's D = A · B + C, 16 × 8: `a` is [k][16], `b` is [k][8], `c` and `d` are [16][8].
void sim_mma(float *d, const float *a, const float *b, const float *c, int depth);

#endif
