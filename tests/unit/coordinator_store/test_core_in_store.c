/* The real core's facts in every store: a core that is rebuilt from the store decides as the one
 * that lives, and readers count as it does. */

#include <criterion/criterion.h>

#include "bench.h"
#include "coordinator/store/fact_json.h"
#include "shared/base/random.h"
#include "shared/json/messages_json.h"
#include "tests/unit/coordinator_core/stage.h"

#define PLAYERS   3
#define STEPS     60
#define TESTS     24
#define PER_GROUP 4

struct play {
    struct stage stage;
    struct player players[PLAYERS];
    struct bench benches[BENCH_COUNT];
    struct dice dice;
    size_t committed; /* facts of the stage */
    int64_t lap;
    int64_t run;
};

/* What is new goes to every store, as one lap. */
static void commit(struct play *play)
{
    struct error err;
    const struct store_lap lap = {.lap = play->lap + 1,
                                  .wall_ms = play->stage.at.wall_ms,
                                  .facts = &play->stage.facts.at[play->committed],
                                  .fact_count = play->stage.facts.count - play->committed};

    if (lap.fact_count == 0)
        return;
    play->lap++;
    for (int kind = 0; kind < BENCH_COUNT; kind++) {
        struct store *store = play->benches[kind].store;

        cr_assert_eq(store->ops->commit(store, &lap, &err), STATUS_OK, "%s", err.text);
    }
    play->committed = play->stage.facts.count;
}

static void apply(void *context, const struct fact *fact)
{
    core_apply(context, fact);
}

static void give_last_seq(void *context, int64_t run, int64_t last_seq)
{
    core_give_last_seq(context, run, last_seq);
}

static void compare_digests(struct play *play)
{
    char lives[HASH_HEX_SIZE];
    struct error err;

    core_digest(play->stage.core, lives);
    for (int kind = 0; kind < BENCH_COUNT; kind++) {
        struct store *store = play->benches[kind].store;
        const struct core_settings settings = {.pool = "default", .epoch = 99, .next_run = 99};
        struct core *core = core_new(&settings);
        const struct store_visitor visitor = {core, apply, give_last_seq};
        char rebuilt[HASH_HEX_SIZE];

        cr_assert_eq(store->ops->load(store, play->stage.at.wall_ms, &visitor, &err), STATUS_OK,
                     "%s", err.text);
        core_restart(core, play->stage.at);
        core_digest(core, rebuilt);
        cr_assert_str_eq(rebuilt, lives, "store %d after lap %lld", kind, (long long)play->lap);
        cr_assert(core_is_sound(core, &err), "%s", err.text);
        core_free(core);
    }
}

static void encode_counts(const struct run_view *view, struct buffer *text)
{
    struct error err;

    cr_assert_eq(codec_encode(&run_counts_shape, view->counts, text, &err), STATUS_OK);
    cr_assert(buffer_printf(text, " state %d exit %lld reason %s", (int)view->state,
                            (long long)view->exit_status,
                            view->state == RUN_ENDED ? view->reason : ""));
}

static void compare_counts(struct play *play)
{
    struct buffer lives, read;

    buffer_init(&lives, FACT_BYTES_MAX);
    buffer_init(&read, FACT_BYTES_MAX);
    encode_counts(stage_view(&play->stage, play->run), &lives);
    for (int kind = 0; kind < BENCH_COUNT; kind++) {
        struct reader *reader = bench_reader(&play->benches[kind]);
        struct arena arena = ARENA_INIT;
        struct run_view view;
        struct error err;

        cr_assert_eq(reader->ops->run(reader, play->run, &arena, &view, &err), STATUS_OK, "%s",
                     err.text);
        buffer_clear(&read);
        encode_counts(&view, &read);
        cr_assert_str_eq(read.at, lives.at, "store %d after lap %lld", kind, (long long)play->lap);
        reader->ops->close(reader);
        arena_release(&arena);
    }
    buffer_release(&lives);
    buffer_release(&read);
}

static enum outcome any_outcome(struct dice *dice)
{
    static const enum outcome outcomes[] = {OUTCOME_PASSED,  OUTCOME_PASSED,    OUTCOME_PASSED,
                                            OUTCOME_FAILED,  OUTCOME_ERROR,     OUTCOME_XFAIL,
                                            OUTCOME_CRASHED, OUTCOME_TIMED_OUT, OUTCOME_SKIPPED};

    return outcomes[dice_below(dice, COUNT_OF(outcomes))];
}

/* Something happens to one lease that the player holds. */
static void act_on_lease(struct play *play, struct player *player, struct player_lease *lease)
{
    int64_t token = lease->grant.lease;

    switch (dice_below(&play->dice, 13)) {
    case 0:
        player_return(player, token);
        return;
    case 1:
        player_problem(player, token, "clone", "no space");
        return;
    case 2:
        player_extra(player, token, "tearDownClass (g)", OUTCOME_ERROR);
        return;
    case 3: {
        struct note *note = arena_alloc(&play->stage.arena, sizeof(*note));

        *note = (struct note){.name = "seed", .value = "42"};
        player_add_event(player, (struct event){.kind = EVENT_NOTE, .lease = token, .note = note});
        return;
    }
    default:
        for (size_t i = 0; i < lease->grant.tests_count; i++)
            if (!lease->is_done[i]) {
                player_attempt(player, token, lease->grant.tests[i].test, any_outcome(&play->dice));
                return;
            }
    }
}

