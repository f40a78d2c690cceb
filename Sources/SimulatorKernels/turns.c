#include "include/simulator_turns.h"

#include <string.h>

#include "clones.h"

enum { LANES = 8 };
typedef uint64_t times8 __attribute__((vector_size(64)));

SIM_CLONES sim_turn sim_next_turn(const uint64_t *times, int count) {
  // Of every eighth time, the lowest and the next.
  times8 lowest = (times8){0} - 1, second = lowest;
  for (int first = 0; first < count; first += LANES) {
    times8 found;
    memcpy(&found, times + first, sizeof found);
    second = __builtin_elementwise_min(second, __builtin_elementwise_max(lowest, found));
    lowest = __builtin_elementwise_min(lowest, found);
  }
  sim_turn turn = {UINT64_MAX, UINT64_MAX, 0};
  for (int lane = 0; lane < LANES; lane++) {
    uint64_t higher = lowest[lane] > turn.time ? lowest[lane] : turn.time;
    uint64_t next = higher < second[lane] ? higher : second[lane];
    if (next < turn.second) turn.second = next;
    if (lowest[lane] < turn.time) turn.time = lowest[lane];
  }
  while (times[turn.slot] != turn.time) turn.slot++;
  return turn;
}
