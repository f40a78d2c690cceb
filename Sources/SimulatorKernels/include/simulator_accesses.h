// Accesses of the 32 lanes of a warp to memory.
#ifndef SIMULATOR_ACCESSES_H
#define SIMULATOR_ACCESSES_H

#include <stdint.h>

// What an access's addresses have in common.
typedef struct {
  uint64_t lowest, highest;
  uint64_t joined;  // bits that any of them has
  uint64_t stride;  // from each lane to the next; 0 if it differs
  int is_linear;    // each lane follows the one before it without a gap
} sim_address_summary;

// The address of each lane: a base plus an offset, of 8 bytes if `is_wide`, else of 4, in which the sum wraps.
sim_address_summary sim_addresses(
    uint64_t *addresses, const void *bases, int is_wide, uint64_t offset, int byte_count);

// A word of each lane from memory, or into it, `stride` words apart.
void sim_load_run(uint32_t *d, const uint32_t *memory, int stride);
void sim_store_run(uint32_t *memory, const uint32_t *a, int stride);

// Four words of each lane from memory, or into it, those of each lane behind those of the lane before.
void sim_load_quads(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d, const uint32_t *memory);
void sim_store_quads(uint32_t *memory, const uint32_t *a, const uint32_t *b, const uint32_t *c, const uint32_t *d);

// A word of each lane from its address, or into it; `memory` lies at the address `start`. Of lanes that store to the same
// place, the last remains.
void sim_load_words(uint32_t *d, const void *memory, uint64_t start, const uint64_t *addresses);
void sim_store_words(void *memory, uint64_t start, const uint64_t *addresses, const uint32_t *a);

// Whether two active lanes have the same address.
int sim_have_equal(const uint64_t *addresses, uint32_t active);

// Whether `numbers`, of which there is one for each `1 << shift` bytes, has the same for each lane's address, of which the
// bits of a mask count; that number.
int sim_equal_at(const uint32_t *numbers, const uint64_t *addresses, uint64_t mask, int shift, uint32_t *number);

// Whether 32 numbers that are `stride` apart are the same; that number. And makes them the same.
int sim_equal_strided(const uint32_t *numbers, int stride, uint32_t *number);
void sim_fill_strided(uint32_t *numbers, int stride, uint32_t number);

// Wavefronts of shared memory that an access takes, and how few it would take without bank conflicts (CUDA C++ programming
// guide, shared memory, compute capability 5 and up): 32 banks of 4 bytes; lanes that read the same word share it. Wide
// accesses go in halves and quarters of the warp.
typedef struct {
  int total, least;
} sim_wavefronts;
sim_wavefronts sim_bank_wavefronts(const uint64_t *addresses, uint32_t active, int byte_count);

// As above, of all 32 lanes, `stride` bytes apart: a multiple of their 4, 8 or 16 bytes, not 0.
sim_wavefronts sim_stride_wavefronts(uint64_t stride, int byte_count);

#endif
