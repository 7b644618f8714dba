#ifndef AGENT_SPAWN_TREE_H
#define AGENT_SPAWN_TREE_H

/* The end of a process tree.  The caller is a child subreaper, so whatever a child leaves
 * behind becomes its own child, also what went into a session of its own. */

/* Kills and reaps all children until there are none. */
void tree_end(void);

#endif
