// Rows of an 8-bit cache as bf16, by AVX-512 VBMI. Included after lanes.h.
//
// A scale is in the table that its codes are looked up in, so that a value is rounded to bf16 once.
#include "decode.h"

// The bf16 of the 128 codes without sign, times a scale: their low bytes, and their high bytes.
typedef struct {
  __m512i low[2], high[2];
} code_table;

// The values of the 128 codes without sign, from which tables are made.
typedef struct {
  lanes sixteens[8];
} code_values_of_all;

static inline code_values_of_all values_of_all_codes(void) {
  static const uint8_t first_codes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  code_values_of_all values;
  for (int i = 0; i < 8; i++) {
    uint8_t codes[16];
    for (int lane = 0; lane < 16; lane++) codes[lane] = (uint8_t)(first_codes[lane] + i * 16);
    values.sixteens[i] = code_values(codes);
  }
  return values;
}

static inline code_table make_code_table(const code_values_of_all *values, float scale) {
  static const uint8_t even_bytes[64] = {
      0,  2,  4,  6,  8,  10, 12, 14, 16, 18, 20,  22,  24,  26,  28,  30,  32,  34,  36,  38,  40, 42,
      44, 46, 48, 50, 52, 54, 56, 58, 60, 62, 64,  66,  68,  70,  72,  74,  76,  78,  80,  82,  84, 86,
      88, 90, 92, 94, 96, 98, 100, 102, 104, 106, 108, 110, 112, 114, 116, 118, 120, 122, 124, 126};
  const __m512i even = _mm512_loadu_si512(even_bytes), odd = _mm512_add_epi8(even, _mm512_set1_epi8(1));
  code_table table;
  UNROLL for (int half = 0; half < 2; half++) {
    __m512i words[2];
    UNROLL for (int i = 0; i < 2; i++) {
      const lanes *pair = values->sixteens + half * 4 + i * 2;
      words[i] = (__m512i)_mm512_cvtne2ps_pbh((__m512)(pair[1] * scale), (__m512)(pair[0] * scale));
    }
    table.low[half] = _mm512_permutex2var_epi8(words[0], even, words[1]);
    table.high[half] = _mm512_permutex2var_epi8(words[0], odd, words[1]);
  }
  return table;
}

// The bf16 of `count` codes, a multiple of 64.
static inline void look_up_codes(const code_table *table, const uint8_t *codes, int64_t count, uint16_t *target) {
  // Unpacking works within 16 bytes: with these eights of codes, it leaves them in order.
  const __m512i order = _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7), sign = _mm512_set1_epi8((char)0x80);
  for (int64_t i = 0; i < count; i += 64) {
    __m512i some = _mm512_permutexvar_epi64(order, _mm512_loadu_si512(codes + i));
    __m512i low = _mm512_permutex2var_epi8(table->low[0], some, table->low[1]);
    __m512i high = _mm512_permutex2var_epi8(table->high[0], some, table->high[1]);
    high = _mm512_or_si512(high, _mm512_and_si512(some, sign));
    _mm512_storeu_si512(target + i, _mm512_unpacklo_epi8(low, high));
    _mm512_storeu_si512(target + i + 32, _mm512_unpackhi_epi8(low, high));
  }
}

static void decode_bf16(const mla_coded_keys *keys, void *rows) {
  code_values_of_all values = values_of_all_codes();
  code_table table = make_code_table(&values, keys->scale), tail_table = make_code_table(&values, keys->tail_scale);
  int64_t group_width = keys->scales ? keys->group_width : keys->width;
  uint16_t *target = rows;
  for (int64_t key = 0; key < keys->keys; key++) {
    const uint8_t *codes = keys->codes[key];
    for (int64_t first = 0; first < keys->width; first += group_width) {
      if (keys->scales) table = make_code_table(&values, group_scale(keys, key, first / group_width));
      int64_t left = keys->width - first;
      look_up_codes(&table, codes + first, left < group_width ? left : group_width, target + first);
    }
    target += keys->width;
    if (keys->tail_width == 0) continue;
    if (keys->tail_element == MLA_BF16) {
      for (int64_t i = 0; i < keys->tail_width; i += 32)
        _mm512_storeu_si512(target + i, _mm512_loadu_si512((const uint16_t *)keys->tails[key] + i));
    } else {
      look_up_codes(&tail_table, keys->tails[key], keys->tail_width, target);
    }
    target += keys->tail_width;
  }
}
