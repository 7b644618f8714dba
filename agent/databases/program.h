#ifndef AGENT_DATABASES_PROGRAM_H
#define AGENT_DATABASES_PROGRAM_H

/* Private to this folder: a program of a database server, under muster-spawn.
 *
 *   program_start -> [STARTING] -- ready_text on its stderr --> [READY] -- gone --> on_gone
 *                        '---------------- gone, or PROGRAM_READY_MS ----------------'
 *
 * on_gone comes once, from the loop, when nothing of its tree is left; the program is freed after
 * it.  Loop's thread only. */

#include <stdbool.h>
#include <stddef.h>

#include "agent/workers/child.h"

struct databases;
struct program;

/* A server that has not answered by then is stopped: MySQL on a slow and busy disk needs some of
 * it. */
#define PROGRAM_READY_MS 60000

/* From the asking to the killing. */
#define PROGRAM_STOP_MS 60000

/* What a program wrote last is told with its failure. */
#define PROGRAM_TAIL_BYTES_MAX 1024

struct program_plan {
    char *const *argv; /* NULL at the end */
    const char *directory;
    /* Its TMPDIR, which no other program has: a MariaDB that starts removes all temporary tables
     * that it finds, and names its own by its pid. */
    const char *tmp_dir;
    const struct child_overlay *overlay; /* NULL: none */
    const char *ready_text;              /* NULL: its end is what is waited for */
};

struct program_events {
    void (*on_ready)(void *context);
    /* `is_clean`: status 0.  `text` says how it ended, with the last lines it wrote. */
    void (*on_gone)(void *context, bool is_clean, const char *text);
};

/* Always gives a program; a failure comes through on_gone. */
struct program *program_start(struct databases *databases, const struct program_plan *plan,
                              const struct program_events *events, void *context);

/* Asks it to end (SIGTERM), and kills it after PROGRAM_STOP_MS; or kills it at once. */
void program_stop(struct program *program, bool hard);

#endif
