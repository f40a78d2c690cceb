// What the stack, calls and tables look like: printf, assert, arrays in local memory, a switch, calls through
// pointers, constants and initial values of every shape.
#include <cassert>
#include <cstdio>

struct Settings {
  float scale;
  short steps[3];
  char name[6];
};

__constant__ Settings settings = {1.5f, {1, -2, 3}, "abc"};
__constant__ double weights[2][3] = {{0.5, 1.0}, {-2.0}};
__device__ int counter = 42;
__device__ int *address = &counter;

typedef float (*Operation)(float, float);

__device__ __noinline__ float plus(float a, float b) { return a + b; }
__device__ __noinline__ float times(float a, float b) { return a * b; }
__device__ __noinline__ float power(float a, float b) { return b <= 0 ? 1.0f : a * power(a, b - 1); }
__device__ Operation operations[3] = {plus, times, power};

extern "C" __global__ void apply(const float *values, float *results, const int *kinds, int count) {
  int index = blockIdx.x * blockDim.x + threadIdx.x;
  if (index >= count) return;
  assert(kinds[index] >= 0);
  results[index] = operations[kinds[index] % 3](values[index], settings.scale);
  atomicAdd(address, 1);
}

extern "C" __global__ void histogram(const unsigned char *bytes, unsigned *counts, int count) {
  unsigned own[64];
  for (int bin = 0; bin < 64; ++bin) own[bin] = settings.name[bin % 6];
  for (int index = threadIdx.x; index < count; index += blockDim.x) own[bytes[index] & 63] += 1;
  for (int bin = 0; bin < 64; ++bin) atomicAdd(counts + bin, own[bin]);
  if (threadIdx.x == 0) printf("%d bytes, %f, %s\n", count, weights[count & 1][count % 3], "done");
}

extern "C" __global__ void choose(int *values, int kind) {
  int *value = values + threadIdx.x;
  switch (kind) {
    case 0: *value += 1; break;
    case 1: *value ^= *value << 7; break;
    case 2: *value = __popc(*value); break;
    case 3: *value = __clz(*value); break;
    case 4: *value *= *value; break;
    case 5: *value = values[*value & 31]; break;
    case 6: *value /= 17; break;
    case 7: *value = __brev(*value); break;
    default: *value = settings.steps[kind % 3];
  }
}
