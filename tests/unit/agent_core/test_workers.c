/* How a slot comes to a worker, what the worker is told, and when its clone is changed. */

#include <criterion/criterion.h>

#include "tests/unit/agent_core/stage.h"

Test(workers, a_lease_is_served_step_by_step)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_expect(&stage, "sync 1");

    stage_grant(&stage, 1, 11, "a b c");
    stage_expect(&stage, "prepare 7+db");
    stage_run_ready(&stage);
    stage_expect(&stage, "clone 1");
    stage_clone_ready(&stage, 1);
    stage_expect(&stage, "worker 1 run");
    stage_say(&stage, 1, SAY_READY);
    stage_expect(&stage, "tell 1 run a +more; tell 1 run b +more");
    stage_starts(&stage, 1, 1);
    stage_ends(&stage, 1, 1, OUTCOME_PASSED);
    stage_expect(&stage, "spool 1 attempt 11 #1 passed; tell 1 run c; "
                         "sync 2 held 11:1 events 1-1");
    stage_close(&stage);
}

Test(workers, the_last_attempt_of_a_lease_waits_for_the_teardown)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a");

    stage_starts(&stage, 1, 1);
    stage_ends(&stage, 1, 1, OUTCOME_PASSED);
    stage_expect(&stage, "");
    stage_message(
        &stage, 1,
        &(struct worker_message){
            .say = SAY_END, .id = "tearDown", .is_extra = true, .outcome = OUTCOME_ERROR});
    stage_say(&stage, 1, SAY_IDLE);
    stage_expect(&stage, "spool 1 attempt 11 extra(tearDown) error; "
                         "spool 2 attempt 11 #1 passed; sync 2 held 11:1 events 1-2");
    stage_close(&stage);
}

Test(workers, a_second_lease_of_the_slot_goes_on_without_a_pause)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a b c d");
    stage_pass(&stage, 5000);
    stage_grant(&stage, 1, 12, "e f");
    stage_forget(&stage);

    for (int64_t n = 1; n <= 3; n++) {
        stage_starts(&stage, 1, n);
        stage_ends(&stage, 1, n, OUTCOME_PASSED);
    }
    stage_expect(&stage, "spool 1 attempt 11 #1 passed; tell 1 run c +more; "
                         "spool 2 attempt 11 #2 passed; tell 1 run d +more; "
                         "spool 3 attempt 11 #3 passed; tell 1 run e +more");
    stage_starts(&stage, 1, 4);
    stage_ends(&stage, 1, 4, OUTCOME_PASSED);
    stage_expect(&stage, "tell 1 run f");
    stage_starts(&stage, 1, 5);
    stage_expect(&stage, "spool 4 attempt 11 #4 passed; sync 3 held 12:0,11:4 events 1-4");
    stage_close(&stage);
}

Test(workers, what_was_promised_and_taken_back_is_flushed)
{
    struct stage stage;
    int64_t back[] = {12};
    stage_open(&stage, 1);
    stage_to_running(&stage, "a");
    stage_pass(&stage, 5000);
    stage_grant(&stage, 1, 12, "b c d");
    stage_starts(&stage, 1, 1);
    stage_ends(&stage, 1, 1, OUTCOME_PASSED);
    stage_starts(&stage, 1, 2);
    stage_pass(&stage, 5000);
    stage_forget(&stage);

    stage_answer_with(&stage,
                      (struct sync_response){.return_leases = back, .return_leases_count = 1});
    stage_expect(&stage, "trim 4:1; spool 2 returned 12 4; sync 4 held 12:1 events 2-2");
    stage_ends(&stage, 1, 2, OUTCOME_PASSED);
    stage_starts(&stage, 1, 3);
    stage_ends(&stage, 1, 3, OUTCOME_PASSED);
    stage_say(&stage, 1, SAY_IDLE);
    stage_expect(&stage, "spool 3 attempt 12 #2 passed; tell 1 flush");
    stage_say(&stage, 1, SAY_IDLE);
    stage_expect(&stage, "spool 4 attempt 12 #3 passed");
    stage_close(&stage);
}

/* Runs a test to its end, dirty or not. */
static void run_one(struct stage *stage, int64_t n, bool is_dirty)
{
    const char *aliases[] = {"default"};

    stage_starts(stage, 1, n);
    stage_message(stage, 1,
                  &(struct worker_message){
                      .say = SAY_END, .n = n, .dirty = aliases, .dirty_count = is_dirty ? 1 : 0});
}

