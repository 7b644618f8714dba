#include "coordinator/store/fact_shapes.h"

#include "shared/base/hash.h"
#include "shared/base/limits.h"
#include "shared/json/messages_json.h"

/* clang-format off */
static const char *const kind_names[FACT_KIND_COUNT] = {
    [FACT_AGENT_JOINED]     = "agent_joined",
    [FACT_AGENT_SYNCED]     = "agent_synced",
    [FACT_AGENT_GONE]       = "agent_gone",
    [FACT_RUN_SUBMITTED]    = "run_submitted",
    [FACT_TESTS_COLLECTED]  = "tests_collected",
    [FACT_RUN_PLANNED]      = "run_planned",
    [FACT_TEST_ADDED]       = "test_added",
    [FACT_LEASE_GRANTED]    = "lease_granted",
    [FACT_TESTS_RETURNED]   = "tests_returned",
    [FACT_ATTEMPT_RECORDED] = "attempt_recorded",
    [FACT_NOTE_RECORDED]    = "note_recorded",
    [FACT_PROBLEM_RECORDED] = "problem_recorded",
    [FACT_LEASE_ENDED]      = "lease_ended",
    [FACT_RUN_ENDED]        = "run_ended",
    [FACT_IMAGE_CLAIMED]    = "image_claimed",
    [FACT_IMAGE_DONE]       = "image_done",
    [FACT_IMAGE_FAILED]     = "image_failed",
    [FACT_IMAGE_RELEASED]   = "image_released",
    [FACT_IMAGE_DROPPED]    = "image_dropped",
};
const struct enum_names fact_kind_names = {kind_names, COUNT_OF(kind_names)};

static const char *const gone_texts[] = {
    [GONE_SILENT] = "silent", [GONE_REPLACED] = "replaced", [GONE_LEFT] = "left",
};
static const struct enum_names gone_names = {gone_texts, COUNT_OF(gone_texts)};

static const char *const lease_end_texts[] = {
    [LEASE_END_DONE]     = "done",
    [LEASE_END_LOST]     = "lost",
    [LEASE_END_REVOKED]  = "revoked",
    [LEASE_END_PROBLEM]  = "problem",
    [LEASE_END_RETURNED] = "returned",
};
static const struct enum_names lease_end_names = {lease_end_texts, COUNT_OF(lease_end_texts)};

#define JOINED struct fact_agent_joined
static const struct field joined_fields[] = {
    FIELD_REQUIRED(JOINED, agent, FIELD_STRING),
    FIELD_REQUIRED(JOINED, incarnation, FIELD_INT),
    FIELD_OPTIONAL_LIST(JOINED, labels, FIELD_LIST, .shape = &label_shape),
};

#define SYNCED struct fact_agent_synced
static const struct field synced_fields[] = {
    FIELD_REQUIRED(SYNCED, agent, FIELD_STRING),
    FIELD_REQUIRED(SYNCED, incarnation, FIELD_INT),
    FIELD_REQUIRED(SYNCED, acknowledged, FIELD_INT),
    FIELD_REQUIRED(SYNCED, sync_no, FIELD_INT),
    FIELD_OPTIONAL(SYNCED, missing, FIELD_INT),
    FIELD_OPTIONAL(SYNCED, dropped, FIELD_INT),
};

#define GONE struct fact_agent_gone
static const struct field gone_fields[] = {
    FIELD_REQUIRED(GONE, agent, FIELD_STRING),
    FIELD_REQUIRED(GONE, incarnation, FIELD_INT),
    FIELD_REQUIRED(GONE, reason, FIELD_ENUM, .names = &gone_names),
};

#define SUBMITTED struct fact_run_submitted
static const struct field submitted_fields[] = {
    FIELD_REQUIRED(SUBMITTED, run, FIELD_INT),
    FIELD_REQUIRED(SUBMITTED, submitted_ms, FIELD_INT),
    FIELD_REQUIRED(SUBMITTED, submission, FIELD_OBJECT, .shape = &run_submission_shape),
};

#define COLLECTED struct fact_tests_collected
static const struct field collected_fields[] = {
    FIELD_REQUIRED(COLLECTED, lease, FIELD_INT),
    FIELD_REQUIRED(COLLECTED, first, FIELD_INT),
    FIELD_REQUIRED_LIST(COLLECTED, tests, FIELD_LIST, .shape = &collected_test_shape),
};

#define PLANNED struct fact_run_planned
static const struct field planned_fields[] = {
    FIELD_REQUIRED(PLANNED, lease, FIELD_INT),
    FIELD_REQUIRED(PLANNED, collected, FIELD_INT),
    FIELD_TEXT(PLANNED, hash, 0),
    FIELD_REQUIRED_LIST(PLANNED, order, FIELD_INTS),
    FIELD_OPTIONAL_LIST(PLANNED, estimates_us, FIELD_INTS),
};

