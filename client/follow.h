#ifndef CLIENT_FOLLOW_H
#define CLIENT_FOLLOW_H

/* Stays with a run until it ends: attends it (the coordinator ends a run whose clients have all
 * gone), shows its progress, and turns Ctrl-C into a cancel. */

#include <stdbool.h>
#include <stdint.h>

#include "client/api.h"
#include "client/progress.h"

struct local;

struct follow {
    struct api *api;
    int64_t run;
    struct progress *progress;
    struct local *local; /* watched for an early end; NULL: not in local mode     */
    bool cancels;        /* Ctrl-C cancels the run (`run`), or only leaves (`watch`) */
};

/* How often the coordinator is asked: a person sees no difference below it. */
#define FOLLOW_MS 500

/* Returns when the run has ended (STATUS_OK; *out_exit is the run's exit status), when the user
 * interrupted it twice or left (STATUS_OK; EXIT_INTERRUPTED), or when the coordinator is gone for
 * good. Installs handlers for SIGINT and SIGTERM: call follow_catch_signals() before the first
 * request. */
enum status follow_run(const struct follow *follow, int *out_exit, struct error *err) MUST_USE;

void follow_catch_signals(void);

/* How many SIGINT or SIGTERM came since. */
int follow_interrupts(void);

#endif
