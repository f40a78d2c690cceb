// Bringing keys near while scores are computed: in the shadow of the products, on ports that they leave free.
// Included after lanes.h by a file that has defined ELEMENTS_PER_WORD, and CAN_WIDEN to 1 or 0. A line is 16 words of
// 4 bytes, the unit in which a score tile walks its keys.
//
// Where READS_NARROW is 1, conversions to fp32 run on ports that products never use. Rows of 16 bits are then read in
// place: half the bytes on their way from L2 and L1, and no copy to write.

// Always inline: a call in a score tile would spill all of its accumulators.
#define IN_TILE static inline __attribute__((always_inline))

// The same line of the same keys of the next block: by the time it is needed, it is in L2.
IN_TILE void prefetch_line(const void *const *rows, int64_t keys, int64_t line, int64_t word_bytes) {
  for (int64_t i = 0; i < keys; i++) __builtin_prefetch((const char *)rows[i] + line * word_bytes, 0, 2);
}

#if CAN_WIDEN
static inline float element_value(const void *source, int64_t index, int32_t element) {
  if (element == MLA_FP32) return ((const float *)source)[index];
  if (element == MLA_FP16) return (float)((const _Float16 *)source)[index];
  return bf16_value(((const uint16_t *)source)[index]);
}

// Sixteen elements as fp32, as vectors: loops would be compiled with checks for overlap, too slow in the shadow of
// the products.
typedef float wide_line __attribute__((vector_size(64), aligned(4), may_alias));
typedef _Float16 fp16_line __attribute__((vector_size(32), aligned(2), may_alias));
typedef uint16_t bf16_line __attribute__((vector_size(32), aligned(2), may_alias));
typedef uint32_t bits_line __attribute__((vector_size(64)));

IN_TILE void store_line(float *target, const void *source, int32_t element) {
  if (element == MLA_FP16) *(wide_line *)target = __builtin_convertvector(*(const fp16_line *)source, wide_line);
  if (element == MLA_BF16)
    *(wide_line *)target = (wide_line)(__builtin_convertvector(*(const bf16_line *)source, bits_line) << 16);
  if (element == MLA_FP32) *(wide_line *)target = *(const wide_line *)source;
}

// Columns `line ..< line + 16` of some rows, fp32; columns from `width` on become 0.
IN_TILE void widen_lines_of(const void *const *narrow, float *const *wide, int64_t keys, int64_t width,
                            int64_t line, int32_t element) {
  int64_t element_bytes = element == MLA_FP32 ? 4 : 2;
  if (line + 16 <= width) {
    for (int64_t i = 0; i < keys; i++)
      store_line(wide[i] + line, (const char *)narrow[i] + line * element_bytes, element);
    return;
  }
  for (int64_t i = 0; i < keys; i++)
    for (int64_t column = line; column < line + 16; column++)
      wide[i][column] = column < width ? element_value(narrow[i], column, element) : 0;
}

IN_TILE void widen_lines(const mla_key_block *block, int part, int64_t key, int64_t keys, int64_t line) {
  const void *const *narrow = (part ? block->narrow_rope : block->narrow_latent) + key;
  float *const *wide = (float *const *)(part ? block->rope : block->latent) + key;
  int64_t width = part ? block->rope_width : block->narrow_latent_width;
  if (block->narrow_element == MLA_FP16) widen_lines_of(narrow, wide, keys, width, line, MLA_FP16);
  else if (block->narrow_element == MLA_BF16) widen_lines_of(narrow, wide, keys, width, line, MLA_BF16);
  else widen_lines_of(narrow, wide, keys, width, line, MLA_FP32);
}

// Widens the keys of the first tile, which no tile before it does.
static void widen_first_keys(const mla_key_block *block, int64_t keys) {
  for (int64_t line = 0; line < block->latent_width; line += 16) widen_lines(block, 0, 0, keys, line);
  for (int64_t line = 0; line < block->rope_width; line += 16) widen_lines(block, 1, 0, keys, line);
}
#endif

#if READS_NARROW
// A line of some keys in fp32, for a score tile to take its words from: small enough to stay in L1.
IN_TILE void fill_strip_of(const void *const *rows, int64_t keys, int64_t line, float (*strip)[16], int32_t element) {
  UNROLL for (int64_t i = 0; i < keys; i++) store_line(strip[i], (const char *)rows[i] + line * 2, element);
}

IN_TILE void fill_strip(const mla_key_block *block, int part, int64_t key, int64_t keys, int64_t line,
                        float (*strip)[16]) {
  const void *const *rows = (part ? block->rope : block->latent) + key;
  if (block->element == MLA_FP16) fill_strip_of(rows, keys, line, strip, MLA_FP16);
  else fill_strip_of(rows, keys, line, strip, MLA_BF16);
  // A cache line holds two lines of 16-bit words.
  if (line % 32 == 0) prefetch_line(rows + block->keys, keys, line, 2);
}
#endif

// What a score tile of `keys` keys from `key` on does for others when it comes to a line.
IN_TILE void bring_line(const mla_key_block *block, int part, int64_t key, int64_t keys, int64_t line,
                        int32_t widens_next) {
#if CAN_WIDEN
  if (block->narrow_latent) {
    if (!widens_next) return;
    if (key + keys < block->keys) widen_lines(block, part, key + keys, keys, line);
    int64_t element_bytes = block->narrow_element == MLA_FP32 ? 4 : 2;
    prefetch_line((part ? block->narrow_rope : block->narrow_latent) + block->keys + key, keys, line, element_bytes);
    return;
  }
#endif
  (void)widens_next;
  if (part || line * 4 < block->prefetched_bytes) prefetch_line((part ? block->rope : block->latent) + block->keys + key, keys, line, 4);
}
