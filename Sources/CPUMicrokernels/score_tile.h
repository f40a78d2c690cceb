// One tile of scores, KEYS keys by VECTORS vectors of rows: included once per tile shape, after
// products of the instruction set are defined (see products.h). A word is 4 bytes: a pair of bf16 or one fp32. With
// NARROW the keys are of 16 bits, and their words come from a strip of lines in fp32. Few rows take LANES_PER_ROW lanes
// each, 2 or 4 of one vector, so that a product takes as many words of a key.
#if NARROW
#define TILE_NAME_(keys, vectors, lanes_of_row) narrow_score_tile_##keys##x##vectors##_##lanes_of_row
#define WORD(i) ((const char *)(strip[line / 16 % 2][i] + (k - line)))
#else
#define TILE_NAME_(keys, vectors, lanes_of_row) score_tile_##keys##x##vectors##_##lanes_of_row
#define WORD(i) (word[i] + k * 4)
#endif
#define TILE_NAME(keys, vectors, lanes_of_row) TILE_NAME_(keys, vectors, lanes_of_row)

static void TILE_NAME(KEYS, VECTORS, LANES_PER_ROW)(const mla_key_block *block, int64_t key, const char *queries,
                                                    int64_t rows, float *scores, int32_t widens_next) {
  lanes sums[KEYS][VECTORS];
  UNROLL for (int i = 0; i < KEYS; i++) UNROLL for (int v = 0; v < VECTORS; v++) sums[i][v] = splat(0);
  for (int part = 0; part < 2; part++) {
    int64_t words = (part ? block->rope_width : block->latent_width) / ELEMENTS_PER_WORD;
    if (words == 0) continue;
#if NARROW
    (void)widens_next;
    // Two lines: the next one is filled in the shadow of this one's products.
    float strip[2][KEYS][16] __attribute__((aligned(64)));
    fill_strip(block, part, key, KEYS, 0, strip[0]);
#else
    const void *const *keys_of_part = (part ? block->rope : block->latent) + key;
    const char *word[KEYS];
    UNROLL for (int i = 0; i < KEYS; i++) word[i] = keys_of_part[i];
#endif
    for (int64_t line = 0; line < words; line += 16) {
      int64_t line_end = line + 16 < words ? line + 16 : words;
#if NARROW
      if (line_end < words) fill_strip(block, part, key, KEYS, line_end, strip[line_end / 16 % 2]);
#else
      bring_line(block, part, key, KEYS, line, widens_next);
#endif
      for (int64_t k = line; k < line_end; k += LANES_PER_ROW) {
        lanes query[VECTORS];
        UNROLL for (int v = 0; v < VECTORS; v++) query[v] = load((const float *)queries + v * LANES);
        UNROLL for (int i = 0; i < KEYS; i++) {
#if LANES_PER_ROW == 4
          sums[i][0] = add_product_of_four(sums[i][0], WORD(i), query[0]);
#elif LANES_PER_ROW == 2
          sums[i][0] = add_product_of_pair(sums[i][0], WORD(i), query[0]);
#elif VECTORS == 1
          sums[i][0] = add_product_of_word(sums[i][0], WORD(i), query[0]);
#else
          lanes broadcast = splat_word(WORD(i));
          UNROLL for (int v = 0; v < VECTORS; v++) sums[i][v] = add_product(sums[i][v], broadcast, query[v]);
#endif
        }
        queries += rows * 4;
      }
    }
  }
#if LANES_PER_ROW > 1
  UNROLL for (int i = 0; i < KEYS; i++)
    UNROLL for (int left = LANES_PER_ROW; left > 1; left /= 2) sums[i][0] = pair_sums(sums[i][0]);
#endif
  UNROLL for (int i = 0; i < KEYS; i++)
    UNROLL for (int v = 0; v < VECTORS; v++) store(scores + i * rows + v * LANES, sums[i][v]);
}

#undef TILE_NAME_
#undef TILE_NAME
#undef WORD
