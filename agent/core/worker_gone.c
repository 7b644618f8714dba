/* What the death of a worker means: for the test that ran, for the rest of its lease, for the slot.
 *
 *   who ended it            the test that ran    the rest of its lease
 *   itself                  crashed              returned
 *   the foreman, too slow   timed-out            returned
 *   the foreman, leaving    lost                 returned
 *   the foreman, otherwise  nothing is told: its lease is over already
 *
 * Tests of other leases that had been told wait again, for the next worker. */

#include <string.h>

#include "agent/core/report.h"
#include "agent/core/state.h"
#include "agent/core/worker.h"
#include "shared/base/check.h"

#define SAY(foreman, ...) arena_printf(&(foreman)->actions->arena, __VA_ARGS__)

static void end_by_death(struct foreman *foreman, struct slot *slot, const struct input *input,
                         enum outcome outcome, const char *message)
{
    struct told head = slot->told[0];
    int64_t ran_ms = foreman->now_ms - slot->started_ms;
    struct attempt_report attempt = {
        .outcome = outcome,
        .duration_us = ran_ms * 1000,
        .started_ms = slot->started_ms + foreman->wall_offset_ms,
        .order = slot->order,
        .message = message,
        .output = input->output,
    };

    if (slot->told_count == 0 || head.lease == NULL || !head.has_started)
        return;
    slot->told_count--;
    (void)memmove(slot->told, slot->told + 1, slot->told_count * sizeof(slot->told[0]));
    while (slot->told_count > 0 && slot->told[slot->told_count - 1].lease == head.lease) {
        slot->told_count--;
        lease_test_put_back(head.lease, slot->told[slot->told_count].index);
    }

    bool is_last = head.lease->open_count == 1;
    report_attempt(foreman, slot, head.lease, head.index, &attempt);
    if (!is_last)
        report_returned(foreman, slot, head.lease, message);
}

static struct lease *lease_of_head(const struct slot *slot)
{
    return slot->told_count > 0 ? slot->told[0].lease : NULL;
}

/* Between two tests: nothing of them is at fault. */
static void died_between_tests(struct foreman *foreman, struct slot *slot,
                               const struct input *input)
{
    struct lease *lease = lease_of_head(slot);

    report_settle(foreman, slot,
                  input->was_clean
                      ? NULL
                      : SAY(foreman, "the worker died after the last test: %s", input->text));
    if (lease == NULL)
        return;
    if (input->was_clean && slot->order > 0) {
        for (size_t i = slot->told_count; i > 0; i--)
            if (slot->told[i - 1].lease == lease) {
                lease_test_put_back(lease, slot->told[i - 1].index);
                slot->told[i - 1].lease = NULL;
            }
        report_returned(foreman, slot, lease, "the worker ended before it had run them");
        return;
    }
    report_problem(foreman, slot, lease, "worker",
                   SAY(foreman, "the worker died between tests: %s", input->text));
}

static void died_by_itself(struct foreman *foreman, struct slot *slot, const struct input *input)
{
    bool in_test = slot->told_count > 0 && slot->told[0].has_started;
    const char *stage = slot->mode == WORKER_COLLECT   ? "collect"
                        : slot->state == SLOT_STARTING ? "ready"
                                                       : "worker";

    if (slot->state == SLOT_RUNNING && in_test) {
        const char *how = input->was_clean ? "exited in the middle of the test" : "died";

        end_by_death(foreman, slot, input, OUTCOME_CRASHED,
                     SAY(foreman, "the worker %s: %s", how, input->text));
    } else if (slot->state == SLOT_RUNNING && slot->mode == WORKER_RUN) {
        died_between_tests(foreman, slot, input);
    } else if (slot->state != SLOT_IDLE) {
        report_settle(foreman, slot, input->was_clean ? NULL : input->text);
        for (size_t l = 0; l < slot->lease_count; l++)
            if (slot->leases[l]->run == slot->run) {
                report_problem(foreman, slot, slot->leases[l], stage,
                               SAY(foreman, "the worker died: %s", input->text));
                return;
            }
    }
}

static void note_death(struct foreman *foreman, struct slot *slot, const struct input *input)
{
    switch (slot->stop) {
    case STOP_NONE:
        died_by_itself(foreman, slot, input);
        return;
    case STOP_TIMEOUT:
        end_by_death(foreman, slot, input, OUTCOME_TIMED_OUT,
                     SAY(foreman, "timed out after %lld ms", (long long)slot->terms.test_ms));
        return;
    case STOP_LEAVE:
        report_settle(foreman, slot, NULL);
        end_by_death(foreman, slot, input, OUTCOME_LOST, "the agent left");
        return;
    case STOP_QUIT:
    case STOP_CANCEL:
    case STOP_PROBLEM:
        report_settle(foreman, slot, NULL);
        return;
    }
}

void worker_on_gone(struct foreman *foreman, struct slot *slot, const struct input *input)
{
    CHECK(slot->has_worker);
    note_death(foreman, slot, input);
    slot_forget_worker(slot);
    if (slot->clone.is_pending && slot->state != SLOT_STOPPING) {
        slot_move(slot, SLOT_STOPPING); /* until the clone that is being made can be dropped */
        slot->stop = STOP_PROBLEM;
    }
    worker_drop(foreman, slot);
}
