/// Multi-head latent attention (MLA) from C: the library `LatentAttentionC`.
///
/// An engine runs plans. A plan is made once for a batch, and run once for each layer of a decode step:
///
///     mla_engine *engine = NULL;
///     mla_plan *plan = NULL;
///     if (mla_engine_create_cpu(0, NULL, &engine) != mla_ok) { puts(mla_last_message()); }
///     mla_plan_create(engine, &geometry, &batch, mla_policy_balanced, &plan);
///     mla_run(engine, plan, &arguments);          // for every layer
///     mla_plan_destroy(plan);
///     mla_engine_destroy(engine);
///
/// For a query row `(q_c, q_r)` of a head and each cached token `(c, r)`:
///
///     s[t] = softmax_scale * (q_c . c[t] + q_r . r[t])
///     o    = sum of softmax(s)[t] * c[t]
///     lse  = log of sum of exp(s[t])
///
/// Every function returns a status, and for one that is not `mla_ok` leaves a message that names the field, its index
/// and its value; `mla_last_message` returns it. What a call refuses, it has not begun: nothing is written then. Pointers
/// must point to as much memory as counts, shapes and strides say: that is all that is not checked.
///
/// Engines and plans may be used from several threads at a time. Calls of one engine are done one after another.
#ifndef LATENT_ATTENTION_H
#define LATENT_ATTENTION_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What became of a call.
typedef int32_t mla_status;

enum {
  /// It was done.
  mla_ok = 0,
  /// A count, width, stride or length is negative, or zero where it must not be.
  mla_not_positive = 1,
  /// A value lies outside the range that it may have.
  mla_out_of_range = 2,
  /// A product or sum of sizes does not fit 64 bits.
  mla_overflow = 3,
  /// Offsets go down, or do not start at 0, or do not end at the number of rows.
  mla_bad_offsets = 4,
  /// A list has fewer entries than its length needs.
  mla_too_short = 5,
  /// A pointer is not a multiple of its element's size.
  mla_misaligned = 6,
  /// Two descriptions that must agree do not.
  mla_mismatch = 7,
  /// An output shares memory with an input, another output or itself.
  mla_overlap = 8,
  /// A number must be finite.
  mla_not_finite = 9,
  /// A pointer that must be given is null.
  mla_null_pointer = 10,
  /// The machine, or this build of the library, lacks what was asked for: an instruction set, a GPU, its driver.
  mla_unavailable = 11,
  /// The device failed or refused.
  mla_device_failed = 12
};

/// The message of this thread's last call that did not return `mla_ok`; empty before the first. Valid until the thread's
/// next call of this library.
const char *mla_last_message(void);

/// What runs plans.
typedef struct mla_engine mla_engine;

/// Who does what in an attention call.
typedef struct mla_plan mla_plan;

/// Number formats of tensors.
enum {
  /// bfloat16.
  mla_bf16 = 0,
  /// IEEE 754 binary16.
  mla_fp16 = 1,
  /// IEEE 754 binary32.
  mla_fp32 = 2,
  /// e4m3 of 8 bits, without infinities: for caches, with scales. Also bytes that are exponents of scales.
  mla_fp8 = 3
};

/// A tensor of rank 3 over memory of the caller's.
typedef struct mla_tensor {
  /// First element; null for a tensor that is not given, or that has no elements.
  void *data;
  /// Number format: `mla_bf16`, `mla_fp16`, `mla_fp32` or `mla_fp8`.
  int64_t element_type;
  /// Sizes of the dimensions. All 0 means that the tensor is not given.
  int64_t shape[3];
  /// Elements between neighbours in the first and the second dimension; neighbours in the third are adjacent.
  int64_t strides[2];
} mla_tensor;

/// The shape of a layer after the up-projections were absorbed into the query.
typedef struct mla_geometry {
  /// Query heads that share the one latent KV head, 1 to 256.
  int64_t head_count;
  /// Width of the compressed KV vector, which is also the value: 512 in DeepSeek-V3. 1 to 8192.
  int64_t latent_width;
  /// Width of the position part of keys: 64 in DeepSeek-V3. 0 to 8192.
  int64_t rope_width;
  /// Factor on the scores: for DeepSeek-V3 1/sqrt(192), of the heads before absorption.
  float softmax_scale;
} mla_geometry;

