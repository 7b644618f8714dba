/* A sync fits into what the coordinator reads, whatever stands in its texts: one that is refused
 * for its length would be repeated for ever. */

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/event_bytes.h"
#include "agent/core/spool.h"
#include "shared/base/limits.h"
#include "shared/json/messages_json.h"
#include "tests/unit/agent_core/stage.h"

#define HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static size_t encoded_bytes(const struct shape *shape, const void *object)
{
    struct buffer body;
    struct error err;

    buffer_init(&body, (size_t)64 << 20);
    cr_assert_eq(codec_encode(shape, object, &body, &err), STATUS_OK, "%s", err.text);
    size_t len = body.len;
    buffer_release(&body);
    return len;
}

/* `len` control characters: JSON needs six bytes for each. */
static char *loud_text(size_t len)
{
    char *text = mem_alloc(len + 1);

    memset(text, 1, len);
    text[len] = '\0';
    return text;
}

Test(event_bytes, no_event_is_longer_on_the_wire_than_foretold)
{
    CLEANUP(mem_freep) char *loud = loud_text(1000);
    const char *texts[] = {"", "plain", "\"quoted\\\"\n\t\x7f", "\xf0\x9f\x90\x98", loud};
    int64_t numbers[] = {1, INT64_MAX, INT64_MIN};

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const char *text = texts[i];
        struct output output = {.head = text, .tail = text, .total_bytes = INT64_MIN};
        struct attempt_report attempt = {INT64_MIN, text,      INT64_MIN, OUTCOME_TIMED_OUT,
                                         INT64_MIN, INT64_MIN, INT64_MIN, text,
                                         INT64_MIN, text,      text,      text,
                                         INT64_MIN, INT64_MIN, &output};
        struct collected_test tests[] = {{text, text, INT64_MIN, text, INT64_MIN},
                                         {text, text, INT64_MIN, text, INT64_MIN}};
        struct note note = {INT64_MIN, text, text};
        struct event event = {INT64_MIN, EVENT_COLLECTION_DONE,
                              INT64_MIN, tests,
                              2,         INT64_MIN,
                              HASH,      &attempt,
                              &note,     numbers,
                              3,         text,
                              text};

        cr_assert_leq(encoded_bytes(&event_shape, &event), event_bytes_max(&event), "text %zu", i);
    }
}

Test(event_bytes, a_copy_is_utf8_whatever_the_event_was)
{
    struct event event = {.kind = EVENT_PROBLEM, .text = "cut in \xc3", .stage = "pre\xffpare"};
    size_t bytes = 0;
    struct event *copy = event_copy(&event, &bytes);

    cr_assert_str_eq(copy->text, "cut in \xef\xbf\xbd");
    cr_assert_str_eq(copy->stage, "pre\xef\xbf\xbdpare");
    free(copy);
}

#define LOUD_EVENTS 40

/* Answers what the test plays while there is more to send, and checks each sync; the number of
 * events that came. */
static int64_t drain_syncs(struct stage *stage)
{
    int64_t last = 0;

    while (stage->request != NULL && stage->request->events_count > 0 &&
           stage->request->events[stage->request->events_count - 1].seq > last) {
        cr_assert_leq(encoded_bytes(&sync_request_shape, stage->request), SYNC_BODY_BYTES_MAX);
        last = stage->request->events[stage->request->events_count - 1].seq;
        stage_answer(stage);
    }
    return last;
}

Test(event_bytes, an_old_spool_of_loud_failures_is_sent_in_parts)
{
    CLEANUP(mem_freep) char *loud = loud_text(ATTEMPT_DETAILS_BYTES);
    struct attempt_report attempt = {.test = 1,
                                     .id = "",
                                     .attempt = 1,
                                     .outcome = OUTCOME_FAILED,
                                     .worker = "",
                                     .message = "",
                                     .details = loud,
                                     .file = ""};
    struct event events[LOUD_EVENTS];
    struct foreman_old_spool old = {1, events, LOUD_EVENTS};
    struct foreman_settings settings = {
        .agent = "ag", .incarnation = 4, .slots = 1, .old_spools = &old, .old_spool_count = 1};
    struct stage stage;

    for (int64_t i = 0; i < LOUD_EVENTS; i++)
        events[i] = (struct event){.seq = i + 1,
                                   .kind = EVENT_ATTEMPT,
                                   .lease = 9,
                                   .hash = "",
                                   .attempt = &attempt,
                                   .stage = "",
                                   .text = ""};
    stage_open_with(&stage, &settings);
    cr_assert_eq(drain_syncs(&stage), LOUD_EVENTS);
    stage_close(&stage);
}

Test(event_bytes, loud_failures_of_now_are_sent_in_parts)
{
    CLEANUP(mem_freep) char *loud = loud_text(ATTEMPT_DETAILS_BYTES);
    struct worker_message extra = {.say = SAY_END,
                                   .id = "tearDownClass (T)",
                                   .is_extra = true,
                                   .outcome = OUTCOME_ERROR,
                                   .message = "",
                                   .details = loud,
                                   .file = ""};
    struct stage stage;

    stage_open(&stage, 1);
    stage_to_running(&stage, "a b");
    stage_starts(&stage, 1, 1);
    for (int i = 0; i < LOUD_EVENTS; i++)
        stage_message(&stage, 1, &extra);
    stage_pass(&stage, SYNC_INTERVAL_MS);
    cr_assert_eq(drain_syncs(&stage), LOUD_EVENTS);
    stage_close(&stage);
}

Test(event_bytes, a_page_of_the_loudest_ids_fits)
{
    CLEANUP(mem_freep) char *loud = loud_text(TEST_ID_BYTES_MAX);
    struct worker_message test = {.say = SAY_TEST, .id = loud, .group = loud, .file = loud};
    struct stage stage;

    stage_open(&stage, 1);
    stage_grant_collect(&stage, 1, 10);
    stage_run_ready(&stage);
    stage_say(&stage, 1, SAY_READY);
    for (int i = 0; i < COLLECTED_PER_EVENT; i++)
        stage_message(&stage, 1, &test);
    stage_pass(&stage, SYNC_INTERVAL_MS);
    cr_assert_gt(drain_syncs(&stage), 1);
    stage_close(&stage);
}