#define ADDED struct fact_test_added
static const struct field added_fields[] = {
    FIELD_REQUIRED(ADDED, test, FIELD_INT),
    FIELD_REQUIRED(ADDED, id, FIELD_STRING),
    FIELD_TEXT(ADDED, group, 0),
};

#define GRANTED_TEST struct fact_granted
static const struct field granted_test_fields[] = {
    FIELD_REQUIRED(GRANTED_TEST, test, FIELD_INT),
    FIELD_REQUIRED(GRANTED_TEST, kind, FIELD_ENUM, .names = &attempt_kind_names),
};
static const struct shape granted_entry_shape =
    SHAPE("granted test", GRANTED_TEST, granted_test_fields, NULL);

#define GRANTED struct fact_lease_granted
static const struct field granted_fields[] = {
    FIELD_REQUIRED(GRANTED, lease, FIELD_INT),
    FIELD_REQUIRED(GRANTED, kind, FIELD_ENUM, .names = &lease_kind_names),
    FIELD_REQUIRED(GRANTED, agent, FIELD_STRING),
    FIELD_REQUIRED(GRANTED, incarnation, FIELD_INT),
    FIELD_REQUIRED(GRANTED, sync_no, FIELD_INT),
    FIELD_REQUIRED(GRANTED, slot, FIELD_INT),
    FIELD_OPTIONAL_LIST(GRANTED, tests, FIELD_LIST, .shape = &granted_entry_shape),
};

#define RETURNED struct fact_tests_returned
static const struct field returned_fields[] = {
    FIELD_REQUIRED(RETURNED, lease, FIELD_INT),
    FIELD_REQUIRED_LIST(RETURNED, tests, FIELD_INTS),
    FIELD_TEXT(RETURNED, reason, 0),
};

#define RECORDED struct fact_attempt_recorded
static const struct field recorded_fields[] = {
    FIELD_REQUIRED(RECORDED, lease, FIELD_INT),
    FIELD_TEXT(RECORDED, agent, 0),
    FIELD_REQUIRED(RECORDED, kind, FIELD_ENUM, .names = &attempt_kind_names),
    FIELD_REQUIRED(RECORDED, counted, FIELD_BOOL),
    FIELD_TEXT(RECORDED, why_not, 0),
    FIELD_REQUIRED(RECORDED, verdict, FIELD_ENUM, .names = &verdict_names),
    FIELD_REQUIRED(RECORDED, report, FIELD_OBJECT, .shape = &attempt_report_shape),
};

#define NOTE struct fact_note_recorded
static const struct field note_fact_fields[] = {
    FIELD_REQUIRED(NOTE, lease, FIELD_INT),
    FIELD_REQUIRED(NOTE, note, FIELD_OBJECT, .shape = &note_shape),
};

#define PROBLEM struct fact_problem_recorded
static const struct field problem_fact_fields[] = {
    FIELD_REQUIRED(PROBLEM, lease, FIELD_INT),
    FIELD_TEXT(PROBLEM, agent, 0),
    FIELD_TEXT(PROBLEM, stage, 0),
    FIELD_TEXT(PROBLEM, text, 0),
    FIELD_REQUIRED(PROBLEM, at_ms, FIELD_INT),
};

#define LEASE_END struct fact_lease_ended
static const struct field lease_ended_fields[] = {
    FIELD_REQUIRED(LEASE_END, lease, FIELD_INT),
    FIELD_REQUIRED(LEASE_END, end, FIELD_ENUM, .names = &lease_end_names),
};

#define RUN_END struct fact_run_ended
static const struct field run_ended_fields[] = {
    FIELD_REQUIRED(RUN_END, end, FIELD_ENUM, .names = &run_end_names),
    FIELD_TEXT(RUN_END, reason, 0),
    FIELD_REQUIRED(RUN_END, exit_status, FIELD_INT),
    FIELD_REQUIRED(RUN_END, ended_ms, FIELD_INT),
    FIELD_REQUIRED(RUN_END, counts, FIELD_OBJECT, .shape = &run_counts_shape),
};

static const char *const image_release_texts[] = {
    [IMAGE_RELEASE_AGENT_GONE] = "agent-gone", [IMAGE_RELEASE_RUN_ENDED] = "run-ended",
};
static const struct enum_names image_release_names = {image_release_texts, COUNT_OF(image_release_texts)};

static const char *const image_drop_texts[] = {
    [IMAGE_DROP_BAD] = "bad", [IMAGE_DROP_DELETED] = "deleted", [IMAGE_DROP_FORGOTTEN] = "forgotten",
};
static const struct enum_names image_drop_names = {image_drop_texts, COUNT_OF(image_drop_texts)};

#define IMAGE_KEY(type_)                                                                           \
    FIELD_REQUIRED(type_, trust, FIELD_STRING, .min = 1, .max = NAME_BYTES_MAX),                   \
    FIELD_REQUIRED(type_, fingerprint, FIELD_STRING, .max = HASH_HEX_SIZE - 1)

