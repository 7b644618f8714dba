#ifndef AGENT_WORKERS_WORKERS_H
#define AGENT_WORKERS_WORKERS_H

/* Worker processes: one per slot, and the commands that a suite needs run to their end.
 *
 *   workers_start -> muster-spawn -> driver        lines on fd 3,4   -> INPUT_WORKER_SAID
 *                                     '- tests     stdout, stderr    -> output of each test
 *                                                  whole tree reaped -> INPUT_WORKER_GONE
 *
 * Everything here runs on the loop's thread, and so do the callbacks; what is slow goes through
 * uv_queue_work. Reports come from the loop, never from inside the function that asked (except
 * where a comment says so), so a foreman may be called from them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "agent/core/foreman.h"
#include "agent/host/leases.h"
#include "shared/base/memory.h"
#include "shared/base/status.h"
#include "shared/protocol/messages.h"
#include "shared/protocol/suite.h"

struct workers;

struct workers_settings {
    uv_loop_t *loop;
    struct lease_book *book;
    const char *work_dir;    /* absolute; tmp/ below it is ours                          */
    const char *helper_path; /* muster-spawn                                             */
    const char *drivers_dir; /* holds muster_django.py, muster_unittest.py               */
    const char
        *templates_dir; /* hidden from workers where the machine can; NULL: work_dir/templates */
    /* INPUT_WORKER_SAID, INPUT_WORKER_GONE, INPUT_START_FAILED, INPUT_DROPPED.  What the
     * input points to is gone when it returns. */
    void (*on_input)(void *context, const struct input *input);
    void *context;
};

/* A database as a worker sees it (MUSTER_DATABASES in docs/worker-protocol.md). */
struct worker_database {
    const char *alias;
    const char *engine;
    const char *name;
    const char *path;
    bool memory;
    const char *image;  /* the template, only where memory; else "" */
    const char *facts;  /* "" none */
    const char *mirror; /* the alias whose database this is too; "" none */
    /* Of a server; "" and 0 where the engine has none.  The slot's clones change behind them. */
    const char *host; /* "127.0.0.1" */
    int64_t port;
    const char *socket; /* the socket's file; its directory for PostgreSQL */
    const char *user;
    const char *password;
};

/* ---- environments ------------------------------------------------------------ */

enum environment_mode {
    ENVIRONMENT_COLLECT, /* slot's databases, MUSTER_CONTROL                            */
    ENVIRONMENT_RUN,     /* "                                                           */
    ENVIRONMENT_SETUP,   /* private databases, no MUSTER_CONTROL                        */
    ENVIRONMENT_PREPARE  /* no databases: suite variables that name one are left out    */
};

struct worker_plan {
    int64_t slot; /* from 1; 0 for commands that belong to no slot */
    int64_t run;
    const char *worker; /* unique in the run; "" for commands */
    enum worker_mode mode;
    const char *tree_dir; /* absolute; the working directory */
    const struct suite *suite;
    const struct run_options *options; /* may be NULL */
    const struct worker_database *databases;
    size_t database_count;
};

/* A whole environment, "NAME=VALUE" each, NULL at the end; in the arena.  `tmp_dir` becomes TMPDIR.
 * STATUS_INVALID: a template names what does not exist ("env.X: no database 'b'").  Any thread. */
enum status worker_environment_build(const struct worker_plan *plan, enum environment_mode mode,
                                     const char *tmp_dir, struct arena *arena,
                                     char ***out_environment, struct error *err) MUST_USE;

/* Expands the templates of a command's arguments as those of the environment; NULL at the end; in
 * the arena. */
enum status worker_arguments_expand(const struct worker_plan *plan, enum environment_mode mode,
                                    const char *tmp_dir, const char *const *arguments, size_t count,
                                    struct arena *arena, char ***out_arguments,
                                    struct error *err) MUST_USE;

/* The argv that starts the suite's driver, its templates not expanded yet; in the arena. */
enum status worker_driver_argv(const struct suite *suite, const char *drivers_dir,
                               struct arena *arena, char ***out_argv, size_t *out_count,
                               struct error *err) MUST_USE;

/* ---- workers ------------------------------------------------------------------ */

/* Probes what isolation the machine gives (runs the helper once; a few ms). */
enum status workers_new(const struct workers_settings *settings, struct workers **out_workers,
                        struct error *err) MUST_USE;

/* Kills what still runs, closes all handles and turns the loop until they are closed; nothing is
 * reported any more. */
void workers_free(struct workers *workers);

/* One sentence for the log: "pid namespace, template hidden by a mount namespace". */
const char *workers_isolation(const struct workers *workers);

/* Can workers not reach the template?  Else its hash is checked before each clone. */
bool workers_hide_templates(const struct workers *workers);

/* Starts a worker in an empty slot.  Everything that goes wrong comes as INPUT_START_FAILED. */
void workers_start(struct workers *workers, const struct worker_plan *plan);

/* A slot without a worker ignores both. */
void workers_tell(struct workers *workers, int64_t slot, const struct worker_order *order);
void workers_kill(struct workers *workers, int64_t slot, bool hard);

/* Removes the slot's private directories; answered by INPUT_DROPPED.  The slot's clones are
 * databases_drop_slot's, to be called first.  The slot has no worker then. */
void workers_drop(struct workers *workers, int64_t slot);

/* What all processes of this agent are started by, for those who start some beside workers and
 * commands (agent/databases: servers). */
struct child_group;
struct child_group *workers_children(struct workers *workers);

/* How many workers and commands have processes. */
size_t workers_alive(const struct workers *workers);

/* ---- commands ------------------------------------------------------------------ */

/* What a command printed last is told with its failure. */
#define COMMAND_TAIL_BYTES_MAX 8192

struct command_plan {
    const char *const *argv; /* NULL at the end; argv[0] with a slash is relative to cwd */
    const char *cwd;
    /* The whole environment; NULL: PATH, HOME, USER, LANG, LC_*, TZ of the agent and TMPDIR. */
    const char *const *environment;
    int64_t time_ms;                   /* 0: no limit */
    int64_t grace_ms;                  /* from SIGTERM to SIGKILL */
    const struct suite_limits *limits; /* NULL: none */
};

/* STATUS_OK: exit status 0.  STATUS_IO: another status or a signal.  STATUS_TIMEOUT: killed past
 * time_ms.  STATUS_UNAVAILABLE: could not be started.  `text` says it ("exit status 2",
 * "signal 9 (SIGKILL)", "killed after 20000 ms", "cannot start 'x': No such file or directory");
 * `tail` is the end of stdout and stderr as valid UTF-8. */
typedef void command_done(void *context, enum status status, const char *text, const char *tail);

/* Runs a command to its end; the callback comes once, from the loop, when its whole tree is
 * gone.  Not called when workers_free comes first. */
void workers_run_command(struct workers *workers, const struct command_plan *plan,
                         command_done *done, void *context);

#endif
