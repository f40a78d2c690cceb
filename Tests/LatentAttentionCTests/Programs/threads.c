// Eight threads share one engine and a plan, and each fails in its own way between runs: results are those of one thread,
// and every thread reads its own message.
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "latent_attention.h"

enum { threads = 8, rounds = 50, heads = 5, width = 64, rope = 16, keys = 40 };

static mla_engine *engine;
static mla_plan *plan;
static float queries[heads * width], query_ropes[heads * rope], latent[keys * width], ropes[keys * rope];
static float expected[heads * width];

static mla_tensor tensor(float *data, int64_t outer, int64_t inner, int64_t columns) {
  mla_tensor made = {data, mla_fp32, {outer, inner, columns}, {inner * columns, columns}};
  return made;
}

static mla_status run(float *output, int64_t output_width) {
  mla_run_arguments arguments = {.query_latent = tensor(queries, 1, heads, width),
                                 .query_rope = tensor(query_ropes, 1, heads, rope),
                                 .cache_latent = tensor(latent, 1, keys, width),
                                 .cache_rope = tensor(ropes, 1, keys, rope),
                                 .output = tensor(output, 1, heads, output_width)};
  return mla_run(engine, plan, &arguments);
}

static void *work(void *argument) {
  long number = (long)argument;
  char wanted[64];
  snprintf(wanted, sizeof wanted, "(1, 5, %ld)", number);
  for (int round = 0; round < rounds; round++) {
    float output[heads * width] = {0};
    if (run(output, number) != mla_mismatch) return (void *)1;
    // Others fail meanwhile.
    for (int turn = 0; turn < 20; turn++) sched_yield();
    if (!strstr(mla_last_message(), wanted)) return (void *)1;
    if (run(output, width) != mla_ok || memcmp(output, expected, sizeof output)) return (void *)2;
  }
  return NULL;
}

int main(void) {
  for (int i = 0; i < heads * width; i++) queries[i] = (float)(i % 13 - 6) / 6;
  for (int i = 0; i < keys * width; i++) latent[i] = (float)(i % 17 - 8) / 8;
  const int32_t offsets[] = {0, 1}, page = 0, length = keys;
  mla_geometry geometry = {heads, width, rope, 0.1f};
  mla_batch batch = {1, offsets, offsets, &page, 1, &length, keys, 1, 0};
  if (mla_engine_create_cpu(2, NULL, &engine) || mla_plan_create(engine, &geometry, &batch, 0, &plan)) return 3;
  if (run(expected, width) || expected[0] == 0) return 4;
  pthread_t started[threads];
  for (long i = 0; i < threads; i++) pthread_create(&started[i], NULL, work, (void *)i);
  int failures = 0;
  for (int i = 0; i < threads; i++) {
    void *answer;
    pthread_join(started[i], &answer);
    if (answer) failures++;
  }
  mla_plan_destroy(plan);
  mla_engine_destroy(engine);
  return failures;
}
