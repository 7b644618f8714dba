/* What is shown: attempts page by page, whole runs, agents, and what went wrong. */

#include "shared/base/limits.h"
#include "shared/json/messages_json.h"
#include "shared/protocol/messages.h"

/* The version of the JSON report that this release writes and reads. */
#define REPORT_FORMAT 1

/* clang-format off */
static const struct field attempt_view_fields[] = {
    FIELD_REQUIRED(struct attempt_view, seq,         FIELD_INT, .max = INT64_MAX),
    FIELD_REQUIRED(struct attempt_view, test,        FIELD_INT, .max = INT64_MAX),
    FIELD_TEXT(struct attempt_view,     id,          TEST_ID_BYTES_MAX),
    FIELD_OPTIONAL(struct attempt_view, attempt,     FIELD_INT, .max = INT32_MAX),
    FIELD_OPTIONAL(struct attempt_view, kind,        FIELD_ENUM, .names = &attempt_kind_names),
    FIELD_REQUIRED(struct attempt_view, outcome,     FIELD_ENUM, .names = &outcome_names),
    FIELD_OPTIONAL(struct attempt_view, counted,     FIELD_BOOL),
    FIELD_TEXT(struct attempt_view,     why_not,     MESSAGE_SENTENCE_BYTES_MAX),
    FIELD_OPTIONAL(struct attempt_view, verdict,     FIELD_ENUM, .names = &verdict_names),
    FIELD_OPTIONAL(struct attempt_view, duration_us, FIELD_INT, .max = INT64_MAX),
    FIELD_OPTIONAL(struct attempt_view, started_ms,  FIELD_INT, .max = INT64_MAX),
    FIELD_TEXT(struct attempt_view,     agent,       NAME_BYTES_MAX),
    FIELD_OPTIONAL(struct attempt_view, slot,        FIELD_INT, .max = SLOTS_PER_AGENT_MAX),
    FIELD_TEXT(struct attempt_view,     worker,      MESSAGE_WORKER_BYTES_MAX),
    FIELD_OPTIONAL(struct attempt_view, order,       FIELD_INT, .max = INT64_MAX),
    FIELD_TEXT(struct attempt_view,     message,     ATTEMPT_MESSAGE_BYTES),
    FIELD_TEXT(struct attempt_view,     details,     ATTEMPT_DETAILS_BYTES),
    FIELD_TEXT(struct attempt_view,     file,        MESSAGE_PATH_BYTES_MAX),
    FIELD_OPTIONAL(struct attempt_view, line,        FIELD_INT, .max = INT32_MAX),
    FIELD_OPTIONAL(struct attempt_view, subtests,    FIELD_INT, .max = INT32_MAX),
    FIELD_OPTIONAL(struct attempt_view, output,      FIELD_OBJECT, .shape = &output_shape),
};
const struct shape attempt_view_shape =
    SHAPE("attempt", struct attempt_view, attempt_view_fields, NULL);

static const struct field attempt_page_fields[] = {
    FIELD_REQUIRED_LIST(struct attempt_page, attempts, FIELD_LIST, .shape = &attempt_view_shape),
    FIELD_REQUIRED(struct attempt_page, next_after, FIELD_INT, .max = INT64_MAX),
};
/* clang-format on */

static enum status attempt_page_check(const void *object, struct error *err)
{
    const struct attempt_page *page = object;

    for (size_t i = 1; i < page->attempts_count; i++) {
        if (page->attempts[i].seq <= page->attempts[i - 1].seq)
            return error_set(err, STATUS_INVALID, "attempts[%zu].seq: does not ascend", i);
    }
    return STATUS_OK;
}

const struct shape attempt_page_shape =
    SHAPE("attempts", struct attempt_page, attempt_page_fields, attempt_page_check);

