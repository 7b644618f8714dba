#include "tests/unit/coordinator_core/stage.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/hash.h"

/* ---- the stage ------------------------------------------------------------------ */

static struct core *new_core(const struct stage *stage)
{
    int64_t next_run = 1;

    for (size_t i = 0; i < stage->facts.count; i++)
        if (stage->facts.at[i].kind == FACT_RUN_SUBMITTED)
            next_run = stage->facts.at[i].run + 1;
    return core_new(
        &(struct core_settings){.pool = "default", .epoch = stage->epoch, .next_run = next_run});
}

void stage_init(struct stage *stage)
{
    *stage = (struct stage){.epoch = 1, .at = {.now_ms = 1000, .wall_ms = 1700000000000}};
    fact_list_init(&stage->facts);
    arena_init(&stage->arena);
    stage->core = new_core(stage);
}

void stage_release(struct stage *stage)
{
    core_free(stage->core);
    fact_list_release(&stage->facts);
    arena_release(&stage->arena);
}

enum status stage_handle(struct stage *stage, const struct command *command)
{
    stage->seen = stage->facts.count;
    enum status status = core_handle(stage->core, stage->at, command, &stage->facts, &stage->arena,
                                     &stage->reply, &stage->err);

    cr_assert(status == STATUS_OK || stage->facts.count == stage->seen,
              "a refused command left facts");
    if (!stage->is_unchecked) {
        struct error err = {0};

        cr_assert(core_is_sound(stage->core, &err), "%s", err.text);
    }
    return status;
}

void stage_pass(struct stage *stage, int64_t ms)
{
    stage->at.now_ms += ms;
    stage->at.wall_ms += ms;
}

void stage_tick(struct stage *stage)
{
    cr_assert_eq(stage_handle(stage, &(struct command){.kind = COMMAND_TICK}), STATUS_OK);
    cr_assert_gt(core_next_deadline_ms(stage->core), stage->at.now_ms, "the engine would spin");
}

static size_t count_from(const struct stage *stage, size_t from, enum fact_kind kind)
{
    size_t count = 0;

    for (size_t i = from; i < stage->facts.count; i++)
        count += stage->facts.at[i].kind == kind;
    return count;
}

size_t stage_count(const struct stage *stage, enum fact_kind kind)
{
    return count_from(stage, 0, kind);
}

size_t stage_count_new(const struct stage *stage, enum fact_kind kind)
{
    return count_from(stage, stage->seen, kind);
}

const struct fact *stage_last(const struct stage *stage, enum fact_kind kind)
{
    for (size_t i = stage->facts.count; i-- > 0;)
        if (stage->facts.at[i].kind == kind)
            return &stage->facts.at[i];
    return NULL;
}

/* ---- a store's load ------------------------------------------------------------- */

static const struct fact *end_of_lease(const struct stage *stage, int64_t token)
{
    for (size_t i = 0; i < stage->facts.count; i++)
        if (stage->facts.at[i].kind == FACT_LEASE_ENDED &&
            stage->facts.at[i].lease_ended->lease == token)
            return &stage->facts.at[i];
    return NULL;
}

static bool is_planned_under(const struct stage *stage, int64_t run, int64_t lease)
{
    for (size_t i = 0; i < stage->facts.count; i++)
        if (stage->facts.at[i].kind == FACT_RUN_PLANNED && stage->facts.at[i].run == run &&
            stage->facts.at[i].run_planned->lease == lease)
            return true;
    return false;
}

static bool is_loaded(const struct stage *stage, const struct fact *fact)
{
    if (fact->kind == FACT_LEASE_GRANTED)
        return end_of_lease(stage, fact->lease_granted->lease) == NULL;
    if (fact->kind == FACT_TESTS_RETURNED)
        return end_of_lease(stage, fact->tests_returned->lease) == NULL;
    if (fact->kind == FACT_TESTS_COLLECTED)
        return end_of_lease(stage, fact->tests_collected->lease) == NULL ||
               is_planned_under(stage, fact->run, fact->tests_collected->lease);
    return true;
}

/* What came of an agent after this fact of its joining. */
struct agent_trace {
    const struct fact *joined, *synced, *gone;
};

static struct agent_trace trace_agent(const struct stage *stage, size_t joined)
{
    const struct fact_agent_joined *agent = stage->facts.at[joined].agent_joined;
    struct agent_trace trace = {.joined = &stage->facts.at[joined]};

