#ifndef SPIN_HINT_H
#define SPIN_HINT_H

/// Tells the core that this thread spins.
static inline void mla_relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

#endif