/// The ragged requests of one call.
///
/// Request `i` owns the query tokens `query_offsets[i]` to `query_offsets[i + 1] - 1` and the same range of
/// `page_indices` by `page_offsets`. Its key `t` lies in slot `t % page_size` of the page at position `t / page_size`
/// of its list; entries past the last page that it needs are never read and may be garbage.
typedef struct mla_batch {
  /// Requests; may be 0.
  int64_t request_count;
  /// `request_count + 1` offsets into the query tokens, the first 0.
  const int32_t *query_offsets;
  /// `request_count + 1` offsets into `page_indices`, the first 0.
  const int32_t *page_offsets;
  /// Pages of all requests, one list after another; may be null if there are none.
  const int32_t *page_indices;
  /// Entries of `page_indices`.
  int64_t page_index_count;
  /// Keys of each request.
  const int32_t *key_lengths;
  /// Tokens of a page, at least 1.
  int64_t page_size;
  /// Pages of the cache, or `mla_pages_as_needed`.
  int64_t pool_page_count;
  /// Whether query token `j` of `q` sees only keys up to `length - q + j` (1), or all of them (0).
  int64_t is_causal;
} mla_batch;

enum {
  /// For `pool_page_count`: the highest page that a request needs, and those below it. Runs take any cache that has as
  /// many, and none of its pages beyond.
  mla_pages_as_needed = -1
};

/// How work is divided. A plan differs, results only by rounding.
enum {
  /// Equal loads by a cost model. The usual choice.
  mla_policy_balanced = 0,
  /// FlashInfer's: one split length for the whole batch.
  mla_policy_flashinfer = 1,
  /// FlashMLA's: every worker one contiguous range.
  mla_policy_flash_mla = 2,
  /// A request's result does not depend on what else is in the batch, to the last bit.
  mla_policy_batch_invariant = 3
};

/// Bases of the logarithm in LSEs.
enum {
  /// The natural logarithm, FlashMLA's.
  mla_lse_natural = 0,
  /// The logarithm of base 2, FlashInfer's.
  mla_lse_base_two = 1
};

/// Where an engine's tensors are.
enum {
  /// In the process's memory. Each run copies what it needs to the device and back.
  mla_memory_host = 0,
  /// In the device's memory, in the current process's primary context. Runs return when they are in the null stream.
  mla_memory_device = 1
};

/// What only some runs need, and only CPU engines do. All zeros means nothing of it.
typedef struct mla_run_options {
  /// The last columns of the latent part of an 8-bit cache, if those are in bf16: `[page, slot, columns]`.
  mla_tensor latent_tail;
  /// Scales of an 8-bit cache's latent part, one for each `group_width` columns of a token: `[page, slot, group]` of fp32, or
  /// of `mla_fp8` for bytes that mean 2^(byte - 127). Not given if `latent_scale` is all there is.
  mla_tensor scales;
  /// Columns that share a scale, a multiple of 64.
  int64_t group_width;
  /// Scale of the whole latent part, if it is of 8 bits and has no `scales`.
  float latent_scale;
  /// Scale of the rope part, if it is of 8 bits; it may be in bf16 too.
  float rope_scale;
  /// Written if given: `[token, head, 1]`, fp32, each row's largest score; minus infinity where it sees no key.
  mla_tensor maximum_scores;
  /// Null, or a score for each head that takes part in the softmax without a key: outputs are multiplied by
  /// exp(lse) / (exp(lse) + exp(sink)), LSEs stay.
  const float *sinks;
} mla_run_options;

/// The tensors of a run. Element types of queries and cache agree, but for a cache of 8 bits with queries in bf16.
///
/// For `token` query tokens in the whole batch. A tensor that is larger in its first dimension is fine, if the plan is
/// for `mla_pages_as_needed` for the caches; rows beyond are neither read nor written.
typedef struct mla_run_arguments {
  /// `[token, head, latent_width]`.
  mla_tensor query_latent;
  /// `[token, head, rope_width]`; not given where the rope width is 0.
  mla_tensor query_rope;
  /// `[page, slot, latent_width]`.
  mla_tensor cache_latent;
  /// `[page, slot, rope_width]`; not given where the rope width is 0.
  mla_tensor cache_rope;
  /// Written: `[token, head, latent_width]`, in the queries' type or fp32. Rows that see no key become 0.
  mla_tensor output;
  /// Written if given: `[token, head, 1]`, fp32. Rows that see no key become minus infinity.
  mla_tensor lse;
  /// Base of the logarithm in `lse`: `mla_lse_natural` or `mla_lse_base_two`.
  int64_t lse_base;
  /// What else there is; may be null.
  const mla_run_options *options;
} mla_run_arguments;

