// One tile of outputs, TILE_ROWS rows by a chunk of latent columns: included once per height, after products of
// the instruction set are defined (see products.h). Step `s` of the sum is a key, or a pair of keys for bf16.
#define TILE_NAME_(rows) value_tile_##rows
#define TILE_NAME(rows) TILE_NAME_(rows)

static void TILE_NAME(TILE_ROWS)(const mla_key_block *block, int64_t column, const char *probabilities,
                                 int64_t row_stride, const float *rescale, int32_t fresh, float *outputs,
                                 char *scratch, int32_t first_of_chunk, int32_t last_of_chunk) {
  lanes sums[TILE_ROWS][VALUE_VECTORS];
  UNROLL for (int i = 0; i < TILE_ROWS; i++) {
    // Reading outputs that were never written could turn garbage into NaN, whatever the factor.
    float factor = fresh ? 0 : rescale[i];
    UNROLL for (int v = 0; v < VALUE_VECTORS; v++)
      sums[i][v] = fresh ? splat(0) : load(outputs + i * COLUMN_CHUNK + v * LANES) * factor;
  }
  // The outputs of the tile below, which this function is called for next.
  UNROLL for (int line = 0; line < TILE_ROWS * COLUMN_CHUNK / 16; line++)
    __builtin_prefetch(outputs + TILE_ROWS * COLUMN_CHUNK + line * 16, 1, 3);
  int64_t steps = block->keys / KEYS_PER_STEP;
  for (int64_t step = 0; step < steps; step++) {
    lanes values[VALUE_VECTORS];
    load_values(block, step, column, scratch, first_of_chunk, last_of_chunk, values);
    UNROLL for (int i = 0; i < TILE_ROWS; i++) {
      lanes probability = splat_word(probabilities + i * 4);
      UNROLL for (int v = 0; v < VALUE_VECTORS; v++) sums[i][v] = add_product(sums[i][v], probability, values[v]);
    }
    probabilities += row_stride * 4;
  }
  UNROLL for (int i = 0; i < TILE_ROWS; i++)
    UNROLL for (int v = 0; v < VALUE_VECTORS; v++) store(outputs + i * COLUMN_CHUNK + v * LANES, sums[i][v]);
}

#undef TILE_NAME_
#undef TILE_NAME
#undef TILE_ROWS
