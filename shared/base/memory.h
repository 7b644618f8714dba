#ifndef SHARED_BASE_MEMORY_H
#define SHARED_BASE_MEMORY_H

/* Memory that ends with its reason.
 *
 * An arena is what one request, one command or one run needs: many small
 * allocations, one release.  Nothing in it is freed alone.
 *
 * Out of memory ends the process with a sentence on stderr: every program here
 * survives kill -9 at any instruction, and this is the same path.  All sizes
 * are bounded before they get here.  So no function here returns NULL. */

#include <stdarg.h>
#include <stddef.h>

#include "shared/base/check.h"

void *mem_alloc(size_t bytes);
void *mem_zalloc(size_t bytes);
void *mem_realloc(void *old, size_t bytes);
char *mem_strdup(const char *text);
char *mem_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Cleanup for locals: CLEANUP(mem_freep) char *name = mem_strdup(...); */
void mem_freep(void *pointer_to_pointer);

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used_bytes;          /* in the newest block */
    size_t total_bytes;         /* asked for since the last reset */
};

#define ARENA_INIT                                                                                 \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

void arena_init(struct arena *arena);
void arena_release(struct arena *arena);

/* Zeroed, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t bytes);
void *arena_array(struct arena *arena, size_t count, size_t element_bytes);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t len);
char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Makes room for one more element in a plain heap array and counts it:
 *     VEC_PUSH(run->tests, run->test_count, run->test_cap) = test;
 * The array starts as {NULL, 0, 0} and is freed with free(). */
#define VEC_PUSH(array, count, cap)                                                                \
    (*(((count) == (cap) ? (void)((array) = mem_grow((array), &(cap), sizeof(*(array))))           \
                         : (void)0),                                                               \
       &(array)[(count)++]))

/* Doubles *cap (from 8) and reallocates. */
void *mem_grow(void *old, size_t *cap, size_t element_bytes);

#endif
