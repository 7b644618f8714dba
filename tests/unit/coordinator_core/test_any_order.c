#include "shared/base/hash.h"
#include "shared/base/random.h"
#include "tests/unit/coordinator_core/stage.h"

/* What can happen in any order: players that do something of all they may do, from a seed.
 * After every command the state is sound (stage_handle), and what a store would load is the same
 * state. */

#define PLAYERS      4
#define STEPS        250
#define SEEDS        100
#define RUNS_MAX     3
#define SYNCS_TO_END 400

struct play {
    struct stage stage;
    struct dice dice;
    struct player players[PLAYERS];
    int64_t runs[RUNS_MAX];
    size_t runs_count;
};

static enum outcome any_outcome(struct dice *dice)
{
    static const enum outcome outcomes[] = {
        OUTCOME_PASSED, OUTCOME_PASSED,  OUTCOME_PASSED,  OUTCOME_PASSED,
        OUTCOME_FAILED, OUTCOME_ERROR,   OUTCOME_CRASHED, OUTCOME_TIMED_OUT,
        OUTCOME_LOST,   OUTCOME_SKIPPED, OUTCOME_XFAIL,   OUTCOME_XPASS,
    };

    return outcomes[dice_below(dice, COUNT_OF(outcomes))];
}

static void submit_something(struct play *play)
{
    static const char *const keys[RUNS_MAX] = {"k1", "k2", "k3"};
    struct dice *dice = &play->dice;

    if (play->runs_count == RUNS_MAX)
        return;
    struct run_submission *submission = stage_submission(&play->stage, keys[play->runs_count]);

    submission->options->order = (enum run_order)dice_below(dice, 4);
    submission->options->seed = (int64_t)dice_below(dice, 100);
    submission->options->workers = (int64_t)dice_below(dice, 4);
    submission->options->fail_fast = dice_chance(dice, 200) ? 3 : 0;
    submission->options->detached = true;
    submission->suite->retries->test = (int64_t)dice_below(dice, 3);
    play->runs[play->runs_count++] = stage_submit(&play->stage, submission, NULL);
}

static void list_tests(struct play *play, struct player *player, int64_t lease)
{
    size_t count = 1 + (size_t)dice_below(&play->dice, 40);
    struct collected_test *tests =
        stage_tests(&play->stage, count, (size_t)dice_below(&play->dice, 5));

    for (size_t i = 0; i < count; i++) {
        tests[i].phase = (int64_t)(3 * i / count);
        if (dice_chance(&play->dice, 50))
            tests[i].id = "twin";
    }
    player_collect(player, lease, tests, count);
}

static void work_on(struct play *play, struct player *player, struct player_lease *lease)
{
    int64_t token = lease->grant.lease;

    if (lease->grant.kind == LEASE_COLLECT) {
        list_tests(play, player, token);
        return;
    }
    if (dice_chance(&play->dice, 50))
        player_extra(player, token, "tearDownClass (x)", OUTCOME_ERROR);
    for (size_t i = 0; i < lease->grant.tests_count; i++) {
        if (lease->is_done[i])
            continue;
        if (dice_chance(&play->dice, 300)) {
            lease->running = lease->grant.tests[i].test;
            return;
        }
        player_attempt(player, token, lease->grant.tests[i].test, any_outcome(&play->dice));
    }
}

static void work_on_something(struct play *play, struct player *player)
{
    if (player->leases_count == 0)
        return;
    size_t which = (size_t)dice_below(&play->dice, player->leases_count);
    struct player_lease *lease = &player->leases[which];

    if (lease->is_over || lease->is_forgotten)
        return;
    switch (dice_below(&play->dice, 12)) {
    case 0:
        player_problem(player, lease->grant.lease, "clone", "no space");
        break;
    case 1:
        player_return(player, lease->grant.lease);
        break;
    case 2:
        lease->is_forgotten = true;
        break;
    case 3: /* nonsense */
        player_attempt(player, lease->grant.lease, 9999, OUTCOME_PASSED);
        player_attempt(player, 77, 1, OUTCOME_PASSED);
        break;
    default:
        work_on(play, player, lease);
        break;
    }
}

