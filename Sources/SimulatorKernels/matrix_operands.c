#include <string.h>

#include "bits.h"
#include "include/simulator_matrices.h"
#include "tiles.h"

#pragma STDC FP_CONTRACT OFF

// Vectors are passed by pointer: functions that return them would have an ABI that depends on the target.
typedef uint32_t words16 __attribute__((vector_size(64)));
typedef int32_t signed16 __attribute__((vector_size(64)));
typedef float lanes16 __attribute__((vector_size(64)));
typedef uint32_t words4 __attribute__((vector_size(16)));

enum { WORDS = 8 };

SIM_INLINE int elements_of_word(sim_matrix_type type) {
  return type == SIM_MATRIX_TF32 ? 1 : type == SIM_MATRIX_F16 || type == SIM_MATRIX_BF16 ? 2 : 4;
}

// MARK: Numbers of 16 words

SIM_INLINE void select16(words16 *d, const signed16 *mask, const words16 *yes, const words16 *no) {
  *d = ((words16)*mask & *yes) | (~(words16)*mask & *no);
}

// As float_of_f16; the numbers are the lower halves of the words.
SIM_INLINE void floats_of_f16(lanes16 *d, const words16 *bits) {
  words16 shifted = (*bits & 0x7FFF) << 13;
  words16 finite = (words16)((lanes16)shifted * 0x1p112f);
  words16 infinite = shifted | 0x7F800000;
  signed16 is_infinite = shifted >= 0x0F800000;
  words16 magnitude;
  select16(&magnitude, &is_infinite, &infinite, &finite);
  *d = (lanes16)(magnitude | (*bits & 0x8000) << 16);
}

// 8-bit numbers are fp16 with fewer bits: e5m2 its upper half, e4m3 with one bit of exponent less, and no infinity.
SIM_INLINE void floats_of_e4m3(lanes16 *d, const words16 *bits) {
  words16 magnitude = *bits & 0x7F;
  words16 half = magnitude << 7;
  lanes16 scaled;
  floats_of_f16(&scaled, &half);
  words16 finite = (words16)(scaled * 256.0f);
  words16 nan = (words16){0} + 0x7FFFFFFF;
  signed16 is_nan = magnitude == 0x7F;
  words16 value;
  select16(&value, &is_nan, &nan, &finite);
  *d = (lanes16)(value | (*bits & 0x80) << 24);
}

// Element `index` of each word.
SIM_INLINE void element(sim_matrix_type type, lanes16 *d, const words16 *word, int index) {
  words16 half = *word >> (16 * (index & 1)) & 0xFFFF;
  words16 byte = *word >> (8 * (index & 3)) & 0xFF;
  words16 shifted;
  switch (type) {
    case SIM_MATRIX_F16: floats_of_f16(d, &half); break;
    case SIM_MATRIX_BF16: *d = (lanes16)(half << 16); break;
    // Of fp32 data, tf32 products use the upper 19 bits.
    case SIM_MATRIX_TF32: *d = (lanes16)(*word & 0xFFFFE000); break;
    case SIM_MATRIX_E4M3: floats_of_e4m3(d, &byte); break;
    case SIM_MATRIX_E5M2:
      shifted = byte << 8;
      floats_of_f16(d, &shifted);
      break;
    case SIM_MATRIX_S8: *d = __builtin_convertvector((signed16)(byte << 24) >> 24, lanes16); break;
    case SIM_MATRIX_U8: *d = __builtin_convertvector((signed16)byte, lanes16); break;
  }
}

// Columns of B lie next to each other. Of A each row's number is there four times.
SIM_INLINE void put(float *d, const lanes16 *values, int is_b) {
  if (is_b) {
    memcpy(d, values, sizeof *values);
    return;
  }
  lanes16 v = *values;
  lanes16 spread[4] = {
      __builtin_shufflevector(v, v, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3),
      __builtin_shufflevector(v, v, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7),
      __builtin_shufflevector(v, v, 8, 8, 8, 8, 9, 9, 9, 9, 10, 10, 10, 10, 11, 11, 11, 11),
      __builtin_shufflevector(v, v, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15, 15),
  };
  memcpy(d, spread, sizeof spread);
}

// The elements of word `word` of 16 rows or columns: d[k], for its few k.
SIM_INLINE void unpack(
    sim_matrix_type type, const words16 *bits, int word, int is_b, uint32_t sign, float *d, int pitch) {
  int count = elements_of_word(type);
  for (int index = 0; index < count; index++) {
    lanes16 values;
    element(type, &values, bits, index);
    values = (lanes16)((words16)values ^ sign);
    put(d + (word * count + index) * pitch, &values, is_b);
  }
}

