// Arithmetic of the simulated Hopper on rows of 32 lanes.
#ifndef SIMULATOR_KERNELS_H
#define SIMULATOR_KERNELS_H

#include "simulator_accesses.h"
#include "simulator_floats.h"
#include "simulator_halves.h"
#include "simulator_integers.h"
#include "simulator_matrices.h"
#include "simulator_turns.h"

#endif
