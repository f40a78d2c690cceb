// A product of two tiles by a cluster: tensor maps, mbarriers and wgmma in inline assembly, whose scopes reuse names;
// and a cooperative kernel.
#include <cooperative_groups.h>
#include <cstdint>

struct alignas(64) TensorMap {
  char bytes[128];
};

__device__ inline uint32_t sharedAddress(const void *pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

__device__ inline void wait(uint32_t barrier, uint32_t parity) {
  asm volatile(
      "{\n"
      ".reg .pred P1;\n"
      "WAIT:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 P1, [%0], %1;\n"
      "@P1 bra DONE;\n"
      "bra WAIT;\n"
      "DONE:\n"
      "}\n" ::"r"(barrier), "r"(parity) : "memory");
}

__device__ inline void load(void *tile, const TensorMap &map, uint32_t barrier, int column, int row) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], [%2];" ::"r"(
          sharedAddress(tile)),
      "l"(&map), "r"(barrier), "r"(column), "r"(row) : "memory");
}

__device__ inline uint64_t descriptor(const void *tile) {
  return (uint64_t(sharedAddress(tile)) >> 4 & 0x3FFF) | uint64_t(1) << 16 | uint64_t(64) << 32 | uint64_t(1) << 62;
}

__device__ inline void multiply(float (&sum)[8], uint64_t left, uint64_t right, int isAdded) {
  asm volatile(
      "{\n"
      ".reg .pred p;\n"
      "setp.ne.b32 p, %10, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n16k16.f32.bf16.bf16 {%0, %1, %2, %3, %4, %5, %6, %7}, %8, %9, p, 1, 1, 0, 0;\n"
      "}\n"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3]), "+f"(sum[4]), "+f"(sum[5]), "+f"(sum[6]), "+f"(sum[7])
      : "l"(left), "l"(right), "r"(isAdded));
}

extern "C" __global__ void __cluster_dims__(2, 1, 1) __launch_bounds__(128, 1)
clusterProduct(const __grid_constant__ TensorMap left, const __grid_constant__ TensorMap right, float *result, int depth) {
  __shared__ alignas(1024) char leftTile[2][64 * 128];
  __shared__ alignas(1024) char rightTile[2][16 * 128];
  __shared__ alignas(8) uint64_t full[2];
  uint32_t rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  if (threadIdx.x == 0)
    for (int stage = 0; stage < 2; ++stage)
      asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(sharedAddress(full + stage)));
  asm volatile("fence.mbarrier_init.release.cluster;");
  asm volatile("barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;");
  float sum[8] = {};
  for (int step = 0; step < depth; ++step) {
    int stage = step & 1;
    uint32_t barrier = sharedAddress(full + stage);
    if (threadIdx.x == 0) {
      asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "n"(80 * 128));
      load(leftTile[stage], left, barrier, step * 64, blockIdx.x * 64);
      load(rightTile[stage], right, barrier, step * 64, rank * 16);
    }
    wait(barrier, step >> 1 & 1);
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
    for (int part = 0; part < 4; ++part)
      multiply(sum, descriptor(leftTile[stage]) + part * 2, descriptor(rightTile[stage]) + part * 2, step + part);
    asm volatile("wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;" ::: "memory");
    __syncthreads();
  }
  result += blockIdx.x * 1024;
  for (int index = 0; index < 8; ++index) result[threadIdx.x * 8 + index] = sum[index];
}

extern "C" __global__ void smooth(float *values, float *other, int count, int rounds) {
  auto grid = cooperative_groups::this_grid();
  for (int round = 0; round < rounds; ++round) {
    for (auto index = grid.thread_rank(); index < count; index += grid.size())
      other[index] = (values[index] + values[(index + 1) % count]) / 2;
    grid.sync();
    float *swapped = values;
    values = other;
    other = swapped;
  }
}
