/* A lease to collect: pages, the count and the hash, and what may go wrong. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "agent/core/worker.h"
#include "shared/base/hash.h"
#include "shared/base/limits.h"
#include "tests/unit/agent_core/stage.h"

static void to_collecting(struct stage *stage)
{
    stage_open(stage, 1);
    stage_forget(stage);
    stage_grant_collect(stage, 1, 10);
    stage_expect(stage, "prepare 7");
    stage_run_ready(stage);
    stage_expect(stage, "worker 1 collect");
    stage_say(stage, 1, SAY_READY);
    stage_expect(stage, "tell 1 collect");
}

static void lists(struct stage *stage, int count)
{
    char id[32];

    for (int i = 1; i <= count; i++) {
        (void)snprintf(id, sizeof(id), "t%d", i);
        stage_message(stage, 1, &(struct worker_message){.say = SAY_TEST, .id = id});
    }
}

Test(collecting, a_list_goes_in_pages_with_its_count_and_hash)
{
    struct stage stage;
    to_collecting(&stage);

    lists(&stage, COLLECTED_PER_EVENT + 1);
    stage_expect(&stage, "spool 1 collected 10 500");
    stage_message(&stage, 1,
                  &(struct worker_message){.say = SAY_COLLECTED, .count = COLLECTED_PER_EVENT + 1});
    stage_expect(&stage, "spool 2 collected 10 1; spool 3 done 10 501; tell 1 quit; "
                         "sync 2 held 10:0 events 1-3");
    stage_gone(&stage, 1, "exit status 0");
    stage_expect(&stage, "drop 1");
    stage_close(&stage);
}

Test(collecting, the_hash_is_of_the_ids_a_line_each)
{
    struct stage stage;
    char expected[HASH_HEX_SIZE];
    hash_bytes("t1\nt2\n", strlen("t1\nt2\n"), expected);
    to_collecting(&stage);

    lists(&stage, 2);
    stage_message(&stage, 1, &(struct worker_message){.say = SAY_COLLECTED, .count = 2});
    cr_assert_str_eq(stage.request->events[1].hash, expected);
    stage_close(&stage);
}

Test(collecting, a_list_that_is_not_whole_is_a_problem)
{
    struct stage stage;
    to_collecting(&stage);
    lists(&stage, 2);

    stage_message(&stage, 1, &(struct worker_message){.say = SAY_COLLECTED, .count = 3});
    stage_expect(&stage, "spool 1 problem 10 collect; kill 1 hard; sync 2 held 10:0 events 1-1");
    stage_close(&stage);
}

Test(collecting, a_driver_that_dies_is_a_problem)
{
    struct stage stage;
    to_collecting(&stage);
    lists(&stage, 2);

    stage_gone(&stage, 1, "exit status 0");
    stage_expect(&stage, "spool 1 problem 10 collect; drop 1; sync 2 held 10:0 events 1-1");
    stage_close(&stage);
}

Test(collecting, a_driver_that_says_nothing_is_killed)
{
    struct stage stage;
    to_collecting(&stage);

    for (int64_t ms = 0; ms < COLLECT_SILENCE_MS; ms += SYNC_INTERVAL_MS) {
        stage_forget(&stage);
        stage_pass(&stage, SYNC_INTERVAL_MS);
        stage_answer(&stage);
    }
    stage_expect(&stage, "spool 1 problem 10 collect; kill 1 hard; "
                         "sync 121 held 10:0 events 1-1; trim 4:1");
    stage_close(&stage);
}

Test(collecting, afterwards_a_batch_asks_for_the_databases_too)
{
    struct stage stage;
    to_collecting(&stage);
    stage_message(&stage, 1, &(struct worker_message){.say = SAY_COLLECTED});
    stage_gone(&stage, 1, "exit status 0");
    stage_input(&stage, INPUT_DROPPED, 1, NULL);
    stage_forget(&stage);

    stage_grant(&stage, 1, 11, "a");
    stage_expect(&stage, "trim 4:1; prepare 7+db");
    stage_close(&stage);
}