    for (size_t i = joined + 1; i < stage->facts.count; i++) {
        const struct fact *fact = &stage->facts.at[i];

        if (fact->kind == FACT_AGENT_JOINED && strcmp(fact->agent_joined->agent, agent->agent) == 0)
            return (struct agent_trace){.joined = NULL}; /* not its last life */
        if (fact->kind == FACT_AGENT_GONE && strcmp(fact->agent_gone->agent, agent->agent) == 0)
            trace.gone = fact;
        if (fact->kind == FACT_AGENT_SYNCED &&
            strcmp(fact->agent_synced->agent, agent->agent) == 0 &&
            fact->agent_synced->incarnation == agent->incarnation)
            trace.synced = fact;
    }
    return trace;
}

static void load_agent(const struct agent_trace *trace, struct core *core)
{
    const struct fact *const facts[] = {trace->joined, trace->synced, trace->gone};

    for (size_t i = 0; i < COUNT_OF(facts); i++)
        if (facts[i] != NULL)
            core_apply(core, facts[i]);
}

/* The live ones, or those that `gone` is the end of. */
static void load_agents(const struct stage *stage, const struct fact *gone, struct core *core)
{
    for (size_t i = 0; i < stage->facts.count; i++) {
        if (stage->facts.at[i].kind != FACT_AGENT_JOINED)
            continue;
        struct agent_trace trace = trace_agent(stage, i);

        if (trace.joined != NULL && trace.gone == gone)
            load_agent(&trace, core);
    }
}

static bool is_same_image(const char *trust, const char *fingerprint, const char *other_trust,
                          const char *other_fingerprint)
{
    return strcmp(trust, other_trust) == 0 && strcmp(fingerprint, other_fingerprint) == 0;
}

/* Is what the fact at `from` says of an image over by a later one? */
static bool image_fact_is_over(const struct stage *stage, size_t from, const char *trust,
                               const char *fingerprint, int64_t failed_run)
{
    for (size_t i = from + 1; i < stage->facts.count; i++) {
        const struct fact *fact = &stage->facts.at[i];
        bool is_build = failed_run == 0;

        if (is_build && fact->kind == FACT_IMAGE_RELEASED &&
            is_same_image(trust, fingerprint, fact->image_released->trust,
                          fact->image_released->fingerprint))
            return true;
        if (is_build && fact->kind == FACT_IMAGE_FAILED &&
            is_same_image(trust, fingerprint, fact->image_failed->trust,
                          fact->image_failed->fingerprint))
            return true;
        if (fact->kind == FACT_IMAGE_DROPPED &&
            is_same_image(trust, fingerprint, fact->image_dropped->trust,
                          fact->image_dropped->fingerprint))
            return true;
        if (fact->kind == FACT_RUN_ENDED && fact->run == failed_run)
            return true;
    }
    return false;
}

static void load_images(const struct stage *stage, struct core *core)
{
    for (size_t i = 0; i < stage->facts.count; i++) {
        const struct fact *fact = &stage->facts.at[i];
        bool is_loaded = false;

        if (fact->kind == FACT_IMAGE_CLAIMED)
            is_loaded = !image_fact_is_over(stage, i, fact->image_claimed->trust,
                                            fact->image_claimed->fingerprint, 0);
        else if (fact->kind == FACT_IMAGE_DONE)
            is_loaded = !image_fact_is_over(stage, i, fact->image_done->trust,
                                            fact->image_done->fingerprint, 0);
        else if (fact->kind == FACT_IMAGE_FAILED)
            is_loaded =
                !image_fact_is_over(stage, i, fact->image_failed->trust,
                                    fact->image_failed->fingerprint, fact->image_failed->run);
        if (is_loaded)
            core_apply(core, fact);
    }
}

static void load_run(const struct stage *stage, int64_t run, struct core *core)
{
    static const enum fact_kind order[] = {
        FACT_RUN_SUBMITTED,    FACT_TESTS_COLLECTED, FACT_RUN_PLANNED, FACT_TEST_ADDED,
        FACT_LEASE_GRANTED,    FACT_TESTS_RETURNED,  FACT_LEASE_ENDED, FACT_ATTEMPT_RECORDED,
        FACT_PROBLEM_RECORDED, FACT_RUN_ENDED,
    };
    int64_t last_seq = 0;

    for (size_t i = 0; i < COUNT_OF(order); i++)
        for (size_t j = 0; j < stage->facts.count; j++) {
            const struct fact *fact = &stage->facts.at[j];

            if (fact->run == run && fact->kind == order[i] && is_loaded(stage, fact))
                core_apply(core, fact);
        }
    for (size_t j = 0; j < stage->facts.count; j++)
        last_seq += stage->facts.at[j].run == run;
    core_give_last_seq(core, run, last_seq);
}

