/* JUnit XML in the dialect of Jenkins (schemas/junit-jenkins.xsd), with Surefire's
 * elements for what ran more than once:
 *
 *     testsuites                    the run
 *       testsuite                   a group (class, file), in order of its name
 *         properties                notes, and who ran what did not simply pass
 *         testcase                  a test
 *           failure | error | skipped        its verdict
 *           rerunFailure, flakyFailure, ...  its other failures
 *           system-out                       of the attempt that decided
 *       testsuite "muster"          infrastructure problems, when there were any
 *
 * One test is one testcase whatever happened to it, so the sums are the run's. */

#include <stdlib.h>
#include <string.h>

#include "coordinator/report/formats.h"
#include "coordinator/report/xml.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/json/messages_json.h"

enum element { ELEMENT_NONE, ELEMENT_FAILURE, ELEMENT_ERROR, ELEMENT_SKIPPED, ELEMENT_COUNT };

static const char *const element_names[ELEMENT_COUNT] = {NULL, "failure", "error", "skipped"};

/* Tests that a run left out because somebody wanted so are skipped; those that it
 * failed to run must not look green. */
static enum element element_of_not_run(const struct run_view *run)
{
    switch (run->end) {
    case RUN_END_NONE:
    case RUN_END_FAIL_FAST:
    case RUN_END_CANCELLED:
    case RUN_END_CLIENT_GONE:
        return ELEMENT_SKIPPED;
    case RUN_END_DONE:
    case RUN_END_TIME_LIMIT:
    case RUN_END_NO_AGENT:
    case RUN_END_INFRASTRUCTURE:
    case RUN_END_NOTHING:
    case RUN_END_BAD_FILTER:
        break;
    }
    return ELEMENT_ERROR;
}

static enum element element_of(const struct run_view *run, enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_PASSED:
    case VERDICT_FLAKY:
        return ELEMENT_NONE;
    case VERDICT_FAILED:
        return ELEMENT_FAILURE;
    case VERDICT_ERROR:
    case VERDICT_CRASHED:
    case VERDICT_TIMED_OUT:
        return ELEMENT_ERROR;
    case VERDICT_SKIPPED:
        return ELEMENT_SKIPPED;
    case VERDICT_NONE:
    case VERDICT_NOT_RUN:
    case VERDICT_COUNT:
        break;
    }
    return element_of_not_run(run);
}

/* ---- names --------------------------------------------------------------- */

/* A test's name inside its group: "app.T.test_x" of "app.T" is "test_x". */
static const char *name_of(const struct test_view *test)
{
    size_t len = strlen(test->group);

    if (len == 0 || strncmp(test->id, test->group, len) != 0)
        return test->id;
    const char *rest = test->id + len + strspn(test->id + len, ".:/ ");
    return rest > test->id + len && *rest != '\0' ? rest : test->id;
}

static const char *class_of(const struct run_view *run, const struct test_view *test)
{
    return test->group[0] != '\0' ? test->group : run->name;
}

/* ---- output -------------------------------------------------------------- */

static void add_output(struct buffer *buffer, const char *indent, const struct output *output)
{
    if (output == NULL || output->total_bytes == 0)
        return;
    int64_t left_out =
        output->total_bytes - (int64_t)strlen(output->head) - (int64_t)strlen(output->tail);

    (void)buffer_printf(buffer, "%s<system-out>", indent);
    xml_add_text(buffer, output->head);
    if (left_out > 0)
        (void)buffer_printf(buffer, "\n[... %lld bytes left out ...]\n", (long long)left_out);
    xml_add_text(buffer, output->tail);
    (void)buffer_add_text(buffer, "</system-out>\n");
}

/* ---- one test ------------------------------------------------------------ */

/* "AssertionError: 1 != 2" has the type AssertionError; else the outcome's name. */
static void add_type(struct buffer *buffer, const struct attempt_view *attempt)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.";
    const char *outcome = codec_enum_name(&outcome_names, (int)attempt->outcome);
    size_t len = strspn(attempt->message, letters);
    char type[64];

    if (attempt->outcome == OUTCOME_CRASHED || attempt->outcome == OUTCOME_TIMED_OUT || len == 0 ||
        len >= sizeof(type) || attempt->message[len] != ':') {
        xml_add_attribute(buffer, "type", outcome);
        return;
    }
    (void)memcpy(type, attempt->message, len);
    type[len] = '\0';
    xml_add_attribute(buffer, "type", type);
}