// MARK: Shared memory

SIM_INLINE const uint8_t *place(const sim_tile *tile, uint32_t line, uint32_t unit) {
  return tile->memory + swizzled_place(tile, line, unit);
}

// Words of 16 rows: d[word][row]. Rows j and j + 8 are in v[j].
SIM_INLINE void transpose(const words16 *v, words16 *d) {
  // Within 16 bytes, words of four rows change places with their numbers.
  words16 t[8];
  for (int four = 0; four < 8; four += 4) {
    words16 low01 = __builtin_shufflevector(
        v[four], v[four + 1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    words16 low23 = __builtin_shufflevector(
        v[four + 2], v[four + 3], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    words16 high01 = __builtin_shufflevector(
        v[four], v[four + 1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    words16 high23 = __builtin_shufflevector(
        v[four + 2], v[four + 3], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    t[four] = __builtin_shufflevector(low01, low23, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    t[four + 1] = __builtin_shufflevector(low01, low23, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    t[four + 2] = __builtin_shufflevector(high01, high23, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    t[four + 3] =
        __builtin_shufflevector(high01, high23, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
  }
  for (int word = 0; word < 4; word++) {
    d[word] = __builtin_shufflevector(
        t[word], t[word + 4], 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    d[word + 4] = __builtin_shufflevector(
        t[word], t[word + 4], 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
  }
}

// Columns of a group of eight: the even ones first.
SIM_INLINE uint32_t packed_column(uint32_t place) { return place < 4 ? 2 * place : 2 * place - 7; }

// Both units of 16 bytes of a row that is contiguous along K.
SIM_INLINE void read_row(const sim_tile *tile, uint32_t address, words4 *units) {
  uint32_t across = tile->swizzle == 0 ? tile->leading : 16;
  memcpy(&units[0], tile->memory + swizzled(tile, address), 16);
  memcpy(&units[1], tile->memory + swizzled(tile, address + across), 16);
}

// Two groups of eight such rows, one behind the other, or columns of B, the even ones first.
SIM_INLINE void read_groups(const sim_tile *tile, const uint32_t *groups, int is_b, words16 *d) {
  uint32_t span = tile->swizzle == 0 ? 16 : (uint32_t)tile->swizzle;
  for (uint32_t j = 0; j < 8; j++) {
    uint32_t row = (is_b ? packed_column(j) : j) * span;
    words4 units[4];
    read_row(tile, groups[0] + row, &units[0]);
    read_row(tile, groups[1] + row, &units[2]);
    d[j] = __builtin_shufflevector(
        __builtin_shufflevector(units[0], units[1], 0, 1, 2, 3, 4, 5, 6, 7),
        __builtin_shufflevector(units[2], units[3], 0, 1, 2, 3, 4, 5, 6, 7), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
        13, 14, 15);
  }
}

SIM_INLINE void read_k_major(
    sim_matrix_type type, const sim_tile *tile, int first_row, int row_count, int is_b, uint32_t sign, float *d,
    int pitch) {
  for (int block = 0; block < row_count; block += 16) {
    uint32_t group = tile->start + (uint32_t)(first_row + block) / 8 * tile->stride;
    // The rows that fill up an odd group of eight are read from the first.
    uint32_t groups[2] = {group, block + 8 < row_count ? group + tile->stride : group};
    words16 rows[8], words[WORDS];
    read_groups(tile, groups, is_b, rows);
    transpose(rows, words);
    for (int word = 0; word < WORDS; word++) unpack(type, &words[word], word, is_b, sign, d + block, pitch);
  }
}

// 16-bit elements of which 8 along M or N are contiguous.
SIM_INLINE void read_mn_major(
    sim_matrix_type type, const sim_tile *tile, int first_row, int row_count, int is_b, uint32_t sign, float *d,
    int pitch) {
  int units = row_count / 8;
  for (uint32_t k = 0; k < 16; k++) {
    for (int unit = 0; unit < units; unit += 4) {
      words4 parts[4];
      for (int part = 0; part < 4; part++) {
        int given = unit + part < units ? unit + part : units - 1;
        memcpy(&parts[part], place(tile, k, (uint32_t)(first_row / 8 + given)), 16);
      }
      words16 bits;
      memcpy(&bits, parts, sizeof bits);
      float halves[2][16];
      unpack(type, &bits, 0, 1, sign, halves[0], 16);
      lanes16 even, odd;
      memcpy(&even, halves[0], sizeof even);
      memcpy(&odd, halves[1], sizeof odd);
      lanes16 out[2];
      if (is_b) {
        out[0] = __builtin_shufflevector(even, odd, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
        out[1] = __builtin_shufflevector(even, odd, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
      } else {
        out[0] = __builtin_shufflevector(even, odd, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        out[1] = __builtin_shufflevector(even, odd, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
      }
      float *to = d + (int)k * pitch + unit * 8;
      put(to, &out[0], is_b);
      if (unit + 2 < units) put(to + 16, &out[1], is_b);
    }
  }
}

SIM_INLINE void read_tile(
    sim_matrix_type type, const sim_tile *tile, int first_row, int row_count, int is_b, uint32_t sign, float *d,
    int pitch) {
  if (tile->is_mn_major) {
    // Only 16-bit elements lie so.
    sim_matrix_type half = type == SIM_MATRIX_F16 ? SIM_MATRIX_F16 : SIM_MATRIX_BF16;
    read_mn_major(half, tile, first_row, row_count, is_b, sign, d, pitch);
  } else {
    read_k_major(type, tile, first_row, row_count, is_b, sign, d, pitch);
  }
}

// With the type known, loops have a known length.
#define FOR_TYPE(type, call)                                     \
  switch (type) {                                                \
    case SIM_MATRIX_F16: call(SIM_MATRIX_F16); break;            \
    case SIM_MATRIX_BF16: call(SIM_MATRIX_BF16); break;          \
    case SIM_MATRIX_TF32: call(SIM_MATRIX_TF32); break;          \
    case SIM_MATRIX_E4M3: call(SIM_MATRIX_E4M3); break;          \
    case SIM_MATRIX_E5M2: call(SIM_MATRIX_E5M2); break;          \
    case SIM_MATRIX_S8: call(SIM_MATRIX_S8); break;              \
    case SIM_MATRIX_U8: call(SIM_MATRIX_U8); break;              \
  }

SIM_CLONES void sim_read_a(sim_matrix_type type, const sim_tile *tile, int first_row, int negates, float *a) {
  uint32_t sign = negates ? 0x80000000 : 0;
#define READ_A(known) read_tile(known, tile, first_row, 16, 0, sign, a, 64)
  FOR_TYPE(type, READ_A)
}

SIM_CLONES void sim_read_b(sim_matrix_type type, const sim_tile *tile, int columns, float *b) {

#define READ_B(known) read_tile(known, tile, 0, columns, 1, 0, b, (columns + 15) & ~15)
  FOR_TYPE(type, READ_B)
}

// MARK: Registers

// Lane l of register r holds, of row (or column) l / 4 of eight, word 4 · (r / 2) + l mod 4 of the eight of K; odd
// registers of A are those of the other eight rows.
SIM_INLINE void word_of_registers(
    const uint32_t *registers, const int32_t *slots, int first, int second, int lane, int is_b, words16 *word) {
  const uint32_t *rows[2] = {registers + 32 * (intptr_t)slots[first], registers + 32 * (intptr_t)slots[second]};
  uint32_t gathered[16];
  for (uint32_t row = 0; row < 16; row++) {
    uint32_t line = is_b ? packed_column(row % 8) : row % 8;
    gathered[row] = rows[row / 8][4 * line + (uint32_t)lane];
  }
  memcpy(word, gathered, sizeof *word);
}

SIM_CLONES void sim_read_a_registers(
    sim_matrix_type type, const uint32_t *registers, const int32_t *slots, int count, int negates, float *a) {
  uint32_t sign = negates ? 0x80000000 : 0;
  for (int pair = 0; pair < count / 2; pair++) {
    for (int lane = 0; lane < 4; lane++) {
      words16 bits;
      word_of_registers(registers, slots, 2 * pair, 2 * pair + 1, lane, 0, &bits);
#define UNPACK_A(known) unpack(known, &bits, 4 * pair + lane, 0, sign, a, 64)
      FOR_TYPE(type, UNPACK_A)
    }
  }
}

SIM_CLONES void sim_read_b_registers(
    sim_matrix_type type, const uint32_t *registers, const int32_t *slots, int count, float *b) {

  for (int number = 0; number < count; number++) {
    for (int lane = 0; lane < 4; lane++) {
      words16 bits;
      word_of_registers(registers, slots, number, number, lane, 1, &bits);
#define UNPACK_B(known) unpack(known, &bits, 4 * number + lane, 1, 0, b, 16)
      FOR_TYPE(type, UNPACK_B)
    }
  }
}
