#ifndef COORDINATOR_REPORT_FORMATS_H
#define COORDINATOR_REPORT_FORMATS_H

/* The formats' own functions, and what they share.  Whoever wants a report calls
 * report_render. */

#include "coordinator/report/report.h"

enum status report_json_render(const struct run_report *report, struct buffer *buffer,
                               struct error *err) MUST_USE;
enum status report_junit_render(const struct run_report *report, struct buffer *buffer,
                                struct error *err) MUST_USE;
enum status report_text_render(const struct run_report *report, struct buffer *buffer,
                               struct error *err) MUST_USE;

/* The tests of a report by verdict. */
struct verdict_counts {
    int64_t by_verdict[VERDICT_COUNT];
};
struct verdict_counts report_count(const struct run_report *report);

/* Failed for the test's sake: failed, error, unexpected success, crashed, timed out. */
bool report_is_failure(enum outcome outcome);

/* The attempt that speaks for the test: the first counted one whose outcome is that of
 * the verdict, else the last counted one.  NULL: none counted. */
const struct attempt_view *report_deciding_attempt(const struct test_view *test);

/* A flaky test's first failure, which says more than the pass that came after it; else
 * the deciding attempt. */
const struct attempt_view *report_telling_attempt(const struct test_view *test);

/* How many bytes the terminal's sequence (a colour) takes that begins with ESC at `text`;
 * 1 when it is none. */
size_t report_escape_len(const char *text);

/* One line that says why, never NULL; "" when there is nothing to say. */
const char *report_message(const struct attempt_view *attempt);

/* "12.345678" */
void report_add_seconds(struct buffer *buffer, int64_t duration_us);

#endif
