#ifndef AGENT_DATABASES_SERVER_TEMPLATE_H
#define AGENT_DATABASES_SERVER_TEMPLATE_H

/* Private to this folder: the databases of a run that share a server, because their engine,
 * version and options are the same; and the directory that clones of them are made from.
 *
 *   [KNOWN] --open--> base made if it is not there -> copied -> served, databases made --> [OPEN]
 *   [OPEN] --close--> tables counted -> closed down -> tidied -> put in place ----------> [CLOSED]
 *      '--abandon--> server killed, directories gone ------------------------------------> [KNOWN]
 *
 * A base is an initialised directory without a database of the suite; it is kept in the work
 * directory and serves all runs.  Loop's thread only. */

#include "agent/databases/address.h"
#include "agent/databases/server_engine.h"
#include "agent/databases/template.h"

struct program;

enum server_template_state { SERVER_KNOWN, SERVER_OPEN, SERVER_CLOSED };

struct server_template {
    struct run_templates *run;
    const struct server_engine *engine;
    const struct server_install *install; /* NULL until it is opened */
    const char *version;                  /* as the suite says it */
    const struct suite_option *options;
    size_t option_count;
    struct database_template **databases; /* that are on it */
    size_t database_count;
    const char *building_dir; /* data/ in it while it is served */
    const char *dir;          /* data/ in it, read-only, for clones */
    const char *socket_dir;   /* while it is served */
    const char *address_dir;
    struct address *address;
    enum server_template_state state;
    int64_t building_record, record;
    char print[HASH_HEX_SIZE]; /* of the closed directory (tree_print) */
    int64_t allocated_bytes;
    /* What is under way. */
    char *base_dir, *base_building_dir;
    int64_t base_record;
    struct server_plan serving;
    const char *tmp_dir;
    struct server_command *commands;
    size_t command_count, command_at;
    const struct server_step *steps;
    size_t step;
    bool is_base;       /* one has to be made */
    bool is_handed_out; /* its password is the address's */
    bool is_stopping, is_abandoned;
    struct program *program;
    char *died; /* how its server ended unasked; NULL it did not */
    databases_done *done;
    void *context;
};

/* Groups the aliases that are on servers; in the run's arena. */
enum status server_templates_init(struct run_templates *run, struct error *err) MUST_USE;

/* One at a time for each template; `done` comes from the loop. */
void server_template_open(struct server_template *server, databases_done *done, void *context);
void server_template_close(struct server_template *server, databases_done *done, void *context);
void server_template_abandon(struct server_template *server, databases_done *done, void *context);

/* Removes its directories.  No server runs.  Blocks; any thread. */
void server_template_remove(struct server_template *server);

/* What the set-up is told: the address while it is served. */
void server_template_tell(const struct server_template *server, struct worker_database *database);

#endif
