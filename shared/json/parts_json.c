/* What several messages are made of: labels, tests, outputs, attempts. */

#include "shared/base/limits.h"
#include "shared/json/messages_json.h"
#include "shared/protocol/messages.h"

static const char *const outcomes[] = {
    [OUTCOME_PASSED] = "passed",   [OUTCOME_FAILED] = "failed",       [OUTCOME_ERROR] = "error",
    [OUTCOME_SKIPPED] = "skipped", [OUTCOME_XFAIL] = "xfail",         [OUTCOME_XPASS] = "xpass",
    [OUTCOME_CRASHED] = "crashed", [OUTCOME_TIMED_OUT] = "timed-out", [OUTCOME_LOST] = "lost",
};
static_assert(COUNT_OF(outcomes) == OUTCOME_COUNT, "every outcome has a name");
const struct enum_names outcome_names = {outcomes, COUNT_OF(outcomes)};

static const char *const verdicts[] = {
    [VERDICT_NONE] = "none",       [VERDICT_PASSED] = "passed",       [VERDICT_FAILED] = "failed",
    [VERDICT_ERROR] = "error",     [VERDICT_SKIPPED] = "skipped",     [VERDICT_FLAKY] = "flaky",
    [VERDICT_CRASHED] = "crashed", [VERDICT_TIMED_OUT] = "timed-out", [VERDICT_NOT_RUN] = "not-run",
};
static_assert(COUNT_OF(verdicts) == VERDICT_COUNT, "every verdict has a name");
const struct enum_names verdict_names = {verdicts, COUNT_OF(verdicts)};

static const char *const attempt_kinds[] = {
    [ATTEMPT_FIRST] = "first", [ATTEMPT_RETRY] = "retry", [ATTEMPT_COPY] = "copy"};
const struct enum_names attempt_kind_names = {attempt_kinds, COUNT_OF(attempt_kinds)};

/* clang-format off */
static const struct field label_fields[] = {
    FIELD_REQUIRED(struct label, name,  FIELD_STRING, .min = 1, .max = NAME_BYTES_MAX),
    FIELD_REQUIRED(struct label, value, FIELD_STRING, .max = MESSAGE_SENTENCE_BYTES_MAX),
};
const struct shape label_shape = SHAPE("label", struct label, label_fields, NULL);

static const struct field output_fields[] = {
    FIELD_TEXT(struct output, head, OUTPUT_PART_BYTES_MAX),
    FIELD_TEXT(struct output, tail, OUTPUT_PART_BYTES_MAX),
    FIELD_REQUIRED(struct output, total_bytes, FIELD_INT, .max = INT64_MAX),
};
const struct shape output_shape = SHAPE("output", struct output, output_fields, NULL);

static const struct field note_fields[] = {
    FIELD_OPTIONAL(struct note, test,  FIELD_INT, .max = TESTS_PER_RUN_MAX),
    FIELD_REQUIRED(struct note, name,  FIELD_STRING, .min = 1, .max = NAME_BYTES_MAX),
    FIELD_REQUIRED(struct note, value, FIELD_STRING, .max = NOTE_VALUE_BYTES_MAX),
};
const struct shape note_shape = SHAPE("note", struct note, note_fields, NULL);

static const struct field collected_test_fields[] = {
    FIELD_REQUIRED(struct collected_test, id, FIELD_STRING, .min = 1, .max = TEST_ID_BYTES_MAX),
    FIELD_TEXT(struct collected_test, group, TEST_GROUP_BYTES_MAX),
    FIELD_OPTIONAL(struct collected_test, phase, FIELD_INT, .max = INT32_MAX),
    FIELD_TEXT(struct collected_test, file, MESSAGE_PATH_BYTES_MAX),
    FIELD_OPTIONAL(struct collected_test, line, FIELD_INT, .max = INT32_MAX),
};
const struct shape collected_test_shape =
    SHAPE("collected test", struct collected_test, collected_test_fields, NULL);

static const struct field attempt_report_fields[] = {
    FIELD_OPTIONAL(struct attempt_report, test,        FIELD_INT, .max = TESTS_PER_RUN_MAX),
    FIELD_TEXT(struct attempt_report,     id,          TEST_ID_BYTES_MAX),
    FIELD_OPTIONAL(struct attempt_report, attempt,     FIELD_INT, .max = INT32_MAX),
    FIELD_REQUIRED(struct attempt_report, outcome,     FIELD_ENUM, .names = &outcome_names),
    FIELD_OPTIONAL(struct attempt_report, duration_us, FIELD_INT, .max = INT64_MAX),
    FIELD_OPTIONAL(struct attempt_report, started_ms,  FIELD_INT, .max = INT64_MAX),
    FIELD_OPTIONAL(struct attempt_report, slot,        FIELD_INT, .max = SLOTS_PER_AGENT_MAX),
    FIELD_TEXT(struct attempt_report,     worker,      MESSAGE_WORKER_BYTES_MAX),
    FIELD_OPTIONAL(struct attempt_report, order,       FIELD_INT, .max = INT64_MAX),
    FIELD_TEXT(struct attempt_report,     message,     ATTEMPT_MESSAGE_BYTES),
    FIELD_TEXT(struct attempt_report,     details,     ATTEMPT_DETAILS_BYTES),
    FIELD_TEXT(struct attempt_report,     file,        MESSAGE_PATH_BYTES_MAX),
    FIELD_OPTIONAL(struct attempt_report, line,        FIELD_INT, .max = INT32_MAX),
    FIELD_OPTIONAL(struct attempt_report, subtests,    FIELD_INT, .max = INT32_MAX),
    FIELD_OPTIONAL(struct attempt_report, output,      FIELD_OBJECT, .shape = &output_shape),
};
/* clang-format on */

/* A collected test has a number and was granted an attempt; an extra has an id instead. */
static enum status attempt_report_check(const void *object, struct error *err)
{
    const struct attempt_report *report = object;

    if (report->test == 0 && report->id[0] == '\0')
        return error_set(err, STATUS_INVALID, "id: an attempt without a test's number needs it");
    if (report->test != 0 && report->attempt == 0)
        return error_set(err, STATUS_INVALID, "attempt: a test's attempt needs its number");
    return STATUS_OK;
}

const struct shape attempt_report_shape =
    SHAPE("attempt", struct attempt_report, attempt_report_fields, attempt_report_check);
