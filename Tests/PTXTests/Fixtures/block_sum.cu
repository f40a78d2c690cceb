// Sums of rows with shuffles and shared memory: templates, dynamic shared memory, atomics, unrolled loops.

template <typename Number>
__device__ Number warpSum(Number value) {
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xffffffffu, value, distance);
  return value;
}

template <typename Number, int threads>
__global__ void __launch_bounds__(threads, 2)
blockSum(const Number *__restrict__ values, Number *total, int count) {
  __shared__ Number partial[threads / 32];
  Number sum = 0;
  for (int index = blockIdx.x * threads + threadIdx.x; index < count; index += gridDim.x * threads)
    sum += values[index];
  sum = warpSum(sum);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x < 32) {
    sum = threadIdx.x < threads / 32 ? partial[threadIdx.x] : Number(0);
    sum = warpSum(sum);
    if (threadIdx.x == 0) atomicAdd(total, sum);
  }
}

template __global__ void blockSum<float, 256>(const float *, float *, int);
template __global__ void blockSum<double, 128>(const double *, double *, int);
template __global__ void blockSum<unsigned, 1024>(const unsigned *, unsigned *, int);

extern __shared__ float4 rows[];

/// Each block scales one row by its largest magnitude, a row in dynamic shared memory.
extern "C" __global__ void scaleRows(float4 *values, int width) {
  __shared__ unsigned largest;
  if (threadIdx.x == 0) largest = 0;
  __syncthreads();
  float4 *row = values + (size_t)blockIdx.x * width;
  for (int index = threadIdx.x; index < width; index += blockDim.x) {
    float4 four = row[index];
    rows[index] = four;
    float magnitude = fmaxf(fmaxf(fabsf(four.x), fabsf(four.y)), fmaxf(fabsf(four.z), fabsf(four.w)));
    atomicMax(&largest, __float_as_uint(magnitude));
  }
  __syncthreads();
  float scale = largest ? 1.0f / __uint_as_float(largest) : 0.0f;
  for (int index = threadIdx.x; index < width; index += blockDim.x) {
    float4 four = rows[index];
    row[index] = make_float4(four.x * scale, four.y * scale, expf(four.z * scale), sqrtf(four.w * scale));
  }
}
