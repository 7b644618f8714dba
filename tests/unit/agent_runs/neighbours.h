#ifndef TESTS_UNIT_AGENT_RUNS_NEIGHBOURS_H
#define TESTS_UNIT_AGENT_RUNS_NEIGHBOURS_H

/* The link, sources, workers and databases that agent/runs speaks to, played: each remembers what
 * it was asked and answers when the test says so. */

#include "agent/databases/database.h"
#include "agent/sources/sources.h"
#include "agent/sync/link.h"
#include "agent/workers/workers.h"

struct neighbours {
    size_t fetches, gets, puts, commands, builds, forgets, drops;
    char last_command[200];
    const struct suite *suite; /* what a fetch is answered with */
    char *tree_dir;
    link_work_done *work_done;
    void *work_context;
    sources_done *tree_done;
    void *tree_context;
    command_done *step_done;
    void *step_context;
    databases_done *build_done;
    void *build_context;
};

extern struct neighbours neighbours;

void answer_work(enum status status);
void answer_tree(enum status status);
void answer_step(enum status status, const char *tail);
void answer_build(enum status status);

#endif
