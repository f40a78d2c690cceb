// Packing query rows of any element type as fp32. Included after products.h.

static inline void pack_fp32(const void *latent, int64_t latent_width, int64_t padded_latent, const void *rope,
                             int64_t rope_width, float *packed, int64_t row, int64_t rows, int32_t lanes_per_row,
                             int32_t element) {
  packed += row * lanes_per_row;
  for (int64_t k = 0; k < padded_latent; k += lanes_per_row, packed += rows)
    for (int64_t lane = 0; lane < lanes_per_row; lane++)
      packed[lane] = k + lane < latent_width ? element_value(latent, k + lane, element) : 0;
  for (int64_t k = 0; k < rope_width; k += lanes_per_row, packed += rows)
    for (int64_t lane = 0; lane < lanes_per_row; lane++) packed[lane] = element_value(rope, k + lane, element);
}
#define DEFINE_PACK(NAME, ELEMENT)                                                                              \
  static void NAME(const void *latent, int64_t latent_width, int64_t padded_latent, const void *rope,           \
                   int64_t rope_width, void *packed, int64_t row, int64_t rows, int32_t lanes_per_row) {        \
    pack_fp32(latent, latent_width, padded_latent, rope, rope_width, packed, row, rows, lanes_per_row, ELEMENT); \
  }
DEFINE_PACK(pack_query_bf16, MLA_BF16)
DEFINE_PACK(pack_query_fp16, MLA_FP16)
DEFINE_PACK(pack_query_fp32, MLA_FP32)
