#ifndef AGENT_DATABASES_DATABASE_H
#define AGENT_DATABASES_DATABASE_H

/* The databases of this agent's slots: template -> clone -> (replaced by a new clone) -> gone.
 *
 *   databases_build   [BUILDING] -- set-up ran, closed, checked, hashed --> [BUILT]  renamed when
 * whole
 *                         '-------- anything else ------------------------> [FAILED] told to all
 * who wait databases_clone   template checked -> copied beside -> checked -> renamed over the
 * slot's address
 *
 * A slot's address (path) stays the same while its clones change.  An empty or partial database is
 * never handed out.  What an engine does stands behind `struct database_ops` (engine.h), one file
 * an engine.
 *
 * Loop's thread only, callbacks too; slow work is done by uv_queue_work. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "agent/host/leases.h"
#include "agent/workers/workers.h"
#include "shared/base/status.h"

struct databases;

struct databases_settings {
    uv_loop_t *loop;
    struct workers *workers;
    struct lease_book *book;
    const char *work_dir; /* absolute */
    const char *drivers_dir;
    const char *const *server_dirs; /* where servers are installed beside the usual places */
    size_t server_dir_count;
};

/* Tries out how this machine copies best, and which database servers it has (some ms for each). */
enum status databases_new(const struct databases_settings *settings,
                          struct databases **out_databases, struct error *err) MUST_USE;

/* Before workers_free, which kills the servers: nothing is begun any more. */
void databases_stop(struct databases *databases);

/* After workers_free.  Nothing is called back any more; work that is under way is waited for;
 * clones and templates go. */
void databases_free(struct databases *databases);

/* One sentence for the log: "clones on disk by reflink", "clones in /dev/shm/muster-5a1f..., 512
 * MiB at most; ...". */
const char *databases_means(const struct databases *databases);

/* "postgresql 15.18, mariadb 10.11.14", or "none". */
const char *databases_servers(const struct databases *databases);

/* Why clones of servers are copied, and what would mend it; NULL: they are overlays. */
const char *databases_why_copied(const struct databases *databases);

struct template_plan {
    int64_t run;
    const char *tree_dir;              /* absolute; ready to run */
    const struct suite *suite;         /* lives until databases_forget_run */
    const struct run_options *options; /* may be NULL */
};

/* `text` explains a failure; "" otherwise. */
typedef void databases_done(void *context, enum status status, const char *text);

/* Builds the templates of all databases of the run's suite, once on this agent: a run that has them
 * calls back at once (from the loop), callers beside a build wait for its end.  A failed build may
 * be asked for again. */
void databases_build(struct databases *databases, const struct template_plan *plan,
                     databases_done *done, void *context);

/* Makes the run's aliases known without building anything: a slot that only collects needs their
 * names.  A run that is known already stays as it is. */
void databases_know(struct databases *databases, const struct template_plan *plan);

/* Gives the slot new clones of all databases of the run in place of its old ones (also of another
 * run).  The slot's worker has closed its connections, or there is none. */
void databases_clone(struct databases *databases, int64_t run, int64_t slot, databases_done *done,
                     void *context);

/* What a worker in the slot is told; valid until the slot's next clone or drop.  Before the first
 * clone (collecting): paths that do not exist; a run that was never made known has no databases.
 * `mirror` aliases have the path of the other. */
void databases_of_slot(struct databases *databases, int64_t run, int64_t slot,
                       const struct worker_database **out_array, size_t *out_count);

/* The slot's clones go (done in the background; a clone asked for later waits for it). */
void databases_drop_slot(struct databases *databases, int64_t slot);

/* The run has ended: its templates go. */
void databases_forget_run(struct databases *databases, int64_t run);

/* SHA-256 of the alias's template; NULL before it is built. */
const char *databases_hash(const struct databases *databases, int64_t run, const char *alias);

#endif
