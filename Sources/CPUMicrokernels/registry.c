#include <string.h>

#include "CPUMicrokernels.h"
#include "microkernel_list.h"

#define DECLARE(symbol) extern const mla_microkernels symbol;
MLA_MICROKERNELS(DECLARE)

#define ADDRESS(symbol) &symbol,
static const mla_microkernels *const sets[] = {MLA_MICROKERNELS(ADDRESS)};

int32_t mla_microkernel_count(void) { return (int32_t)(sizeof sets / sizeof sets[0]); }

const mla_microkernels *mla_microkernel(int32_t index) { return sets[index]; }

int32_t mla_microkernel_runs_here(const mla_microkernels *set) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  int avx512f = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if (strcmp(set->isa, "avx2") == 0) return avx2;
  if (strcmp(set->isa, "avx512f") == 0) return avx512f;
  if (strcmp(set->isa, "avx512bf16") == 0) return avx512f && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512bf16");
#endif
  return strcmp(set->isa, "portable") == 0;
}
