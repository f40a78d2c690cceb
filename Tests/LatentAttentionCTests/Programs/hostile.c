// Calls every function with each field in turn set to values that no caller should pass: each call must return, and one
// that is refused must say why. Ends with a signal if a trap crosses the boundary.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "latent_attention.h"

enum { heads = 3, width = 8, rope = 4, page_size = 2, pages = 3, tokens = 2 };

static const int64_t hostile[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, 5, 257, INT32_MAX, (int64_t)INT32_MAX + 1, INT64_MAX / 2, INT64_MAX};
static const int32_t hostile_entries[] = {INT32_MIN, -1, 1, 7, INT32_MAX};
static long refused, done;

// Every status that is not 0 has a message of its own.
static void note(mla_status status) {
  if (status == mla_ok) {
    done++;
    return;
  }
  refused++;
  if (status < 0 || status > mla_device_failed || strlen(mla_last_message()) < 10) {
    printf("status %d, message '%s'\n", (int)status, mla_last_message());
    exit(1);
  }
}

static float memory[1 << 12];
static float result[1 << 12], result_lse[64];

static mla_tensor tensor(float *data, int64_t outer, int64_t inner, int64_t columns) {
  mla_tensor made = {data, mla_fp32, {outer, inner, columns}, {inner * columns, columns}};
  return made;
}

typedef struct {
  int32_t query_offsets[3], page_offsets[3], page_indices[4], key_lengths[2];
} lists;

static const lists good = {{0, 1, 2}, {0, 2, 4}, {0, 1, 2, 0}, {3, 4}};

static mla_batch batch_of(const lists *from) {
  mla_batch batch = {2, from->query_offsets, from->page_offsets, from->page_indices, 4, from->key_lengths, page_size, pages, 1};
  return batch;
}

static void try_plans(mla_engine *engine) {
  mla_geometry geometry = {heads, width, rope, 0.1f};
  mla_batch batch = batch_of(&good);
  mla_plan *plan = NULL;
  int64_t *geometry_fields[] = {&geometry.head_count, &geometry.latent_width, &geometry.rope_width};
  // request_count is left out where it promises longer lists than there are.
  int64_t *batch_fields[] = {&batch.page_size, &batch.pool_page_count, &batch.is_causal};
  for (unsigned value = 0; value < sizeof hostile / sizeof *hostile; value++) {
    for (unsigned field = 0; field < 3; field++) {
      int64_t kept = *geometry_fields[field];
      *geometry_fields[field] = hostile[value];
      plan = NULL;
      note(mla_plan_create(engine, &geometry, &batch, mla_policy_balanced, &plan));
      note(mla_plan_destroy(plan));
      *geometry_fields[field] = kept;
      kept = *batch_fields[field];
      *batch_fields[field] = hostile[value];
      plan = NULL;
      note(mla_plan_create(engine, &geometry, &batch, mla_policy_balanced, &plan));
      note(mla_plan_destroy(plan));
      *batch_fields[field] = kept;
    }
    plan = NULL;
    note(mla_plan_create(engine, &geometry, &batch, hostile[value], &plan));
    note(mla_plan_destroy(plan));
    if (hostile[value] > 2 && hostile[value] < INT32_MAX) continue;
    mla_batch counted = batch;
    counted.request_count = hostile[value];
    plan = NULL;
    note(mla_plan_create(engine, &geometry, &counted, mla_policy_balanced, &plan));
    note(mla_plan_destroy(plan));
  }
  for (int as_needed = 0; as_needed < 2; as_needed++)
    for (unsigned entry = 0; entry < sizeof(lists) / sizeof(int32_t); entry++)
      for (unsigned value = 0; value < sizeof hostile_entries / sizeof *hostile_entries; value++) {
        lists changed = good;
        ((int32_t *)&changed)[entry] = hostile_entries[value];
        mla_batch from = batch_of(&changed);
        if (as_needed) from.pool_page_count = mla_pages_as_needed;
        plan = NULL;
        note(mla_plan_create(engine, &geometry, &from, (int64_t)(entry % 4), &plan));
        note(mla_plan_destroy(plan));
      }
  for (unsigned missing = 0; missing < 4; missing++) {
    mla_batch from = batch_of(&good);
    if (missing == 0) from.query_offsets = NULL;
    if (missing == 1) from.page_offsets = NULL;
    if (missing == 2) from.page_indices = NULL;
    if (missing == 3) from.key_lengths = NULL;
    note(mla_plan_create(engine, &geometry, &from, mla_policy_balanced, &plan));
  }
  note(mla_plan_create(NULL, &geometry, &batch, 0, &plan));
  note(mla_plan_create(engine, NULL, &batch, 0, &plan));
  note(mla_plan_create(engine, &geometry, NULL, 0, &plan));
  note(mla_plan_create(engine, &geometry, &batch, 0, NULL));
  geometry.softmax_scale = 1.0f / 0.0f;
  note(mla_plan_create(engine, &geometry, &batch, 0, &plan));
}

