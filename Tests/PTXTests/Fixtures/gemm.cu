// C = A·Bᵀ of bf16 matrices, as `GemmKernel` of the example kernels computes it: 128 × 256 of C for a block, clusters of
// two blocks that load B for each other, a warp that loads by TMA into four stages, two warpgroups that multiply.
#include <cuda_bf16.h>
#include <cstdint>

struct alignas(64) TensorMap {
  char bytes[128];
};

constexpr int tileM = 128, tileN = 256, tileK = 64, stages = 4, clusterSize = 2, groupHeight = 16;
constexpr int rowBytes = 128, bytesA = tileM * rowBytes, bytesB = tileN * rowBytes;

struct Shared {
  char a[stages][bytesA];
  char b[stages][bytesB];
  uint64_t full[stages], empty[stages];
};

__device__ inline uint32_t sharedAddress(const void *pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

__device__ inline void initialize(uint64_t &barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(sharedAddress(&barrier)), "r"(arrivals));
}

__device__ inline void wait(uint64_t &barrier, uint32_t parity) {
  asm volatile(
      "{\n"
      ".reg .pred P1;\n"
      "WAIT:\n"
      "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 P1, [%0], %1;\n"
      "@P1 bra DONE;\n"
      "bra WAIT;\n"
      "DONE:\n"
      "}\n" ::"r"(sharedAddress(&barrier)), "r"(parity) : "memory");
}

__device__ inline void arriveInBlock(uint64_t &barrier, uint32_t rank) {
  asm volatile(
      "{\n"
      ".reg .b32 there;\n"
      "mapa.shared::cluster.u32 there, %0, %1;\n"
      "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [there];\n"
      "}\n" ::"r"(sharedAddress(&barrier)), "r"(rank) : "memory");
}

__device__ inline void load(char *tile, const TensorMap &map, uint64_t &barrier, int column, int row) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], [%2];" ::"r"(
          sharedAddress(tile)),
      "l"(&map), "r"(sharedAddress(&barrier)), "r"(column), "r"(row) : "memory");
}

__device__ inline void loadForCluster(char *tile, const TensorMap &map, uint64_t &barrier, int column, int row) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster "
      "[%0], [%1, {%3, %4}], [%2], %5;" ::"r"(sharedAddress(tile)),
      "l"(&map), "r"(sharedAddress(&barrier)), "r"(column), "r"(row), "h"(uint16_t((1 << clusterSize) - 1)) : "memory");
}

// K-major, 128-byte swizzle: groups of eight rows are 1024 bytes apart.
__device__ inline uint64_t descriptor(const char *tile) {
  return (uint64_t(sharedAddress(tile)) >> 4 & 0x3FFF) | uint64_t(1) << 16 | uint64_t(64) << 32 | uint64_t(1) << 62;
}

#define SUMS4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define SUMS16(i) SUMS4(i), SUMS4(i + 4), SUMS4(i + 8), SUMS4(i + 12)

__device__ inline void multiply(float (&d)[128], uint64_t a, uint64_t b, bool adds) {
  asm volatile(
      "{\n"
      ".reg .pred p;\n"
      "setp.ne.b32 p, %130, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {"
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "
      "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "
      "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "
      "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "
      "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127}, "
      "%128, %129, p, 1, 1, 0, 0;\n"
      "}\n"
      : SUMS16(0), SUMS16(16), SUMS16(32), SUMS16(48), SUMS16(64), SUMS16(80), SUMS16(96), SUMS16(112)
      : "l"(a), "l"(b), "r"(int(adds)));
}

__device__ inline void produce(
    Shared &shared, const TensorMap &a, const TensorMap &b, uint32_t rank, int row, int column, uint32_t steps) {
  for (uint32_t step = 0; step < steps; ++step) {
    uint32_t stage = step % stages;
    wait(shared.empty[stage], (step / stages & 1) ^ 1);
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(sharedAddress(&shared.full[stage])),
                 "n"(bytesA + bytesB) : "memory");
    load(shared.a[stage], a, shared.full[stage], int(step) * tileK, row);
    // Each block loads its part of B for both.
    constexpr int rows = tileN / clusterSize;
    loadForCluster(shared.b[stage] + rank * rows * rowBytes, b, shared.full[stage], int(step) * tileK,
                   column + int(rank) * rows);
  }
}

