#ifndef AGENT_SOURCES_SOURCES_H
#define AGENT_SOURCES_SOURCES_H

/* The trees that this agent's runs use.  Two runs that want the same version share one tree.
 *
 *     sources_get --> [GETTING] --on a thread--> [HELD] --last sources_put--> (gone)
 *                         '--------------------> told to all who wait, and gone
 *
 * Loop's thread only; callbacks come from the loop, never from inside the function that asked. */

#include <uv.h>

#include "agent/sources/source.h"

struct sources;
struct held_tree;

struct sources *sources_new(uv_loop_t *loop, const struct source_settings *settings);

/* Nothing is called back any more; what is under way is waited for. */
void sources_free(struct sources *sources);

/* `tree`: NULL when status is not STATUS_OK; else held until sources_put. */
typedef void sources_done(void *context, enum status status, struct held_tree *tree,
                          const char *text);

/* `suite` is read before this returns. */
void sources_get(struct sources *sources, const struct suite *suite, sources_done *done,
                 void *context);
void sources_put(struct sources *sources, struct held_tree *tree);

/* The suite's directory. */
const char *held_tree_dir(const struct held_tree *tree);

/* A note that the holders share: which prepare steps have run in the tree since it is held (""
 * none). */
const char *held_tree_prepared(const struct held_tree *tree);
void held_tree_set_prepared(struct held_tree *tree, const char *steps);

#endif
