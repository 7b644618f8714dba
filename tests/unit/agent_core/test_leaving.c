/* Draining: what runs may end, what waits goes back, and the last sync says so. */

#include <criterion/criterion.h>

#include "agent/core/leave.h"
#include "shared/base/limits.h"
#include "tests/unit/agent_core/stage.h"

Test(leaving, what_waits_goes_back_and_what_runs_may_end)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a b c d");
    stage_starts(&stage, 1, 1);

    stage_input(&stage, INPUT_DRAIN, 0, NULL);
    stage_expect(&stage, "spool 1 returned 11 3,4; sync 2 held 11:2 events 1-1 draining");
    stage_answer(&stage);
    stage_ends(&stage, 1, 1, OUTCOME_PASSED);
    stage_starts(&stage, 1, 2);
    stage_ends(&stage, 1, 2, OUTCOME_PASSED);
    stage_say(&stage, 1, SAY_IDLE);
    stage_expect(&stage, "trim 4:1; spool 2 attempt 11 #1 passed; tell 1 flush");
    stage_say(&stage, 1, SAY_IDLE);
    stage_expect(&stage, "spool 3 attempt 11 #2 passed; tell 1 quit; "
                         "sync 3 held 11:4 events 2-3 draining");
    stage_answer(&stage);
    stage_gone(&stage, 1, "exit status 0");
    stage_input(&stage, INPUT_DROPPED, 1, NULL);
    stage_expect(&stage, "trim 4:3; drop 1; sync 4 draining leaving");
    stage_answer(&stage);
    stage_expect(&stage, "exit");
    stage_close(&stage);
}

Test(leaving, an_idle_agent_leaves_at_once)
{
    struct stage stage;
    stage_open(&stage, 2);
    stage_answer_with(&stage, (struct sync_response){.may_wait = true});
    stage_forget(&stage);

    stage_input(&stage, INPUT_DRAIN, 0, NULL);
    stage_expect(&stage, "stop-wait; sync 2 draining leaving");
    stage_answer(&stage);
    stage_expect(&stage, "exit");
    stage_close(&stage);
}

Test(leaving, a_lease_that_comes_while_it_leaves_goes_back)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_forget(&stage);

    stage_input(&stage, INPUT_DRAIN, 0, NULL);
    stage_expect(&stage, "");
    stage_grant(&stage, 1, 11, "a b");
    stage_expect(&stage, "spool 1 returned 11 1,2; sync 2 held 11:2 events 1-1 draining leaving");
    stage_close(&stage);
}

Test(leaving, a_second_signal_kills_and_the_test_is_lost)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a b c");
    stage_starts(&stage, 1, 1);
    stage_input(&stage, INPUT_DRAIN, 0, NULL);
    stage_answer(&stage);
    stage_forget(&stage);

    stage_input(&stage, INPUT_DRAIN, 0, NULL);
    stage_expect(&stage, "kill 1 hard; sync 3 held 11:1 draining");
    stage_gone(&stage, 1, "signal 9 (SIGKILL)");
    stage_input(&stage, INPUT_DROPPED, 1, NULL);
    stage_expect(&stage, "spool 2 attempt 11 #1 lost; spool 3 returned 11 2; drop 1");
    stage_answer(&stage);
    stage_expect(&stage, "sync 4 held 11:3 events 2-3 draining leaving");
    stage_answer(&stage);
    stage_expect(&stage, "trim 4:3; exit");
    stage_close(&stage);
}

Test(leaving, a_second_signal_between_two_tests_loses_none)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a");
    stage_starts(&stage, 1, 1);
    stage_ends(&stage, 1, 1, OUTCOME_PASSED);
    stage_input(&stage, INPUT_DRAIN, 0, NULL);
    stage_answer(&stage);
    stage_input(&stage, INPUT_DRAIN, 0, NULL);
    stage_forget(&stage);

    stage_gone(&stage, 1, "signal 9 (SIGKILL)");
    stage_expect(&stage, "spool 1 attempt 11 #1 passed; drop 1");
    stage_close(&stage);
}

Test(leaving, a_collection_under_way_is_finished)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_grant_collect(&stage, 1, 10);
    stage_run_ready(&stage);
    stage_say(&stage, 1, SAY_READY);
    stage_forget(&stage);

    stage_input(&stage, INPUT_DRAIN, 0, NULL);
    stage_expect(&stage, "sync 2 held 10:0 draining");
    stage_message(&stage, 1, &(struct worker_message){.say = SAY_COLLECTED});
    stage_expect(&stage, "spool 1 done 10 0; tell 1 quit");
    stage_close(&stage);
}

Test(leaving, an_unreachable_coordinator_does_not_hold_it_for_ever)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a");
    stage.is_deaf = true;
    stage_starts(&stage, 1, 1);
    stage_input(&stage, INPUT_DRAIN, 0, NULL);
    stage_answer(&stage);
    stage_ends(&stage, 1, 1, OUTCOME_PASSED);
    stage_say(&stage, 1, SAY_IDLE);
    stage_say(&stage, 1, SAY_IDLE);
    stage_gone(&stage, 1, "exit status 0");
    stage_input(&stage, INPUT_DROPPED, 1, NULL);
    stage_fail_sync(&stage, STATUS_UNAVAILABLE);
    stage_forget(&stage);

    stage_pass(&stage, LEAVE_GOODBYE_MS); /* there is a result to save */
    stage_expect(&stage, "sync 3 held 11:1 events 1-1 draining");
    stage_pass(&stage, LEAVE_SYNC_MS);
    stage_expect(&stage, "exit");
    stage_close(&stage);
}

Test(leaving, with_nothing_to_say_an_unreachable_coordinator_is_not_waited_for)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_fail_sync(&stage, STATUS_UNAVAILABLE);
    stage_forget(&stage);

    stage_input(&stage, INPUT_DRAIN, 0, NULL);
    stage_pass(&stage, LEAVE_GOODBYE_MS - 1);
    stage_expect(&stage, "sync 1");
    stage_pass(&stage, 1);
    stage_expect(&stage, "exit");
    stage_close(&stage);
}
