#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>

#include "shared/base/memory.h"

Test(arena, gives_zeroed_aligned_memory_that_stays_where_it_is)
{
    struct arena arena = ARENA_INIT;
    char *first = arena_strdup(&arena, "first");

    for (int i = 0; i < 2000; i++) {
        char *more = arena_alloc(&arena, 100);
        cr_assert_eq((uintptr_t)more % _Alignof(max_align_t), 0);
        cr_assert_eq(more[99], 0);
    }
    cr_assert_str_eq(first, "first");
    arena_release(&arena);
    cr_assert_eq(arena.total_bytes, 0);
}

Test(arena, takes_what_is_larger_than_a_block)
{
    struct arena arena = ARENA_INIT;
    char *large = arena_alloc(&arena, 1 << 20);

    large[(1 << 20) - 1] = 'x';
    cr_assert_str_eq(arena_printf(&arena, "%d", 42), "42");
    arena_release(&arena);
}

Test(vec, grows_and_keeps_what_it_holds)
{
    int *numbers = NULL;
    size_t count = 0;
    size_t cap = 0;

    for (int i = 0; i < 1000; i++)
        VEC_PUSH(numbers, count, cap) = i;
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(numbers[i], i);
    free(numbers);
}
