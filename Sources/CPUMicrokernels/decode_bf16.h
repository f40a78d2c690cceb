// Rows of an 8-bit cache as bf16. Included after lanes.h.
//
// A scale that all keys share is in the table that codes are looked up in; a scale of a key is multiplied in fp32. Either
// way a value is rounded to bf16 once.
#include "decode.h"

static inline __m512i bf16_of(lanes low, lanes high) {
  return (__m512i)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
}

// The bf16 of the 128 codes without sign, times a scale.
typedef struct {
  __m512i quarters[4];
} code_table;

// The table for a scale.
static inline code_table make_code_table(float scale) {
  uint8_t codes[128];
  for (int i = 0; i < 128; i++) codes[i] = (uint8_t)i;
  code_table table;
  for (int i = 0; i < 4; i++)
    table.quarters[i] = bf16_of(code_values(codes + i * 32) * scale, code_values(codes + i * 32 + 16) * scale);
  return table;
}

// The bf16 of 32 codes.
static inline __m512i looked_up(const code_table *table, const uint8_t *codes) {
  const __m512i sign = _mm512_set1_epi16((int16_t)0x8000), upper_half = _mm512_set1_epi16(0x40);
  __m512i words = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)codes));
  __m512i low = _mm512_permutex2var_epi16(table->quarters[0], words, table->quarters[1]);
  __m512i high = _mm512_permutex2var_epi16(table->quarters[2], words, table->quarters[3]);
  __m512i magnitude = _mm512_mask_blend_epi16(_mm512_test_epi16_mask(words, upper_half), low, high);
  return _mm512_or_si512(magnitude, _mm512_and_si512(_mm512_slli_epi16(words, 8), sign));
}

// The products of 32 bf16 with a number, in their order.
static inline __m512i scaled(__m512i values, lanes scale, __m512i interleave) {
  lanes even = (lanes)_mm512_slli_epi32(values, 16);
  lanes odd = (lanes)_mm512_and_si512(values, _mm512_set1_epi32((int32_t)0xffff0000));
  return _mm512_permutexvar_epi16(interleave, bf16_of(even * scale, odd * scale));
}

// Rows of `width` codes whose one scale is in the table, each `row_width` words after the last.
static void decode_rows(const void *const *codes, int64_t keys, int64_t width, float scale, uint16_t *target,
                        int64_t row_width) {
  code_table table = make_code_table(scale);
  for (int64_t key = 0; key < keys; key++, target += row_width)
    for (int64_t column = 0; column < width; column += 32)
      _mm512_storeu_si512(target + column, looked_up(&table, (const uint8_t *)codes[key] + column));
}

// The codes of rows whose groups have scales.
static void decode_groups(const mla_coded_keys *keys, uint16_t *target, int64_t row_width) {
  static const uint16_t from_halves[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                           8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  __m512i interleave = _mm512_loadu_si512(from_halves);
  code_table table = make_code_table(1);
  for (int64_t key = 0; key < keys->keys; key++, target += row_width) {
    const uint8_t *codes = keys->codes[key];
    for (int64_t first = 0; first < keys->width; first += keys->group_width) {
      lanes scale = splat(group_scale(keys, key, first / keys->group_width));
      int64_t end = first + keys->group_width < keys->width ? first + keys->group_width : keys->width;
      for (int64_t column = first; column < end; column += 32)
        _mm512_storeu_si512(target + column, scaled(looked_up(&table, codes + column), scale, interleave));
    }
  }
}

static void decode_bf16(const mla_coded_keys *keys, void *rows) {
  int64_t row_width = keys->width + keys->tail_width;
  uint16_t *target = rows;
  if (keys->scales) decode_groups(keys, target, row_width);
  else decode_rows(keys->codes, keys->keys, keys->width, keys->scale, target, row_width);
  if (keys->tail_width == 0) return;
  target += keys->width;
  if (keys->tail_element == MLA_BF16) {
    for (int64_t key = 0; key < keys->keys; key++)
      memcpy(target + key * row_width, keys->tails[key], (size_t)keys->tail_width * 2);
  } else {
    decode_rows(keys->tails, keys->keys, keys->tail_width, keys->tail_scale, target, row_width);
  }
}
