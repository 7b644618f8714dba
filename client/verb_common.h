#ifndef CLIENT_VERB_COMMON_H
#define CLIENT_VERB_COMMON_H

/* What several verbs share: how to reach the coordinator, and how to end with an error. */

#include <stdbool.h>

#include "client/api.h"
#include "client/local.h"
#include "client/verbs.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/base/text.h"

struct connection_options {
    const char *coordinator;
    const char *token_file;
    bool insecure;
};

/* The rows of struct connection_options inside struct `type` as member `connection`. */
#define CONNECTION_ROWS(type)                                                                      \
    {.name = "coordinator",                                                                        \
     .kind = OPTION_TEXT,                                                                          \
     .offset = offsetof(type, connection.coordinator),                                             \
     .env = "MUSTER_COORDINATOR",                                                                  \
     .value = "URL",                                                                               \
     .help = "the coordinator to talk to"},                                                        \
        {.name = "token-file",                                                                     \
         .kind = OPTION_TEXT,                                                                      \
         .offset = offsetof(type, connection.token_file),                                          \
         .env = "MUSTER_TOKEN_FILE",                                                               \
         .value = "FILE",                                                                          \
         .help = "file that holds the token"},                                                     \
    {                                                                                              \
        .name = "insecure", .kind = OPTION_FLAG, .offset = offsetof(type, connection.insecure),    \
        .help = "send the token over plain http to another machine"                                \
    }

/* What the user said of the coordinator, as text to put behind a verb: "" or " --coordinator ...".
 */
const char *verb_connection_text(const struct connection_options *options, struct arena *arena);

/* Reads the verb's command line.  Answers true when the verb should go on; else *out_exit is the
 * status to end with (help was printed, or an error). */
bool verb_parse(const struct verb *verb, int argc, char *const *argv, struct arena *arena,
                void *target, struct option_list *out_operands, int *out_exit);

/* Prints "muster: TEXT" and answers `exit`. */
int verb_fail(int exit, const struct error *err);

/* The exit status for a failed call to the coordinator: 2 for what the user said wrongly, 3 else.
 */
int verb_exit_of(enum status status);

/* Opens the connection; prints what is wrong.  NULL: *out_exit is the status to end with. */
struct api *verb_connect(const struct connection_options *options, int *out_exit);

/* Said in the help of each verb that reads. */
#define VERB_READS_HERE                                                                            \
    "Without a coordinator it reads what `muster run` left on this machine of the suite in the "   \
    "current directory."

/* Where a verb reads: a coordinator that was named, or what the runs of this directory left. */
struct reading {
    struct local *local; /* NULL: a coordinator was named */
    struct api *api;
};

/* Opens it; prints what is wrong.  false: *out_exit is the status to end with. */
bool verb_reading_open(const struct connection_options *options, struct reading *out_reading,
                       int *out_exit);
void verb_reading_release(struct reading *reading);

/* A run's number as an operand; false after printing what is wrong. */
bool verb_run_number(const struct verb *verb, const struct option_list *operands, int64_t *out_run,
                     int *out_exit);

#endif
