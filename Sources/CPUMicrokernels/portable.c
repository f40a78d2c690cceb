// Any machine: all element types in fp32, 16 registers of 4 lanes (SSE2, NEON).
#include "microkernel_list.h"
#define LANES 4
#define COLUMN_CHUNK 8
#define VALUE_ROWS 4
#define SCORE_KEYS_1 8
#define SCORE_KEYS_2 4
#define SCORE_KEYS_4 0
#define KEY_STEP 8
#define READS_NARROW 0
#if defined(__x86_64__)
#define HIDE_VALUE(x) asm volatile("" : "+x"(x))
#else
#define HIDE_VALUE(x) asm volatile("" : "+m"(x))
#endif
#include "lanes.h"
#include "fp32_products.h"
#include "products.h"
#include "softmax.h"
#include "rows.h"
#include "fp32_rows.h"
#include "decode_fp32.h"
#include "fp32_sets.h"
FP32_SET(mla_portable_bf16, "portable", MLA_BF16, pack_query_bf16);
FP32_SET(mla_portable_fp16, "portable", MLA_FP16, pack_query_fp16);
FP32_SET(mla_portable_fp32, "portable", MLA_FP32, pack_query_fp32);
