#include "tests/unit/agent_core/stage.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

#include "shared/base/limits.h"

#define TOLD_BYTES_MAX 1000000
#define TESTS_MAX      32

static const char *const outcomes[OUTCOME_COUNT] = {
    [OUTCOME_PASSED] = "passed",   [OUTCOME_FAILED] = "failed",       [OUTCOME_ERROR] = "error",
    [OUTCOME_SKIPPED] = "skipped", [OUTCOME_XFAIL] = "xfail",         [OUTCOME_XPASS] = "xpass",
    [OUTCOME_CRASHED] = "crashed", [OUTCOME_TIMED_OUT] = "timed-out", [OUTCOME_LOST] = "lost",
};

static const char *const orders[] = {
    [DO_COLLECT] = "collect", [DO_RUN] = "run",       [DO_FLUSH] = "flush",
    [DO_RESET] = "reset",     [DO_OPENED] = "opened", [DO_QUIT] = "quit",
};

/* ---- telling actions as text ----------------------------------------------------- */

static void tell_sync(struct stage *stage, const struct sync_request *request)
{
    struct buffer *told = &stage->told;

    stage->request = request;
    buffer_printf(told, "sync %" PRId64, request->sync_no);
    if (request->recovering)
        buffer_printf(told, " old %" PRId64, request->incarnation);
    for (size_t i = 0; i < request->held_count; i++)
        buffer_printf(told, "%s%" PRId64 ":%" PRId64, i == 0 ? " held " : ",",
                      request->held[i].lease, request->held[i].position);
    if (request->events_count > 0)
        buffer_printf(told, " events %" PRId64 "-%" PRId64, request->events[0].seq,
                      request->events[request->events_count - 1].seq);
    if (request->draining)
        buffer_add_text(told, " draining");
    if (request->leaving)
        buffer_add_text(told, " leaving");
    if (!request->draining && !request->recovering && request->slots_count == 0)
        buffer_add_text(told, " no-slots");
}

static void tell_attempt(struct buffer *told, const struct event *event)
{
    const struct attempt_report *attempt = event->attempt;

    buffer_printf(told, "attempt %" PRId64, event->lease);
    if (attempt->test == 0)
        buffer_printf(told, " extra(%s)", attempt->id);
    else
        buffer_printf(told, " #%" PRId64, attempt->test);
    buffer_printf(told, " %s", outcomes[attempt->outcome]);
}

static void tell_event(struct stage *stage, const struct event *event)
{
    struct buffer *told = &stage->told;

    buffer_printf(told, "spool %" PRId64 " ", event->seq);
    switch (event->kind) {
    case EVENT_COLLECTED:
        buffer_printf(told, "collected %" PRId64 " %zu", event->lease, event->tests_count);
        return;
    case EVENT_COLLECTION_DONE:
        buffer_printf(told, "done %" PRId64 " %" PRId64, event->lease, event->count);
        return;
    case EVENT_ATTEMPT:
        tell_attempt(told, event);
        return;
    case EVENT_NOTE:
        buffer_printf(told, "note %" PRId64 " #%" PRId64 " %s=%s", event->lease, event->note->test,
                      event->note->name, event->note->value);
        return;
    case EVENT_RETURNED:
        buffer_printf(told, "returned %" PRId64, event->lease);
        for (size_t i = 0; i < event->numbers_count; i++)
            buffer_printf(told, "%s%" PRId64, i == 0 ? " " : ",", event->numbers[i]);
        return;
    case EVENT_PROBLEM:
        buffer_printf(told, "problem %" PRId64 " %s", event->lease, event->stage);
        return;
    }
}

static void tell_order(struct stage *stage, const struct action *action)
{
    const struct worker_order *order = &action->order;

    buffer_printf(&stage->told, "tell %" PRId64 " %s", action->slot, orders[order->order]);
    if (order->order == DO_RUN)
        buffer_printf(&stage->told, " %s%s", order->id, order->more ? " +more" : "");
}

