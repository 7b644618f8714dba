#include "coordinator/core/fact.h"

#include <stdlib.h>

void fact_list_init(struct fact_list *list)
{
    *list = (struct fact_list){0};
    arena_init(&list->arena);
}

void fact_list_clear(struct fact_list *list)
{
    list->count = 0;
    arena_release(&list->arena);
}

void fact_list_release(struct fact_list *list)
{
    arena_release(&list->arena);
    free(list->at);
    *list = (struct fact_list){0};
}

const char *fact_kind_name(enum fact_kind kind)
{
    static const char *const names[FACT_KIND_COUNT] = {
        [FACT_AGENT_JOINED] = "agent_joined",       [FACT_AGENT_SYNCED] = "agent_synced",
        [FACT_AGENT_GONE] = "agent_gone",           [FACT_RUN_SUBMITTED] = "run_submitted",
        [FACT_TESTS_COLLECTED] = "tests_collected", [FACT_RUN_PLANNED] = "run_planned",
        [FACT_TEST_ADDED] = "test_added",           [FACT_LEASE_GRANTED] = "lease_granted",
        [FACT_TESTS_RETURNED] = "tests_returned",   [FACT_ATTEMPT_RECORDED] = "attempt_recorded",
        [FACT_NOTE_RECORDED] = "note_recorded",     [FACT_PROBLEM_RECORDED] = "problem_recorded",
        [FACT_LEASE_ENDED] = "lease_ended",         [FACT_RUN_ENDED] = "run_ended",
        [FACT_IMAGE_CLAIMED] = "image_claimed",     [FACT_IMAGE_DONE] = "image_done",
        [FACT_IMAGE_FAILED] = "image_failed",       [FACT_IMAGE_RELEASED] = "image_released",
        [FACT_IMAGE_DROPPED] = "image_dropped",
    };

    CHECK(kind >= 0 && kind < FACT_KIND_COUNT);
    return names[kind];
}