struct core *stage_load(const struct stage *stage)
{
    struct core *core = new_core(stage);

    load_agents(stage, NULL, core);
    for (size_t i = 0; i < stage->facts.count; i++)
        if (stage->facts.at[i].kind == FACT_AGENT_GONE)
            load_agents(stage, &stage->facts.at[i], core);
    load_images(stage, core);
    for (size_t i = 0; i < stage->facts.count; i++)
        if (stage->facts.at[i].kind == FACT_RUN_SUBMITTED)
            load_run(stage, stage->facts.at[i].run, core);
    return core;
}

void stage_restore(struct stage *stage, size_t facts_count)
{
    stage->facts.count = stage->seen = facts_count;
    stage_restart(stage);
}

void stage_restart(struct stage *stage)
{
    stage->epoch++;
    struct core *core = stage_load(stage);

    core_free(stage->core);
    stage->core = core;
    core_restart(core, stage->at);
}

/* ---- runs ----------------------------------------------------------------------- */

struct run_submission *stage_submission(struct stage *stage, const char *key)
{
    struct run_submission *submission = arena_alloc(&stage->arena, sizeof(*submission));
    struct suite *suite = arena_alloc(&stage->arena, sizeof(*suite));

    *suite = (struct suite){
        .muster = 1,
        .name = "suite",
        .source = arena_alloc(&stage->arena, sizeof(struct suite_source)),
        .timeouts = arena_alloc(&stage->arena, sizeof(struct suite_timeouts)),
        .retries = arena_alloc(&stage->arena, sizeof(struct suite_retries)),
        .limits = arena_alloc(&stage->arena, sizeof(struct suite_limits)),
    };
    *suite->source = (struct suite_source){
        .dir = ".", .repository = "", .revision = "", .tree_hash = "", .subdir = ""};
    *suite->retries = (struct suite_retries){.run_percent = 5, .crash = 2};
    *submission = (struct run_submission){
        .protocol = PROTOCOL_VERSION,
        .key = key,
        .suite = suite,
        .options = arena_alloc(&stage->arena, sizeof(struct run_options)),
    };
    submission->options->start_at = "";
    return submission;
}

int64_t stage_submit(struct stage *stage, const struct run_submission *submission,
                     const struct history *history)
{
    cr_assert_eq(stage_handle(stage, &(struct command){.kind = COMMAND_SUBMIT,
                                                       .submission = submission,
                                                       .history = history}),
                 STATUS_OK, "%s", stage->err.text);
    return stage->reply.run_created.run;
}

const struct run_view *stage_view(struct stage *stage, int64_t run)
{
    cr_assert_eq(stage_handle(stage, &(struct command){.kind = COMMAND_VIEW, .run = run}),
                 STATUS_OK);
    struct run_view *view = arena_alloc(&stage->arena, sizeof(*view));

    *view = stage->reply.run_view;
    return view;
}

/* ---- players -------------------------------------------------------------------- */

void player_init(struct player *player, struct stage *stage, const char *name, int64_t slots)
{
    *player = (struct player){.stage = stage, .name = name, .incarnation = 1, .slots = slots};
    for (int64_t i = 0; i < slots; i++)
        player->slot_reports[i] = (struct slot_report){.slot = i + 1, .group = ""};
}

static void fill_request(struct player *player)
{
    struct arena *arena = &player->stage->arena;
    struct sync_request *request = &player->request;

    *request = (struct sync_request){
        .protocol = PROTOCOL_VERSION,
        .agent = player->name,
        .incarnation = player->incarnation,
        .sync_no = ++player->sync_no,
        .held = arena_array(arena, player->leases_count, sizeof(struct held_lease)),
        .events = arena_array(arena, player->events_count, sizeof(struct event)),
        .events_count = player->events_count,
        .slots = arena_array(arena, (size_t)player->slots, sizeof(struct slot_report)),
        .slots_count = (size_t)player->slots,
        .labels = player->labels,
        .labels_count = player->labels_count,
        .draining = player->is_draining,
        .leaving = player->is_leaving,
        .recovering = player->is_recovering,
        .doing = "",
        .oldest_seq = player->is_older ? 0 : player->trimmed + 1,
    };
    if (player->events_count > 0)
        (void)memcpy(request->events, player->events, player->events_count * sizeof(struct event));
    if (player->slots > 0)
        (void)memcpy(request->slots, player->slot_reports,
                     (size_t)player->slots * sizeof(struct slot_report));
    for (size_t i = 0; i < player->leases_count; i++)
        if (!player->leases[i].is_forgotten)
            request->held[request->held_count++] = (struct held_lease){
                .lease = player->leases[i].grant.lease, .running = player->leases[i].running};
}