static void recover_spool(struct player *player)
{
    size_t kept_leases = player->leases_count;

    player->is_recovering = true;
    player->leases_count = 0;
    cr_assert_not_null(player_sync(player));
    player->is_recovering = false;
    player->leases_count = kept_leases;
}

static void check_load(struct play *play)
{
    char before[HASH_HEX_SIZE];
    char after[HASH_HEX_SIZE];
    struct core *loaded = stage_load(&play->stage);
    struct error err = {0};

    core_digest(play->stage.core, before);
    core_digest(loaded, after);
    cr_assert(core_is_sound(loaded, &err), "%s", err.text);
    cr_assert_str_eq(before, after, "a store would load another state");
    core_free(loaded);
}

static void step(struct play *play)
{
    struct player *player = &play->players[dice_below(&play->dice, PLAYERS)];

    switch (dice_below(&play->dice, 24)) {
    case 0:
        submit_something(play);
        break;
    case 1:
        stage_pass(&play->stage, (int64_t)dice_below(&play->dice, 16000));
        stage_tick(&play->stage);
        break;
    case 2:
        if (dice_chance(&play->dice, 500))
            recover_spool(player);
        player_reincarnate(player);
        break;
    case 3:
        if (player->status == STATUS_OK && player->sync_no > 0)
            cr_assert_not_null(player_repeat(player));
        break;
    case 4:
        stage_restart(&play->stage);
        break;
    case 5:
        player->is_draining = !player->is_draining;
        break;
    case 6:
        if (play->runs_count > 0 && dice_chance(&play->dice, 100))
            cr_assert_eq(
                stage_handle(&play->stage,
                             &(struct command){
                                 .kind = COMMAND_CANCEL,
                                 .run = play->runs[dice_below(&play->dice, play->runs_count)]}),
                STATUS_OK);
        break;
    case 7:
    case 8:
        check_load(play);
        break;
    default:
        stage_pass(&play->stage, (int64_t)dice_below(&play->dice, 2000));
        work_on_something(play, player);
        cr_assert_not_null(player_sync(player), "%s", play->stage.err.text);
        break;
    }
}

static void play_to_the_end(struct play *play)
{
    for (int i = 0; i < SYNCS_TO_END; i++) {
        struct player *player = &play->players[i % PLAYERS];

        player->is_draining = false;
        for (size_t j = 0; j < player->leases_count; j++)
            if (player->leases[j].grant.kind == LEASE_COLLECT && !player->leases[j].is_over)
                list_tests(play, player, player->leases[j].grant.lease);
        player_finish(player, OUTCOME_PASSED);
        cr_assert_not_null(player_sync(player), "%s", play->stage.err.text);
        stage_pass(&play->stage, 100);
    }
    for (size_t i = 0; i < play->runs_count; i++) {
        const struct run_view *view = stage_view(&play->stage, play->runs[i]);

        cr_assert_eq(view->state, RUN_ENDED, "run %lld waits: %s", (long long)view->run,
                     view->reason);
    }
}

static void play_seed(uint64_t seed)
{
    static const char *const names[PLAYERS] = {"a", "b", "c", "d"};
    static struct play play;

    dice_init(&play.dice, seed);
    play.runs_count = 0;
    stage_init(&play.stage);
    for (int i = 0; i < PLAYERS; i++)
        player_init(&play.players[i], &play.stage, names[i], 1 + (int64_t)(seed % 3));
    for (int i = 0; i < STEPS; i++)
        step(&play);
    play_to_the_end(&play);
    check_load(&play);
    stage_release(&play.stage);
}

Test(any_order, keeps_the_state_sound_and_loadable_and_ends_every_run)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        play_seed(seed);
}
