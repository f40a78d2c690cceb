// One decode step of two requests over a paged cache, from C: plan once, run for each layer. Prints the first output.
//
// Build: clang -std=c11 decode.c -I Sources/LatentAttentionHeader/include -L .build/release -lLatentAttentionC -lm
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "latent_attention.h"

enum { heads = 16, latent_width = 512, rope_width = 64, page_size = 64, pages = 4, requests = 2 };

static void check(mla_status status) {
  if (status == mla_ok) return;
  fprintf(stderr, "%s\n", mla_last_message());
  exit(1);
}

static mla_tensor dense(float *data, int64_t outer, int64_t inner, int64_t width) {
  mla_tensor tensor = {data, mla_fp32, {outer, inner, width}, {inner * width, width}};
  return tensor;
}

static float *numbers(int64_t count, float scale) {
  float *values = malloc(sizeof(float) * (size_t)count);
  for (int64_t i = 0; i < count; i++) values[i] = scale * (float)((i * 7919 + 13) % 101 - 50) / 50;
  return values;
}

int main(void) {
  // Request 0 has 100 keys in the pages 2 and 0, request 1 has 5 keys in page 3.
  const int32_t query_offsets[] = {0, 1, 2}, page_offsets[] = {0, 2, 3}, page_indices[] = {2, 0, 3};
  const int32_t key_lengths[] = {100, 5};
  mla_geometry geometry = {heads, latent_width, rope_width, 1 / sqrtf(192)};
  mla_batch batch = {requests, query_offsets, page_offsets, page_indices, 3, key_lengths, page_size, pages, 1};

  mla_engine *engine = NULL;
  mla_plan *plan = NULL;
  check(mla_engine_create_cpu(0, NULL, &engine));
  check(mla_plan_create(engine, &geometry, &batch, mla_policy_balanced, &plan));

  float *query_latent = numbers(requests * heads * latent_width, 1), *query_rope = numbers(requests * heads * rope_width, 1);
  float *latent = numbers(pages * page_size * latent_width, 0.5f), *rope = numbers(pages * page_size * rope_width, 0.5f);
  float *output = numbers(requests * heads * latent_width, 0), *lse = numbers(requests * heads, 0);
  mla_run_arguments arguments = {
      .query_latent = dense(query_latent, requests, heads, latent_width),
      .query_rope = dense(query_rope, requests, heads, rope_width),
      .cache_latent = dense(latent, pages, page_size, latent_width),
      .cache_rope = dense(rope, pages, page_size, rope_width),
      .output = dense(output, requests, heads, latent_width),
      .lse = dense(lse, requests, heads, 1),
      .lse_base = mla_lse_natural,
  };
  for (int layer = 0; layer < 2; layer++) check(mla_run(engine, plan, &arguments));
  printf("output[0] = %.6f, lse[0] = %.6f\n", output[0], lse[0]);

  // What is wrong is said, and nothing is written.
  arguments.output.shape[2] = 500;
  if (mla_run(engine, plan, &arguments) == mla_mismatch) printf("refused: %s\n", mla_last_message());

  check(mla_plan_destroy(plan));
  check(mla_engine_destroy(engine));
  free(query_latent), free(query_rope), free(latent), free(rope), free(output), free(lse);
  return 0;
}
