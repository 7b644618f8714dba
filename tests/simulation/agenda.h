#ifndef TESTS_SIMULATION_AGENDA_H
#define TESTS_SIMULATION_AGENDA_H

/* What will happen, in order of time; what was entered first comes first at the same time. */

#include <stddef.h>
#include <stdint.h>

#include "shared/base/memory.h"

struct world;

struct event_card {
    int64_t at_ms;
    int64_t number;
    void (*happen)(struct world *world, struct event_card *card);
    int agent;    /* whose, if anyone's; -1    */
    int64_t life; /* of the agent or coordinator: void when that has ended */
    int64_t slot;
    int64_t id;                     /* of a worker, connection or tick */
    void *payload;                  /* owned by the card until it happens, then by `happen` */
    void (*release)(void *payload); /* NULL: free() */
};

struct agenda {
    struct event_card *heap;
    size_t count, cap;
    int64_t next_number;
};

void agenda_add(struct agenda *agenda, const struct event_card *card);

/* The next event; count must not be 0. */
struct event_card agenda_take(struct agenda *agenda);

/* Frees the payload of a card that does not happen. */
void card_release(struct event_card *card);

void agenda_release(struct agenda *agenda);

#endif
