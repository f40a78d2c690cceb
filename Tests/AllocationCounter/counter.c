// The executable's definitions of these functions come before the C library's, for every library in the process. They
// count and call glibc's own functions, those for memory under their other names.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "AllocationCounter.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static atomic_bool is_counting;
static atomic_int_least64_t allocations;
static atomic_int_least64_t threads;

void allocation_counter_start(void) {
  atomic_store(&allocations, 0);
  atomic_store(&threads, 0);
  atomic_store(&is_counting, 1);
}

int64_t allocation_counter_stop(void) {
  atomic_store(&is_counting, 0);
  return atomic_load(&allocations);
}

int64_t allocation_counter_threads(void) { return atomic_load(&threads); }

static void note(void) {
  if (atomic_load_explicit(&is_counting, memory_order_relaxed)) atomic_fetch_add(&allocations, 1);
}

void *malloc(size_t size) {
  note();
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  note();
  return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
  note();
  return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size) {
  note();
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  note();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
  note();
  if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
  void *allocated = __libc_memalign(alignment, size);
  if (allocated == NULL) return ENOMEM;
  *memory = allocated;
  return 0;
}

int pthread_create(
    pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
  if (atomic_load_explicit(&is_counting, memory_order_relaxed)) atomic_fetch_add(&threads, 1);
  int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
      dlsym(RTLD_NEXT, "pthread_create");
  return create(thread, attributes, body, argument);
}