#define CLAIMED struct fact_image_claimed
static const struct field claimed_fields[] = {
    IMAGE_KEY(CLAIMED),
    FIELD_REQUIRED(CLAIMED, lease, FIELD_INT),
    FIELD_REQUIRED(CLAIMED, agent, FIELD_STRING),
    FIELD_REQUIRED(CLAIMED, incarnation, FIELD_INT),
    FIELD_REQUIRED(CLAIMED, run, FIELD_INT),
    FIELD_REQUIRED(CLAIMED, at_ms, FIELD_INT),
};

#define IMAGE_IS_DONE struct fact_image_done
static const struct field image_done_fields[] = {
    IMAGE_KEY(IMAGE_IS_DONE),
    FIELD_REQUIRED(IMAGE_IS_DONE, lease, FIELD_INT),
    FIELD_REQUIRED(IMAGE_IS_DONE, hash, FIELD_STRING),
    FIELD_REQUIRED(IMAGE_IS_DONE, bytes, FIELD_INT),
    FIELD_REQUIRED(IMAGE_IS_DONE, at_ms, FIELD_INT),
};

#define IMAGE_HAS_FAILED struct fact_image_failed
static const struct field image_failed_fields[] = {
    IMAGE_KEY(IMAGE_HAS_FAILED),
    FIELD_REQUIRED(IMAGE_HAS_FAILED, lease, FIELD_INT),
    FIELD_REQUIRED(IMAGE_HAS_FAILED, agent, FIELD_STRING),
    FIELD_REQUIRED(IMAGE_HAS_FAILED, run, FIELD_INT),
    FIELD_TEXT(IMAGE_HAS_FAILED, text, 0),
    FIELD_REQUIRED(IMAGE_HAS_FAILED, at_ms, FIELD_INT),
};

#define RELEASED struct fact_image_released
static const struct field released_fields[] = {
    IMAGE_KEY(RELEASED),
    FIELD_REQUIRED(RELEASED, lease, FIELD_INT),
    FIELD_REQUIRED(RELEASED, reason, FIELD_ENUM, .names = &image_release_names),
};

#define DROPPED struct fact_image_dropped
static const struct field dropped_fields[] = {
    IMAGE_KEY(DROPPED),
    FIELD_REQUIRED(DROPPED, reason, FIELD_ENUM, .names = &image_drop_names),
};

static const struct shape shapes[FACT_KIND_COUNT] = {
    [FACT_AGENT_JOINED]     = SHAPE("agent_joined",     JOINED,    joined_fields,      NULL),
    [FACT_AGENT_SYNCED]     = SHAPE("agent_synced",     SYNCED,    synced_fields,      NULL),
    [FACT_AGENT_GONE]       = SHAPE("agent_gone",       GONE,      gone_fields,        NULL),
    [FACT_RUN_SUBMITTED]    = SHAPE("run_submitted",    SUBMITTED, submitted_fields,   NULL),
    [FACT_TESTS_COLLECTED]  = SHAPE("tests_collected",  COLLECTED, collected_fields,   NULL),
    [FACT_RUN_PLANNED]      = SHAPE("run_planned",      PLANNED,   planned_fields,     NULL),
    [FACT_TEST_ADDED]       = SHAPE("test_added",       ADDED,     added_fields,       NULL),
    [FACT_LEASE_GRANTED]    = SHAPE("lease_granted",    GRANTED,   granted_fields,     NULL),
    [FACT_TESTS_RETURNED]   = SHAPE("tests_returned",   RETURNED,  returned_fields,    NULL),
    [FACT_ATTEMPT_RECORDED] = SHAPE("attempt_recorded", RECORDED,  recorded_fields,    NULL),
    [FACT_NOTE_RECORDED]    = SHAPE("note_recorded",    NOTE,      note_fact_fields,   NULL),
    [FACT_PROBLEM_RECORDED] = SHAPE("problem_recorded", PROBLEM,   problem_fact_fields, NULL),
    [FACT_LEASE_ENDED]      = SHAPE("lease_ended",      LEASE_END, lease_ended_fields, NULL),
    [FACT_RUN_ENDED]        = SHAPE("run_ended",        RUN_END,   run_ended_fields,   NULL),
    [FACT_IMAGE_CLAIMED]    = SHAPE("image_claimed",    CLAIMED,   claimed_fields,     NULL),
    [FACT_IMAGE_DONE]       = SHAPE("image_done",       IMAGE_IS_DONE, image_done_fields, NULL),
    [FACT_IMAGE_FAILED]     = SHAPE("image_failed",     IMAGE_HAS_FAILED, image_failed_fields, NULL),
    [FACT_IMAGE_RELEASED]   = SHAPE("image_released",   RELEASED,  released_fields,    NULL),
    [FACT_IMAGE_DROPPED]    = SHAPE("image_dropped",    DROPPED,   dropped_fields,     NULL),
};
/* clang-format on */

const struct shape *fact_shape(enum fact_kind kind)
{
    CHECK((unsigned)kind < FACT_KIND_COUNT);
    return &shapes[kind];
}
