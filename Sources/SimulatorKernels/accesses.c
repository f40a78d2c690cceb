#include "include/simulator_accesses.h"

#include <string.h>

#include "clones.h"

enum { LANES = 32, BANKS = 32 };

// Addresses of 32 bits have their own loops: half as many vectors.
SIM_INLINE sim_address_summary narrow_addresses(
    uint64_t *addresses, const uint32_t *bases, uint32_t offset, int byte_count) {
  uint32_t own[LANES];
  for (int lane = 0; lane < LANES; lane++) own[lane] = bases[lane] + offset;
  uint32_t lowest = own[0], highest = own[0], joined = 0, step = own[1] - own[0], difference = 0;
  for (int lane = 0; lane < LANES; lane++) {
    uint32_t address = own[lane];
    addresses[lane] = address;
    lowest = address < lowest ? address : lowest;
    highest = address > highest ? address : highest;
    joined |= address;
    difference |= address ^ (own[0] + (uint32_t)lane * step);
  }
  uint64_t stride = addresses[1] - addresses[0];
  // Steps that are the same in 32 bits may have wrapped.
  if (difference != 0 || addresses[LANES - 1] != addresses[0] + (LANES - 1) * stride) stride = 0;
  return (sim_address_summary){lowest, highest, joined, stride, stride == (uint64_t)byte_count};
}

SIM_INLINE sim_address_summary wide_addresses(
    uint64_t *addresses, const uint64_t *bases, uint64_t offset, int byte_count) {
  for (int lane = 0; lane < LANES; lane++) addresses[lane] = bases[lane] + offset;
  uint64_t lowest = addresses[0], highest = addresses[0], joined = 0;
  for (int lane = 0; lane < LANES; lane++) {
    uint64_t address = addresses[lane];
    lowest = address < lowest ? address : lowest;
    highest = address > highest ? address : highest;
    joined |= address;
  }
  uint64_t stride = addresses[1] - addresses[0], difference = 0;
  for (int lane = 1; lane < LANES; lane++) difference |= (addresses[lane] - addresses[lane - 1]) ^ stride;
  if (difference != 0) stride = 0;
  return (sim_address_summary){lowest, highest, joined, stride, stride == (uint64_t)byte_count};
}

SIM_CLONES sim_address_summary sim_addresses(
    uint64_t *addresses, const void *bases, int is_wide, uint64_t offset, int byte_count) {
  return is_wide ? wide_addresses(addresses, bases, offset, byte_count)
                 : narrow_addresses(addresses, bases, (uint32_t)offset, byte_count);
}

// With the stride known, loads and stores of vectors take the place of single ones.
#define FOR_STRIDE(body)                                                 \
  switch (stride) {                                                      \
    case 1: body(1); break;                                              \
    case 2: body(2); break;                                              \
    case 4: body(4); break;                                              \
    default: body(stride);                                               \
  }

SIM_CLONES void sim_load_run(uint32_t *d, const uint32_t *memory, int stride) {
#define LOAD(known) \
  for (int lane = 0; lane < LANES; lane++) d[lane] = memory[lane * known]
  FOR_STRIDE(LOAD)
}

SIM_CLONES void sim_store_run(uint32_t *memory, const uint32_t *a, int stride) {
#define STORE(known) \
  for (int lane = 0; lane < LANES; lane++) memory[lane * known] = a[lane]
  FOR_STRIDE(STORE)
}

SIM_CLONES void sim_load_quads(
    uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d, const uint32_t *memory) {
  // Rows of their own: those of the caller may be the same.
  uint32_t rows[4][LANES];
  for (int lane = 0; lane < LANES; lane++) {
    for (int part = 0; part < 4; part++) rows[part][lane] = memory[4 * lane + part];
  }
  memcpy(a, rows[0], sizeof rows[0]);
  memcpy(b, rows[1], sizeof rows[1]);
  memcpy(c, rows[2], sizeof rows[2]);
  memcpy(d, rows[3], sizeof rows[3]);
}

SIM_CLONES void sim_store_quads(
    uint32_t *memory, const uint32_t *a, const uint32_t *b, const uint32_t *c, const uint32_t *d) {
  uint32_t quads[LANES][4];
  for (int lane = 0; lane < LANES; lane++) {
    quads[lane][0] = a[lane];
    quads[lane][1] = b[lane];
    quads[lane][2] = c[lane];
    quads[lane][3] = d[lane];
  }
  memcpy(memory, quads, sizeof quads);
}

