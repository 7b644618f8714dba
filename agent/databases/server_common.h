#ifndef AGENT_DATABASES_SERVER_COMMON_H
#define AGENT_DATABASES_SERVER_COMMON_H

/* Private to this folder: what the engines of servers share, whatever they speak: commands, tables
 * of refused options, version numbers, a line for people. */

#include <stdbool.h>
#include <stddef.h>

#include "agent/databases/server_engine.h"

/* SERVER_USER's password in a directory at rest (base, template, a clone nobody has yet), for
 * engines that take none without one.  It guards nothing: the socket's directory does. */
#define SERVER_PASSWORD_AT_REST "muster"

#define SERVER_ENGINES 3
extern const struct server_engine *const server_engines[SERVER_ENGINES];

/* ---- commands ------------------------------------------------------------------ */

/* An argument list that grows in an arena; `at` is always closed by NULL. */
struct server_arguments {
    struct arena *arena;
    char **at;
    size_t count, room;
};

void server_arguments_init(struct server_arguments *arguments, struct arena *arena);
void server_arguments_add(struct server_arguments *arguments, const char *text);
void server_arguments_add_all(struct server_arguments *arguments, const char *const *texts);

/* ---- options of the suite ------------------------------------------------------ */

/* Why an option is Muster's own; the rest of the sentence "options.port: ...". */
#define WHY_ADDRESS "Muster chooses where the server listens"
#define WHY_PLACE   "Muster keeps every file of a clone in the clone"
#define WHY_LOG     "Muster reads the server's log to know when it is ready"
#define WHY_START   "Muster chooses how the server is started"
#define WHY_BEYOND  "a clone must not reach what is not its own"

struct server_refused {
    const char *name; /* NULL: the table's end */
    const char *why;
};

/* The entry that `name` would set; case is ignored.  NULL: none. */
const struct server_refused *server_refused_find(const struct server_refused *table,
                                                 const char *name);

/* What is checked of every option, whichever the engine: the name's letters, and that the value is
 * no path out of the clone. */
enum status server_option_check(const struct suite_option *option, struct error *err) MUST_USE;

/* Is the name in the list (NULL at its end)?  Case is ignored. */
bool server_name_listed(const char *const *names, const char *name);

/* ---- words ---------------------------------------------------------------------- */

/* "10.11.14-MariaDB" at its start; parts that are missing are 0. */
bool server_version_scan(const char *text, struct server_version *out_version);

/* A statement on one line, cut at SERVER_DOING_BYTES, with the time it has run; in the arena. */
#define SERVER_DOING_BYTES 120
const char *server_doing_line(struct arena *arena, const char *statement, double seconds);

/* ---- files of a closed directory ----------------------------------------------- */

/* STATUS_CONFLICT when `pid_file` is in the directory: the server was killed, or still runs. */
enum status server_closed_check(const char *data_dir, const char *pid_file,
                                struct error *err) MUST_USE;

/* Removes the files of `dir`/`under` whose names match the shell pattern, but for the one named
 * `keep` (NULL: none).  No match, or no such directory, is a success. */
enum status server_files_remove(const char *dir, const char *under, const char *pattern,
                                const char *keep, struct error *err) MUST_USE;

#endif
