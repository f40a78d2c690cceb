// Writing results, one row at a time. Included after lanes.h by a file that has defined COLUMN_CHUNK.

static void store_row(const float *outputs, int64_t row, int64_t rows, int64_t width, float factor, void *target,
                      int32_t element) {
  for (int64_t chunk = 0; chunk < width; chunk += COLUMN_CHUNK) {
    const float *source = outputs + chunk * rows + row * COLUMN_CHUNK;
    int64_t count = width - chunk < COLUMN_CHUNK ? width - chunk : COLUMN_CHUNK;
    if (element == MLA_FP32) {
      for (int64_t i = 0; i < count; i++) ((float *)target)[chunk + i] = source[i] * factor;
    } else if (element == MLA_FP16) {
      for (int64_t i = 0; i < count; i++) ((_Float16 *)target)[chunk + i] = (_Float16)(source[i] * factor);
    } else {
      for (int64_t i = 0; i < count; i++) ((uint16_t *)target)[chunk + i] = bf16_rounding(source[i] * factor);
    }
  }
}

static void add_scaled(float *target, const float *source, float factor, int64_t width, int32_t fresh) {
  int64_t column = 0;
  for (; column + LANES <= width; column += LANES) {
    lanes scaled = load(source + column) * factor;
    store(target + column, fresh ? scaled : load(target + column) + scaled);
  }
  for (; column < width; column++)
    target[column] = fresh ? source[column] * factor : target[column] + source[column] * factor;
}
