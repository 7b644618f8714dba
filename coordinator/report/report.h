#ifndef COORDINATOR_REPORT_REPORT_H
#define COORDINATOR_REPORT_REPORT_H

/* What is stored of a run, written for others: JSON for programs, JUnit XML for CI
 * servers, text for people.  A report is a pure function of struct run_report: the same
 * run gives the same bytes, and all three agree on every count. */

#include "shared/base/buffer.h"
#include "shared/base/status.h"
#include "shared/protocol/messages.h"

enum report_format { REPORT_JSON, REPORT_JUNIT, REPORT_TEXT, REPORT_FORMAT_COUNT };

/* "json", "junit", "text"; REPORT_FORMAT_COUNT for another word. */
enum report_format report_format_of(const char *name);
const char *report_format_name(enum report_format format);

/* As the Content-Type header has it. */
const char *report_content_type(enum report_format format);

/* Appends the report.  STATUS_TOO_BIG past the buffer's bound; its end is then of no
 * use. */
enum status report_render(enum report_format format, const struct run_report *report,
                          struct buffer *buffer, struct error *err) MUST_USE;

#endif
