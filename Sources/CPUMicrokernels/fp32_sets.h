// The three sets of an instruction set that computes in fp32: fp32 rows are read in place where their width
// allows it, 16-bit rows too if READS_NARROW, by whole lines; else they are widened.
#define FP32_SET(SYMBOL, ISA, ELEMENT, PACK)                                                              \
  const mla_microkernels SYMBOL = {                                                                       \
      .isa = ISA, .element = ELEMENT, .can_widen = 1, .row_lanes = LANES,                                 \
      .must_widen = ELEMENT != MLA_FP32 && !READS_NARROW, .rope_step = ELEMENT == MLA_FP32 ? 1 : 16,      \
      .key_step = KEY_STEP, .column_chunk = COLUMN_CHUNK, .packed_pair_bytes = 8, .pack_query = PACK,     \
      .decoded_element = MLA_FP32, .decode = decode_fp32,                                                 \
      .scores = scores_of_block, .softmax = softmax, .accumulate = accumulate, .store_row = store_row,    \
      .add_scaled = add_scaled, .dot_peak = dot_peak}
