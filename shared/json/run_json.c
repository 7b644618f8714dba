/* Runs: submitting one, working on it, its live view. */

#include "shared/base/limits.h"
#include "shared/json/messages_json.h"
#include "shared/json/suite_json.h"
#include "shared/protocol/messages.h"

static const char *const run_orders[] = {[ORDER_HISTORY] = "history",
                                         [ORDER_LISTED] = "listed",
                                         [ORDER_REVERSE] = "reverse",
                                         [ORDER_SHUFFLE] = "shuffle"};
const struct enum_names run_order_names = {run_orders, COUNT_OF(run_orders)};

static const char *const run_states[] = {
    [RUN_COLLECTING] = "collecting", [RUN_RUNNING] = "running", [RUN_ENDED] = "ended"};
const struct enum_names run_state_names = {run_states, COUNT_OF(run_states)};

static const char *const run_ends[] = {
    [RUN_END_NONE] = "none",
    [RUN_END_DONE] = "done",
    [RUN_END_FAIL_FAST] = "fail-fast",
    [RUN_END_CANCELLED] = "cancelled",
    [RUN_END_TIME_LIMIT] = "time-limit",
    [RUN_END_CLIENT_GONE] = "client-gone",
    [RUN_END_NO_AGENT] = "no-agent",
    [RUN_END_INFRASTRUCTURE] = "infrastructure",
    [RUN_END_NOTHING] = "nothing",
    [RUN_END_BAD_FILTER] = "bad-filter",
};
const struct enum_names run_end_names = {run_ends, COUNT_OF(run_ends)};

/* clang-format off */
static const struct field run_options_fields[] = {
    FIELD_OPTIONAL_LIST(struct run_options, selection, FIELD_STRINGS, .max = TESTS_PER_RUN_MAX,
                        .element_min = 1, .element_max = TEST_ID_BYTES_MAX),
    FIELD_OPTIONAL_LIST(struct run_options, filters,   FIELD_STRINGS, .max = TESTS_PER_RUN_MAX,
                        .element_min = 1, .element_max = TEST_ID_BYTES_MAX),
    FIELD_OPTIONAL_LIST(struct run_options, only,      FIELD_STRINGS, .max = TESTS_PER_RUN_MAX,
                        .element_min = 1, .element_max = TEST_ID_BYTES_MAX),
    FIELD_OPTIONAL(struct run_options, order,          FIELD_ENUM, .names = &run_order_names),
    FIELD_OPTIONAL(struct run_options, seed,           FIELD_INT),
    FIELD_TEXT(struct run_options,     start_at,       TEST_ID_BYTES_MAX),
    FIELD_OPTIONAL(struct run_options, workers,        FIELD_INT, .max = INT32_MAX),
    FIELD_OPTIONAL(struct run_options, fail_fast,      FIELD_INT, .max = TESTS_PER_RUN_MAX),
    FIELD_OPTIONAL(struct run_options, wait_agents_ms, FIELD_INT, .max = INT64_MAX),
    FIELD_OPTIONAL(struct run_options, detached,       FIELD_BOOL),
    FIELD_OPTIONAL(struct run_options, debug_sql,      FIELD_BOOL),
};
const struct shape run_options_shape =
    SHAPE("options", struct run_options, run_options_fields, NULL);

static const struct field run_submission_fields[] = {
    FIELD_REQUIRED(struct run_submission, protocol, FIELD_INT, .min = 1),
    FIELD_REQUIRED(struct run_submission, key,      FIELD_STRING, .min = 1, .max = NAME_BYTES_MAX),
    FIELD_REQUIRED(struct run_submission, suite,    FIELD_OBJECT, .shape = &suite_shape),
    FIELD_REQUIRED(struct run_submission, options,  FIELD_OBJECT, .shape = &run_options_shape),
    FIELD_OPTIONAL_LIST(struct run_submission, labels,       FIELD_MAP, .max = LABELS_MAX,
                        .shape = &label_shape),
    FIELD_OPTIONAL_LIST(struct run_submission, requirements, FIELD_MAP, .max = LABELS_MAX,
                        .shape = &label_shape),
};
const struct shape run_submission_shape =
    SHAPE("run submission", struct run_submission, run_submission_fields, NULL);

static const struct field run_created_fields[] = {
    FIELD_REQUIRED(struct run_created, run,     FIELD_INT, .min = 1),
    FIELD_OPTIONAL(struct run_created, existed, FIELD_BOOL),
};
const struct shape run_created_shape =
    SHAPE("run created", struct run_created, run_created_fields, NULL);

static const struct field run_work_fields[] = {
    FIELD_REQUIRED(struct run_work, run,     FIELD_INT, .min = 1),
    FIELD_REQUIRED(struct run_work, suite,   FIELD_OBJECT, .shape = &suite_shape),
    FIELD_REQUIRED(struct run_work, options, FIELD_OBJECT, .shape = &run_options_shape),
};
const struct shape run_work_shape = SHAPE("run's work", struct run_work, run_work_fields, NULL);

