#include "shared/base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Large enough that a sync of usual size takes one block. */
#define ARENA_BLOCK_BYTES ((size_t)16 * 1024)

struct arena_block {
    struct arena_block *older;
    size_t size_bytes;
    max_align_t at[];
};

static _Noreturn void out_of_memory(size_t bytes)
{
    (void)fprintf(stderr, "out of memory: %zu bytes asked for\n", bytes);
    abort();
}

void *mem_alloc(size_t bytes)
{
    void *memory = malloc(bytes != 0 ? bytes : 1);

    if (memory == NULL)
        out_of_memory(bytes);
    return memory;
}

void *mem_zalloc(size_t bytes)
{
    return memset(mem_alloc(bytes), 0, bytes);
}

void *mem_realloc(void *old, size_t bytes)
{
    void *memory = realloc(old, bytes != 0 ? bytes : 1);

    if (memory == NULL)
        out_of_memory(bytes);
    return memory;
}

char *mem_strdup(const char *text)
{
    size_t bytes = strlen(text) + 1;

    return memcpy(mem_alloc(bytes), text, bytes);
}

char *mem_printf(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    CHECK(len >= 0);

    char *text = mem_alloc((size_t)len + 1);
    va_start(args, fmt);
    (void)vsnprintf(text, (size_t)len + 1, fmt, args);
    va_end(args);
    return text;
}

void mem_freep(void *pointer_to_pointer)
{
    void **pointer = pointer_to_pointer;

    free(*pointer);
    *pointer = NULL;
}

void *mem_grow(void *old, size_t *cap, size_t element_bytes)
{
    size_t larger = *cap != 0 ? *cap * 2 : 8;

    CHECK(larger > *cap && larger <= SIZE_MAX / element_bytes);
    *cap = larger;
    return mem_realloc(old, larger * element_bytes);
}

void arena_init(struct arena *arena)
{
    *arena = (struct arena)ARENA_INIT;
}

void arena_release(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *older = arena->blocks->older;

        free(arena->blocks);
        arena->blocks = older;
    }
    arena_init(arena);
}

static void add_block(struct arena *arena, size_t bytes)
{
    size_t size = bytes > ARENA_BLOCK_BYTES ? bytes : ARENA_BLOCK_BYTES;
    struct arena_block *block = mem_alloc(sizeof(*block) + size);

    block->older = arena->blocks;
    block->size_bytes = size;
    arena->blocks = block;
    arena->used_bytes = 0;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    size_t align = _Alignof(max_align_t);
    size_t rounded = (bytes + align - 1) / align * align;

    CHECK(rounded >= bytes);
    if (arena->blocks == NULL || arena->blocks->size_bytes - arena->used_bytes < rounded)
        add_block(arena, rounded);

    char *memory = (char *)arena->blocks->at + arena->used_bytes;
    arena->used_bytes += rounded;
    arena->total_bytes += rounded;
    return memset(memory, 0, bytes);
}

void *arena_array(struct arena *arena, size_t count, size_t element_bytes)
{
    CHECK(element_bytes == 0 || count <= SIZE_MAX / element_bytes);
    return arena_alloc(arena, count * element_bytes);
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
    char *copy = arena_alloc(arena, len + 1);

    (void)memcpy(copy, text, len);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    CHECK(len >= 0);

    char *text = arena_alloc(arena, (size_t)len + 1);
    va_start(args, fmt);
    (void)vsnprintf(text, (size_t)len + 1, fmt, args);
    va_end(args);
    return text;
}
