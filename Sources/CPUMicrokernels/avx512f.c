// AVX-512 F (with BW, DQ, VL) and F16C: all element types in fp32, 32 registers of 16 lanes.
#include "microkernel_list.h"
#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,f16c"))), apply_to = function)
#define LANES 16
#define COLUMN_CHUNK 64
#define VALUE_ROWS 6
#define SCORE_KEYS_1 12
#define SCORE_KEYS_2 12
#define SCORE_KEYS_3 8
#define SCORE_KEYS_4 6
#define KEY_STEP 24
#define READS_NARROW 1
#define HIDE_VALUE(x) asm volatile("" : "+v"(x))
#include "lanes.h"

static inline lanes load_fp16(const uint16_t *source) {
  return (lanes)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)source));
}
static inline lanes load_bf16(const uint16_t *source) {
  __m512i words = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)source));
  return (lanes)_mm512_slli_epi32(words, 16);
}

#include "fp32_products.h"
#include "products.h"
#include "softmax.h"
#include "rows.h"
#include "fp32_rows.h"
#include "decode_fp32.h"
#include "fp32_sets.h"
FP32_SET(mla_avx512f_bf16, "avx512f", MLA_BF16, pack_query_bf16);
FP32_SET(mla_avx512f_fp16, "avx512f", MLA_FP16, pack_query_fp16);
FP32_SET(mla_avx512f_fp32, "avx512f", MLA_FP32, pack_query_fp32);
#pragma clang attribute pop
#endif
