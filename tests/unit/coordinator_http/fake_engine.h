#ifndef TESTS_COORDINATOR_HTTP_FAKE_ENGINE_H
#define TESTS_COORDINATOR_HTTP_FAKE_ENGINE_H

/* A double of coordinator/engine/engine.h: one thread that answers without a core and
 * counts what it was asked.  Run 1 exists, run 2 only in the store.  It is linked instead
 * of the real one. */

#include "coordinator/engine/engine.h"

struct engine *fake_engine_start(void);

/* Commands of the kind that were executed so far. */
int fake_engine_count(struct engine *engine, enum command_kind kind);

/* Waits until so many long polls are parked. */
void fake_engine_await_parked(struct engine *engine, int count);

/* Answers all parked long polls, and is back when that is done. */
void fake_engine_wake(struct engine *engine);

/* Waits until that many long polls were withdrawn, parked or not. */
void fake_engine_await_withdrawn(struct engine *engine, int count);

/* Every command but WAIT is answered with this. */
void fake_engine_fail(struct engine *engine, enum status status);

/* Holds all answers back until it is given false. */
void fake_engine_hold(struct engine *engine, bool holds);
void fake_engine_await_held(struct engine *engine, int count);

void fake_engine_set_ready(struct engine *engine, bool is_ready);

/* The last sync and submission, as the door decoded them. */
const char *fake_engine_last_text(struct engine *engine);

#endif
