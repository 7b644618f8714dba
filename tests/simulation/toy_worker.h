#ifndef TESTS_SIMULATION_TOY_WORKER_H
#define TESTS_SIMULATION_TOY_WORKER_H

/* A worker that plays the driver's side of docs/worker-protocol.md, with tests from a toy suite,
 * and the clone it works on.  It takes one message after the other, keeps a group set up while its
 * tests go on, and says `idle` once when its queue is empty; like real ones it may crash, hang, or
 * leave.
 *
 *   [BOOT] -> [FREE] -> [TEARDOWN] -> [TEST] -> [TEARDOWN] -> [FREE]
 *                            '-> [CLOSED] -> [FREE]     '-> gone */

#include "agent/core/foreman.h"
#include "tests/simulation/toy_suite.h"
#include "tests/simulation/world.h"

struct toy_agent;

#define TOY_ORDERS_MAX 8

enum toy_activity {
    TOY_BOOTING,
    TOY_FREE,
    TOY_TEARING_DOWN, /* before `order`, or after a test that had nothing to follow */
    TOY_TESTING,
    TOY_CLOSED,
    TOY_HUNG,
    TOY_DYING
};

struct toy_order {
    enum worker_do order;
    int test;
    int64_t n;
    bool more;
};

struct toy_worker {
    int64_t id; /* 0: there is none */
    char name[64];
    enum worker_mode mode;
    struct toy_suite *suite;
    enum toy_activity activity;
    struct toy_order queue[TOY_ORDERS_MAX];
    size_t queued;
    struct toy_order order; /* what it is at */
    bool is_after_test;     /* the teardown follows a test, not an order */
    int group;              /* set up; -1 none */
    bool is_in_test;        /* it runs `order`, and has not been killed */
    bool has_said_idle;
    int64_t tests_begun;
    int64_t pipe_ms;  /* what it says arrives in order */
    int64_t order_ms; /* what it is told, too          */
    bool ignores_term;
};

/* Stands for the databases in the slot. */
struct toy_clone {
    bool exists;
    int64_t worker; /* who used it first; 0 nobody   */
    bool is_dirty;
    int tests;
    int last_group;
};

struct toy_slot {
    struct toy_worker worker;
    struct toy_clone clone;
};

void toy_worker_start(struct world *world, struct toy_agent *agent, int64_t slot,
                      const struct action *action);
void toy_worker_tell(struct world *world, struct toy_agent *agent, int64_t slot,
                     const struct worker_order *order);
void toy_worker_kill(struct world *world, struct toy_agent *agent, int64_t slot, bool hard);

#endif
