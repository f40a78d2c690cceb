// Both matrix products over a block of keys. Included after lanes.h by a file that has defined
//   CAN_WIDEN                          1 if the products read fp32
//   ELEMENTS_PER_WORD, KEYS_PER_STEP   2 where one instruction multiplies and adds pairs, else 1
//   COLUMN_CHUNK                       latent columns of an output tile
//   SCORE_KEYS_1 .. SCORE_KEYS_4       keys of a score tile that is 1 .. 4 vectors of rows wide (0: no such tile)
// and splat_word, add_product, add_product_of_word, …_of_pair and …_of_four (two words, or four, over and over) and
// load_values, such that the accumulators of a tile, one vector per column and a broadcast fit the registers.

#include "bring_keys.h"

enum { VALUE_VECTORS = COLUMN_CHUNK / LANES };

#define NARROW 0
#include "score_tiles.h"
#undef NARROW
#if READS_NARROW
#define NARROW 1
#include "score_tiles.h"
#undef NARROW
#endif

#define TILE_ROWS 1
#include "value_tile.h"
#define TILE_ROWS 2
#include "value_tile.h"
#define TILE_ROWS 3
#include "value_tile.h"
#define TILE_ROWS 4
#include "value_tile.h"
#if VALUE_ROWS == 6
#define TILE_ROWS 5
#include "value_tile.h"
#define TILE_ROWS 6
#include "value_tile.h"
#endif

#if READS_NARROW
#define SCORE_TILE_(tile_keys, vectors, lanes_of_row)                                 \
  (block->element == MLA_FP32 ? score_tile_##tile_keys##x##vectors##_##lanes_of_row \
                              : narrow_score_tile_##tile_keys##x##vectors##_##lanes_of_row)
#else
#define SCORE_TILE_(tile_keys, vectors, lanes_of_row) score_tile_##tile_keys##x##vectors##_##lanes_of_row
#endif
#define SCORE_TILE(tile_keys, vectors, lanes_of_row) SCORE_TILE_(tile_keys, vectors, lanes_of_row)
#define SCORE_COLUMN(tile_keys, vectors, lanes_of_row)                                                       \
  WIDEN_FIRST(tile_keys)                                                                             \
  for (int64_t key = 0; key < block->keys; key += tile_keys)                                         \
  SCORE_TILE(tile_keys, vectors, lanes_of_row)                                                               \
  (block, key, (const char *)packed_queries + row * 4, rows, scores + key * rows + row, row == 0)
#if CAN_WIDEN
#define WIDEN_FIRST(tile_keys) \
  if (row == 0 && block->narrow_latent) widen_first_keys(block, tile_keys);
#else
#define WIDEN_FIRST(tile_keys)
#endif

// Keys inside, rows outside: a column of queries stays in L2 while the keys of a tile stay in L1. The first column
// widens the keys, if they are to be widened.
static void scores_of_block(const mla_key_block *block, const void *packed_queries, int64_t rows,
                            int32_t lanes_per_row, float *scores) {
  int64_t row = 0;
  while (row < rows) {
    int64_t vectors = (rows - row) / LANES;
#if SCORE_KEYS_4
    if (vectors >= 4) {
      SCORE_COLUMN(SCORE_KEYS_4, 4, 1);
      row += 4 * LANES;
      continue;
    }
    if (vectors == 3) {
      SCORE_COLUMN(SCORE_KEYS_3, 3, 1);
      row += 3 * LANES;
      continue;
    }
#endif
    if (vectors >= 2) {
      SCORE_COLUMN(SCORE_KEYS_2, 2, 1);
      row += 2 * LANES;
      continue;
    }
    if (lanes_per_row == 4) {
      SCORE_COLUMN(SCORE_KEYS_1, 1, 4);
    } else if (lanes_per_row == 2) {
      SCORE_COLUMN(SCORE_KEYS_1, 1, 2);
    } else {
      SCORE_COLUMN(SCORE_KEYS_1, 1, 1);
    }
    row += LANES;
  }
}

typedef void value_tile(const mla_key_block *, int64_t, const char *, int64_t, const float *, int32_t, float *,
                        char *, int32_t, int32_t);
static value_tile *const value_tiles[] = {
    value_tile_1, value_tile_2, value_tile_3, value_tile_4,
#if VALUE_ROWS == 6
    value_tile_5, value_tile_6,
#endif
};

// Rows are cut into tiles that differ by at most one row, so that none is too low to keep the units busy.
static void accumulate(const mla_key_block *block, const void *probabilities, int64_t rows, int64_t row_stride,
                       const float *rescale, int32_t fresh, float *outputs, void *scratch) {
  int64_t tiles = (rows + VALUE_ROWS - 1) / VALUE_ROWS;
  for (int64_t column = 0; column < block->latent_width; column += COLUMN_CHUNK) {
    float *chunk = outputs + column * row_stride;
    for (int64_t tile = 0; tile < tiles; tile++) {
      int64_t row = rows * tile / tiles, next = rows * (tile + 1) / tiles;
      value_tiles[next - row - 1](block, column, (const char *)probabilities + row * 4, row_stride, rescale + row,
                                  fresh, chunk + row * COLUMN_CHUNK, scratch, tile == 0, tile + 1 == tiles);
    }
  }
}

// Twelve independent sums hide the latency of any unit; operands never leave the registers.
static double dot_peak(int64_t iterations, float *sink) {
  lanes sums[12], a = splat(0.5f), b = splat(0.25f);
  UNROLL for (int i = 0; i < 12; i++) sums[i] = splat(0);
  for (int64_t iteration = 0; iteration < iterations; iteration++) {
    HIDE_VALUE(a);
    UNROLL for (int i = 0; i < 12; i++) sums[i] = add_product(sums[i], a, b);
  }
  UNROLL for (int i = 1; i < 12; i++) sums[0] += sums[i];
  *sink = sums[0][0];
  return (double)iterations * 12 * LANES * 2 * ELEMENTS_PER_WORD;
}
