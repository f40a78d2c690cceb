// One tile of scores, KEYS keys by VECTORS vectors of rows: included once per tile shape, after
// products of the instruction set are defined (see products.h). A word is 4 bytes: a pair of bf16 or one fp32.
#define TILE_NAME_(keys, vectors) score_tile_##keys##x##vectors
#define TILE_NAME(keys, vectors) TILE_NAME_(keys, vectors)

static void TILE_NAME(KEYS, VECTORS)(const mla_key_block *block, int64_t key, const char *queries, int64_t rows,
                                     float *scores, int32_t widens_next) {
  lanes sums[KEYS][VECTORS];
  UNROLL for (int i = 0; i < KEYS; i++) UNROLL for (int v = 0; v < VECTORS; v++) sums[i][v] = splat(0);
  for (int part = 0; part < 2; part++) {
    const void *const *keys_of_part = (part ? block->rope : block->latent) + key;
    int64_t words = (part ? block->rope_width : block->latent_width) / ELEMENTS_PER_WORD;
    if (words == 0) continue;
    const char *word[KEYS];
    UNROLL for (int i = 0; i < KEYS; i++) word[i] = keys_of_part[i];
    for (int64_t line = 0; line < words; line += 16) {
      int64_t line_end = line + 16 < words ? line + 16 : words;
      bring_line(block, part, key, KEYS, line, widens_next);
      for (int64_t k = line; k < line_end; k++) {
        lanes query[VECTORS];
        UNROLL for (int v = 0; v < VECTORS; v++) query[v] = load((const float *)queries + v * LANES);
        UNROLL for (int i = 0; i < KEYS; i++) {
#if VECTORS == 1
          sums[i][0] = add_product_of_word(sums[i][0], word[i] + k * 4, query[0]);
#else
          lanes broadcast = splat_word(word[i] + k * 4);
          UNROLL for (int v = 0; v < VECTORS; v++) sums[i][v] = add_product(sums[i][v], broadcast, query[v]);
#endif
        }
        queries += rows * 4;
      }
    }
  }
  UNROLL for (int i = 0; i < KEYS; i++)
    UNROLL for (int v = 0; v < VECTORS; v++) store(scores + i * rows + v * LANES, sums[i][v]);
}

#undef TILE_NAME_
#undef TILE_NAME
#undef KEYS
#undef VECTORS
