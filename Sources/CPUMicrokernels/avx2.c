// AVX2 with FMA and F16C: all element types in fp32, 16 registers of 8 lanes.
#include "microkernel_list.h"
#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define LANES 8
#define COLUMN_CHUNK 16
#define VALUE_ROWS 6
#define SCORE_KEYS_1 8
#define SCORE_KEYS_2 6
#define SCORE_KEYS_4 0
#define KEY_STEP 24
#define READS_NARROW 0
#define HIDE_VALUE(x) asm volatile("" : "+x"(x))
#include "lanes.h"
#include "fp32_products.h"
#include "products.h"
#include "softmax.h"
#include "rows.h"
#include "fp32_rows.h"
#include "decode_fp32.h"
#include "fp32_sets.h"
FP32_SET(mla_avx2_bf16, "avx2", MLA_BF16, pack_query_bf16);
FP32_SET(mla_avx2_fp16, "avx2", MLA_FP16, pack_query_fp16);
FP32_SET(mla_avx2_fp32, "avx2", MLA_FP32, pack_query_fp32);
#pragma clang attribute pop
#endif
