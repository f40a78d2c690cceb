#include "tiles.h"

#include <string.h>

void sim_tile_extent(const sim_tile *tile, int rows, uint32_t *first, uint32_t *end) {
  // An operand contiguous along M or N has 16-bit elements: K is 16, and a unit 8 of them.
  uint32_t lines = tile->is_mn_major ? 16 : (uint32_t)rows;
  uint32_t units = tile->is_mn_major ? ((uint32_t)rows + 7) / 8 : 2;
  uint32_t span = tile->swizzle == 0 ? 16 : (uint32_t)tile->swizzle;
  uint32_t last = 0;
  for (uint32_t unit = 0; unit < units; unit++) {
    uint32_t place = plain_place(tile, lines - 1, unit);
    if (place > last) last = place;
  }
  *first = tile->start / span * span;
  *end = (tile->start + last) / span * span + span;
}

// Lines along the contiguous dimension that hold some rows of an operand, and its units of 16 bytes in each.
typedef struct {
  uint32_t first_line, lines, first_unit, units;
} tile_part;

SIM_INLINE tile_part part_of(const sim_tile *tile, int first_row, int row_count) {
  // An operand contiguous along M or N has 16-bit elements: K is 16, and a unit 8 of them.
  tile_part along_k = {(uint32_t)first_row, (uint32_t)row_count, 0, 2};
  tile_part along_rows = {0, 16, (uint32_t)first_row / 8, ((uint32_t)row_count + 7) / 8};
  return tile->is_mn_major ? along_rows : along_k;
}

int sim_tile_unit_count(const sim_tile *tile, int row_count) {
  tile_part part = part_of(tile, 0, row_count);
  return (int)(part.lines * part.units);
}

uint32_t sim_tile_unit(const sim_tile *tile, int first_row, int row_count, int unit) {
  tile_part part = part_of(tile, first_row, row_count);
  return swizzled_place(
      tile, part.first_line + (uint32_t)unit / part.units, part.first_unit + (uint32_t)unit % part.units);
}

void sim_forget_replacements(sim_replacements *known) { memset(known, 0xFF, sizeof *known); }

void sim_add_replacement(sim_replacements *known, uint32_t old, uint32_t new) {
  known->old[old % SIM_REPLACEMENTS] = old;
  known->new[old % SIM_REPLACEMENTS] = new;
}

// What takes the place of a number; all ones if that is not known.
SIM_INLINE uint32_t replacement(const sim_replacements *known, uint32_t number) {
  uint32_t place = number % SIM_REPLACEMENTS;
  return known->old[place] == number ? known->new[place] : UINT32_MAX;
}

// Replaces so many numbers, at most 8, that lie next to each other; 0 if they differ or it is not known what takes their
// places.
SIM_INLINE int replace_equal(uint32_t *at, uint32_t count, const sim_replacements *known) {
  uint32_t differences = 0;
  for (uint32_t number = 1; number < count; number++) differences |= at[number] ^ at[0];
  uint32_t next = replacement(known, at[0]);
  if (differences != 0 || next == UINT32_MAX) return 0;
  for (uint32_t number = 0; number < count; number++) at[number] = next;
  return 1;
}

// Units that lie next to each other within a row of the swizzle's pattern, in some order, and begin at a multiple of their
// number: along K two, along M or N all of a row of 128 bytes; else 1.
SIM_INLINE uint32_t neighbours(const sim_tile *tile, const tile_part *part) {
  if (!tile->is_mn_major) return tile->swizzle != 0 && tile->start % 32 == 0 ? 2 : 1;
  int is_whole = tile->swizzle == 128 && tile->start % 128 == 0 && part->first_unit % 8 == 0 && part->units % 8 == 0;
  return is_whole ? 8 : 1;
}

// With the number of neighbours known, they are compared at once.
SIM_INLINE int replace_lines(
    const sim_tile *tile, const tile_part *part, uint32_t unit, uint32_t *numbers, const sim_replacements *known,
    uint32_t count) {
  uint32_t line = unit / part->units, in_line = unit % part->units;
  for (; line < part->lines; line++, in_line = 0) {
    while (in_line < part->units) {
      uint32_t place = swizzled_place(tile, part->first_line + line, part->first_unit + in_line) / 16;
      if (in_line % count == 0 && replace_equal(numbers + place / count * count, count, known)) {
        in_line += count;
      } else if (count > 1 && replace_equal(numbers + place, 1, known)) {
        in_line++;
      } else {
        return (int)(line * part->units + in_line);
      }
    }
  }
  return (int)(part->lines * part->units);
}

SIM_CLONES int sim_tile_replace(
    const sim_tile *tile, int first_row, int row_count, int unit, uint32_t *numbers, const sim_replacements *known) {
  sim_tile described = *tile;
  tile_part part = part_of(&described, first_row, row_count);
  switch (neighbours(&described, &part)) {
    case 8: return replace_lines(&described, &part, (uint32_t)unit, numbers, known, 8);
    case 2: return replace_lines(&described, &part, (uint32_t)unit, numbers, known, 2);
    default: return replace_lines(&described, &part, (uint32_t)unit, numbers, known, 1);
  }
}

SIM_CLONES int sim_equal_count(const uint32_t *words, int count) {
  uint32_t first = words[0];
  int equal = 0;
  for (; equal + 16 <= count; equal += 16) {
    uint32_t differences = 0;
    for (int word = 0; word < 16; word++) differences |= words[equal + word] ^ first;
    if (differences != 0) break;
  }
  while (equal < count && words[equal] == first) equal++;
  return equal;
}
