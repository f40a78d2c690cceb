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

void sim_add_replacement(sim_replacements *known, uint32_t old, uint32_t new) {
  uint32_t place = known->added++ % SIM_REPLACEMENTS;
  known->old[place] = old;
  known->new[place] = new;
}

// What takes the place of a number, twice; all ones if that is not known. Without branches: which of the numbers a unit has
// is not foreseen.
SIM_INLINE uint64_t replacement(const uint64_t *old, const uint64_t *new, uint64_t number) {
  uint64_t next = UINT64_MAX;
  for (int pair = 0; pair < SIM_REPLACEMENTS; pair++) next = number == old[pair] ? new[pair] : next;
  return next;
}

SIM_CLONES int sim_tile_replace(
    const sim_tile *tile, int first_row, int row_count, int unit, uint32_t *words, const sim_replacements *known) {
  sim_tile described = *tile;
  tile_part part = part_of(&described, first_row, row_count);
  // Words never have the number that pairs have which are not there.
  uint64_t old[SIM_REPLACEMENTS], new[SIM_REPLACEMENTS];
  for (uint32_t pair = 0; pair < SIM_REPLACEMENTS; pair++) {
    int is_there = pair < known->added;
    old[pair] = is_there ? (uint64_t)known->old[pair] << 32 | known->old[pair] : UINT64_MAX;
    new[pair] = is_there ? (uint64_t)known->new[pair] << 32 | known->new[pair] : UINT64_MAX;
  }
  uint32_t line = (uint32_t)unit / part.units, first = (uint32_t)unit % part.units;
  // Along K, the two units of a row lie next to each other in a swizzle's pattern, in either order.
  int is_paired = !described.is_mn_major && described.swizzle != 0 && described.start % 32 == 0 && first == 0;
  for (; is_paired && line < part.lines; line++) {
    uint32_t *at = words + (swizzled_place(&described, part.first_line + line, 0) & ~16u) / 4;
    uint64_t found[4];
    memcpy(found, at, sizeof found);
    uint64_t next = replacement(old, new, found[0]);
    uint64_t differences = (found[1] ^ found[0]) | (found[2] ^ found[0]) | (found[3] ^ found[0]);
    if (next == UINT64_MAX || differences != 0) break;
    found[0] = found[1] = found[2] = found[3] = next;
    memcpy(at, found, sizeof found);
  }
  for (; line < part.lines; line++) {
    for (uint32_t in_line = first; in_line < part.units; in_line++) {
      uint32_t *at = words + swizzled_place(&described, part.first_line + line, part.first_unit + in_line) / 4;
      uint64_t found[2];
      memcpy(found, at, sizeof found);
      uint64_t next = replacement(old, new, found[0]);
      if (next == UINT64_MAX || found[0] != found[1]) return (int)(line * part.units + in_line);
      found[0] = found[1] = next;
      memcpy(at, found, sizeof found);
    }
    first = 0;
  }
  return (int)(part.lines * part.units);
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
