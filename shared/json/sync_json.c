/* sync: what agent and coordinator tell each other. */

#include <assert.h>
#include <inttypes.h>

#include "shared/base/hash.h"
#include "shared/base/limits.h"
#include "shared/json/messages_json.h"
#include "shared/protocol/messages.h"

/* A constant of its own, so that tables need not widen a product. */
enum { LEASES_MAX = LEASES_PER_SYNC_MAX };

static const char *const event_kinds[] = {
    [EVENT_COLLECTED] = "collected", [EVENT_COLLECTION_DONE] = "collection-done",
    [EVENT_ATTEMPT] = "attempt",     [EVENT_NOTE] = "note",
    [EVENT_RETURNED] = "returned",   [EVENT_PROBLEM] = "problem",
};
const struct enum_names event_kind_names = {event_kinds, COUNT_OF(event_kinds)};

static const char *const lease_kinds[] = {[LEASE_COLLECT] = "collect", [LEASE_BATCH] = "batch"};
const struct enum_names lease_kind_names = {lease_kinds, COUNT_OF(lease_kinds)};

/* clang-format off */
static const struct field event_fields[] = {
    FIELD_REQUIRED(struct event, seq,   FIELD_INT, .min = 1),
    FIELD_REQUIRED(struct event, kind,  FIELD_ENUM, .names = &event_kind_names),
    FIELD_REQUIRED(struct event, lease, FIELD_INT, .min = 1),
    FIELD_OPTIONAL_LIST(struct event, tests, FIELD_LIST, .max = COLLECTED_PER_EVENT,
                        .shape = &collected_test_shape),
    FIELD_OPTIONAL(struct event, count,   FIELD_INT, .max = TESTS_PER_RUN_MAX),
    FIELD_TEXT(struct event,     hash,    HASH_HEX_SIZE - 1),
    FIELD_OPTIONAL(struct event, attempt, FIELD_OBJECT, .shape = &attempt_report_shape),
    FIELD_OPTIONAL(struct event, note,    FIELD_OBJECT, .shape = &note_shape),
    FIELD_OPTIONAL_LIST(struct event, numbers, FIELD_INTS, .max = TESTS_PER_LEASE_MAX,
                        .element_min = 1, .element_max = TESTS_PER_RUN_MAX),
    FIELD_TEXT(struct event, stage, NAME_BYTES_MAX),
    FIELD_TEXT(struct event, text,  ATTEMPT_DETAILS_BYTES),
};
/* clang-format on */

static const char *missing_field(const struct event *event)
{
    switch (event->kind) {
    case EVENT_COLLECTED:
        return event->tests_count == 0 ? "tests" : NULL;
    case EVENT_COLLECTION_DONE:
        return event->hash[0] == '\0' ? "hash" : NULL;
    case EVENT_ATTEMPT:
        return event->attempt == NULL ? "attempt" : NULL;
    case EVENT_NOTE:
        return event->note == NULL ? "note" : NULL;
    case EVENT_RETURNED:
        return event->numbers_count == 0 ? "numbers" : NULL;
    case EVENT_PROBLEM:
        return event->stage[0] == '\0' ? "stage" : NULL;
    }
    UNREACHABLE("an event of no kind");
}

static enum status event_check(const void *object, struct error *err)
{
    const struct event *event = object;
    const char *missing = missing_field(event);

    if (missing != NULL)
        return error_set(err, STATUS_INVALID, "%s: an event of kind '%s' needs it", missing,
                         event_kinds[event->kind]);
    if (event->hash[0] != '\0' && !hash_is_hex(event->hash))
        return error_set(err, STATUS_INVALID, "hash: is not 64 hexadecimal digits");
    return STATUS_OK;
}

const struct shape event_shape = SHAPE("event", struct event, event_fields, event_check);

