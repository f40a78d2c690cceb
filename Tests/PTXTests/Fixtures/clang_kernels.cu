// Kernels for clang, which needs nothing of a CUDA toolkit: what its headers would define stands here.
#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __constant__ __attribute__((constant))
#define __shared__ __attribute__((shared))

static __device__ int threadIndex() { return __nvvm_read_ptx_sreg_tid_x(); }
static __device__ int blockIndex() { return __nvvm_read_ptx_sreg_ctaid_x(); }
static __device__ int threadCount() { return __nvvm_read_ptx_sreg_ntid_x(); }

// A polynomial by value, with a pointer in it.
struct Polynomial {
  double scale;
  const int *degrees;
  float coefficients[5];
};

// Binomial coefficients; calls itself.
__device__ __attribute__((noinline)) int choose(int n, int k) {
  if (k <= 0 || k >= n) return 1;
  return choose(n - 1, k - 1) + choose(n - 1, k);
}

__constant__ short offsets[4] = {3, -1, 40, 7};

// results[i] = scale · Σ c[d] x^d up to the degree of i, + choose(8, i mod 9) + an offset.
extern "C" __global__ void polynomials(Polynomial p, const float *x, double *results, int count) {
  const int i = blockIndex() * threadCount() + threadIndex();
  if (i >= count) return;
  // Indexed by what is not known here: in local memory.
  float terms[5];
  float power = 1;
  for (int d = 0; d < 5; d++) {
    terms[d] = p.coefficients[d] * power;
    power *= x[i];
  }
  double sum = 0;
  for (int d = p.degrees[i]; d >= 0; d--) sum += terms[d];
  results[i] = p.scale * sum + choose(8, i % 9) + offsets[i & 3];
}

// Running sums of a block of 256: shuffles within a warp, shared memory between warps.
extern "C" __global__ void runningSums(const int *values, int *sums, unsigned long long *total) {
  __shared__ int ofWarps[8];
  const int thread = threadIndex(), lane = thread & 31, warp = thread >> 5;
  const int index = blockIndex() * 256 + thread;
  int sum = values[index];
  for (int distance = 1; distance < 32; distance *= 2) {
    const int other = __nvvm_shfl_sync_up_i32(-1, sum, distance, 0);
    if (lane >= distance) sum += other;
  }
  if (lane == 31) ofWarps[warp] = sum;
  __syncthreads();
  for (int before = 0; before < warp; before++) sum += ofWarps[before];
  sums[index] = sum;
  if (thread == 255) __nvvm_atom_add_gen_ll((long long *)total, sum);
}

// A switch, 64-bit division, dynamic shared memory, narrow types.
extern "C" __global__ void mixed(const long long *values, const signed char *kinds, long long *results, int count) {
  extern __shared__ long long ring[];
  const int thread = threadIndex();
  ring[thread] = thread < count ? values[thread] : 0;
  __syncthreads();
  if (thread >= count) return;
  const long long value = ring[thread], next = ring[(thread + 1) % count];
  long long result = 0;
  switch (kinds[thread]) {
    case 0: result = value / (next | 1); break;
    case 1: result = (unsigned long long)value % 1000003ull; break;
    case 2: result = __builtin_popcountll(value) - __builtin_clzll(value | 1); break;
    case 3: result = (short)value * (int)(unsigned char)next; break;
    case 4: result = (long long)((float)value * 0.5f); break;
    case 5: result = value > next ? value - next : next - value; break;
    case 6: result = (long long)((unsigned long long)value << (next & 63)) ^ (value >> 7); break;
    default: result = -value;
  }
  results[thread] = result;
}