static const char *reason_of(const struct test_view *test)
{
    if (test->reason[0] != '\0')
        return test->reason;
    return test->verdict == VERDICT_NONE ? "not decided yet" : "not run";
}

static void add_verdict(struct buffer *buffer, enum element element, const struct test_view *test,
                        const struct attempt_view *attempt)
{
    const char *name = element_names[element];
    const char *verdict = codec_enum_name(&verdict_names, (int)test->verdict);

    (void)buffer_printf(buffer, "      <%s", name);
    if (attempt == NULL) {
        if (element != ELEMENT_SKIPPED)
            xml_add_attribute(buffer, "type", verdict);
        xml_add_attribute(buffer, "message", reason_of(test));
        (void)buffer_add_text(buffer, "/>\n");
        return;
    }
    if (element != ELEMENT_SKIPPED)
        add_type(buffer, attempt);
    if (element != ELEMENT_SKIPPED || report_message(attempt)[0] != '\0')
        xml_add_attribute(buffer, "message", report_message(attempt));
    if (attempt->details[0] == '\0') {
        (void)buffer_add_text(buffer, "/>\n");
        return;
    }
    (void)buffer_add_char(buffer, '>');
    xml_add_text(buffer, attempt->details);
    (void)buffer_printf(buffer, "</%s>\n", name);
}

/* A failure that did not decide: Surefire's rerunFailure, flakyError, ... */
static void add_other(struct buffer *buffer, const struct test_view *test,
                      const struct attempt_view *attempt)
{
    const char *prefix = test->verdict == VERDICT_FLAKY ? "flaky" : "rerun";
    bool is_failure = attempt->outcome == OUTCOME_FAILED || attempt->outcome == OUTCOME_XPASS;
    const char *kind = is_failure ? "Failure" : "Error";

    (void)buffer_printf(buffer, "      <%s%s", prefix, kind);
    add_type(buffer, attempt);
    xml_add_attribute(buffer, "message", report_message(attempt));
    if (attempt->details[0] == '\0' && attempt->output == NULL) {
        (void)buffer_add_text(buffer, "/>\n");
        return;
    }
    (void)buffer_add_text(buffer, ">\n");
    if (attempt->details[0] != '\0') {
        (void)buffer_add_text(buffer, "        <stackTrace>");
        xml_add_text(buffer, attempt->details);
        (void)buffer_add_text(buffer, "</stackTrace>\n");
    }
    add_output(buffer, "        ", attempt->output);
    (void)buffer_printf(buffer, "      </%s%s>\n", prefix, kind);
}

static void add_case_head(struct buffer *buffer, const struct run_view *run,
                          const struct test_view *test, const struct attempt_view *attempt)
{
    (void)buffer_add_text(buffer, "    <testcase");
    xml_add_attribute(buffer, "classname", class_of(run, test));
    xml_add_attribute(buffer, "name", name_of(test));
    (void)buffer_add_text(buffer, " time=\"");
    report_add_seconds(buffer, attempt != NULL ? attempt->duration_us : 0);
    (void)buffer_add_char(buffer, '"');
    if (test->file[0] != '\0')
        xml_add_attribute(buffer, "file", test->file);
    if (test->line > 0)
        (void)buffer_printf(buffer, " line=\"%lld\"", (long long)test->line);
}

