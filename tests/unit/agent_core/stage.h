#ifndef TESTS_UNIT_AGENT_CORE_STAGE_H
#define TESTS_UNIT_AGENT_CORE_STAGE_H

/* A foreman on a stage: a test plays the shell, and reads what it is told to do as text.
 *
 *     stage_grant(&stage, 1, 11, "a b c");      slot 1 gets lease 11 with three tests
 *     stage_expect(&stage, "prepare 7+db");     and nothing else was asked for
 *
 * Actions are told in the order in which they were given, joined by "; ":
 *     sync 3 held 11:2 events 4-6 | wait | stop-wait | spool 4 attempt 11 #2 passed | trim 1:4 |
 *     prepare 7+db | clone 1 | worker 1 run | tell 1 run a +more | tell 1 flush | kill 1 hard |
 *     drop 1 | forget 7 | exit
 *
 * A test named "b" has the number 2 ("a" is 1) and belongs to group "G" and phase 0; "b/H/1" has
 * group "H" and phase 1. */

#include "agent/core/foreman.h"
#include "shared/base/buffer.h"

#define STAGE_RUN 7

#define TEST_MS  60000
#define READY_MS 30000
#define GRACE_MS 5000

struct stage {
    struct foreman *foreman;
    struct action_list actions;
    struct run_terms terms;
    int64_t now_ms;
    int64_t acknowledged; /* by the coordinator that the test plays */
    bool is_deaf;         /* it acknowledges nothing                */
    struct buffer told;
    const struct sync_request *request; /* of the last sync action */
};

/* An agent "ag" of incarnation 4 with `slots` slots, already started; nothing is told yet but
 * sync 1. */
void stage_open(struct stage *stage, int64_t slots);
void stage_open_with(struct stage *stage, const struct foreman_settings *settings);
void stage_close(struct stage *stage);

void stage_do(struct stage *stage, const struct input *input);
void stage_pass(struct stage *stage, int64_t ms); /* time passes, then a tick */

/* Answers of the coordinator; everything the sync carried is acknowledged. */
void stage_answer(struct stage *stage);
void stage_answer_with(struct stage *stage, struct sync_response response);
void stage_fail_sync(struct stage *stage, enum status status);
void stage_grant(struct stage *stage, int64_t slot, int64_t lease, const char *tests);
/* A lease of another run than STAGE_RUN. */
void stage_grant_of(struct stage *stage, int64_t run, int64_t slot, int64_t lease,
                    const char *tests);
void stage_grant_collect(struct stage *stage, int64_t slot, int64_t lease);

/* Answers of the shell. */
void stage_run_ready(struct stage *stage);
void stage_clone_ready(struct stage *stage, int64_t slot);
void stage_input(struct stage *stage, enum input_kind kind, int64_t slot, const char *text);
void stage_gone(struct stage *stage, int64_t slot, const char *text);

/* What the slot's worker says. */
void stage_say(struct stage *stage, int64_t slot, enum worker_say say);
void stage_starts(struct stage *stage, int64_t slot, int64_t n);
void stage_ends(struct stage *stage, int64_t slot, int64_t n, enum outcome outcome);
void stage_message(struct stage *stage, int64_t slot, const struct worker_message *message);

/* Compares what was told since the last call, and forgets it. */
void stage_expect(struct stage *stage, const char *told);
void stage_forget(struct stage *stage);

/* Up to a worker that is ready in slot 1 and has been told the first tests of lease 11. */
void stage_to_running(struct stage *stage, const char *tests);

#endif
