/* The rhythm of syncs, and what each carries. */

#include <criterion/criterion.h>

#include "agent/core/state.h"
#include "shared/base/limits.h"
#include "tests/unit/agent_core/stage.h"

Test(syncing, an_agent_with_work_syncs_every_interval)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a b c");

    stage_pass(&stage, SYNC_INTERVAL_MS - 1);
    stage_expect(&stage, "");
    stage_pass(&stage, 1);
    stage_expect(&stage, "sync 2 held 11:0");
    stage_close(&stage);
}

Test(syncing, a_failed_sync_is_repeated_with_the_same_contents)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a b c");
    stage_pass(&stage, SYNC_INTERVAL_MS);
    stage_starts(&stage, 1, 1);
    stage_ends(&stage, 1, 1, OUTCOME_PASSED);
    stage_forget(&stage);

    stage_fail_sync(&stage, STATUS_UNAVAILABLE);
    stage_expect(&stage, "");
    stage_pass(&stage, SYNC_BACKOFF_MS);
    stage_expect(&stage, "sync 2 held 11:0");
    stage_fail_sync(&stage, STATUS_UNAVAILABLE);
    stage_pass(&stage, SYNC_BACKOFF_MS);
    stage_expect(&stage, "");
    stage_pass(&stage, SYNC_BACKOFF_MS);
    stage_expect(&stage, "sync 2 held 11:0");
    stage_answer(&stage);
    stage_expect(&stage, "sync 3 held 11:1 events 1-1");
    stage_close(&stage);
}

Test(syncing, the_pause_between_two_tries_is_bounded)
{
    struct stage stage;
    stage_open(&stage, 1);
    for (int i = 0; i < 20; i++) {
        stage_fail_sync(&stage, STATUS_UNAVAILABLE);
        stage_pass(&stage, SYNC_BACKOFF_MS_MAX);
    }
    stage_forget(&stage);

    stage_fail_sync(&stage, STATUS_UNAVAILABLE);
    stage_pass(&stage, SYNC_BACKOFF_MS_MAX - 1);
    stage_expect(&stage, "");
    stage_pass(&stage, 1);
    stage_expect(&stage, "sync 1");
    stage_close(&stage);
}

Test(syncing, an_idle_agent_waits_until_it_is_nudged)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_forget(&stage);

    stage_answer_with(&stage, (struct sync_response){.may_wait = true});
    stage_expect(&stage, "wait");
    stage_pass(&stage, LONG_POLL_MS_MAX);
    stage_expect(&stage, "");
    stage_input(&stage, INPUT_NUDGED, 0, NULL);
    stage_expect(&stage, "sync 2");
    stage_close(&stage);
}

Test(syncing, a_long_poll_that_never_ends_is_given_up)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_answer_with(&stage, (struct sync_response){.may_wait = true});
    stage_forget(&stage);

    stage_pass(&stage, LONG_POLL_MS_MAX + WAIT_SLACK_MS);
    stage_expect(&stage, "stop-wait; sync 2");
    stage_close(&stage);
}

Test(syncing, nudges_that_follow_each_other_at_once_do_not_make_a_storm)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_answer_with(&stage, (struct sync_response){.may_wait = true});
    stage_forget(&stage);

    stage_input(&stage, INPUT_NUDGED, 0, NULL);
    stage_expect(&stage, "");
    stage_pass(&stage, SYNC_PAUSE_MS);
    stage_expect(&stage, "sync 2");
    stage_close(&stage);
}

Test(syncing, after_a_gap_events_are_sent_again)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a b c d");
    stage.is_deaf = true;
    for (int64_t n = 1; n <= 2; n++) {
        stage_starts(&stage, 1, n);
        stage_ends(&stage, 1, n, OUTCOME_PASSED);
    }
    stage_pass(&stage, SYNC_INTERVAL_MS);
    stage_forget(&stage);

    stage_answer_with(&stage, (struct sync_response){.resync = true});
    stage_pass(&stage, SYNC_INTERVAL_MS);
    stage_expect(&stage, "sync 3 held 11:2 events 1-2");
    stage_close(&stage);
}

Test(syncing, it_says_which_events_it_has_no_more)
{
    struct stage stage;
    stage_open(&stage, 1);
    cr_assert_eq(stage.request->oldest_seq, 1);
    stage_to_running(&stage, "a b");
    stage_starts(&stage, 1, 1);
    stage_ends(&stage, 1, 1, OUTCOME_PASSED);
    stage_pass(&stage, SYNC_INTERVAL_MS);
    cr_assert_eq(stage.request->oldest_seq, 1);

    stage_answer(&stage);
    stage_pass(&stage, SYNC_INTERVAL_MS);
    cr_assert_eq(stage.request->oldest_seq, 2);
    stage_close(&stage);
}

Test(syncing, a_coordinator_that_forgot_what_it_acknowledged_ends_this_incarnation)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a");
    stage_starts(&stage, 1, 1);
    stage_ends(&stage, 1, 1, OUTCOME_PASSED);
    stage_say(&stage, 1, SAY_IDLE);
    stage_answer(&stage);
    stage_pass(&stage, SYNC_INTERVAL_MS);
    stage_forget(&stage);

    stage.acknowledged = 0;
    stage_answer_with(&stage, (struct sync_response){.resync = true});
    stage_expect(&stage, "kill 1 hard");
    stage_gone(&stage, 1, "signal 9 (SIGKILL)");
    stage_input(&stage, INPUT_DROPPED, 1, NULL);
    stage_expect(&stage, "drop 1; exit");
    stage_close(&stage);
}