static void add_case(struct buffer *buffer, const struct run_view *run,
                     const struct test_view *test)
{
    const struct attempt_view *decider = report_deciding_attempt(test);
    enum element element = element_of(run, test->verdict);
    size_t len_before;

    add_case_head(buffer, run, test, decider);
    (void)buffer_add_text(buffer, ">\n");
    len_before = buffer->len;
    if (element != ELEMENT_NONE)
        add_verdict(buffer, element, test, decider);
    for (size_t i = 0; i < test->attempts_count; i++) {
        const struct attempt_view *attempt = &test->attempts[i];

        if (attempt != decider && attempt->counted && report_is_failure(attempt->outcome))
            add_other(buffer, test, attempt);
    }
    if (decider != NULL && report_is_failure(decider->outcome))
        add_output(buffer, "      ", decider->output);

    if (buffer->len == len_before && !buffer->has_overflowed) {
        buffer->len -= strlen(">\n");
        buffer->at[buffer->len] = '\0';
        (void)buffer_add_text(buffer, "/>\n");
        return;
    }
    (void)buffer_add_text(buffer, "    </testcase>\n");
}

/* ---- one group ----------------------------------------------------------- */

struct group {
    const struct run_view *run;
    const struct test_view *const *tests;
    size_t count;
};

static void add_property(struct buffer *buffer, const char *subject, const char *word,
                         const char *value)
{
    CLEANUP(mem_freep)
    char *name = subject[0] != '\0' ? mem_printf("%s.%s", subject, word) : mem_strdup(word);

    (void)buffer_add_text(buffer, "      <property");
    xml_add_attribute(buffer, "name", name);
    xml_add_attribute(buffer, "value", value);
    (void)buffer_add_text(buffer, "/>\n");
}

static void add_notes(struct buffer *buffer, const char *subject, const struct note *notes,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(mem_freep) char *word = mem_printf("note.%s", notes[i].name);

        add_property(buffer, subject, word, notes[i].value);
    }
}

/* Tests that simply passed say nothing: a CI server counts every element. */
static void add_test_properties(struct buffer *buffer, const struct test_view *test)
{
    const struct attempt_view *telling = report_telling_attempt(test);
    const char *name = name_of(test);

    if (test->verdict != VERDICT_PASSED && telling != NULL && telling->agent[0] != '\0')
        add_property(buffer, name, "agent", telling->agent);
    if (test->attempts_count > 1) {
        CLEANUP(mem_freep) char *count = mem_printf("%zu", test->attempts_count);

        add_property(buffer, name, "attempts", count);
    }
    add_notes(buffer, name, test->notes, test->notes_count);
}

static void add_properties(struct buffer *buffer, const struct group *group)
{
    size_t start = buffer->len;

    (void)buffer_add_text(buffer, "    <properties>\n");
    size_t empty_len = buffer->len;
    for (size_t i = 0; i < group->count; i++)
        add_test_properties(buffer, group->tests[i]);
    if (buffer->len == empty_len && !buffer->has_overflowed) {
        buffer->len = start;
        buffer->at[start] = '\0';
        return;
    }
    (void)buffer_add_text(buffer, "    </properties>\n");
}

struct sums {
    int64_t tests;
    int64_t elements[ELEMENT_COUNT];
    int64_t duration_us;
    int64_t started_ms; /* the earliest; 0 unknown */
};

static void sums_add(struct sums *sums, const struct run_view *run, const struct test_view *test)
{
    const struct attempt_view *decider = report_deciding_attempt(test);

    sums->tests++;
    sums->elements[element_of(run, test->verdict)]++;
    sums->duration_us += decider != NULL ? decider->duration_us : 0;
    for (size_t i = 0; i < test->attempts_count; i++) {
        int64_t started_ms = test->attempts[i].started_ms;

        if (started_ms > 0 && (sums->started_ms == 0 || started_ms < sums->started_ms))
            sums->started_ms = started_ms;
    }
}

static void add_sums(struct buffer *buffer, const struct sums *sums)
{
    (void)buffer_printf(buffer, " tests=\"%lld\" failures=\"%lld\" errors=\"%lld\"",
                        (long long)sums->tests, (long long)sums->elements[ELEMENT_FAILURE],
                        (long long)sums->elements[ELEMENT_ERROR]);
}

