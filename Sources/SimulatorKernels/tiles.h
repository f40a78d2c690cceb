// Where the parts of an operand of wgmma lie in shared memory.
#ifndef SIMULATOR_TILES_H
#define SIMULATOR_TILES_H

#include "clones.h"
#include "include/simulator_matrices.h"

// The place of a unit of 16 bytes before the swizzle: `unit` counts them along the contiguous dimension, `line` the
// other. Canonical layouts of CUTLASS (include/cute/atom/mma_traits_sm90_gmma.hpp).
SIM_INLINE uint32_t plain_place(const sim_tile *tile, uint32_t line, uint32_t unit) {
  uint32_t span = tile->swizzle == 0 ? 16 : (uint32_t)tile->swizzle;
  uint32_t units = span / 16;
  if (tile->swizzle == 0) {
    uint32_t along = tile->is_mn_major ? tile->leading : tile->stride;
    uint32_t across = tile->is_mn_major ? tile->stride : tile->leading;
    return line / 8 * along + line % 8 * 16 + unit * across;
  }
  uint32_t row = line / 8 * tile->stride + line % 8 * span;
  // Along K an operand stays in its atom.
  if (!tile->is_mn_major) return row + unit * 16;
  // The count is a power of two, which the compiler does not know.
  return row + (unit >> __builtin_ctz(units)) * tile->leading + (unit & (units - 1)) * 16;
}

// Where the swizzle puts an address; rows of its pattern are counted from where that begins.
SIM_INLINE uint32_t swizzled(const sim_tile *tile, uint32_t address) {
  uint32_t mask = tile->swizzle == 0 ? 0 : (uint32_t)tile->swizzle / 16 - 1;
  return address ^ (((address >> 7) - tile->base_offset) & mask) << 4;
}

SIM_INLINE uint32_t swizzled_place(const sim_tile *tile, uint32_t line, uint32_t unit) {
  return swizzled(tile, tile->start + plain_place(tile, line, unit));
}

#endif