void sim_load_words(uint32_t *d, const void *memory, uint64_t start, const uint64_t *addresses) {
  for (int lane = 0; lane < LANES; lane++) memcpy(&d[lane], (const char *)memory + (addresses[lane] - start), 4);
}

void sim_store_words(void *memory, uint64_t start, const uint64_t *addresses, const uint32_t *a) {
  for (int lane = 0; lane < LANES; lane++) memcpy((char *)memory + (addresses[lane] - start), &a[lane], 4);
}

SIM_CLONES int sim_have_equal(const uint64_t *addresses, uint32_t active) {
  // Inactive lanes get addresses that no other has.
  uint64_t own[2 * LANES];
  for (int lane = 0; lane < LANES; lane++) {
    own[lane] = active >> lane & 1 ? addresses[lane] : UINT64_MAX - (uint64_t)lane;
  }
  memcpy(own + LANES, own, LANES * sizeof own[0]);
  uint64_t equal = 0;
  for (int distance = 1; distance <= LANES / 2; distance++) {
    for (int lane = 0; lane < LANES; lane++) equal |= own[lane] == own[lane + distance];
  }
  return equal != 0;
}

// Not in vectors: there, loads from 16 places take longer than one after the other.
int sim_equal_at(const uint32_t *numbers, const uint64_t *addresses, uint64_t mask, int shift, uint32_t *number) {
  *number = numbers[(addresses[0] & mask) >> shift];
  uint32_t differences = 0;
  for (int lane = 0; lane < LANES; lane++) differences |= numbers[(addresses[lane] & mask) >> shift] ^ *number;
  return differences == 0;
}

SIM_CLONES int sim_equal_strided(const uint32_t *numbers, int stride, uint32_t *number) {
  *number = numbers[0];
  uint32_t differences = 0;
#define COMPARE(known) \
  for (int lane = 0; lane < LANES; lane++) differences |= numbers[lane * known] ^ numbers[0]
  FOR_STRIDE(COMPARE)
  return differences == 0;
}

SIM_CLONES void sim_fill_strided(uint32_t *numbers, int stride, uint32_t number) {
#define FILL(known) \
  for (int lane = 0; lane < LANES; lane++) numbers[lane * known] = number
  FOR_STRIDE(FILL)
}

// The most different words that one bank has to give to lanes of a mask.
SIM_INLINE int most_words(const uint64_t *addresses, uint32_t lanes, int words_of_lane) {
  uint64_t words[BANKS][LANES];
  int counts[BANKS] = {0};
  int most = 1;
  for (; lanes != 0; lanes &= lanes - 1) {
    uint64_t first = addresses[__builtin_ctz(lanes)] / 4;
    for (uint64_t word = first; word < first + (uint64_t)words_of_lane; word++) {
      uint64_t *known = words[word % BANKS];
      int count = counts[word % BANKS];
      int place = 0;
      while (place < count && known[place] != word) place++;
      if (place < count) continue;
      known[count] = word;
      counts[word % BANKS] = count + 1;
      if (count + 1 > most) most = count + 1;
    }
  }
  return most;
}

sim_wavefronts sim_bank_wavefronts(const uint64_t *addresses, uint32_t active, int byte_count) {
  int lanes_at_once = byte_count <= 4 ? 32 : byte_count == 8 ? 16 : 8;
  int words_of_lane = byte_count <= 4 ? 1 : byte_count / 4;
  sim_wavefronts wavefronts = {0, 0};
  for (int first = 0; first < LANES; first += lanes_at_once) {
    uint32_t group = active & (uint32_t)(((1ull << lanes_at_once) - 1) << first);
    if (group == 0) continue;
    wavefronts.least++;
    wavefronts.total += most_words(addresses, group, words_of_lane);
  }
  return wavefronts;
}

sim_wavefronts sim_stride_wavefronts(uint64_t stride, int byte_count) {
  int words_of_lane = byte_count / 4;
  // As many lanes are apart by a multiple of all banks as the stride and the number of banks have common factors.
  uint64_t words = stride / 4;
  int common = (words & (BANKS - 1)) == 0 ? BANKS : (int)(words & -words);
  // So many lanes go at once that they have as many words as there are banks.
  int most = common > words_of_lane ? common / words_of_lane : 1;
  return (sim_wavefronts){words_of_lane * most, words_of_lane};
}
