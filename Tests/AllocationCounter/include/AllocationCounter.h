/// Counts what the process allocates on the heap, on all threads, and the threads that it starts, by standing in for the
/// C library's functions.
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

#include <stdint.h>

/// Starts counting from 0.
void allocation_counter_start(void);
/// Stops counting; returns the number of allocations since the start.
int64_t allocation_counter_stop(void);
/// The number of threads started while the last count ran.
int64_t allocation_counter_threads(void);

#endif