/* clang-format off */
static const struct field held_lease_fields[] = {
    FIELD_REQUIRED(struct held_lease, lease,      FIELD_INT, .min = 1),
    FIELD_OPTIONAL(struct held_lease, position,   FIELD_INT, .max = TESTS_PER_LEASE_MAX),
    FIELD_OPTIONAL(struct held_lease, running,    FIELD_INT, .max = TESTS_PER_RUN_MAX),
    FIELD_OPTIONAL(struct held_lease, running_ms, FIELD_INT, .max = INT64_MAX),
};
const struct shape held_lease_shape =
    SHAPE("held lease", struct held_lease, held_lease_fields, NULL);

static const struct field slot_report_fields[] = {
    FIELD_REQUIRED(struct slot_report, slot,  FIELD_INT, .max = SLOTS_PER_AGENT_MAX),
    FIELD_OPTIONAL(struct slot_report, run,   FIELD_INT, .max = INT64_MAX),
    FIELD_TEXT(struct slot_report,     group, TEST_GROUP_BYTES_MAX),
    FIELD_OPTIONAL(struct slot_report, phase, FIELD_INT, .max = INT32_MAX),
};
const struct shape slot_report_shape = SHAPE("slot", struct slot_report, slot_report_fields, NULL);

static const struct field sync_request_fields[] = {
    FIELD_REQUIRED(struct sync_request, protocol,    FIELD_INT, .min = 1),
    FIELD_REQUIRED(struct sync_request, agent,       FIELD_STRING, .min = 1, .max = NAME_BYTES_MAX),
    FIELD_REQUIRED(struct sync_request, incarnation, FIELD_INT, .min = 1),
    FIELD_REQUIRED(struct sync_request, sync_no,     FIELD_INT, .min = 1),
    FIELD_OPTIONAL_LIST(struct sync_request, held,   FIELD_LIST, .max = LEASES_MAX,
                        .shape = &held_lease_shape),
    FIELD_OPTIONAL_LIST(struct sync_request, events, FIELD_LIST, .max = EVENTS_PER_SYNC_MAX,
                        .shape = &event_shape),
    FIELD_OPTIONAL_LIST(struct sync_request, slots,  FIELD_LIST, .max = SLOTS_PER_AGENT_MAX,
                        .shape = &slot_report_shape),
    FIELD_OPTIONAL_LIST(struct sync_request, labels, FIELD_MAP, .max = LABELS_MAX,
                        .shape = &label_shape),
    FIELD_OPTIONAL(struct sync_request, draining,    FIELD_BOOL),
    FIELD_OPTIONAL(struct sync_request, leaving,     FIELD_BOOL),
    FIELD_OPTIONAL(struct sync_request, recovering,  FIELD_BOOL),
    FIELD_TEXT(struct sync_request, doing, MESSAGE_SENTENCE_BYTES_MAX),
    FIELD_OPTIONAL(struct sync_request, oldest_seq,  FIELD_INT, .max = INT64_MAX),
};
/* clang-format on */

static enum status held_check(const struct sync_request *sync, struct error *err)
{
    /* Two thousand at most, and nearly always a handful. */
    for (size_t i = 0; i < sync->held_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (sync->held[i].lease == sync->held[j].lease)
                return error_set(err, STATUS_INVALID, "held[%zu].lease: stands twice", i);
        }
    }
    return STATUS_OK;
}

static enum status slots_check(const struct sync_request *sync, struct error *err)
{
    bool is_seen[SLOTS_PER_AGENT_MAX + 1] = {false};

    for (size_t i = 0; i < sync->slots_count; i++) {
        bool *seen = &is_seen[sync->slots[i].slot];

        if (*seen)
            return error_set(err, STATUS_INVALID, "slots[%zu].slot: stands twice", i);
        *seen = true;
    }
    return STATUS_OK;
}

static enum status sync_request_check(const void *object, struct error *err)
{
    const struct sync_request *sync = object;

    for (size_t i = 1; i < sync->events_count; i++) {
        if (sync->events[i].seq != sync->events[i - 1].seq + 1)
            return error_set(err, STATUS_INVALID,
                             "events[%zu].seq: %" PRId64 " does not follow %" PRId64, i,
                             sync->events[i].seq, sync->events[i - 1].seq);
    }
    if (sync->events_count > 0 && sync->oldest_seq > sync->events[0].seq)
        return error_set(err, STATUS_INVALID, "oldest_seq: %" PRId64 " comes after events[0].seq",
                         sync->oldest_seq);
    enum status status = held_check(sync, err);
    return status == STATUS_OK ? slots_check(sync, err) : status;
}