static void drop_lease(struct player *player, int64_t token)
{
    for (size_t i = 0; i < player->leases_count; i++) {
        if (player->leases[i].grant.lease != token)
            continue;
        player->leases_count--;
        (void)memmove(&player->leases[i], &player->leases[i + 1],
                      (player->leases_count - i) * sizeof(player->leases[0]));
        return;
    }
}

static void take_response(struct player *player)
{
    const struct sync_response *response = player->response;
    size_t kept = 0;

    for (size_t i = 0; i < player->events_count; i++)
        if (player->events[i].seq > response->acknowledged)
            player->events[kept++] = player->events[i];
    player->events_count = kept;
    if (response->acknowledged > player->trimmed)
        player->trimmed = response->acknowledged;
    for (size_t i = player->leases_count; i-- > 0;)
        if (player->leases[i].is_over || player->leases[i].is_forgotten)
            drop_lease(player, player->leases[i].grant.lease);
    for (size_t i = 0; i < response->cancel_count; i++)
        drop_lease(player, response->cancel[i]);
    for (size_t i = 0; i < response->leases_count; i++) {
        const struct lease_grant *grant = &response->leases[i];

        cr_assert_lt(player->leases_count, (size_t)PLAYER_LEASES_MAX);
        player->leases[player->leases_count++] = (struct player_lease){
            .grant = *grant,
            .left = grant->tests_count,
            .is_done = arena_array(&player->stage->arena, grant->tests_count, sizeof(bool)),
        };
    }
}

static const struct sync_response *send_request(struct player *player)
{
    struct stage *stage = player->stage;

    player->status =
        stage_handle(stage, &(struct command){.kind = COMMAND_SYNC, .sync = &player->request});
    if (player->status != STATUS_OK)
        return NULL;
    player->response = arena_alloc(&stage->arena, sizeof(*player->response));
    *player->response = stage->reply.sync_response;
    return player->response;
}

const struct sync_response *player_sync(struct player *player)
{
    fill_request(player);
    if (send_request(player) == NULL)
        return NULL;
    take_response(player);
    return player->response;
}

const struct sync_response *player_repeat(struct player *player)
{
    return send_request(player);
}

struct player_lease *player_lease(struct player *player, int64_t token)
{
    for (size_t i = 0; i < player->leases_count; i++)
        if (player->leases[i].grant.lease == token)
            return &player->leases[i];
    return NULL;
}

struct player_lease *player_last(struct player *player)
{
    cr_assert_gt(player->leases_count, 0UL, "the player '%s' holds nothing", player->name);
    return &player->leases[player->leases_count - 1];
}

void player_add_event(struct player *player, struct event event)
{
    event.seq = ++player->seq;
    if (event.hash == NULL)
        event.hash = "";
    if (event.stage == NULL)
        event.stage = "";
    if (event.text == NULL)
        event.text = "";
    cr_assert_lt(player->events_count, (size_t)PLAYER_EVENTS_MAX);
    player->events[player->events_count++] = event;
}

static struct attempt_report *new_report(struct player *player, const char *id,
                                         enum outcome outcome)
{
    struct attempt_report *report = arena_alloc(&player->stage->arena, sizeof(*report));

    *report = (struct attempt_report){.id = id,
                                      .outcome = outcome,
                                      .duration_us = 100000,
                                      .slot = 1,
                                      .worker = "w",
                                      .message = "",
                                      .details = "",
                                      .file = ""};
    return report;
}

static void note_done(struct player *player, int64_t token, int64_t test)
{
    struct player_lease *lease = player_lease(player, token);

    for (size_t i = 0; lease != NULL && i < lease->grant.tests_count; i++)
        if (lease->grant.tests[i].test == test && !lease->is_done[i]) {
            lease->is_done[i] = true;
            lease->is_over = --lease->left == 0;
        }
}

void player_attempt(struct player *player, int64_t lease, int64_t test, enum outcome outcome)
{
    struct attempt_report *report = new_report(player, "", outcome);

    report->test = test;
    player_add_event(player,
                     (struct event){.kind = EVENT_ATTEMPT, .lease = lease, .attempt = report});
    note_done(player, lease, test);
}

