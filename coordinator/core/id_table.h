#ifndef COORDINATOR_CORE_ID_TABLE_H
#define COORDINATOR_CORE_ID_TABLE_H

/* From a test's id to its number: four bytes a test, since a run may have a million. */

#include <stddef.h>
#include <stdint.h>

#include "coordinator/core/test.h"

struct id_table {
    uint32_t *slots; /* test numbers; 0 empty */
    size_t slots_count;
    size_t count;
};

/* `tests[number - 1]` is the test; its id must outlive the table. */
int64_t id_table_find(const struct id_table *table, const struct test *tests, const char *id);
void id_table_add(struct id_table *table, const struct test *tests, int64_t number);
void id_table_clear(struct id_table *table);

#endif