const struct shape sync_request_shape =
    SHAPE("sync request", struct sync_request, sync_request_fields, sync_request_check);

/* clang-format off */
static const struct field granted_test_fields[] = {
    FIELD_REQUIRED(struct granted_test, test,    FIELD_INT, .min = 1, .max = TESTS_PER_RUN_MAX),
    FIELD_REQUIRED(struct granted_test, id,      FIELD_STRING, .min = 1, .max = TEST_ID_BYTES_MAX),
    FIELD_REQUIRED(struct granted_test, attempt, FIELD_INT, .min = 1, .max = INT32_MAX),
    FIELD_OPTIONAL(struct granted_test, kind,    FIELD_ENUM, .names = &attempt_kind_names),
    FIELD_TEXT(struct granted_test,     group,   TEST_GROUP_BYTES_MAX),
    FIELD_OPTIONAL(struct granted_test, phase,   FIELD_INT, .max = INT32_MAX),
};
const struct shape granted_test_shape =
    SHAPE("granted test", struct granted_test, granted_test_fields, NULL);

static const struct field lease_grant_fields[] = {
    FIELD_REQUIRED(struct lease_grant, lease, FIELD_INT, .min = 1),
    FIELD_REQUIRED(struct lease_grant, kind,  FIELD_ENUM, .names = &lease_kind_names),
    FIELD_REQUIRED(struct lease_grant, run,   FIELD_INT, .min = 1),
    FIELD_OPTIONAL(struct lease_grant, slot,  FIELD_INT, .max = SLOTS_PER_AGENT_MAX),
    FIELD_OPTIONAL_LIST(struct lease_grant, tests, FIELD_LIST, .max = TESTS_PER_LEASE_MAX,
                        .shape = &granted_test_shape),
};
/* clang-format on */

static enum status lease_grant_check(const void *object, struct error *err)
{
    const struct lease_grant *grant = object;

    if (grant->kind == LEASE_BATCH && grant->tests_count == 0)
        return error_set(err, STATUS_INVALID, "tests: a lease of kind 'batch' needs them");
    return STATUS_OK;
}

const struct shape lease_grant_shape =
    SHAPE("lease", struct lease_grant, lease_grant_fields, lease_grant_check);

/* clang-format off */
static const struct field sync_response_fields[] = {
    FIELD_REQUIRED(struct sync_response, acknowledged, FIELD_INT, .max = INT64_MAX),
    FIELD_OPTIONAL(struct sync_response, resync,       FIELD_BOOL),
    FIELD_OPTIONAL_LIST(struct sync_response, leases,        FIELD_LIST, .max = LEASES_MAX,
                        .shape = &lease_grant_shape),
    FIELD_OPTIONAL_LIST(struct sync_response, cancel,        FIELD_INTS, .max = LEASES_MAX,
                        .element_min = 1),
    FIELD_OPTIONAL_LIST(struct sync_response, return_leases, FIELD_INTS, .max = LEASES_MAX,
                        .element_min = 1),
    FIELD_OPTIONAL_LIST(struct sync_response, forget_runs,   FIELD_INTS, .element_min = 1),
    FIELD_REQUIRED(struct sync_response, next_sync_ms, FIELD_INT, .max = INT32_MAX),
    FIELD_OPTIONAL(struct sync_response, may_wait,     FIELD_BOOL),
};
/* clang-format on */

static enum status sync_response_check(const void *object, struct error *err)
{
    const struct sync_response *answer = object;

    for (size_t i = 0; i < answer->leases_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (answer->leases[i].lease == answer->leases[j].lease)
                return error_set(err, STATUS_INVALID, "leases[%zu].lease: stands twice", i);
        }
    }
    return STATUS_OK;
}

const struct shape sync_response_shape =
    SHAPE("sync response", struct sync_response, sync_response_fields, sync_response_check);
