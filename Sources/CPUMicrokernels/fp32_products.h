// The products in fp32, for any instruction set. Included after lanes.h, before products.h.
#define CAN_WIDEN 1
#define ELEMENTS_PER_WORD 1
#define KEYS_PER_STEP 1

static inline lanes splat_word(const char *word) {
  float value;
  memcpy(&value, word, 4);
  return splat(value);
}
static inline lanes add_product(lanes sum, lanes a, lanes b) { return sum + a * b; }
static inline lanes add_product_of_word(lanes sum, const char *word, lanes b) {
  return sum + splat_word(word) * b;
}
// Two words, or four, over and over.
typedef int64_t pair_lanes __attribute__((vector_size(LANES * 4)));
typedef float four_words __attribute__((vector_size(16), aligned(4), may_alias));
static inline lanes add_product_of_pair(lanes sum, const char *words, lanes b) {
  int64_t pair;
  memcpy(&pair, words, 8);
  return sum + (lanes)(pair - (pair_lanes){0}) * b;
}
static inline lanes add_product_of_four(lanes sum, const char *words, lanes b) {
  four_words four = *(const four_words *)words;
#if LANES == 16
  return sum + __builtin_shufflevector(four, four, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3) * b;
#elif LANES == 8
  return sum + __builtin_shufflevector(four, four, 0, 1, 2, 3, 0, 1, 2, 3) * b;
#else
  return sum + (lanes)four * b;
#endif
}
static inline void load_values(const mla_key_block *block, int64_t step, int64_t column, char *scratch,
                               int32_t first_of_chunk, int32_t last_of_chunk, lanes values[]) {
  (void)scratch, (void)first_of_chunk, (void)last_of_chunk;
#if READS_NARROW
  if (block->element != MLA_FP32) {
    const uint16_t *row = (const uint16_t *)block->latent[step] + column;
    UNROLL for (int v = 0; v < COLUMN_CHUNK / LANES; v++)
      values[v] = block->element == MLA_FP16 ? load_fp16(row + v * LANES) : load_bf16(row + v * LANES);
    return;
  }
#endif
  const float *row = (const float *)block->latent[step] + column;
  UNROLL for (int v = 0; v < COLUMN_CHUNK / LANES; v++) values[v] = load(row + v * LANES);
}
static inline void store_probabilities(void *probabilities, int64_t pair, int64_t rows, int64_t row, lanes first,
                                       lanes second) {
  float *target = (float *)probabilities + pair * 2 * rows + row;
  store(target, first);
  store(target + rows, second);
}