Test(syncing, a_sync_carries_a_bounded_number_of_events_and_the_next_follows_at_once)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a b c");
    stage_pass(&stage, SYNC_INTERVAL_MS);
    for (int i = 0; i < 50; i++) {
        stage_message(&stage, 1,
                      &(struct worker_message){
                          .say = SAY_END, .id = "x", .is_extra = true, .outcome = OUTCOME_ERROR});
    }
    for (int i = 50; i <= EVENTS_PER_SYNC_MAX; i++)
        stage_message(&stage, 1,
                      &(struct worker_message){.say = SAY_END, .id = "x", .is_extra = true});
    stage_forget(&stage);

    stage_answer(&stage);
    stage_pass(&stage, SYNC_INTERVAL_MS);
    stage_expect(&stage, "sync 3 held 11:0 events 1-1000");
    stage_answer(&stage);
    stage_expect(&stage, "trim 4:1000; sync 4 held 11:0 events 1001-1001");
    stage_close(&stage);
}

Test(syncing, a_full_spool_takes_no_work)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_answer(&stage);
    stage_forget(&stage);

    stage.foreman->spool.bytes += SPOOL_BYTES_MAX;
    stage_pass(&stage, SYNC_INTERVAL_MS);
    stage_expect(&stage, "sync 2 no-slots");
    stage.foreman->spool.bytes -= SPOOL_BYTES_MAX;
    stage_answer(&stage);
    stage_pass(&stage, SYNC_INTERVAL_MS);
    stage_expect(&stage, "sync 3");
    stage_close(&stage);
}

static struct event old_events[] = {
    {.seq = 8, .kind = EVENT_NOTE, .lease = 3},
    {.seq = 9, .kind = EVENT_NOTE, .lease = 3},
};

static struct foreman_old_spool old_spools[] = {
    {.incarnation = 2, .events = old_events, .event_count = 2},
    {.incarnation = 3, .events = old_events, .event_count = 2},
};

static const struct foreman_settings with_old_spools = {
    .agent = "ag", .incarnation = 4, .slots = 1, .old_spools = old_spools, .old_spool_count = 2};

Test(syncing, earlier_lives_speak_first_the_oldest_before_the_others)
{
    struct stage stage;
    stage_open_with(&stage, &with_old_spools);
    stage_expect(&stage, "sync 1 old 2 events 8-9");

    stage.acknowledged = 7;
    stage_answer(&stage);
    stage_expect(&stage, "trim 2:9; sync 1 old 3 events 8-9");
    stage_answer(&stage);
    stage_expect(&stage, "trim 3:9; sync 1");
    stage_close(&stage);
}

Test(syncing, an_earlier_life_says_it_too)
{
    struct stage stage;
    stage_open_with(&stage, &with_old_spools);
    cr_assert_eq(stage.request->oldest_seq, 8);

    stage.is_deaf = true;
    stage.acknowledged = 8; /* of the two events */
    stage_answer(&stage);
    cr_assert_eq(stage.request->oldest_seq, 9);
    stage_close(&stage);
}

Test(syncing, an_earlier_life_that_nobody_wants_to_hear_is_dropped)
{
    static const enum status refusals[] = {STATUS_SUPERSEDED, STATUS_NOT_FOUND, STATUS_CONFLICT};

    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct stage stage;
        stage_open_with(&stage, &with_old_spools);
        stage_forget(&stage);

        stage_fail_sync(&stage, refusals[i]);
        stage_expect(&stage, "trim 2:9; sync 1 old 3 events 8-9");
        stage_close(&stage);
    }
}

Test(syncing, an_earlier_life_that_is_never_acknowledged_is_given_up)
{
    struct stage stage;
    stage_open_with(&stage, &with_old_spools);
    stage.is_deaf = true;
    for (int i = 1; i < RECOVER_STALLS_MAX; i++)
        stage_answer(&stage);
    stage_forget(&stage);

    stage_answer(&stage);
    stage_expect(&stage, "trim 2:9; sync 1 old 3 events 8-9");
    stage_close(&stage);
}

Test(syncing, an_older_incarnation_gives_way)
{
    struct stage stage;
    stage_open(&stage, 1);
    stage_to_running(&stage, "a b");
    stage_pass(&stage, SYNC_INTERVAL_MS);
    stage_forget(&stage);

    stage_fail_sync(&stage, STATUS_SUPERSEDED);
    stage_expect(&stage, "kill 1 hard");
    stage_gone(&stage, 1, "signal 9 (SIGKILL)");
    stage_expect(&stage, "drop 1");
    stage_input(&stage, INPUT_DROPPED, 1, NULL);
    stage_expect(&stage, "exit");
    cr_assert_eq(foreman_next_deadline_ms(stage.foreman), INT64_MAX);
    stage_close(&stage);
}
