// Every function that works on rows is compiled for the vector widths that machines have, and the loader picks one.
#ifndef SIMULATOR_CLONES_H
#define SIMULATOR_CLONES_H

#if defined(__x86_64__) && defined(__linux__)
#define SIM_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SIM_CLONES
#endif

// Inlined, helpers are compiled with the instruction set of their caller.
#define SIM_INLINE static inline __attribute__((always_inline))

#endif
