#ifndef TESTS_SIMULATION_LETTER_H
#define TESTS_SIMULATION_LETTER_H

/* What travels through the toy network: a request or its answer, copied, since the sender
 * may be gone when it arrives.  And the network itself: it loses, doubles, delays and breaks. */

#include "coordinator/core/command.h"
#include "shared/base/memory.h"
#include "shared/base/status.h"
#include "tests/simulation/world.h"

enum letter_kind { LETTER_SUBMIT, LETTER_SYNC, LETTER_WAIT, LETTER_ATTEND, LETTER_CANCEL };

struct letter {
    enum letter_kind kind;
    bool is_answer;
    int agent;          /* SYNC, WAIT        */
    int client;         /* SUBMIT, ATTEND, CANCEL */
    int64_t life;       /* of the agent      */
    int64_t connection; /* an answer finds its question by it */
    struct arena arena;

    struct sync_request request; /* SYNC, WAIT (agent, incarnation) */
    struct event **blocks;       /* what request.events point into  */
    size_t block_count;
    int64_t run; /* ATTEND */

    enum status status; /* of an answer */
    struct sync_response response;
    struct run_created created;
    enum run_state state;
};

struct letter *letter_new(enum letter_kind kind);
void letter_free(void *pointer); /* a struct letter */
struct letter *letter_copy(const struct letter *letter);

/* Deep copies into the letter. */
void letter_take_request(struct letter *letter, const struct sync_request *request);
void letter_take_response(struct letter *letter, const struct sync_response *response);

/* An answer to the question, empty, with the status. */
struct letter *letter_answer(const struct letter *question, enum status status);

/* Gives the letter to the network.  Questions arrive at the coordinator, answers at whoever asked.
 */
void network_send(struct world *world, struct letter *letter);

#endif