static void try_sparse_plans(mla_engine *engine) {
  mla_geometry geometry = {heads, width, rope, 0.1f};
  const int32_t tokens_of[6] = {0, INT32_MIN, 5, -1, INT32_MAX, 3};
  const int32_t lengths[2] = {3, 1};
  mla_token_lists good_lists = {2, 3, tokens_of, lengths, page_size, pages};
  mla_plan *plan = NULL;
  for (unsigned value = 0; value < sizeof hostile / sizeof *hostile; value++)
    for (unsigned field = 0; field < 4; field++) {
      mla_token_lists lists = good_lists;
      int64_t *fields[] = {&lists.list_count, &lists.width, &lists.page_size, &lists.page_count};
      // More lists than there are would be the caller's lie.
      if (field < 2 && hostile[value] > 1 && hostile[value] < (int64_t)INT32_MAX + 1) continue;
      *fields[field] = hostile[value];
      plan = NULL;
      note(mla_plan_create_sparse(engine, &geometry, &lists, 0, &plan));
      note(mla_plan_destroy(plan));
    }
  for (unsigned value = 0; value < sizeof hostile_entries / sizeof *hostile_entries; value++) {
    const int32_t changed[2] = {hostile_entries[value], 2};
    mla_token_lists lists = good_lists;
    lists.lengths = changed;
    plan = NULL;
    note(mla_plan_create_sparse(engine, &geometry, &lists, 0, &plan));
    note(mla_plan_destroy(plan));
  }
  mla_token_lists lists = good_lists;
  lists.tokens = NULL;
  note(mla_plan_create_sparse(engine, &geometry, &lists, 0, &plan));
  note(mla_plan_create_sparse(engine, &geometry, NULL, 0, &plan));
  note(mla_plan_create_sparse(engine, NULL, &good_lists, 0, &plan));
  note(mla_plan_create_sparse(NULL, &geometry, &good_lists, 0, &plan));
  note(mla_plan_create_sparse(engine, &geometry, &good_lists, 0, NULL));
}

// An 8-bit cache, and each of its options in turn as no caller should give it.
static void try_coded_runs(mla_engine *engine) {
  mla_geometry geometry = {heads, 128, 64, 0.1f};
  mla_batch batch = batch_of(&good);
  mla_plan *plan = NULL;
  note(mla_plan_create(engine, &geometry, &batch, mla_policy_balanced, &plan));
  mla_tensor query = {memory, mla_bf16, {tokens, heads, 128}, {heads * 128, 128}};
  mla_tensor query_rope = {memory, mla_bf16, {tokens, heads, 64}, {heads * 64, 64}};
  mla_tensor codes = {memory, mla_fp8, {pages, page_size, 128}, {page_size * 128, 128}};
  mla_tensor cache_rope = {memory, mla_fp8, {pages, page_size, 64}, {page_size * 64, 64}};
  mla_run_options options = {.scales = tensor(memory, pages, page_size, 2), .group_width = 64, .rope_scale = 1};
  mla_run_arguments arguments = {query, query_rope, codes, cache_rope, tensor(result, tokens, heads, 128), {0}, 0, &options};
  note(mla_run(engine, plan, &arguments));
  arguments.options = NULL;
  note(mla_run(engine, plan, &arguments));
  arguments.options = &options;
  mla_tensor *of_options[] = {&options.scales, &options.latent_tail, &options.maximum_scores};
  for (unsigned value = 0; value < sizeof hostile / sizeof *hostile; value++) {
    int64_t kept_width = options.group_width;
    options.group_width = hostile[value];
    note(mla_run(engine, plan, &arguments));
    options.group_width = kept_width;
    for (unsigned index = 0; index < 3; index++) {
      mla_tensor kept = *of_options[index];
      *of_options[index] = tensor(result_lse, pages, page_size, 2);
      of_options[index]->element_type = hostile[value];
      note(mla_run(engine, plan, &arguments));
      for (unsigned dimension = 0; dimension < 3; dimension++) {
        *of_options[index] = tensor(result_lse, pages, page_size, 2);
        if (dimension == 0 && hostile[value] > 0) continue;
        of_options[index]->shape[dimension] = hostile[value];
        note(mla_run(engine, plan, &arguments));
      }
      *of_options[index] = kept;
    }
  }
  arguments.query_latent.element_type = mla_fp16;
  note(mla_run(engine, plan, &arguments));
  note(mla_plan_destroy(plan));
}

