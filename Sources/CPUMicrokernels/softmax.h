// Softmax of one block, online (Milakov and Gimelshein, arXiv 1805.02867), rows along lanes. Included after
// lanes.h by a file that has defined store_probabilities(target, pair, rows, row, first, second): how the
// probabilities of two neighbouring keys are kept.

// Scaled score of one vector of rows; -inf where the row does not see the key.
static inline lanes scaled_score(const mla_softmax_state *state, const float *scores, int64_t key, int64_t row) {
  lanes score = load(scores + key * state->rows + row) * state->scale;
  if (!state->visible_keys) return score;
  int_lanes visible = *(const loose_int_lanes *)(state->visible_keys + row);
  return choose(visible > (int32_t)key, score, splat(-INFINITY));
}

static inline void softmax_rows(const mla_softmax_state *state, const float *scores, void *probabilities,
                                int64_t row) {
  int64_t valid = state->valid_keys;
  lanes maximum = load(state->row_maximum + row), old_maximum = maximum;
  for (int64_t key = 0; key < valid; key++) maximum = largest(scaled_score(state, scores, key, row), maximum);
  // A row that has seen nothing yet has maximum -inf, and -inf - -inf is not a number.
  lanes reference = choose(maximum == -INFINITY, splat(0), maximum);
  lanes rescale = exp2_nonpositive(old_maximum - reference);
  lanes sum = load(state->row_sum + row) * rescale;
  for (int64_t key = 0; key < state->padded_keys; key += 2) {
    lanes first = splat(0), second = splat(0);
    if (key < valid) first = exp2_nonpositive(scaled_score(state, scores, key, row) - reference);
    if (key + 1 < valid) second = exp2_nonpositive(scaled_score(state, scores, key + 1, row) - reference);
    sum += first + second;
    store_probabilities(probabilities, key / 2, state->rows, row, first, second);
  }
  store(state->row_maximum + row, maximum);
  store(state->row_sum + row, sum);
  store(state->rescale + row, rescale);
}

static void softmax(const mla_softmax_state *state, const float *scores, void *probabilities) {
  for (int64_t row = 0; row < state->rows; row += LANES) softmax_rows(state, scores, probabilities, row);
}
