// AVX-512 BF16, with VBMI: pairs of bf16 products added in fp32 by one instruction (VDPBF16PS), twice the rate of fp32.
// Cache rows are read in place. Softmax and row work as in avx512f.c.
#include "microkernel_list.h"
#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512bf16,fma,f16c"))), apply_to = function)
#define LANES 16
#define COLUMN_CHUNK 64
#define VALUE_ROWS 6
#define SCORE_KEYS_1 12
#define SCORE_KEYS_2 8
#define SCORE_KEYS_3 8
#define SCORE_KEYS_4 6
#define KEY_STEP 24
#define READS_NARROW 0
#define CAN_WIDEN 0
#define ELEMENTS_PER_WORD 2
#define KEYS_PER_STEP 2
#define HIDE_VALUE(x) asm volatile("" : "+v"(x))
#include "lanes.h"

static inline lanes splat_word(const char *word) {
  float value;
  memcpy(&value, word, 4);
  return splat(value);
}
static inline lanes add_product(lanes sum, lanes a, lanes b) {
  return (lanes)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
}
// A broadcast of its own would cost a third of the product's rate; the compiler does not fold it into this one.
static inline lanes add_product_of_word(lanes sum, const char *word, lanes b) {
  asm("vdpbf16ps %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(b), "m"(*(const int32_t *)word));
  return sum;
}
// In one piece each: broadcasts that the compiler moves ahead of products cost it the registers of sums.
static inline lanes add_product_of_pair(lanes sum, const char *words, lanes b) {
  lanes pair;
  asm("vbroadcastsd %3, %1\n\tvdpbf16ps %1, %2, %0" : "+v"(sum), "=&v"(pair) : "v"(b), "m"(*(const int64_t *)words));
  return sum;
}
static inline lanes add_product_of_four(lanes sum, const char *words, lanes b) {
  lanes four;
  asm("vbroadcastf32x4 %3, %1\n\tvdpbf16ps %1, %2, %0"
      : "+v"(sum), "=&v"(four)
      : "v"(b), "m"(*(const __m128 *)words));
  return sum;
}

// Latent columns of two neighbouring keys, interleaved in pairs: made for the first tile of a chunk, on shuffle
// units that the products leave free, and kept in scratch (L1) for the tiles below it, if there are any.
static inline void load_values(const mla_key_block *block, int64_t step, int64_t column, char *scratch,
                               int32_t first_of_chunk, int32_t last_of_chunk, lanes values[]) {
  float *kept = (float *)scratch + step * COLUMN_CHUNK;
  if (first_of_chunk) {
    static const uint16_t low_pairs[32] = {0, 32, 1, 33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39,
                                           8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
    __m512i low = _mm512_loadu_si512(low_pairs), high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
    const uint16_t *first = (const uint16_t *)block->latent[2 * step] + column;
    const uint16_t *second = (const uint16_t *)block->latent[2 * step + 1] + column;
    UNROLL for (int half = 0; half < 2; half++) {
      __m512i a = _mm512_loadu_si512(first + half * 32), b = _mm512_loadu_si512(second + half * 32);
      values[half * 2] = (lanes)_mm512_permutex2var_epi16(a, low, b);
      values[half * 2 + 1] = (lanes)_mm512_permutex2var_epi16(a, high, b);
    }
    if (!last_of_chunk) UNROLL for (int v = 0; v < 4; v++) store(kept + v * LANES, values[v]);
  } else {
    UNROLL for (int v = 0; v < 4; v++) values[v] = load(kept + v * LANES);
  }
}

static inline void store_probabilities(void *probabilities, int64_t pair, int64_t rows, int64_t row, lanes first,
                                       lanes second) {
  __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)first));
  __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)second));
  store((float *)probabilities + pair * rows + row, (lanes)_mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}

#include "products.h"
#include "softmax.h"
#include "rows.h"
#include "decode_bf16.h"

static void pack_pairs(const uint16_t *part, int64_t width, uint32_t *packed, int64_t row, int64_t rows,
                       int32_t lanes_per_row) {
  for (int64_t pair = 0; pair < width / 2; pair += lanes_per_row) {
    memcpy(packed + row * lanes_per_row, part + 2 * pair, 4 * lanes_per_row);
    packed += rows;
  }
}

static void pack_query_pairs(const void *latent, int64_t latent_width, int64_t padded_latent, const void *rope,
                             int64_t rope_width, void *packed, int64_t row, int64_t rows,
                             int32_t lanes_per_row) {
  (void)padded_latent;  // rows read in place are never padded
  pack_pairs(latent, latent_width, packed, row, rows, lanes_per_row);
  pack_pairs(rope, rope_width, (uint32_t *)packed + latent_width / 2 / lanes_per_row * rows, row, rows, lanes_per_row);
}

const mla_microkernels mla_avx512bf16_bf16 = {
    .isa = "avx512bf16", .element = MLA_BF16, .can_widen = 0, .must_widen = 0, .row_lanes = LANES, .key_step = KEY_STEP,
    .column_chunk = COLUMN_CHUNK, .rope_step = ELEMENTS_PER_WORD, .packed_pair_bytes = 4, .pack_query = pack_query_pairs,
    .decoded_element = MLA_BF16, .decode = decode_bf16, .scores = scores_of_block, .softmax = softmax, .accumulate = accumulate, .store_row = store_row,
    .add_scaled = add_scaled, .dot_peak = dot_peak};
#pragma clang attribute pop
#endif