/* clang-format off */
static const struct field test_view_fields[] = {
    FIELD_REQUIRED(struct test_view, test,    FIELD_INT, .min = 1),
    FIELD_REQUIRED(struct test_view, id,      FIELD_STRING, .min = 1, .max = TEST_ID_BYTES_MAX),
    FIELD_TEXT(struct test_view,     group,   TEST_GROUP_BYTES_MAX),
    FIELD_TEXT(struct test_view,     file,    MESSAGE_PATH_BYTES_MAX),
    FIELD_OPTIONAL(struct test_view, line,    FIELD_INT, .max = INT32_MAX),
    FIELD_REQUIRED(struct test_view, verdict, FIELD_ENUM, .names = &verdict_names),
    FIELD_TEXT(struct test_view,     reason,  MESSAGE_SENTENCE_BYTES_MAX),
    FIELD_OPTIONAL_LIST(struct test_view, attempts, FIELD_LIST, .shape = &attempt_view_shape),
    FIELD_OPTIONAL_LIST(struct test_view, notes,    FIELD_LIST, .shape = &note_shape),
};
const struct shape test_view_shape = SHAPE("test", struct test_view, test_view_fields, NULL);

static const struct field problem_view_fields[] = {
    FIELD_TEXT(struct problem_view,     agent, NAME_BYTES_MAX),
    FIELD_TEXT(struct problem_view,     stage, NAME_BYTES_MAX),
    FIELD_TEXT(struct problem_view,     text,  ATTEMPT_DETAILS_BYTES),
    FIELD_OPTIONAL(struct problem_view, at_ms, FIELD_INT, .max = INT64_MAX),
};
const struct shape problem_view_shape =
    SHAPE("problem", struct problem_view, problem_view_fields, NULL);

static const struct field run_report_fields[] = {
    FIELD_REQUIRED(struct run_report, format, FIELD_INT, .min = REPORT_FORMAT, .max = REPORT_FORMAT),
    FIELD_REQUIRED(struct run_report, run,    FIELD_OBJECT, .shape = &run_view_shape),
    FIELD_REQUIRED_LIST(struct run_report, tests,    FIELD_LIST, .max = TESTS_PER_RUN_MAX,
                        .shape = &test_view_shape),
    FIELD_OPTIONAL_LIST(struct run_report, problems, FIELD_LIST, .shape = &problem_view_shape),
    FIELD_OPTIONAL_LIST(struct run_report, notes,    FIELD_LIST, .shape = &note_shape),
};
const struct shape run_report_shape =
    SHAPE("run report", struct run_report, run_report_fields, NULL);

static const struct field agent_view_fields[] = {
    FIELD_REQUIRED(struct agent_view, agent,       FIELD_STRING, .min = 1, .max = NAME_BYTES_MAX),
    FIELD_OPTIONAL(struct agent_view, incarnation, FIELD_INT, .max = INT64_MAX),
    FIELD_REQUIRED(struct agent_view, state,       FIELD_STRING, .min = 1, .max = NAME_BYTES_MAX),
    FIELD_OPTIONAL_LIST(struct agent_view, slots,  FIELD_LIST, .max = SLOTS_PER_AGENT_MAX,
                        .shape = &slot_report_shape),
    FIELD_OPTIONAL_LIST(struct agent_view, labels, FIELD_MAP, .max = LABELS_MAX,
                        .shape = &label_shape),
    FIELD_OPTIONAL(struct agent_view, silent_ms,   FIELD_INT, .min = -1, .max = INT64_MAX, .fallback = -1),
    FIELD_OPTIONAL(struct agent_view, leases,      FIELD_INT, .max = INT64_MAX),
    FIELD_TEXT(struct agent_view, doing, MESSAGE_SENTENCE_BYTES_MAX),
};
const struct shape agent_view_shape = SHAPE("agent", struct agent_view, agent_view_fields, NULL);

static const struct field agent_list_fields[] = {
    FIELD_REQUIRED_LIST(struct agent_list, agents, FIELD_LIST, .shape = &agent_view_shape),
};
const struct shape agent_list_shape = SHAPE("agents", struct agent_list, agent_list_fields, NULL);

static const struct field problem_fields[] = {
    FIELD_TEXT(struct problem,     type,      NAME_BYTES_MAX),
    FIELD_TEXT(struct problem,     title,     MESSAGE_SENTENCE_BYTES_MAX),
    FIELD_REQUIRED(struct problem, status,    FIELD_INT, .min = 100, .max = 599),
    FIELD_TEXT(struct problem,     detail,    ATTEMPT_DETAILS_BYTES),
    FIELD_REQUIRED(struct problem, name,      FIELD_STRING, .min = 1, .max = NAME_BYTES_MAX),
    FIELD_OPTIONAL(struct problem, retryable, FIELD_BOOL),
};
const struct shape problem_shape = SHAPE("problem details", struct problem, problem_fields, NULL);
/* clang-format on */
