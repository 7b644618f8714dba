#include "agent/core/run.h"

#include <string.h>

#include "agent/core/report.h"
#include "agent/core/state.h"
#include "agent/core/worker.h"
#include "shared/base/memory.h"

static enum run_level level_for(const struct lease *lease)
{
    return lease->kind == LEASE_COLLECT ? RUN_TREE : RUN_DATABASES;
}

struct known_run *known_run_find(struct foreman *foreman, int64_t number)
{
    for (size_t i = 0; i < foreman->runs.count; i++)
        if (foreman->runs.at[i].number == number)
            return &foreman->runs.at[i];
    return NULL;
}

bool run_is_ready_for(struct foreman *foreman, const struct lease *lease)
{
    struct known_run *run = known_run_find(foreman, lease->run);

    if (run == NULL) {
        run = &VEC_PUSH(foreman->runs.at, foreman->runs.count, foreman->runs.cap);
        *run = (struct known_run){.number = lease->run};
    }
    if (run->ready >= level_for(lease))
        return true;
    if (run->asked <= run->ready) {
        struct action *action = action_add(foreman, ACTION_PREPARE);

        run->asked = level_for(lease);
        action->run = run->number;
        action->with_databases = run->asked == RUN_DATABASES;
    }
    return false;
}

void run_on_ready(struct foreman *foreman, const struct input *input)
{
    struct known_run *run = known_run_find(foreman, input->run);

    if (run == NULL || run->asked <= run->ready)
        return;
    run->ready = run->asked;
    run->terms = *input->terms;
}

void run_on_failed(struct foreman *foreman, const struct input *input)
{
    struct known_run *run = known_run_find(foreman, input->run);

    if (run == NULL || run->asked <= run->ready)
        return;
    run->asked = run->ready;
    for (size_t i = 0; i < foreman->slot_count; i++) {
        struct slot *slot = &foreman->slots[i];

        for (size_t l = slot->lease_count; l > 0; l--) {
            struct lease *lease = slot->leases[l - 1];

            if (lease->run == input->run && level_for(lease) > run->ready)
                report_problem(foreman, slot, lease, input->stage, input->text);
        }
    }
}

void run_end(struct foreman *foreman, int64_t number)
{
    struct known_run *run = known_run_find(foreman, number);

    for (size_t i = 0; i < foreman->slot_count; i++) {
        struct slot *slot = &foreman->slots[i];

        for (size_t l = slot->lease_count; l > 0; l--)
            if (slot->leases[l - 1]->run == number)
                worker_cancel(foreman, slot, slot->leases[l - 1]);
    }
    if (run != NULL)
        run->is_over = true;
}

static bool lives_somewhere(const struct foreman *foreman, int64_t number)
{
    for (size_t i = 0; i < foreman->slot_count; i++) {
        const struct slot *slot = &foreman->slots[i];

        if (slot->run == number)
            return true;
        for (size_t l = 0; l < slot->lease_count; l++)
            if (slot->leases[l]->run == number)
                return true;
    }
    return false;
}

static void run_forget(struct foreman *foreman, size_t index)
{
    struct run_list_known *runs = &foreman->runs;

    action_add(foreman, ACTION_FORGET)->run = runs->at[index].number;
    runs->count--;
    (void)memmove(runs->at + index, runs->at + index + 1,
                  (runs->count - index) * sizeof(*runs->at));
}

void runs_sweep(struct foreman *foreman)
{
    for (size_t i = 0; i < foreman->runs.count;) {
        const struct known_run *run = &foreman->runs.at[i];
        bool is_unwanted = run->is_over || foreman->runs.count > RUNS_KNOWN_MAX;

        if (is_unwanted && !lives_somewhere(foreman, run->number))
            run_forget(foreman, i);
        else
            i++;
    }
}