void player_extra(struct player *player, int64_t lease, const char *id, enum outcome outcome)
{
    player_add_event(player, (struct event){.kind = EVENT_ATTEMPT,
                                            .lease = lease,
                                            .attempt = new_report(player, id, outcome)});
}

/* The same for a lease that the test knows to be held. */
static struct player_lease *held_lease(struct player *player, int64_t token)
{
    struct player_lease *lease = player_lease(player, token);

    CHECK(lease != NULL);
    return lease;
}

void player_return(struct player *player, int64_t token)
{
    struct player_lease *lease = held_lease(player, token);
    struct event event = {.kind = EVENT_RETURNED, .lease = token, .text = "asked to"};

    event.numbers = arena_array(&player->stage->arena, lease->grant.tests_count, sizeof(int64_t));
    for (size_t i = 0; i < lease->grant.tests_count; i++)
        if (!lease->is_done[i])
            event.numbers[event.numbers_count++] = lease->grant.tests[i].test;
    player_add_event(player, event);
    for (size_t i = 0; i < event.numbers_count; i++)
        note_done(player, token, event.numbers[i]);
}

void player_problem(struct player *player, int64_t lease, const char *stage, const char *text)
{
    player_add_event(
        player,
        (struct event){.kind = EVENT_PROBLEM, .lease = lease, .stage = stage, .text = text});
    held_lease(player, lease)->is_over = true;
}

static const char *hash_of(struct player *player, const struct collected_test *tests, size_t count)
{
    char *hex = arena_alloc(&player->stage->arena, HASH_HEX_SIZE);
    struct hash hash;

    hash_init(&hash);
    for (size_t i = 0; i < count; i++) {
        hash_add(&hash, tests[i].id, strlen(tests[i].id));
        hash_add(&hash, "\n", 1);
    }
    hash_final(&hash, hex);
    return hex;
}

void player_collect(struct player *player, int64_t lease, const struct collected_test *tests,
                    size_t count)
{
    struct collected_test *page = arena_array(&player->stage->arena, count, sizeof(*page));

    if (count > 0) {
        (void)memcpy(page, tests, count * sizeof(*page));
        player_add_event(player, (struct event){.kind = EVENT_COLLECTED,
                                                .lease = lease,
                                                .tests = page,
                                                .tests_count = count});
    }
    player_add_event(player, (struct event){.kind = EVENT_COLLECTION_DONE,
                                            .lease = lease,
                                            .count = (int64_t)count,
                                            .hash = hash_of(player, tests, count)});
    held_lease(player, lease)->is_over = true;
}

void player_finish(struct player *player, enum outcome outcome)
{
    for (size_t i = 0; i < player->leases_count; i++) {
        struct player_lease *lease = &player->leases[i];

        for (size_t j = 0; j < lease->grant.tests_count; j++)
            if (!lease->is_done[j])
                player_attempt(player, lease->grant.lease, lease->grant.tests[j].test, outcome);
    }
}

void player_reincarnate(struct player *player)
{
    player->incarnation++;
    player->sync_no = player->seq = player->trimmed = 0;
    player->leases_count = player->events_count = 0;
}

void player_play(struct player *player, int syncs_max)
{
    for (int i = 0; i < syncs_max; i++) {
        player_finish(player, OUTCOME_PASSED);
        cr_assert_not_null(player_sync(player));
        if (player->leases_count == 0)
            return;
    }
    cr_assert_fail("the player '%s' still holds leases", player->name);
}

/* ---- short cuts ----------------------------------------------------------------- */

struct collected_test *stage_tests(struct stage *stage, size_t count, size_t per_group)
{
    struct collected_test *tests = arena_array(&stage->arena, count, sizeof(*tests));

    for (size_t i = 0; i < count; i++) {
        tests[i].id = arena_printf(&stage->arena, "t%zu", i + 1);
        tests[i].group =
            per_group > 0 ? arena_printf(&stage->arena, "g%zu", i / per_group + 1) : "";
        tests[i].file = "";
    }
    return tests;
}

int64_t stage_run(struct stage *stage, struct player *player,
                  const struct run_submission *submission, const struct collected_test *tests,
                  size_t count)
{
    int64_t run = stage_submit(stage, submission, NULL);

    cr_assert_not_null(player_sync(player), "%s", stage->err.text);
    cr_assert_eq(player_last(player)->grant.kind, LEASE_COLLECT);
    player_collect(player, player_last(player)->grant.lease, tests, count);
    cr_assert_not_null(player_sync(player), "%s", stage->err.text);
    return run;
}
