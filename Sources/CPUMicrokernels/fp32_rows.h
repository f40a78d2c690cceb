// Packing query rows of any element type as fp32. Included after products.h.

static inline void pack_fp32(const void *latent, int64_t latent_width, int64_t padded_latent, const void *rope,
                             int64_t rope_width, float *packed, int64_t row, int64_t rows, int32_t element) {
  float *lane = packed + row;
  for (int64_t k = 0; k < latent_width; k++) lane[k * rows] = element_value(latent, k, element);
  for (int64_t k = latent_width; k < padded_latent; k++) lane[k * rows] = 0;
  lane += padded_latent * rows;
  for (int64_t k = 0; k < rope_width; k++) lane[k * rows] = element_value(rope, k, element);
}
#define DEFINE_PACK(NAME, ELEMENT)                                                                              \
  static void NAME(const void *latent, int64_t latent_width, int64_t padded_latent, const void *rope,           \
                   int64_t rope_width, void *packed, int64_t row, int64_t rows) {                               \
    pack_fp32(latent, latent_width, padded_latent, rope, rope_width, packed, row, rows, ELEMENT);               \
  }
DEFINE_PACK(pack_query_bf16, MLA_BF16)
DEFINE_PACK(pack_query_fp16, MLA_FP16)
DEFINE_PACK(pack_query_fp32, MLA_FP32)
