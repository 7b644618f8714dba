#ifndef TESTS_SIMULATION_TOY_COORDINATOR_H
#define TESTS_SIMULATION_TOY_COORDINATOR_H

/* A toy engine around the real core and a real store: in memory, or on disk, where it is closed and
 * opened as a restart does.
 *
 *     letters -> mailbox -> lap: core_handle each -> commit (takes a while, may fail) -> answers
 *
 * It may be killed at any moment, also while a commit is under way, whose outcome is then for the
 * dice. What it was before and what the store makes of it afterwards must be the same. */

#include "coordinator/core/core.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/store.h"
#include "tests/simulation/letter.h"
#include "tests/simulation/world.h"

struct call {
    struct letter *question;
    struct letter *answer; /* NULL: it is sent */
};

struct toy_coordinator {
    struct store *store;
    char dir[64]; /* of the store on disk; "" in memory */
    struct core *core;
    int64_t life;
    int64_t epoch;
    int64_t lap;
    bool is_up, has_lap_card, is_committing;
    struct letter **mailbox;
    size_t mail_count, mail_cap;
    struct call *calls; /* of the lap */
    size_t call_count, call_cap;
    struct letter **waits; /* parked */
    size_t wait_count, wait_cap;
    struct fact_list facts;
    struct arena arena;
    int64_t tick;
};

struct toy_coordinator *toy_coordinator_new(struct world *world);
void toy_coordinator_free(struct toy_coordinator *coordinator);

/* Reads its store; the caller closes it. */
struct reader *toy_coordinator_reader(struct toy_coordinator *coordinator);

void toy_coordinator_receive(struct world *world, struct letter *question);

/* Killed, and started again after delay_ms. */
void toy_coordinator_kill(struct world *world, int64_t delay_ms);

#endif
