// Turns of the warps of a multiprocessor.
#ifndef SIMULATOR_TURNS_H
#define SIMULATOR_TURNS_H

#include <stdint.h>

// The warp that goes on next: the first of those whose time is the lowest, and the lowest time among all others.
typedef struct {
  uint64_t time, second;
  int slot;
} sim_turn;

// `count` is a multiple of 8, and not 0.
sim_turn sim_next_turn(const uint64_t *times, int count);

#endif