__device__ inline void consume(Shared &shared, float (&sums)[128], uint32_t half, uint32_t steps) {
  uint32_t thread = threadIdx.x % 128;
  for (uint32_t step = 0; step < steps; ++step) {
    uint32_t stage = step % stages;
    wait(shared.full[stage], step / stages & 1);
    uint64_t a = descriptor(shared.a[stage] + half * 64 * rowBytes), b = descriptor(shared.b[stage]);
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#pragma unroll
    for (int part = 0; part < tileK / 16; ++part) multiply(sums, a + part * 2, b + part * 2, step > 0 || part > 0);
    asm volatile("wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 1;" ::: "memory");
    // The products of the step before have ended: its stage may be filled again.
    if (step > 0 && thread < clusterSize) arriveInBlock(shared.empty[(step - 1) % stages], thread);
  }
  asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
}

__device__ inline uint32_t rounded(float first, float second) {
  __nv_bfloat162 pair = __floats2bfloat162_rn(first, second);
  return reinterpret_cast<uint32_t &>(pair);
}

__device__ inline void store(
    Shared &shared, const float (&sums)[128], const TensorMap &map, uint32_t half, int row, int column) {
  uint32_t thread = threadIdx.x % 128, lane = thread % 32;
  // Panels of 64 columns over the ring, which nobody needs any more.
  char *staging = shared.b[0] + half * 64 * rowBytes;
  asm volatile("bar.sync 1, 256;" ::: "memory");
  uint32_t stagingRow = thread / 32 * 16 + lane % 16;
#pragma unroll
  for (int first = 0; first < tileN; first += 16) {
    uint32_t bytes = (first % 64 + lane / 16 * 8) * 2;
    char *place = staging + first / 64 * tileM * rowBytes + stagingRow * rowBytes + (bytes ^ stagingRow % 8 * 16);
    const float *part = sums + first / 2;
    asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(sharedAddress(place)),
                 "r"(rounded(part[0], part[1])), "r"(rounded(part[2], part[3])), "r"(rounded(part[4], part[5])),
                 "r"(rounded(part[6], part[7])) : "memory");
  }
  asm volatile("fence.proxy.async.shared::cta;\nbar.sync %0, 128;" ::"r"(half + 2) : "memory");
  if (thread != 0) return;
  for (int panel = 0; panel < tileN / 64; ++panel)
    asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0, {%2, %3}], [%1];" ::"l"(&map),
                 "r"(sharedAddress(staging + panel * tileM * rowBytes)), "r"(column + panel * 64), "r"(row + int(half) * 64)
                 : "memory");
  asm volatile("cp.async.bulk.commit_group;\ncp.async.bulk.wait_group 0;" ::: "memory");
}

extern "C" __global__ void __cluster_dims__(clusterSize, 1, 1) __launch_bounds__(384, 1) gemm(
    const __grid_constant__ TensorMap a, const __grid_constant__ TensorMap b, const __grid_constant__ TensorMap c,
    uint32_t m, uint32_t n, uint32_t k) {
  extern __shared__ __align__(1024) char memory[];
  Shared &shared = *reinterpret_cast<Shared *>(memory);
  uint32_t rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));

  // Clusters are numbered down groups of rows, so that they find each other's tiles in L2.
  uint32_t rows = (m + tileM * clusterSize - 1) / (tileM * clusterSize), columns = (n + tileN - 1) / tileN;
  uint32_t cluster = blockIdx.x / clusterSize, height = groupHeight / clusterSize;
  uint32_t firstRow = cluster / (columns * height) * height, inGroup = cluster % (columns * height);
  uint32_t heightHere = min(rows - firstRow, height);
  int row = ((firstRow + inGroup % heightHere) * clusterSize + rank) * tileM;
  int column = inGroup / heightHere * tileN;
  uint32_t steps = (k + tileK - 1) / tileK;

  if (threadIdx.x == 0) {
    for (int stage = 0; stage < stages; ++stage) {
      initialize(shared.full[stage], 1);
      initialize(shared.empty[stage], 2 * clusterSize);
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  asm volatile("barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;" ::: "memory");
  if (threadIdx.x < 128) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
    if (threadIdx.x == 0) produce(shared, a, b, rank, row, column, steps);
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
    float sums[128];
    uint32_t half = threadIdx.x / 128 - 1;
    consume(shared, sums, half, steps);
    store(shared, sums, c, half, row, column);
  }
  // Nobody leaves while the other block may still write here.
  asm volatile("barrier.cluster.arrive;\nbarrier.cluster.wait;" ::: "memory");
}
