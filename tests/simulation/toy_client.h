#ifndef TESTS_SIMULATION_TOY_CLIENT_H
#define TESTS_SIMULATION_TOY_CLIENT_H

/* Who waits for a run: submits it under one key until it is answered, attends it, may walk away. */

#include "tests/simulation/letter.h"
#include "tests/simulation/toy_suite.h"
#include "tests/simulation/world.h"

struct toy_client {
    int number;
    struct toy_suite *suite;
    int64_t run;        /* as it was told; 0 not yet */
    bool has_ended;     /* it has seen the end */
    int64_t leaves_ms;  /* INT64_MAX: it stays        */
    int64_t cancels_ms; /* INT64_MAX: it wants it all */
};

struct toy_client *toy_client_new(struct world *world, int number, struct toy_suite *suite);
void toy_client_receive(struct world *world, struct letter *answer);

#endif
