/* Leases taken away, wanted back, and lapsed. */

#include <criterion/criterion.h>

#include "shared/base/limits.h"
#include "tests/unit/agent_core/stage.h"

Test(leases, a_cancelled_lease_is_killed_and_never_spoken_of_again)
{
    struct stage stage;
    int64_t cancel[] = {11};
    stage_open(&stage, 1);
    stage_to_running(&stage, "a b");
    stage_starts(&stage, 1, 1);
    stage_pass(&stage, 5000);
    stage_forget(&stage);

    stage_answer_with(&stage, (struct sync_response){.cancel = cancel, .cancel_count = 1});
    stage_expect(&stage, "kill 1 soft");
    stage_pass(&stage, GRACE_MS);
    stage_expect(&stage, "kill 1 hard; sync 3");
    stage_gone(&stage, 1, "signal 9 (SIGKILL)");
    stage_expect(&stage, "drop 1");
    stage_close(&stage);
}

Test(leases, a_cancelled_lease_that_only_waits_disturbs_nobody)
{
    struct stage stage;
    int64_t cancel[] = {12};
    stage_open(&stage, 1);
    stage_to_running(&stage, "a b c");
    stage_starts(&stage, 1, 1);
    stage_pass(&stage, 5000);
    stage_grant(&stage, 1, 12, "d");
    stage_pass(&stage, 5000);
    stage_forget(&stage);

    stage_answer_with(&stage, (struct sync_response){.cancel = cancel, .cancel_count = 1});
    stage_expect(&stage, "");
    stage_pass(&stage, 5000);
    stage_expect(&stage, "sync 4 held 11:0");
    stage_close(&stage);
}

Test(leases, a_cancelled_test_that_the_driver_knows_already_is_killed_when_its_turn_comes)
{
    struct stage stage;
    int64_t cancel[] = {12};
    stage_open(&stage, 1);
    stage_to_running(&stage, "a");
    stage_pass(&stage, 5000);
    stage_grant(&stage, 1, 12, "b");
    stage_starts(&stage, 1, 1);
    stage_pass(&stage, 5000);
    stage_answer_with(&stage, (struct sync_response){.cancel = cancel, .cancel_count = 1});
    stage_forget(&stage);

    stage_ends(&stage, 1, 1, OUTCOME_PASSED);
    stage_expect(&stage, "");
    stage_starts(&stage, 1, 2);
    stage_expect(&stage, "spool 1 attempt 11 #1 passed; kill 1 soft; "
                         "sync 4 held 11:1 events 1-1");
    stage_close(&stage);
}

Test(leases, what_is_wanted_back_and_not_started_is_returned)
{
    struct stage stage;
    int64_t back[] = {11};
    stage_open(&stage, 1);
    stage_to_running(&stage, "a b c d");
    stage_starts(&stage, 1, 1);
    stage_pass(&stage, 5000);
    stage_forget(&stage);

    stage_answer_with(&stage,
                      (struct sync_response){.return_leases = back, .return_leases_count = 1});
    stage_expect(&stage, "spool 1 returned 11 3,4; sync 3 held 11:2 events 1-1");
    stage_close(&stage);
}

Test(leases, when_trust_has_lapsed_everything_is_killed_and_nothing_is_told)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a b");
    stage_starts(&stage, 1, 1);
    stage_pass(&stage, 5000);
    stage_fail_sync(&stage, STATUS_UNAVAILABLE);
    stage_forget(&stage);

    stage_pass(&stage, LEASE_TTL_MS - 5000);
    stage_expect(&stage, "kill 1 hard; sync 2 held 11:0");
    stage_gone(&stage, 1, "signal 9 (SIGKILL)");
    stage_input(&stage, INPUT_DROPPED, 1, NULL);
    stage_expect(&stage, "drop 1");
    stage_answer(&stage);
    stage_expect(&stage, "sync 3");
    stage_close(&stage);
}

Test(leases, an_answer_older_than_the_trust_it_gives_brings_no_lease)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_forget(&stage);
    stage.now_ms += LEASE_TTL_MS;

    stage_grant(&stage, 1, 11, "a");
    stage_expect(&stage, "sync 2");
    stage_close(&stage);
}

Test(leases, a_warm_worker_without_a_lease_outlives_the_trust)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a");
    stage_starts(&stage, 1, 1);
    stage_ends(&stage, 1, 1, OUTCOME_PASSED);
    stage_say(&stage, 1, SAY_IDLE);
    stage_answer_with(&stage, (struct sync_response){.may_wait = true});
    stage_forget(&stage);

    stage_pass(&stage, LEASE_TTL_MS);
    stage_expect(&stage, "");
    stage_close(&stage);
}

Test(leases, a_grant_that_cannot_be_served_is_not_taken)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_forget(&stage);

    stage_grant(&stage, 2, 11, "a");
    stage_expect(&stage, "");
    stage_pass(&stage, 5000);
    stage_expect(&stage, "sync 2");
    stage_close(&stage);
}