static void try_runs(mla_engine *engine, int64_t pool_pages) {
  mla_geometry geometry = {heads, width, rope, 0.1f};
  mla_batch batch = batch_of(&good);
  batch.pool_page_count = pool_pages;
  mla_plan *plan = NULL;
  note(mla_plan_create(engine, &geometry, &batch, mla_policy_balanced, &plan));
  mla_run_arguments arguments = {
      tensor(memory, tokens, heads, width), tensor(memory, tokens, heads, rope), tensor(memory, pages, page_size, width),
      tensor(memory, pages, page_size, rope), tensor(result, tokens, heads, width), tensor(result_lse, tokens, heads, 1), 1, NULL};
  note(mla_run(engine, plan, &arguments));
  mla_tensor *tensors = &arguments.query_latent;
  for (unsigned index = 0; index < 6; index++) {
    mla_tensor kept = tensors[index];
    for (unsigned value = 0; value < sizeof hostile / sizeof *hostile; value++) {
      // A stride of 5 stays in the memory, larger ones of two rows or more leave it: only those that must be refused.
      int64_t given = hostile[value];
      tensors[index].element_type = given;
      note(mla_run(engine, plan, &arguments));
      tensors[index] = kept;
      for (unsigned dimension = 0; dimension < 3; dimension++) {
        // Larger caches and outputs are fine where they are of memory; a promise of more than there is, is the caller's.
        if (dimension == 0 && given > 0) continue;
        tensors[index].shape[dimension] = given;
        note(mla_run(engine, plan, &arguments));
        tensors[index] = kept;
      }
      if (given >= 0 && given < INT64_MAX / 2) continue;
      for (unsigned dimension = 0; dimension < 2; dimension++) {
        tensors[index].strides[dimension] = given;
        note(mla_run(engine, plan, &arguments));
        tensors[index] = kept;
      }
    }
    tensors[index].data = NULL;
    note(mla_run(engine, plan, &arguments));
    memset(&tensors[index], 0, sizeof kept);
    note(mla_run(engine, plan, &arguments));
    tensors[index] = kept;
    tensors[index].data = (char *)memory + 1;
    note(mla_run(engine, plan, &arguments));
    tensors[index] = kept;
  }
  for (unsigned value = 0; value < sizeof hostile / sizeof *hostile; value++) {
    arguments.lse_base = hostile[value];
    note(mla_run(engine, plan, &arguments));
    note(mla_merge_states(hostile[value] > 1 && hostile[value] < 65536 ? 0 : hostile[value], tensors + 4, tensors + 5, 0,
                          tensors + 4, tensors + 5));
  }
  note(mla_run(engine, NULL, &arguments));
  note(mla_run(NULL, plan, &arguments));
  note(mla_run(engine, plan, NULL));
  note(mla_plan_destroy(plan));
}

static void try_appends(void) {
  int32_t requests[2], positions[2];
  for (unsigned first = 0; first < sizeof hostile_entries / sizeof *hostile_entries; first++)
    for (unsigned second = 0; second < sizeof hostile_entries / sizeof *hostile_entries; second++)
      for (int swapped = 0; swapped < 2; swapped++) {
        requests[0] = hostile_entries[first], positions[0] = hostile_entries[second];
        requests[1] = 1, positions[1] = 3;
        mla_append_arguments arguments = {
            tensor(memory, 2, 1, width), tensor(memory, 2, 1, rope), tensor(result, pages, page_size, width),
            tensor(result + 2048, pages, page_size, rope), requests, positions, 2, good.page_offsets, good.page_indices, 4};
        lists changed = good;
        if (swapped) {
          changed.page_indices[3] = hostile_entries[first];
          changed.page_offsets[1] = hostile_entries[second];
          arguments.page_indices = changed.page_indices, arguments.page_offsets = changed.page_offsets;
        }
        note(mla_append(&arguments));
        arguments.request_count = hostile_entries[second] > 2 && hostile_entries[second] < INT32_MAX ? 0 : hostile_entries[second];
        note(mla_append(&arguments));
      }
  note(mla_append(NULL));
}

int main(void) {
  mla_engine *engine = NULL;
  int64_t workers = 0;
  for (unsigned value = 0; value < sizeof hostile / sizeof *hostile; value++) {
    if (hostile[value] > 0 && hostile[value] <= 257) continue;  // starts as many threads
    engine = NULL;
    note(mla_engine_create_cpu(hostile[value], NULL, &engine));
    note(mla_engine_destroy(engine));
    engine = NULL;
    note(mla_engine_create_hopper(mla_simulated_h100, hostile[value], 1, &engine));
    note(mla_engine_destroy(engine));
    engine = NULL;
    note(mla_engine_create_hopper(hostile[value] == mla_simulated_h100 ? -2 : hostile[value], 0, 1, &engine));
    note(mla_engine_destroy(engine));
  }
  note(mla_engine_create_cpu(1, "avx1024", &engine));
  note(mla_engine_create_cpu(1, NULL, NULL));
  note(mla_engine_create_hopper(0, 0, 1, NULL));
  note(mla_engine_create_cpu(2, NULL, &engine));
  note(mla_engine_worker_count(engine, NULL));
  note(mla_engine_worker_count(NULL, &workers));
  note(mla_engine_worker_count(engine, &workers));
  if (workers != 2) return 2;
  try_plans(engine);
  try_runs(engine, pages);
  try_runs(engine, mla_pages_as_needed);
  try_sparse_plans(engine);
  try_coded_runs(engine);
  try_appends();
  note(mla_engine_destroy(engine));
  note(mla_engine_destroy(NULL));
  note(mla_plan_destroy(NULL));
  printf("refused %ld calls, did %ld\n", refused, done);
  return refused > 300 && done > 50 ? 0 : 3;
}
