// Facts about the machine that the engine runs on.
#define _GNU_SOURCE
#include <sched.h>
#include <unistd.h>

#include "CPUMicrokernels.h"

int32_t mla_processor_count(void) {
#if defined(__linux__)
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof mask, &mask) == 0 && CPU_COUNT(&mask) > 0) return CPU_COUNT(&mask);
#endif
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (int32_t)online : 1;
}

void mla_move_to_processor(int32_t index) {
#if defined(__linux__)
  cpu_set_t allowed, only;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  for (int processor = 0; processor < CPU_SETSIZE; processor++) {
    if (!CPU_ISSET(processor, &allowed) || index-- > 0) continue;
    CPU_ZERO(&only);
    CPU_SET(processor, &only);
    if (sched_setaffinity(0, sizeof only, &only) == 0) sched_setaffinity(0, sizeof allowed, &allowed);
    return;
  }
#else
  (void)index;
#endif
}

double mla_read_lines(const void *buffer, int64_t bytes) {
  typedef double lane8 __attribute__((vector_size(64), aligned(8)));
  const char *bytes_of = buffer;
  lane8 sum0 = {0}, sum1 = {0}, sum2 = {0}, sum3 = {0};
  for (int64_t offset = 0; offset + 256 <= bytes; offset += 256) {
    sum0 += *(const lane8 *)(bytes_of + offset);
    sum1 += *(const lane8 *)(bytes_of + offset + 64);
    sum2 += *(const lane8 *)(bytes_of + offset + 128);
    sum3 += *(const lane8 *)(bytes_of + offset + 192);
  }
  lane8 sum = (sum0 + sum1) + (sum2 + sum3);
  double total = 0;
  for (int lane = 0; lane < 8; lane++) total += sum[lane];
  return total;
}
