#include "tests/unit/coordinator_core/stage.h"

/* A run from submit to end. */

Test(run, goes_from_submit_to_a_green_end)
{
    struct stage stage;
    struct player player;

    stage_init(&stage);
    player_init(&player, &stage, "a", 2);
    int64_t run =
        stage_run(&stage, &player, stage_submission(&stage, "k"), stage_tests(&stage, 50, 5), 50);

    cr_assert_eq(stage_view(&stage, run)->state, RUN_RUNNING);
    player_play(&player, 100);

    const struct run_view *view = stage_view(&stage, run);
    cr_assert_eq(view->state, RUN_ENDED);
    cr_assert_eq(view->end, RUN_END_DONE);
    cr_assert_eq(view->exit_status, 0);
    cr_assert_eq(view->counts->collected, 50);
    cr_assert_eq(view->counts->passed, 50);
    cr_assert_eq(view->counts->attempts, 50);
    cr_assert_eq(view->running_count, 0UL);
    stage_release(&stage);
}

Test(run, is_made_once_for_each_key)
{
    struct stage stage;

    stage_init(&stage);
    int64_t run = stage_submit(&stage, stage_submission(&stage, "k"), NULL);

    cr_assert_not(stage.reply.run_created.existed);
    cr_assert_eq(stage_submit(&stage, stage_submission(&stage, "k"), NULL), run);
    cr_assert(stage.reply.run_created.existed);
    cr_assert_eq(stage_submit(&stage, stage_submission(&stage, "other"), NULL), run + 1);
    cr_assert_eq(stage_count(&stage, FACT_RUN_SUBMITTED), 2UL);
    stage_release(&stage);
}

Test(run, an_agent_that_was_lost_and_comes_back_is_written_with_its_numbers)
{
    struct stage stage;
    struct player player;

    stage_init(&stage);
    player_init(&player, &stage, "a", 1);
    (void)stage_run(&stage, &player, stage_submission(&stage, "k"), stage_tests(&stage, 3, 0), 3);
    player_play(&player, 100);
    stage_pass(&stage, AGENT_LOST_MS + LONG_POLL_MS_MAX);
    stage_tick(&stage);
    cr_assert_eq(stage_count_new(&stage, FACT_AGENT_GONE), 1UL);

    /* A store knows of a joined agent only what is said after it. */
    cr_assert_not_null(player_sync(&player));
    cr_assert_eq(stage_count_new(&stage, FACT_AGENT_JOINED), 1UL);
    cr_assert_eq(stage_count_new(&stage, FACT_AGENT_SYNCED), 1UL);
    stage_release(&stage);
}
