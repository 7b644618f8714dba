/* What the end of a worker means, whoever ended it. */

#include <criterion/criterion.h>

#include "tests/unit/agent_core/stage.h"

Test(deaths, a_worker_that_dies_in_a_test_crashed_it_and_the_rest_goes_back)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a b c");
    stage_starts(&stage, 1, 1);

    stage_gone(&stage, 1, "signal 11 (SIGSEGV)");
    stage_expect(&stage, "spool 1 attempt 11 #1 crashed; spool 2 returned 11 2,3; drop 1; "
                         "sync 2 held 11:3 events 1-2");
    stage_close(&stage);
}

Test(deaths, a_clean_exit_in_the_middle_of_a_test_is_a_crash_too)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a");
    stage_starts(&stage, 1, 1);

    stage_gone(&stage, 1, "exit status 0");
    stage_expect(&stage, "spool 1 attempt 11 #1 crashed; drop 1; sync 2 held 11:1 events 1-1");
    cr_assert_str_eq(stage.request->events[0].attempt->message,
                     "the worker exited in the middle of the test: exit status 0");
    stage_close(&stage);
}

Test(deaths, a_test_past_its_limit_is_asked_to_end_then_killed_and_timed_out)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a b");
    stage_starts(&stage, 1, 1);
    for (int64_t ms = 0; ms < TEST_MS; ms += 5000) {
        stage_forget(&stage);
        stage_pass(&stage, 5000);
        if (stage.request != NULL)
            stage_answer(&stage);
    }

    stage_expect(&stage, "kill 1 soft; sync 13 held 11:0");
    stage_ends(&stage, 1, 1, OUTCOME_ERROR);
    stage_expect(&stage, "");
    stage_pass(&stage, GRACE_MS);
    stage_expect(&stage, "kill 1 hard; sync 14 held 11:0");
    stage_gone(&stage, 1, "signal 9 (SIGKILL)");
    stage_expect(&stage, "spool 1 attempt 11 #1 timed-out; spool 2 returned 11 2; drop 1");
    stage_close(&stage);
}

Test(deaths, a_replaced_worker_gets_a_new_clone_and_the_next_lease)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a");
    stage_pass(&stage, 5000);
    stage_grant(&stage, 1, 12, "b");
    stage_starts(&stage, 1, 1);
    stage_forget(&stage);

    stage_gone(&stage, 1, "signal 9 (SIGKILL)");
    stage_expect(&stage, "spool 1 attempt 11 #1 crashed; drop 1; sync 3 held 12:0,11:1 events 1-1");
    stage_input(&stage, INPUT_DROPPED, 1, NULL);
    stage_expect(&stage, "clone 1");
    stage_clone_ready(&stage, 1);
    stage_expect(&stage, "worker 1 run");
    stage_say(&stage, 1, SAY_READY);
    stage_expect(&stage, "tell 1 run b");
    stage_close(&stage);
}

Test(deaths, between_two_tests_no_test_is_at_fault)
{
    struct {
        const char *text;
        const char *told;
    } cases[] = {
        {"signal 9 (SIGKILL)", "spool 2 problem 11 worker; drop 1; sync 2 held 11:3 events 1-2"},
        {"exit status 0", "spool 2 returned 11 2,3; drop 1; sync 2 held 11:3 events 1-2"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct stage stage;
        stage_open(&stage, 1);
        stage_to_running(&stage, "a b c d/G/1 e/G/0");
        stage_close(&stage);

        stage_open(&stage, 1);
        stage.terms.fresh = SUITE_FRESH_SLOT;
        stage_to_running(&stage, "a/G/1 b/G/1 c/G/0");
        stage_starts(&stage, 1, 1);
        stage_ends(&stage, 1, 1, OUTCOME_PASSED);
        stage_forget(&stage);

        stage_gone(&stage, 1, cases[i].text);
        stage_expect(&stage, cases[i].told);
        stage_close(&stage);
    }
}

Test(deaths, a_worker_that_ends_at_once_without_a_test_is_a_problem)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a b");

    stage_gone(&stage, 1, "exit status 0");
    stage_expect(&stage, "spool 1 problem 11 worker; drop 1; sync 2 held 11:2 events 1-1");
    stage_close(&stage);
}

Test(deaths, dying_in_the_last_teardown_is_a_failure_of_its_own)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a");
    stage_starts(&stage, 1, 1);
    stage_ends(&stage, 1, 1, OUTCOME_PASSED);

    stage_gone(&stage, 1, "signal 11 (SIGSEGV)");
    stage_expect(&stage, "spool 1 attempt 11 extra(teardown (G)) error; "
                         "spool 2 attempt 11 #1 passed; drop 1; sync 2 held 11:1 events 1-2");
    stage_close(&stage);
}

Test(deaths, a_worker_that_is_not_ready_in_time_is_killed)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_grant(&stage, 1, 11, "a");
    stage_run_ready(&stage);
    stage_clone_ready(&stage, 1);
    for (int64_t ms = 0; ms < READY_MS; ms += 5000) {
        stage_forget(&stage);
        stage_pass(&stage, 5000);
        stage_answer(&stage);
    }
    stage_expect(&stage, "spool 1 problem 11 ready; kill 1 hard; "
                         "sync 7 held 11:1 events 1-1; trim 4:1");
    stage_close(&stage);
}

Test(deaths, a_driver_that_does_not_answer_is_killed)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage.terms.fresh = SUITE_FRESH_TEST;
    stage_to_running(&stage, "a b");
    stage_starts(&stage, 1, 1);
    stage_ends(&stage, 1, 1, OUTCOME_PASSED);
    for (int64_t ms = 0; ms < READY_MS + GRACE_MS; ms += 5000) {
        stage_forget(&stage);
        stage_pass(&stage, 5000);
        stage_answer(&stage);
    }
    stage_expect(&stage, "spool 2 problem 11 worker; kill 1 hard; "
                         "sync 8 held 11:2 events 2-2; trim 4:2");
    stage_close(&stage);
}

Test(deaths, a_worker_that_dies_while_its_clone_is_changed_leaves_the_clone_to_be_dropped)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage.terms.fresh = SUITE_FRESH_TEST;
    stage_to_running(&stage, "a b");
    stage_starts(&stage, 1, 1);
    stage_ends(&stage, 1, 1, OUTCOME_PASSED);
    stage_say(&stage, 1, SAY_CLOSED);
    stage_forget(&stage);

    stage_gone(&stage, 1, "signal 9 (SIGKILL)");
    stage_expect(&stage, "spool 2 problem 11 worker; sync 2 held 11:2 events 1-2");
    stage_clone_ready(&stage, 1);
    stage_expect(&stage, "drop 1");
    stage_close(&stage);
}
