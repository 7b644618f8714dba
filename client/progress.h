#ifndef CLIENT_PROGRESS_H
#define CLIENT_PROGRESS_H

/* What a person sees while a run goes on.
 *
 * On a terminal, one line that is rewritten: counts, what runs now, an estimate.  Elsewhere a line
 * now and then (PROGRESS_LINE_MS), and at once when the run changes its state.  Failures are
 * printed at once, short, with file and line. */

#include <stdint.h>

#include "client/terminal.h"
#include "shared/protocol/messages.h"

/* Often enough that a CI system does not think the job hangs, seldom enough to read. */
#define PROGRESS_LINE_MS 10000

struct progress {
    struct terminal terminal;
    int64_t started_ms;
    int64_t line_due_ms;
    enum run_state shown_state;
    char shown_reason[256];
    bool has_line; /* a live line stands on the terminal */
};

void progress_init(struct progress *progress, FILE *out, int64_t now_ms);
void progress_show(struct progress *progress, const struct run_view *view, int64_t now_ms);

/* An attempt that is worth a word now: failures, crashes, retries that passed. */
void progress_attempt(struct progress *progress, const struct attempt_view *attempt);

/* A sentence of our own, on a line of its own. */
void progress_say(struct progress *progress, const char *text);
void progress_clear(struct progress *progress);

/* What a person may type next; the summary puts run and tests behind it. */
struct progress_commands {
    const char *run;  /* "muster run -f x.yml" */
    const char *show; /* "muster show"; "" where nothing of the run is left to be shown */
};

/* The end: failures again, the count line, the commands that show and run the failures again. */
void progress_summary(struct progress *progress, const struct run_report *report,
                      const struct progress_commands *commands);

#endif
