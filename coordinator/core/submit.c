#include "coordinator/core/state.h"
#include "shared/base/limits.h"

/* A run begins: once for each key. */

enum status submit_handle(struct desk *desk, const struct command *command,
                          struct run_created *out_created, struct error *err)
{
    const struct run_submission *submission = command->submission;
    struct core *core = desk->core;

    if (submission->protocol < PROTOCOL_VERSION_MIN || submission->protocol > PROTOCOL_VERSION)
        return error_set(err, STATUS_VERSION, "protocol %lld is not spoken here, %d is",
                         (long long)submission->protocol, PROTOCOL_VERSION);
    struct run *run = run_find_key(core, submission->key);

    if (run != NULL) {
        *out_created = (struct run_created){.run = run->number, .existed = true};
        return STATUS_OK;
    }
    if (core->open_count >= RUNS_OPEN_MAX)
        return error_set(err, STATUS_FULL, "%d runs are open already", RUNS_OPEN_MAX);

    struct fact_run_submitted *fact = desk_body(desk, sizeof(*fact));

    fact->run = core->next_run;
    fact->submitted_ms = desk->instant.wall_ms;
    fact->submission = submission;
    desk_decide(desk, FACT_RUN_SUBMITTED, fact->run, fact);
    run = run_find(core, fact->run);
    if (command->history != NULL)
        run_give_history(run, command->history);
    *out_created = (struct run_created){.run = run->number};
    settle_runs(desk);
    return STATUS_OK;
}