static void tell_action(struct stage *stage, const struct action *action)
{
    struct buffer *told = &stage->told;

    switch (action->kind) {
    case ACTION_SYNC:
        tell_sync(stage, action->request);
        return;
    case ACTION_WAIT:
        buffer_add_text(told, "wait");
        return;
    case ACTION_STOP_WAIT:
        buffer_add_text(told, "stop-wait");
        return;
    case ACTION_SPOOL:
        tell_event(stage, action->event);
        return;
    case ACTION_TRIM:
        buffer_printf(told, "trim %" PRId64 ":%" PRId64, action->incarnation, action->seq);
        return;
    case ACTION_PREPARE:
        buffer_printf(told, "prepare %" PRId64 "%s", action->run,
                      action->with_databases ? "+db" : "");
        return;
    case ACTION_CLONE:
        buffer_printf(told, "clone %" PRId64, action->slot);
        return;
    case ACTION_WORKER:
        buffer_printf(told, "worker %" PRId64 " %s", action->slot,
                      action->mode == WORKER_COLLECT ? "collect" : "run");
        return;
    case ACTION_TELL:
        tell_order(stage, action);
        return;
    case ACTION_KILL:
        buffer_printf(told, "kill %" PRId64 " %s", action->slot, action->hard ? "hard" : "soft");
        return;
    case ACTION_DROP:
        buffer_printf(told, "drop %" PRId64, action->slot);
        return;
    case ACTION_FORGET:
        buffer_printf(told, "forget %" PRId64, action->run);
        return;
    case ACTION_EXIT:
        buffer_add_text(told, "exit");
        return;
    }
}

/* ---- inputs ------------------------------------------------------------------------ */

void stage_do(struct stage *stage, const struct input *input)
{
    action_list_clear(&stage->actions);
    foreman_handle(stage->foreman, stage->now_ms, input, &stage->actions);
    for (size_t i = 0; i < stage->actions.count; i++) {
        if (stage->told.len > 0)
            buffer_add_text(&stage->told, "; ");
        tell_action(stage, &stage->actions.at[i]);
    }
}

void stage_open_with(struct stage *stage, const struct foreman_settings *settings)
{
    *stage = (struct stage){.now_ms = 1000};
    stage->terms = (struct run_terms){.test_ms = TEST_MS,
                                      .ready_ms = READY_MS,
                                      .grace_ms = GRACE_MS,
                                      .fresh = SUITE_FRESH_SLOT,
                                      .has_databases = true};
    buffer_init(&stage->told, TOLD_BYTES_MAX);
    action_list_init(&stage->actions);
    stage->foreman = foreman_new(settings);
    stage_do(stage, &(struct input){.kind = INPUT_START});
}

void stage_open(struct stage *stage, int64_t slots)
{
    struct foreman_settings settings = {.agent = "ag", .incarnation = 4, .slots = slots};

    stage_open_with(stage, &settings);
}

void stage_close(struct stage *stage)
{
    foreman_free(stage->foreman);
    action_list_release(&stage->actions);
    buffer_release(&stage->told);
}

void stage_pass(struct stage *stage, int64_t ms)
{
    stage->now_ms += ms;
    stage_do(stage, &(struct input){.kind = INPUT_TICK});
}

void stage_answer_with(struct stage *stage, struct sync_response response)
{
    cr_assert_not_null(stage->request, "an answer needs a question");
    if (!stage->is_deaf && stage->request->events_count > 0)
        stage->acknowledged = stage->request->events[stage->request->events_count - 1].seq;
    response.acknowledged = stage->acknowledged;
    if (response.next_sync_ms == 0)
        response.next_sync_ms = SYNC_INTERVAL_MS;
    stage->request = NULL;
    stage_do(stage, &(struct input){.kind = INPUT_SYNCED, .response = &response});
}

void stage_answer(struct stage *stage)
{
    stage_answer_with(stage, (struct sync_response){.resync = false});
}

void stage_fail_sync(struct stage *stage, enum status status)
{
    stage_do(stage, &(struct input){.kind = INPUT_SYNC_FAILED, .status = status, .text = "no"});
}

static struct granted_test parse_test(struct arena *arena, const char *word)
{
    struct granted_test test = {.attempt = 1, .group = "G"};
    char *text = arena_strdup(arena, word);
    char *slash = strchr(text, '/');

