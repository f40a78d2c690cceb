/// The innermost loops of the CPU engine: one set of functions per (instruction set, element type).
///
/// Words: a *block* is up to `MLA_BLOCK_KEYS` consecutive keys of one request; a *row* is a packed
/// (query token, head) pair. Rows run along vector lanes in scores and probabilities; latent columns run
/// along vector lanes in values and outputs. Nothing here allocates, and nothing here checks: the caller
/// (`CPUEngine`) owns all bounds.
///
/// A set either reads cache rows where they lie, 16-bit ones too where it can convert them on their way into
/// registers, or has `scores` bring them to fp32 rows (*widening*), which also pads the latent width to whole column
/// chunks; `accumulate` then reads the fp32 rows.
#ifndef MLA_CPU_MICROKERNELS_H
#define MLA_CPU_MICROKERNELS_H

#include <stddef.h>
#include <stdint.h>

/// Keys of a block: a multiple of every set's `key_step`. Scores of a block and 128 rows (48 KB), its
/// probabilities, keys, packed queries and outputs share an L2 of 1 MB.
#define MLA_BLOCK_KEYS 96

/// Element types, numbered as in the tables; caches only may hold e4m3.
enum { MLA_BF16 = 0, MLA_FP16 = 1, MLA_FP32 = 2, MLA_E4M3 = 3 };

/// Formats of the scales of 8-bit caches: fp32, or an exponent (2^(byte - 127)).
enum { MLA_SCALE_FP32 = 0, MLA_SCALE_E8M0 = 1 };

/// A block of keys, as row addresses; latent and rope rows may lie in different tensors.
typedef struct {
  /// `keys` addresses of the latent rows that the products read. If the block is not widened, as many of the
  /// block that comes next follow (to prefetch).
  const void *const *latent;
  /// The same for rope rows; never read if `rope_width` is 0.
  const void *const *rope;
  /// Rows in the block, a multiple of the set's `key_step`: short blocks are padded with a row of zeros.
  int64_t keys;
  /// Elements of a latent row, a multiple of `column_chunk`.
  int64_t latent_width;
  /// Elements of a rope row.
  int64_t rope_width;
  /// Element type of the rows in `latent` and `rope`: the cache's, or fp32 if the block is widened.
  int32_t element;
  /// Null, or the addresses of the latent rows as they lie in the cache, then of the next block's: `scores`
  /// widens them into `latent`, which is then fp32 rows that it may write.
  const void *const *narrow_latent;
  /// The same for rope rows.
  const void *const *narrow_rope;
  /// Bytes of the next block's latent rows that are worth a prefetch, if the block is not widened.
  int64_t prefetched_bytes;
  /// Elements of a latent row in the cache; columns from here to `latent_width` become 0.
  int64_t narrow_latent_width;
  /// Element type of the cache.
  int32_t narrow_element;
} mla_key_block;

/// Rows of an 8-bit cache. Each is codes, whose values are e4m3 times a scale, and then a tail: a second run of elements
/// that is not scaled with them.
typedef struct {
  /// Addresses of the codes of `keys` keys.
  const void *const *codes;
  /// Addresses of the keys' tails; never read if `tail_width` is 0.
  const void *const *tails;
  /// Addresses of the keys' scales, one for each group of codes; null if `scale` is all there is.
  const void *const *scales;
  int64_t keys;
  /// Codes of a row, a multiple of 64.
  int64_t width;
  /// Codes that share one of the `scales`, a multiple of 64.
  int64_t group_width;
  /// MLA_SCALE_FP32 or MLA_SCALE_E8M0.
  int32_t scale_format;
  /// Factor on all codes.
  float scale;
  /// Elements of a tail, a multiple of 64.
  int64_t tail_width;
  /// MLA_BF16 or MLA_E4M3.
  int32_t tail_element;
  /// Factor on the elements of tails that are e4m3.
  float tail_scale;
} mla_coded_keys;

/// What `softmax` needs beside the scores.
typedef struct {
  /// Rows, a multiple of `row_lanes`.
  int64_t rows;
  /// Keys in the block that count; the probabilities of the rest are set to 0.
  int64_t valid_keys;
  /// Keys whose probabilities are written, even, at least `valid_keys`.
  int64_t padded_keys;
  /// Softmax scale times log2(e): scores are kept in base 2.
  float scale;
  /// Per row, how many of the block's keys it sees; null if all rows see all of `valid_keys`.
  const int32_t *visible_keys;
  /// Per row, largest scaled score so far (base 2); -inf at the start.
  float *row_maximum;
  /// Per row, sum of 2^(score - maximum) so far; 0 at the start.
  float *row_sum;
  /// Per row, written: the factor for everything accumulated before this block.
  float *rescale;
} mla_softmax_state;