Test(workers, a_lower_phase_after_a_dirty_one_gets_a_new_clone)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a/G/1 b/G/0");
    stage_expect(&stage, "");

    run_one(&stage, 1, true);
    stage_expect(&stage, "spool 1 attempt 11 #1 passed; tell 1 reset");
    stage_say(&stage, 1, SAY_CLOSED);
    stage_expect(&stage, "clone 1");
    stage_clone_ready(&stage, 1);
    stage_expect(&stage, "tell 1 opened; tell 1 run b");
    stage_close(&stage);
}

Test(workers, a_lower_phase_after_a_clean_one_needs_no_new_clone)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a/G/1 b/G/0");

    run_one(&stage, 1, false);
    stage_expect(&stage, "spool 1 attempt 11 #1 passed; tell 1 run b");
    stage_close(&stage);
}

Test(workers, how_fresh_a_clone_must_be_decides_when_it_is_changed)
{
    struct {
        enum suite_fresh fresh;
        const char *tests;
        const char *first;
        const char *after;
    } cases[] = {
        {SUITE_FRESH_SLOT, "a/G b/H", "tell 1 run a +more; tell 1 run b",
         "spool 1 attempt 11 #1 passed"},
        {SUITE_FRESH_GROUP, "a/G b/G", "tell 1 run a +more; tell 1 run b",
         "spool 1 attempt 11 #1 passed"},
        {SUITE_FRESH_GROUP, "a/G b/H", "tell 1 run a",
         "spool 1 attempt 11 #1 passed; tell 1 reset"},
        {SUITE_FRESH_BATCH, "a/G b/H", "tell 1 run a +more; tell 1 run b",
         "spool 1 attempt 11 #1 passed"},
        {SUITE_FRESH_TEST, "a/G b/G", "tell 1 run a", "spool 1 attempt 11 #1 passed; tell 1 reset"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct stage stage;
        stage_open(&stage, 1);
        stage.terms.fresh = cases[i].fresh;
        stage_grant(&stage, 1, 11, cases[i].tests);
        stage_run_ready(&stage);
        stage_clone_ready(&stage, 1);
        stage_forget(&stage);

        stage_say(&stage, 1, SAY_READY);
        stage_expect(&stage, cases[i].first);
        run_one(&stage, 1, false);
        stage_expect(&stage, cases[i].after);
        stage_close(&stage);
    }
}

Test(workers, a_fresh_clone_for_each_batch_comes_between_two_leases)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage.terms.fresh = SUITE_FRESH_BATCH;
    stage_to_running(&stage, "a");
    stage_pass(&stage, 5000);
    stage_grant(&stage, 1, 12, "b");
    stage_forget(&stage);

    run_one(&stage, 1, false);
    stage_expect(&stage, "tell 1 reset");
    stage_say(&stage, 1, SAY_CLOSED);
    stage_expect(&stage, "spool 1 attempt 11 #1 passed; clone 1; "
                         "sync 3 held 12:0,11:1 events 1-1");
    stage_close(&stage);
}

Test(workers, without_databases_there_is_no_clone_and_no_reset)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage.terms.has_databases = false;
    stage.terms.fresh = SUITE_FRESH_TEST;
    stage_grant(&stage, 1, 11, "a/G/1 b/G/0");
    stage_forget(&stage);

    stage_run_ready(&stage);
    stage_expect(&stage, "worker 1 run");
    stage_say(&stage, 1, SAY_READY);
    stage_expect(&stage, "tell 1 run a +more; tell 1 run b");
    stage_close(&stage);
}

Test(workers, a_warm_worker_stays_until_its_run_is_forgotten)
{
    struct stage stage;
    int64_t over[] = {STAGE_RUN};
    stage_open(&stage, 1);
    stage_to_running(&stage, "a");
    run_one(&stage, 1, false);
    stage_say(&stage, 1, SAY_IDLE);
    stage_answer(&stage);
    stage_pass(&stage, 5000);
    stage_forget(&stage);

    stage_answer_with(&stage, (struct sync_response){.forget_runs = over, .forget_runs_count = 1});
    stage_expect(&stage, "tell 1 quit");
    stage_gone(&stage, 1, "exit status 0");
    stage_expect(&stage, "drop 1");
    stage_input(&stage, INPUT_DROPPED, 1, NULL);
    stage_expect(&stage, "forget 7");
    cr_assert(foreman_slot_is_empty(stage.foreman, 1));
    stage_close(&stage);
}

