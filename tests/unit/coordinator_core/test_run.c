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