/// Starts an engine on CPU threads.
///
/// `thread_count` threads work, the calling one included; 0 for as many as the process may use. `instruction_set` is
/// "avx512bf16", "avx512f", "avx2" or "portable"; null for what the environment variable `MLA_ISA` names, or else the
/// best that the machine has. `*engine` is written only on success.
mla_status mla_engine_create_cpu(int64_t thread_count, const char *instruction_set, mla_engine **engine);

/// Starts an engine on a Hopper GPU.
///
/// `device` is the GPU's number in the driver's order, or `mla_simulated_h100`: a simulated one, slow, for tests without
/// hardware. `thread_count` threads simulate, 0 for all. `memory` is `mla_memory_host`, or, on a real GPU,
/// `mla_memory_device`. Queries and cache must be of 16 bits, of latent width 512 and rope width 64 or 0.
mla_status mla_engine_create_hopper(int64_t device, int64_t memory, int64_t thread_count, mla_engine **engine);

enum {
  /// For `device`: a simulated H100.
  mla_simulated_h100 = -1
};

/// Ends an engine; null is fine. No call may use it at the time or later.
mla_status mla_engine_destroy(mla_engine *engine);

/// Writes how many workers an engine's plans are for: threads, or multiprocessors.
mla_status mla_engine_worker_count(const mla_engine *engine, int64_t *worker_count);

/// Plans a batch for an engine. `*plan` is written only on success. Nothing of the arguments is needed later.
mla_status mla_plan_create(const mla_engine *engine, const mla_geometry *geometry, const mla_batch *batch,
                           int64_t policy, mla_plan **plan);

/// Lists of tokens, for sparse attention.
typedef struct mla_token_lists {
  /// Lists, one for each query token.
  int64_t list_count;
  /// Entries of each list, at least 1.
  int64_t width;
  /// `list_count * width` entries: `page * page_size + slot`. What is no place of the cache, -1 for one, is passed over.
  const int32_t *tokens;
  /// Null, or how many entries of each list count.
  const int32_t *lengths;
  /// Tokens of a page of the cache, at least 1.
  int64_t page_size;
  /// Pages of the cache.
  int64_t page_count;
} mla_token_lists;

/// Plans sparse attention, in which each query token sees the tokens of a list, for a CPU engine. Otherwise as
/// `mla_plan_create`.
mla_status mla_plan_create_sparse(const mla_engine *engine, const mla_geometry *geometry, const mla_token_lists *lists,
                                  int64_t policy, mla_plan **plan);

/// Ends a plan; null is fine.
mla_status mla_plan_destroy(mla_plan *plan);

/// Computes attention for all query tokens of a plan's batch.
mla_status mla_run(const mla_engine *engine, const mla_plan *plan, const mla_run_arguments *arguments);

/// Combines attention over disjoint sets of keys into attention over all of them.
///
/// `outputs` are `state_count` tensors, 1 to 65,536, `[token, head, width]`, `lses` as many `[token, head, 1]` of fp32; `output` and
/// `lse` are written, and may be the very tensors of one state. A state whose LSE is minus infinity has seen no key.
mla_status mla_merge_states(int64_t state_count, const mla_tensor *outputs, const mla_tensor *lses, int64_t lse_base,
                            const mla_tensor *output, const mla_tensor *lse);

/// Tokens that go into a paged cache.
typedef struct mla_append_arguments {
  /// `[token, 1, latent_width]`.
  mla_tensor latent;
  /// `[token, 1, rope_width]`; not given where the rope width is 0.
  mla_tensor rope;
  /// Written: `[page, slot, latent_width]`, in any number format.
  mla_tensor cache_latent;
  /// Written: `[page, slot, rope_width]`.
  mla_tensor cache_rope;
  /// The request of each token; tokens of a negative one are passed over.
  const int32_t *requests;
  /// The place of each token in its request.
  const int32_t *positions;
  /// Requests.
  int64_t request_count;
  /// `request_count + 1` offsets into `page_indices`.
  const int32_t *page_offsets;
  /// Pages of all requests, one list after another.
  const int32_t *page_indices;
  /// Entries of `page_indices`.
  int64_t page_index_count;
} mla_append_arguments;

/// Writes tokens into a paged cache, bit for bit where the number formats agree. No engine is needed.
mla_status mla_append(const mla_append_arguments *arguments);

#ifdef __cplusplus
}
#endif
#endif