/// One set of functions.
typedef struct {
  /// Instruction set: "avx512bf16", "avx512f", "avx2", "portable".
  const char *isa;
  /// MLA_BF16, MLA_FP16 or MLA_FP32: what queries and cache hold.
  int32_t element;
  /// 1 if blocks can be widened, which any width can be then.
  int32_t can_widen;
  /// 1 if blocks must be widened: the products read fp32, the cache holds something else, and converting it each
  /// time that it is read would cost too much.
  int32_t must_widen;
  /// Rows per vector: row counts of scores and probabilities are padded to multiples of it.
  int32_t row_lanes;
  /// Block lengths are padded to multiples of it.
  int32_t key_step;
  /// Latent columns per output chunk: outputs are stored as [chunk][row][column_chunk]. Rows are read in place only
  /// where their latent width is a multiple of it.
  int32_t column_chunk;
  /// Rows are read in place only where their rope width is a multiple of this.
  int32_t rope_step;
  /// Bytes of a packed query row per element pair of the key: 4 (bf16 pairs) or 8 (fp32).
  int32_t packed_pair_bytes;
  /// What `decode` writes: an element type that the products read in place.
  int32_t decoded_element;

  /// Writes one query row into the packed queries, `packed[words / n][rows]` words, where a word is a pair of bf16 or one
  /// fp32, and n is `lanes_per_row`: 1, or 2 or 4 if the rows that count are few enough to fit `row_lanes` lanes so, and
  /// n divides the words of both parts. Word k of a row is in lane `row * n + k % n` of vector k / n. The latent part is
  /// padded with zeros to `padded_latent` elements.
  void (*pack_query)(const void *latent, int64_t latent_width, int64_t padded_latent, const void *rope,
                     int64_t rope_width, void *packed, int64_t row, int64_t rows, int32_t lanes_per_row);
  /// scores[key][rows] = key . query for all keys of a block. Where a row has several lanes, those left over become 0.
  void (*scores)(const mla_key_block *block, const void *packed_queries, int64_t rows, int32_t lanes_per_row,
                 float *scores);
  /// Turns scores into probabilities (2^(scale * score - maximum)) in the set's own format, updates maximum
  /// and sum of each row. Rows that have seen no key keep maximum -inf and sum 0.
  void (*softmax)(const mla_softmax_state *state, const float *scores, void *probabilities);
  /// outputs[chunk][row][column] = rescale[row] * outputs + sum over keys of probability * latent.
  /// `rows` need not be padded; `row_stride` is the padded count. With `fresh` the old outputs are not read.
  /// `scratch`: MLA_BLOCK_KEYS * column_chunk * 4 bytes.
  void (*accumulate)(const mla_key_block *block, const void *probabilities, int64_t rows, int64_t row_stride,
                     const float *rescale, int32_t fresh, float *outputs, void *scratch);
  /// Decodes rows of an 8-bit cache into `rows`, one after another: codes, then tail, no gaps.
  void (*decode)(const mla_coded_keys *keys, void *rows);
  /// Writes `width` columns of one row, scaled by `factor`, in the given element type.
  void (*store_row)(const float *outputs, int64_t row, int64_t rows, int64_t width, float factor, void *target,
                    int32_t element);
  /// target += factor * source, or target = factor * source if `fresh`; fp32.
  void (*add_scaled)(float *target, const float *source, float factor, int64_t width, int32_t fresh);
  /// Runs `iterations` rounds of independent products on registers, returns how many floating-point
  /// operations that were: the peak of the unit that `scores` uses.
  double (*dot_peak)(int64_t iterations, float *sink);
} mla_microkernels;

/// Number of sets that this build has.
int32_t mla_microkernel_count(void);
/// Set `index`, best instruction set first.
const mla_microkernels *mla_microkernel(int32_t index);
/// Whether this machine can run a set.
int32_t mla_microkernel_runs_here(const mla_microkernels *set);

/// Processors that this process may run on: its affinity mask where there is one.
int32_t mla_processor_count(void);
/// Moves the calling thread to one of them, 0 being the first; it may be moved on at any time. Does nothing where the
/// system cannot or there is no such processor.
void mla_move_to_processor(int32_t index);

/// Sums a buffer of 64-byte lines with as many independent loads as the machine takes: memory read rate.
double mla_read_lines(const void *buffer, int64_t bytes);

#endif