    test.test = text[0] - 'a' + 1;
    test.id = text;
    if (slash != NULL) {
        char *second = strchr(slash + 1, '/');

        *slash = '\0';
        test.group = slash + 1;
        if (second != NULL) {
            *second = '\0';
            test.phase = second[1] - '0';
        }
    }
    return test;
}

void stage_grant(struct stage *stage, int64_t slot, int64_t lease, const char *tests)
{
    stage_grant_of(stage, STAGE_RUN, slot, lease, tests);
}

void stage_grant_of(struct stage *stage, int64_t run, int64_t slot, int64_t lease,
                    const char *tests)
{
    struct arena arena = ARENA_INIT;
    struct granted_test granted[TESTS_MAX];
    struct lease_grant grant = {
        .lease = lease, .kind = LEASE_BATCH, .run = run, .slot = slot, .tests = granted};
    char *rest = arena_strdup(&arena, tests);

    for (char *word = strtok_r(rest, " ", &rest); word != NULL; word = strtok_r(rest, " ", &rest))
        granted[grant.tests_count++] = parse_test(&arena, word);
    stage_answer_with(stage, (struct sync_response){.leases = &grant, .leases_count = 1});
    arena_release(&arena);
}

void stage_grant_collect(struct stage *stage, int64_t slot, int64_t lease)
{
    struct lease_grant grant = {
        .lease = lease, .kind = LEASE_COLLECT, .run = STAGE_RUN, .slot = slot};

    stage_answer_with(stage, (struct sync_response){.leases = &grant, .leases_count = 1});
}

void stage_run_ready(struct stage *stage)
{
    stage_do(stage,
             &(struct input){.kind = INPUT_RUN_READY, .run = STAGE_RUN, .terms = &stage->terms});
}

void stage_clone_ready(struct stage *stage, int64_t slot)
{
    stage_do(stage, &(struct input){.kind = INPUT_CLONE_READY, .slot = slot});
}

void stage_input(struct stage *stage, enum input_kind kind, int64_t slot, const char *text)
{
    stage_do(stage,
             &(struct input){
                 .kind = kind, .slot = slot, .run = STAGE_RUN, .stage = "prepare", .text = text});
}

void stage_gone(struct stage *stage, int64_t slot, const char *text)
{
    stage_do(stage, &(struct input){.kind = INPUT_WORKER_GONE,
                                    .slot = slot,
                                    .text = text,
                                    .was_clean = strcmp(text, "exit status 0") == 0});
}

void stage_message(struct stage *stage, int64_t slot, const struct worker_message *message)
{
    struct worker_message full = *message;

    full.id = full.id != NULL ? full.id : "";
    full.group = full.group != NULL ? full.group : "";
    full.file = full.file != NULL ? full.file : "";
    full.message = full.message != NULL ? full.message : "";
    full.details = full.details != NULL ? full.details : "";
    stage_do(stage, &(struct input){.kind = INPUT_WORKER_SAID, .slot = slot, .message = &full});
}

void stage_say(struct stage *stage, int64_t slot, enum worker_say say)
{
    stage_message(stage, slot, &(struct worker_message){.say = say, .stage = "start", .text = ""});
}

void stage_starts(struct stage *stage, int64_t slot, int64_t n)
{
    stage_message(stage, slot, &(struct worker_message){.say = SAY_START, .n = n});
}

void stage_ends(struct stage *stage, int64_t slot, int64_t n, enum outcome outcome)
{
    stage_message(stage, slot,
                  &(struct worker_message){.say = SAY_END, .n = n, .outcome = outcome});
}

void stage_forget(struct stage *stage)
{
    buffer_clear(&stage->told);
}

void stage_expect(struct stage *stage, const char *told)
{
    cr_assert_str_eq(stage->told.at != NULL ? stage->told.at : "", told);
    stage_forget(stage);
}

void stage_to_running(struct stage *stage, const char *tests)
{
    stage_grant(stage, 1, 11, tests);
    stage_run_ready(stage);
    stage_clone_ready(stage, 1);
    stage_say(stage, 1, SAY_READY);
    stage_forget(stage);
}