static const struct field attend_request_fields[] = {
    FIELD_REQUIRED(struct attend_request, client,  FIELD_STRING, .min = 1, .max = NAME_BYTES_MAX),
    FIELD_OPTIONAL(struct attend_request, leaving, FIELD_BOOL),
};
const struct shape attend_request_shape =
    SHAPE("attend request", struct attend_request, attend_request_fields, NULL);

static const struct field cancel_request_fields[] = {
    FIELD_TEXT(struct cancel_request, reason, MESSAGE_SENTENCE_BYTES_MAX),
};
const struct shape cancel_request_shape =
    SHAPE("cancel request", struct cancel_request, cancel_request_fields, NULL);

#define COUNT_FIELD(member) FIELD_OPTIONAL(struct run_counts, member, FIELD_INT, .max = INT64_MAX)

static const struct field run_counts_fields[] = {
    COUNT_FIELD(collected), COUNT_FIELD(passed),  COUNT_FIELD(failed),    COUNT_FIELD(error),
    COUNT_FIELD(skipped),   COUNT_FIELD(flaky),   COUNT_FIELD(crashed),   COUNT_FIELD(timed_out),
    COUNT_FIELD(not_run),   COUNT_FIELD(attempts), COUNT_FIELD(retries),  COUNT_FIELD(lost),
    COUNT_FIELD(late),      COUNT_FIELD(problems),
};
const struct shape run_counts_shape = SHAPE("counts", struct run_counts, run_counts_fields, NULL);

static const struct field running_test_fields[] = {
    FIELD_REQUIRED(struct running_test, test,  FIELD_INT, .min = 1, .max = TESTS_PER_RUN_MAX),
    FIELD_TEXT(struct running_test,     id,    TEST_ID_BYTES_MAX),
    FIELD_TEXT(struct running_test,     agent, NAME_BYTES_MAX),
    FIELD_OPTIONAL(struct running_test, slot,  FIELD_INT, .max = SLOTS_PER_AGENT_MAX),
    FIELD_OPTIONAL(struct running_test, running_ms, FIELD_INT, .max = INT64_MAX),
};
const struct shape running_test_shape =
    SHAPE("running test", struct running_test, running_test_fields, NULL);

static const struct field run_view_fields[] = {
    FIELD_REQUIRED(struct run_view, run,          FIELD_INT, .min = 1),
    FIELD_TEXT(struct run_view,     key,          NAME_BYTES_MAX),
    FIELD_TEXT(struct run_view,     name,         NAME_BYTES_MAX),
    FIELD_REQUIRED(struct run_view, state,        FIELD_ENUM, .names = &run_state_names),
    FIELD_OPTIONAL(struct run_view, end,          FIELD_ENUM, .names = &run_end_names),
    FIELD_TEXT(struct run_view,     reason,       ATTEMPT_DETAILS_BYTES),
    FIELD_OPTIONAL(struct run_view, exit_status,  FIELD_INT, .min = -1, .max = 255, .fallback = -1),
    FIELD_REQUIRED(struct run_view, counts,       FIELD_OBJECT, .shape = &run_counts_shape),
    FIELD_OPTIONAL_LIST(struct run_view, running, FIELD_LIST, .shape = &running_test_shape),
    FIELD_OPTIONAL(struct run_view, agents,       FIELD_INT, .max = INT64_MAX),
    FIELD_OPTIONAL(struct run_view, slots_busy,   FIELD_INT, .max = INT64_MAX),
    FIELD_OPTIONAL(struct run_view, slots,        FIELD_INT, .max = INT64_MAX),
    FIELD_OPTIONAL(struct run_view, estimate_ms,  FIELD_INT, .min = -1, .max = INT64_MAX, .fallback = -1),
    FIELD_OPTIONAL(struct run_view, submitted_ms, FIELD_INT, .max = INT64_MAX),
    FIELD_OPTIONAL(struct run_view, ended_ms,     FIELD_INT, .max = INT64_MAX),
    FIELD_OPTIONAL(struct run_view, last_seq,     FIELD_INT, .max = INT64_MAX),
    FIELD_OPTIONAL_LIST(struct run_view, labels,  FIELD_MAP, .max = LABELS_MAX, .shape = &label_shape),
};
/* clang-format on */

static enum status run_view_check(const void *object, struct error *err)
{
    const struct run_view *run = object;

    if ((run->state == RUN_ENDED) != (run->end != RUN_END_NONE))
        return error_set(err, STATUS_INVALID,
                         "end: a run has one if, and only if, its state is 'ended'");
    return STATUS_OK;
}

const struct shape run_view_shape = SHAPE("run", struct run_view, run_view_fields, run_view_check);

/* clang-format off */
static const struct field run_list_fields[] = {
    FIELD_REQUIRED_LIST(struct run_list, runs, FIELD_LIST, .shape = &run_view_shape),
};
const struct shape run_list_shape = SHAPE("runs", struct run_list, run_list_fields, NULL);
/* clang-format on */
