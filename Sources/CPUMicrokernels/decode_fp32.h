// Rows of an 8-bit cache as fp32. Included after fp32_rows.h.
#include "decode.h"

static void decode_fp32(const mla_coded_keys *keys, void *rows) {
  float *target = rows;
  int64_t groups = keys->scales ? keys->group_width : keys->width;
  for (int64_t key = 0; key < keys->keys; key++) {
    const uint8_t *codes = keys->codes[key];
    for (int64_t first = 0; first < keys->width; first += groups) {
      float scale = group_scale(keys, key, first / groups);
      int64_t end = first + groups < keys->width ? first + groups : keys->width;
      for (int64_t column = first; column < end; column += LANES)
        store(target + column, code_values(codes + column) * scale);
    }
    target += keys->width;
    for (int64_t column = 0; column < keys->tail_width; column += LANES) {
      if (keys->tail_element == MLA_E4M3) {
        store(target + column, code_values((const uint8_t *)keys->tails[key] + column) * keys->tail_scale);
      } else {
        for (int64_t i = 0; i < LANES; i++) target[column + i] = element_value(keys->tails[key], column + i, MLA_BF16);
      }
    }
    target += keys->tail_width;
  }
}
