#include "coordinator/core/id_table.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/core/table.h"

#define SLOTS_MIN 64

static size_t slot_of(const struct id_table *table, const struct test *tests, const char *id)
{
    size_t slot = table_hash(id, strlen(id)) % table->slots_count;

    while (table->slots[slot] != 0 && strcmp(tests[table->slots[slot] - 1].id, id) != 0)
        slot = (slot + 1) % table->slots_count;
    return slot;
}

int64_t id_table_find(const struct id_table *table, const struct test *tests, const char *id)
{
    return table->count > 0 ? table->slots[slot_of(table, tests, id)] : 0;
}

/* At most half full, so that searches stay short. */
static void make_room(struct id_table *table, const struct test *tests)
{
    struct id_table larger = {.count = table->count};

    if (2 * (table->count + 1) <= table->slots_count)
        return;
    larger.slots_count = table->slots_count > 0 ? 2 * table->slots_count : SLOTS_MIN;
    larger.slots = mem_zalloc(larger.slots_count * sizeof(*larger.slots));
    for (size_t i = 0; i < table->slots_count; i++)
        if (table->slots[i] != 0)
            larger.slots[slot_of(&larger, tests, tests[table->slots[i] - 1].id)] = table->slots[i];
    free(table->slots);
    *table = larger;
}

void id_table_add(struct id_table *table, const struct test *tests, int64_t number)
{
    make_room(table, tests);
    size_t slot = slot_of(table, tests, tests[number - 1].id);

    CHECK(table->slots[slot] == 0);
    table->slots[slot] = (uint32_t)number;
    table->count++;
}

void id_table_clear(struct id_table *table)
{
    free(table->slots);
    *table = (struct id_table){0};
}
