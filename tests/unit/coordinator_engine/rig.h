#ifndef TESTS_UNIT_COORDINATOR_ENGINE_RIG_H
#define TESTS_UNIT_COORDINATOR_ENGINE_RIG_H

/* One engine over a store in memory that fails when it is told to, and questions to it
 * whose answer is an event.  What goes wrong in the rig itself is a CHECK. */

#include <pthread.h>

#include "coordinator/engine/engine.h"
#include "tests/support/store_failing.h"

struct rig {
    struct store *store; /* the failing one */
    struct engine *engine;
};

struct question {
    struct engine_call call;
    struct rig *rig;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    int answers;
    int64_t commits_before; /* when it was answered */
};

void rig_start(struct rig *rig);

/* What rig_submit submits; made once, before threads. */
void rig_submission_make(void);
void rig_submission_free(void);

struct command rig_submit(void);
struct command rig_wait(void);

/* Posts; the question is freed after question_await. */
struct question *rig_ask(struct rig *rig, struct command command);

/* Waits for the answer, however long; ctest ends a test that hangs. */
enum status question_await(struct question *question);
bool question_is_answered(struct question *question);
void question_free(struct question *question);

enum status rig_ask_status(struct rig *rig, struct command command);

/* How many runs the engine's core knows. */
int64_t rig_runs(struct rig *rig);

#endif