#define PRINT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void end_building(struct play *play, const char *print, int64_t lease)
{
    struct image_done *done = arena_alloc(&play->stage.arena, sizeof(*done));
    struct image_failed *failed = arena_alloc(&play->stage.arena, sizeof(*failed));
    struct command command = {.fingerprint = print, .trust = IMAGE_TRUST_DEFAULT};

    *done = (struct image_done){lease, IMAGE_TRUST_DEFAULT, PRINT "b", 7};
    *failed = (struct image_failed){lease, IMAGE_TRUST_DEFAULT, "no such table"};
    command.image_done = done;
    command.image_failed = failed;
    command.kind = dice_chance(&play->dice, 300) ? COMMAND_IMAGE_FAILED : COMMAND_IMAGE_DONE;
    cr_assert_eq(stage_handle(&play->stage, &command), STATUS_OK, "%s", play->stage.err.text);
}

/* The player asks for one of two images, and may end its building or drop it. */
static void act_on_image(struct play *play, const struct player *player)
{
    static const char *const prints[] = {PRINT "1", PRINT "2"};
    const char *print = prints[dice_below(&play->dice, COUNT_OF(prints))];
    struct image_claim *claim = arena_alloc(&play->stage.arena, sizeof(*claim));
    struct command command = {.kind = COMMAND_IMAGE_CLAIM,
                              .fingerprint = print,
                              .trust = IMAGE_TRUST_DEFAULT,
                              .image_claim = claim};

    *claim = (struct image_claim){player->name, player->incarnation, play->run, IMAGE_TRUST_DEFAULT,
                                  false};
    if (stage_handle(&play->stage, &command) != STATUS_OK)
        return; /* it has not synced yet, or the run is over */
    if (play->stage.reply.image_answer.state == IMAGE_BUILD && dice_chance(&play->dice, 300))
        end_building(play, print, play->stage.reply.image_answer.lease);
    commit(play);
    if (!dice_chance(&play->dice, 200))
        return;
    command.kind = COMMAND_IMAGE_DROP;
    cr_assert_eq(stage_handle(&play->stage, &command), STATUS_OK, "%s", play->stage.err.text);
    commit(play);
}

static void step(struct play *play)
{
    struct player *player = &play->players[dice_below(&play->dice, PLAYERS)];

    if (dice_chance(&play->dice, 50)) {
        player_reincarnate(player);
    } else if (player->leases_count > 0) {
        struct player_lease *lease = &player->leases[dice_below(&play->dice, player->leases_count)];

        if (!lease->is_over && lease->grant.kind == LEASE_BATCH)
            act_on_lease(play, player, lease);
    }
    stage_pass(&play->stage, (int64_t)dice_below(&play->dice, 3000));
    (void)player_sync(player);
    commit(play);
    act_on_image(play, player);
    commit(play);
    stage_tick(&play->stage);
    commit(play);
}

/* As a client could have sent it: the stage leaves open what the core does not read. */
static const struct run_submission *whole_submission(struct stage *stage)
{
    struct run_submission *submission = stage_submission(stage, "first");
    struct suite_timeouts *timeouts = submission->suite->timeouts;

    *timeouts = (struct suite_timeouts){.test_ms = 60000,
                                        .ready_ms = 60000,
                                        .prepare_ms = 60000,
                                        .setup_ms = 60000,
                                        .grace_ms = 1000};
    *submission->suite->limits = (struct suite_limits){.processes = 100, .output_bytes = 1 << 20};
    return submission;
}

static void play_begin(struct play *play, uint64_t seed)
{
    static const char *const names[PLAYERS] = {"ada", "bob", "cy"};

    *play = (struct play){.lap = 0};
    dice_init(&play->dice, seed);
    for (int kind = 0; kind < BENCH_COUNT; kind++)
        bench_open(&play->benches[kind], (enum bench_kind)kind);
    stage_init(&play->stage);
    for (size_t i = 0; i < PLAYERS; i++)
        player_init(&play->players[i], &play->stage, names[i], 2);
    play->run = stage_run(&play->stage, &play->players[0], whole_submission(&play->stage),
                          stage_tests(&play->stage, TESTS, PER_GROUP), TESTS);
    commit(play);
}

static void play_end(struct play *play)
{
    stage_release(&play->stage);
    for (int kind = 0; kind < BENCH_COUNT; kind++)
        bench_close(&play->benches[kind]);
}

Test(core_in_store, a_core_rebuilt_after_any_lap_is_the_core_that_lives, .timeout = 100)
{
    bool seen[FACT_KIND_COUNT] = {false};

    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct play play;

        play_begin(&play, seed);
        for (int i = 0; i < STEPS; i++) {
            step(&play);
            compare_digests(&play);
            compare_counts(&play);
        }
        for (size_t i = 0; i < play.stage.facts.count; i++)
            seen[play.stage.facts.at[i].kind] = true;
        play_end(&play);
    }
    for (int kind = 0; kind < FACT_KIND_COUNT; kind++)
        cr_assert(seen[kind], "no play had a %s", fact_kind_name((enum fact_kind)kind));
}