Test(workers, a_slot_that_serves_another_run_gets_a_new_worker_and_a_new_clone)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a");
    run_one(&stage, 1, false);
    stage_say(&stage, 1, SAY_IDLE);
    stage_forget(&stage);

    stage_grant_of(&stage, 8, 1, 12, "a");
    stage_expect(&stage, "trim 4:1; tell 1 quit");
    stage_gone(&stage, 1, "exit status 0");
    stage_input(&stage, INPUT_DROPPED, 1, NULL);
    stage_expect(&stage, "drop 1; prepare 8+db");
    stage_close(&stage);
}

Test(workers, a_slot_says_what_is_warm_in_it)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a/H/1");
    run_one(&stage, 1, true);
    stage_say(&stage, 1, SAY_IDLE);

    cr_assert_eq(stage.request->slots_count, 1);
    cr_assert_eq(stage.request->slots[0].run, STAGE_RUN);
    cr_assert_str_eq(stage.request->slots[0].group, "H");
    cr_assert_eq(stage.request->slots[0].phase, 1);
    stage_close(&stage);
}

Test(workers, what_runs_and_for_how_long_is_said)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a b");
    stage_starts(&stage, 1, 1);

    stage_pass(&stage, 5000);
    cr_assert_eq(stage.request->held[0].running, 1);
    cr_assert_eq(stage.request->held[0].running_ms, 5000);
    stage_close(&stage);
}

Test(workers, a_driver_that_never_starts_its_test_is_killed)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a b");

    for (int64_t ms = 0; ms < TEST_MS; ms += 5000) {
        stage_forget(&stage);
        stage_pass(&stage, 5000);
        stage_answer(&stage);
    }
    stage_expect(&stage, "spool 1 problem 11 worker; kill 1 hard; "
                         "sync 13 held 11:2 events 1-1; trim 4:1");
    stage_close(&stage);
}

Test(workers, a_note_belongs_to_the_test_that_runs)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a b");
    stage_starts(&stage, 1, 1);

    stage_message(&stage, 1,
                  &(struct worker_message){.say = SAY_NOTE, .id = "a", .name = "n", .value = "v"});
    stage_message(&stage, 1,
                  &(struct worker_message){.say = SAY_NOTE, .id = "?", .name = "n", .value = "w"});
    stage_expect(&stage, "spool 1 note 11 #1 n=v; spool 2 note 11 #0 n=w");
    stage_close(&stage);
}

Test(workers, a_driver_out_of_step_is_killed)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a b");

    stage_starts(&stage, 1, 2);
    stage_expect(&stage, "spool 1 problem 11 worker; kill 1 hard; sync 2 held 11:2 events 1-1");
    stage_close(&stage);
}

Test(workers, an_unknown_test_is_a_problem_and_no_attempt)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a b");
    stage_starts(&stage, 1, 1);

    stage_message(&stage, 1, &(struct worker_message){.say = SAY_END, .n = 1, .is_unknown = true});
    stage_expect(&stage,
                 "spool 1 problem 11 unknown-test; kill 1 hard; sync 2 held 11:2 events 1-1");
    stage_close(&stage);
}

Test(workers, what_fails_before_the_first_test_is_a_problem)
{
    struct stage stage;
    stage_open(&stage, 1);

    stage_grant(&stage, 1, 11, "a");
    stage_forget(&stage);
    stage_input(&stage, INPUT_RUN_FAILED, 0, "no");
    stage_expect(&stage, "spool 1 problem 11 prepare; sync 2 held 11:1 events 1-1");

    stage_grant(&stage, 1, 12, "a");
    stage_run_ready(&stage);
    stage_forget(&stage);
    stage_input(&stage, INPUT_CLONE_FAILED, 1, "no");
    stage_expect(&stage, "spool 2 problem 12 clone; drop 1; sync 3 held 12:1 events 2-2");
    stage_input(&stage, INPUT_DROPPED, 1, NULL);

    stage_grant(&stage, 1, 13, "a");
    stage_clone_ready(&stage, 1);
    stage_forget(&stage);
    stage_input(&stage, INPUT_START_FAILED, 1, "no");
    stage_expect(&stage, "spool 3 problem 13 ready; drop 1; sync 4 held 13:1 events 3-3");
    stage_input(&stage, INPUT_DROPPED, 1, NULL);

    stage_grant(&stage, 1, 14, "a");
    stage_clone_ready(&stage, 1);
    stage_forget(&stage);
    stage_say(&stage, 1, SAY_FATAL);
    stage_expect(&stage, "spool 4 problem 14 start; kill 1 hard; sync 5 held 14:1 events 4-4");
    stage_close(&stage);
}
