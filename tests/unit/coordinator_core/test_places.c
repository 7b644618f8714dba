#include "coordinator/core/id_table.h"
#include "coordinator/core/places.h"
#include "shared/base/random.h"
#include "tests/unit/coordinator_core/stage.h"

Test(places, finds_the_next_member_as_a_plain_array_does)
{
    static const size_t sizes[] = {1, 2, 63, 64, 65, 4095, 4096, 4097, 9000};
    struct dice dice;

    dice_init(&dice, 7);
    for (size_t s = 0; s < COUNT_OF(sizes); s++) {
        size_t size = sizes[s];
        CLEANUP(mem_freep) bool *plain = mem_zalloc(size);
        struct places places;

        places_init(&places, size);
        for (int step = 0; step < 2000; step++) {
            size_t place = (size_t)dice_below(&dice, size);
            size_t from = (size_t)dice_below(&dice, size + 1);
            size_t next = from;

            plain[place] = dice_chance(&dice, 500);
            if (plain[place])
                places_add(&places, place);
            else
                places_remove(&places, place);
            while (next < size && !plain[next])
                next++;
            cr_assert_eq(places_has(&places, place), plain[place]);
            cr_assert_eq(places_next(&places, from), next < size ? next : PLACE_NONE,
                         "size %zu from %zu", size, from);
        }
        places_release(&places);
    }
}

Test(places, counts_its_members_once)
{
    struct places places;

    places_init(&places, 100);
    places_add(&places, 5);
    places_add(&places, 5);
    places_add(&places, 99);
    cr_assert_eq(places.count, 2UL);
    places_remove(&places, 6);
    places_remove(&places, 5);
    places_remove(&places, 5);
    cr_assert_eq(places.count, 1UL);
    cr_assert_eq(places_next(&places, 0), 99UL);
    places_release(&places);
}

Test(id_table, finds_each_id_and_no_other)
{
    enum { COUNT = 5000 };
    struct arena arena = ARENA_INIT;
    struct test *tests = arena_array(&arena, COUNT, sizeof(*tests));
    struct id_table table = {0};

    cr_assert_eq(id_table_find(&table, tests, "t1"), 0);
    for (int i = 0; i < COUNT; i++) {
        tests[i].id = arena_printf(&arena, "app.tests.T%d.test_%d", i % 7, i);
        id_table_add(&table, tests, i + 1);
    }
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(id_table_find(&table, tests, tests[i].id), i + 1);
    cr_assert_eq(id_table_find(&table, tests, "app.tests.T1.test_0"), 0);
    id_table_clear(&table);
    arena_release(&arena);
}
