#ifndef AGENT_DATABASES_SERVER_ENGINE_H
#define AGENT_DATABASES_SERVER_ENGINE_H

/* What a database server of one kind is like, for servers that the agent runs itself.
 *
 *   servers_find      which are installed: program, version
 *   initialise        commands that make an empty data directory      (once per base)
 *   argv              the command that serves a data directory
 *   ready_text        on its stderr once it answers
 *   prepare           the first connection: administrator, time zones (once per base)
 *   create_database   for each alias                                  (once per template)
 *   close_down        asks it to end so that the directory needs no recovery; then stop_signal
 *   tidy              removes from the closed directory what only costs room
 *   hand_out          a fresh clone gets the slot's password and is checked
 *
 * One file an engine: server_postgresql.c, server_mysql.c, server_mariadb.c.  Nothing here starts
 * a process or knows of clones.  Functions with an address connect through the socket, block, and
 * run in threads of uv_queue_work; the others are pure.  Server settings and their sources:
 * docs/databases.md. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/memory.h"
#include "shared/base/status.h"
#include "shared/protocol/suite.h"

/* The user that workers and set-up commands connect as, and Muster too: superuser of their own
 * server, with the password that hand_out gave it.
 *
 * A directory at rest (base, template, a clone nobody has yet) has a password that everybody knows;
 * prepare and close_down see to it.  So socket_dir is the agent's and the server's alone (0700)
 * until hand_out has succeeded, and the port is not forwarded before.  What comes by the port is
 * forwarded to the socket, so a server can tell nobody by where they come from. */
#define SERVER_USER "muster"

/* Longest time that one connection attempt or question of ours may take. */
#define SERVER_ANSWER_MS 10000

struct server_version {
    int major, minor, patch;
};

struct server_engine;

/* A server that is installed here. */
struct server_install {
    const struct server_engine *engine;
    const char *program; /* absolute: "/usr/lib/postgresql/15/bin/postgres" */
    const char *bin_dir; /* where its other programs are */
    struct server_version version;
    const char *version_text; /* what the program printed; names the build */
};

/* A data directory, and where its server listens.  Sockets lie in a directory of their own with a
 * short name: a socket's path has 107 bytes at most. */
struct server_plan {
    const struct server_install *install;
    const char *data_dir;
    const char *socket_dir;
    const struct suite_option *options; /* of the suite; checked by options_check */
    size_t option_count;
};

/* A command with its arguments; NULL at the end; in the arena it was made in. */
struct server_command {
    char **argv;
};

/* Where a running server is asked. */
struct server_address {
    const char *socket_dir;
    const char *password; /* that hand_out gave SERVER_USER; "" the one at rest */
};

struct server_facts {
    int64_t tables; /* of this database, views not counted */
};

struct server_engine {
    const char *name;                 /* "postgresql" */
    const char *const *program_names; /* "postgres"; NULL at the end */
    const char *const *program_globs; /* usual places: "/usr/lib/postgresql/N/bin/postgres" */
    const char *ready_text;
    const char *socket_name; /* the file in socket_dir */
    int stop_signal;         /* ends it cleanly, whoever is connected */
    int port;                /* the usual one: Muster's own ports are others */

    /* Of what `PROGRAM --version` prints.  STATUS_NOT_FOUND: it is another engine's. */
    enum status (*version_read)(const char *printed, struct server_version *out_version,
                                struct error *err) MUST_USE;

    /* STATUS_INVALID: an option that Muster sets itself ("options.port: Muster chooses the port"),
     * or that would let a clone reach what is not its own. */
    enum status (*options_check)(const struct suite_option *options, size_t count,
                                 struct error *err) MUST_USE;

    /* Must the options be known when the directory is initialised?  (lower_case_table_names) */
    bool (*is_baked)(const char *option);

    /* Commands to run one after the other; data_dir is there and empty. */
    void (*initialise)(const struct server_plan *plan, struct arena *arena,
                       struct server_command **out_commands, size_t *out_count);

    /* Files that initialising or serving needs: pg_hba.conf, an init file.  After initialise,
     * before the first start; also makes the data directory small. */
    enum status (*configure)(const struct server_plan *plan, struct error *err) MUST_USE;

    /* Throw-away settings: no fsync, small buffers, one socket, no TCP (the agent forwards). */
    void (*argv)(const struct server_plan *plan, struct arena *arena,
                 struct server_command *out_command);

    /* After the first start on a new directory: SERVER_USER, time zones. */
    enum status (*prepare)(const struct server_address *address, struct error *err) MUST_USE;

    enum status (*create_database)(const struct server_address *address, const char *name,
                                   struct error *err) MUST_USE;

    enum status (*look)(const struct server_address *address, const char *name,
                        struct server_facts *out_facts, struct error *err) MUST_USE;

    /* Makes the end a clean one (no recovery at the next start) and the password the one at rest;
     * stop_signal follows. */
    enum status (*close_down)(const struct server_address *address, struct error *err) MUST_USE;

    /* Of the closed directory.  STATUS_CONFLICT: it was not closed cleanly. */
    enum status (*tidy)(const struct server_plan *plan, struct error *err) MUST_USE;

    /* A clone, or a template that is to be set up, that has just started: answers, every name is
     * there, gets `password`, which address->password is from then on. */
    enum status (*hand_out)(const struct server_address *address, const char *const *names,
                            size_t count, const char *password, struct error *err) MUST_USE;

    /* What it is doing now, in one line for people ("CREATE TABLE ... 3.1 s"); "" nothing. */
    enum status (*doing)(const struct server_address *address, struct arena *arena,
                         const char **out_text, struct error *err) MUST_USE;

    /* Clients make the socket's name from a port (".s.PGSQL.5432"): its text before the number;
     * NULL: they are told the socket's file. */
    const char *socket_prefix;

    /* Ends it at once, for a directory that is thrown away.  SIGKILL, but for PostgreSQL: a killed
     * one leaves a segment of System V memory to the machine, of which there are 4096. */
    int drop_signal;
};

/* NULL: no server of that name (sqlite has none). */
const struct server_engine *server_engine_find(const char *name);

extern const struct server_engine server_postgresql;
extern const struct server_engine server_mariadb;
extern const struct server_engine server_mysql;

/* ---- what is installed ----------------------------------------------------------- */

struct server_list {
    struct arena arena;
    struct server_install *at; /* newest first within an engine */
    size_t count;
};

/* Looks into `directories` (their bin/, sbin/ and themselves), the engines' usual places, and PATH;
 * runs `PROGRAM --version` of each candidate (blocks, some ms each).  A directory of `directories`
 * that holds no server is an error that names it; a program that does not answer is left out. */
enum status servers_find(const char *const *directories, size_t directory_count,
                         struct server_list *out_list, struct error *err) MUST_USE;
void server_list_release(struct server_list *list);

/* The newest that fits `version`: "" any, "15", "8.0", ">=8", "10.11.4".  STATUS_NOT_FOUND: says
 * what is installed ("needs mysql >=8; installed here: mariadb 10.11.14, postgresql 15.18"). */
enum status servers_choose(const struct server_list *list, const char *engine, const char *version,
                           const struct server_install **out_install, struct error *err) MUST_USE;

/* Is `version` well formed?  For the suite file's reader there is a twin in shared/json. */
bool server_version_fits(const struct server_version *version, const char *range);

#endif
