#ifndef AGENT_DATABASES_MYSQL_FAMILY_H
#define AGENT_DATABASES_MYSQL_FAMILY_H

/* Private to this folder: what MariaDB and MySQL share.  They are asked through MariaDB
 * Connector/C; options of the suite are those of the server's command line.
 *
 * One user, SERVER_USER@localhost, with every right, no password at rest.  What comes to the
 * agent's port arrives here by the socket, so it is at localhost too. */

#include "agent/databases/server_common.h"

#define MYSQL_PORT        3306
#define MYSQL_SOCKET_NAME "mysql.sock"
#define MYSQL_PID_FILE    "muster.pid"
#define MYSQL_READY_TEXT  "ready for connections"

enum status mysql_options_check(const struct suite_option *options, size_t count,
                                struct error *err) MUST_USE;
bool mysql_is_baked(const char *option);

/* ---- commands: a caller adds its own between begin and options ------------------- */

/* The program and where its files are. */
void mysql_arguments_begin(struct server_arguments *arguments, struct arena *arena,
                           const char *program, const char *data_dir);

/* The socket and nothing else. */
void mysql_arguments_listen(struct server_arguments *arguments, const struct server_plan *plan);

/* What the suite says, the last word; `baked_only` for making the directory. */
void mysql_arguments_options(struct server_arguments *arguments, const struct server_plan *plan,
                             bool baked_only);

/* A command whose input is what `words` prints about this machine's time zones, where that program
 * is there; the server has then only the zones that are numbers. */
char **mysql_zones_pipe(struct arena *arena, const char *words,
                        const struct server_arguments *server);

/* ---- questions ------------------------------------------------------------------- */

enum status mysql_prepare(const struct server_address *address, struct error *err) MUST_USE;
enum status mysql_create_database(const struct server_address *address, const char *name,
                                  struct error *err) MUST_USE;
enum status mysql_look(const struct server_address *address, const char *name,
                       struct server_facts *out_facts, struct error *err) MUST_USE;
enum status mysql_close_down(const struct server_address *address, struct error *err) MUST_USE;
enum status mysql_doing(const struct server_address *address, struct arena *arena,
                        const char **out_text, struct error *err) MUST_USE;
enum status mysql_hand_out(const struct server_address *address, const char *const *names,
                           size_t count, const char *password, struct error *err) MUST_USE;

/* One connection with the password, by the socket. */
enum status mysql_greet(const struct server_address *address, const char *password,
                        struct error *err) MUST_USE;

/* ---- files ------------------------------------------------------------------------ */

/* What a closed directory holds that only costs room. */
struct mysql_litter {
    const char *under, *pattern; /* NULL: the table's end */
};

enum status mysql_tidy(const struct server_plan *plan, const struct mysql_litter *litter,
                       struct error *err) MUST_USE;

#endif
