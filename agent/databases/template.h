#ifndef AGENT_DATABASES_TEMPLATE_H
#define AGENT_DATABASES_TEMPLATE_H

/* Private to this folder: the templates of a run, and the place where clones are put. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "agent/databases/database.h"
#include "agent/databases/engine.h"
#include "agent/databases/server_engine.h"
#include "agent/host/copy.h"
#include "shared/base/hash.h"
#include "shared/base/limits.h"
#include "shared/base/memory.h"

struct server_template;
struct server_clone;

/* One alias of a run: a file of its own, or a database on a server, or a mirror of another. */
struct database_template {
    const struct suite_database *said; /* by the suite */
    bool is_mirror;
    const char *name;               /* of the database */
    const struct database_ops *ops; /* file; NULL: on a server */
    struct server_template *server; /* NULL: a file */
    const char *building;           /* the file while the set-up runs */
    const char *building_facts;
    const char *path; /* the finished template */
    const char *facts;
    bool has_facts;
    struct database_seal seal;
    struct file_print print;
    char hash[HASH_HEX_SIZE];
};

struct waiter {
    databases_done *done;
    void *context;
};

enum run_templates_state { TEMPLATES_KNOWN, TEMPLATES_BUILDING, TEMPLATES_BUILT };

struct run_templates {
    struct databases *databases;
    struct run_templates *next;
    int64_t run;
    enum run_templates_state state;
    const struct suite *suite;
    const struct run_options *options;
    const char *tree_dir;
    struct arena arena;
    struct database_template *templates;
    size_t template_count;
    struct server_template *servers;
    size_t server_count, server_at; /* the one that is opened or closed */
    const char *building_dir;
    const char *dir;
    int64_t building_record, record;
    size_t step; /* of the build's commands */
    struct waiter *waiters;
    size_t waiter_count, waiter_cap;
    size_t users; /* clones and the build under way */
    bool is_forgotten;
    enum status status; /* of the work under way */
    struct error err;
    const char *fail_text;
    uv_work_t work;
};

struct slot_clones;

/* Whom servers run as: themselves when the agent is root, who they refuse to be. */
struct server_identity {
    bool drop;
    uid_t uid;
    gid_t gid;
};

struct databases {
    uv_loop_t *loop;
    struct workers *workers;
    struct lease_book *book;
    char *work_dir;
    char *drivers_dir;
    char *clones_dir;
    char *memory_dir; /* NULL: clones stay on disk */
    int64_t clones_record, memory_record;
    int64_t memory_bytes_max, memory_bytes_used;
    enum copy_means disk_means, memory_means;
    bool must_hash; /* workers can reach the templates */
    struct server_identity identity;
    struct server_list servers; /* that are installed */
    char *server_dir; /* bases, templates and clones of servers: where their user gets to */
    char *run_dir;    /* sockets: a short path */
    int64_t run_record, server_record;
    enum copy_means server_means; /* inside server_dir */
    bool can_overlay;
    int64_t clone_next;
    struct server_clone *clones;
    size_t program_count; /* that are not gone yet */
    char means_text[256];
    char *servers_text;
    struct run_templates *runs;
    struct slot_clones *slots[SLOTS_PER_AGENT_MAX + 1];
    size_t work_count;
    bool is_closing;
};

struct run_templates *templates_find(const struct databases *databases, int64_t run);

/* Found or made; build.c. */
struct run_templates *templates_of(struct databases *databases, const struct template_plan *plan);

/* One user less: a forgotten run goes with its last; build.c. */
void templates_leave(struct run_templates *run);

/* The template that the alias stands for: its own or that of the alias it mirrors. */
const struct database_template *template_of(const struct run_templates *run, const char *alias);

/* What a database is told that is a file; build.c. */
void database_on_no_server(struct worker_database *database);

/* clone.c */
void slots_release(struct databases *databases);

#endif
