#include "tests/unit/coordinator_core/stage.h"

/* Agents that fall silent. */

static struct stage stage;
static struct player player;
static int64_t run;

static void begin(void)
{
    stage_init(&stage);
    player_init(&player, &stage, "a", 1);
    run = stage_run(&stage, &player, stage_submission(&stage, "k"), stage_tests(&stage, 20, 0), 20);
}

static void end(void)
{
    stage_release(&stage);
}

TestSuite(lost, .init = begin, .fini = end);

Test(lost, comes_after_fifteen_seconds_and_not_before)
{
    cr_assert_eq(core_next_deadline_ms(stage.core), stage.at.now_ms + AGENT_LOST_MS);
    stage_pass(&stage, AGENT_LOST_MS - 1);
    stage_tick(&stage);
    cr_assert_eq(stage_count(&stage, FACT_AGENT_GONE), 0UL);
    stage_pass(&stage, 1);
    stage_tick(&stage);
    cr_assert_eq(stage_last(&stage, FACT_AGENT_GONE)->agent_gone->reason, GONE_SILENT);
    cr_assert_eq(stage_view(&stage, run)->agents, 0);
}

Test(lost, charges_only_the_test_that_ran_and_sends_it_to_the_front)
{
    struct player other;

    player.leases[0].running = player.leases[0].grant.tests[2].test;
    cr_assert_not_null(player_sync(&player));
    stage_pass(&stage, AGENT_LOST_MS);
    stage_tick(&stage);
    cr_assert_eq(stage_count(&stage, FACT_ATTEMPT_RECORDED), 1UL);
    const struct fact_attempt_recorded *lost =
        stage_last(&stage, FACT_ATTEMPT_RECORDED)->attempt_recorded;

    cr_assert_eq(lost->report->test, player.leases[0].grant.tests[2].test);
    cr_assert_str_eq(lost->why_not, "lost");
    cr_assert_eq(lost->verdict, VERDICT_NONE);
    player_init(&other, &stage, "b", 1);
    cr_assert_not_null(player_sync(&other));
    cr_assert_eq(other.leases[0].grant.tests_count, 1UL, "a lost test goes alone");
    cr_assert_eq(other.leases[0].grant.tests[0].test, lost->report->test);
    cr_assert_eq(other.leases[0].grant.tests[0].kind, ATTEMPT_FIRST);
}

Test(lost, takes_the_first_outstanding_test_when_nothing_is_known)
{
    int64_t first = player.leases[0].grant.tests[0].test;

    stage_restart(&stage); /* forgets what ran */
    stage_pass(&stage, AGENT_LOST_MS);
    stage_tick(&stage);
    cr_assert_eq(stage_count(&stage, FACT_ATTEMPT_RECORDED), 1UL, "only one test can have run");
    cr_assert_eq(stage_last(&stage, FACT_ATTEMPT_RECORDED)->attempt_recorded->report->test, first);
}

Test(lost, does_not_come_to_an_idle_agent_on_the_long_poll)
{
    player_play(&player, 50);
    stage_pass(&stage, LONG_POLL_MS_MAX);
    stage_tick(&stage);
    cr_assert_eq(stage_count(&stage, FACT_AGENT_GONE), 0UL);
    stage_pass(&stage, AGENT_LOST_MS);
    stage_tick(&stage);
    cr_assert_eq(stage_count(&stage, FACT_AGENT_GONE), 1UL);
}

Test(lost, agents_are_shown_as_such)
{
    stage_pass(&stage, AGENT_LOST_MS);
    stage_tick(&stage);
    cr_assert_eq(stage_handle(&stage, &(struct command){.kind = COMMAND_AGENTS}), STATUS_OK);
    cr_assert_eq(stage.reply.agent_list.agents_count, 1UL);
    cr_assert_str_eq(stage.reply.agent_list.agents[0].state, "lost");
    cr_assert_eq(stage.reply.agent_list.agents[0].silent_ms, AGENT_LOST_MS);
}

Test(lost, agents_are_not_those_that_left_in_order)
{
    player_play(&player, 50);
    player.is_leaving = true;
    cr_assert_not_null(player_sync(&player));
    cr_assert_eq(stage_handle(&stage, &(struct command){.kind = COMMAND_AGENTS}), STATUS_OK);
    cr_assert_str_eq(stage.reply.agent_list.agents[0].state, "left");
}

Test(lost, work_ends_on_another_agent)
{
    struct player other;

    stage_pass(&stage, AGENT_LOST_MS);
    stage_tick(&stage);
    player_init(&other, &stage, "b", 3);
    cr_assert_not_null(player_sync(&other));
    player_play(&other, 50);
    cr_assert_eq(stage_view(&stage, run)->end, RUN_END_DONE);
    cr_assert_eq(stage_view(&stage, run)->counts->passed, 20);
    cr_assert_eq(stage_view(&stage, run)->counts->lost, 1);
}