static void add_group(struct buffer *buffer, const struct group *group)
{
    struct sums sums = {.tests = 0};
    char started[CLOCK_TEXT_SIZE];

    for (size_t i = 0; i < group->count; i++)
        sums_add(&sums, group->run, group->tests[i]);

    (void)buffer_add_text(buffer, "  <testsuite");
    xml_add_attribute(buffer, "name", class_of(group->run, group->tests[0]));
    add_sums(buffer, &sums);
    (void)buffer_printf(buffer, " skipped=\"%lld\" time=\"",
                        (long long)sums.elements[ELEMENT_SKIPPED]);
    report_add_seconds(buffer, sums.duration_us);
    (void)buffer_add_char(buffer, '"');
    if (sums.started_ms > 0) {
        clock_wall_text(sums.started_ms, started);
        xml_add_attribute(buffer, "timestamp", started);
    }
    (void)buffer_add_text(buffer, ">\n");
    add_properties(buffer, group);
    for (size_t i = 0; i < group->count; i++)
        add_case(buffer, group->run, group->tests[i]);
    (void)buffer_add_text(buffer, "  </testsuite>\n");
}

/* ---- the run ------------------------------------------------------------- */

static int compare_tests(const void *a, const void *b)
{
    const struct test_view *left = *(const struct test_view *const *)a;
    const struct test_view *right = *(const struct test_view *const *)b;
    int order = strcmp(left->group, right->group);

    if (order != 0)
        return order;
    return left->test < right->test ? -1 : left->test > right->test;
}

static void add_groups(struct buffer *buffer, const struct run_report *report)
{
    const struct test_view **tests = mem_alloc(report->tests_count * sizeof(const void *));

    for (size_t i = 0; i < report->tests_count; i++)
        tests[i] = &report->tests[i];
    if (report->tests_count > 0) /* so that the null pointer is not given to it */
        qsort(tests, report->tests_count, sizeof(const void *), compare_tests);
    for (size_t first = 0, end = 0; first < report->tests_count; first = end) {
        while (end < report->tests_count && strcmp(tests[end]->group, tests[first]->group) == 0)
            end++;
        add_group(buffer, &(struct group){report->run, tests + first, end - first});
    }
    free(tests);
}

/* What concerns no test. */
static void add_own_suite(struct buffer *buffer, const struct run_report *report)
{
    if (report->problems_count == 0 && report->notes_count == 0)
        return;
    (void)buffer_add_text(buffer, "  <testsuite name=\"muster\" tests=\"0\" failures=\"0\" "
                                  "errors=\"0\" skipped=\"0\" time=\"0.000000\">\n");
    if (report->notes_count > 0) {
        (void)buffer_add_text(buffer, "    <properties>\n");
        add_notes(buffer, "", report->notes, report->notes_count);
        (void)buffer_add_text(buffer, "    </properties>\n");
    }
    if (report->problems_count > 0) {
        (void)buffer_add_text(buffer, "    <system-err>");
        for (size_t i = 0; i < report->problems_count; i++) {
            xml_add_text(buffer, report->problems[i].agent);
            (void)buffer_add_text(buffer, ", ");
            xml_add_text(buffer, report->problems[i].stage);
            (void)buffer_add_text(buffer, ": ");
            xml_add_text(buffer, report->problems[i].text);
            (void)buffer_add_char(buffer, '\n');
        }
        (void)buffer_add_text(buffer, "</system-err>\n");
    }
    (void)buffer_add_text(buffer, "  </testsuite>\n");
}

enum status report_junit_render(const struct run_report *report, struct buffer *buffer,
                                struct error *err)
{
    const struct run_view *run = report->run;
    struct sums sums = {.tests = 0};

    (void)err;
    for (size_t i = 0; i < report->tests_count; i++)
        sums_add(&sums, run, &report->tests[i]);

    (void)buffer_add_text(buffer, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
    xml_add_attribute(buffer, "name", run->name);
    add_sums(buffer, &sums);
    (void)buffer_add_text(buffer, " time=\"");
    report_add_seconds(buffer, run->ended_ms > 0 ? (run->ended_ms - run->submitted_ms) * 1000 : 0);
    (void)buffer_add_text(buffer, "\">\n");
    add_groups(buffer, report);
    add_own_suite(buffer, report);
    (void)buffer_add_text(buffer, "</testsuites>\n");
    return STATUS_OK;
}
