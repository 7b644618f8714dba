#ifndef SHARED_JSON_SUITE_JSON_H
#define SHARED_JSON_SUITE_JSON_H

/* A suite in its two forms: on the wire (struct suite as it is, every default written out)
 * and in the file `muster.yml`, with its sugar.
 *
 *     muster.yml --YAML reader--> tree of texts --suite_from_file_json--> struct suite
 *                                                     struct suite <--suite_shape--> wire
 *
 * Both end in the same checks, so that what a coordinator takes is what a file may say. */

#include "shared/base/memory.h"
#include "shared/base/status.h"
#include "shared/json/codec.h"
#include "shared/protocol/suite.h"

extern const struct shape suite_shape;
extern const struct shape suite_source_shape;
extern const struct shape suite_env_shape;
extern const struct shape suite_prepare_shape;
extern const struct shape suite_option_shape;
extern const struct shape suite_database_shape;
extern const struct shape suite_timeouts_shape;
extern const struct shape suite_retries_shape;
extern const struct shape suite_limits_shape;

extern const struct enum_names suite_driver_names;
extern const struct enum_names suite_setup_names;
extern const struct enum_names suite_fresh_names;
extern const struct enum_names suite_keep_names;
extern const struct enum_names suite_group_names;

/* Reads a suite file that is given as a json_t in which every scalar may be a string, and
 * fills in the defaults; `name` stays "" where the file has none, and so does the `name` of a
 * database (the caller knows the directory).
 *
 * STATUS_INVALID or STATUS_TOO_BIG with the key's path at the start of the text; `err_path`
 * (may be NULL) receives it alone ("databases.default.engine", "prepare[0].run[1]"). */
enum status suite_from_file_json(const void *json, struct arena *arena, struct suite *out_suite,
                                 const char **err_path, struct error *err) MUST_USE;

/* A month: whatever takes longer is a mistake in the file. */
#define SUITE_TIMEOUT_MS_MAX ((int64_t)30 * 24 * 3600 * 1000)

/* More than this are no retries but a loop. */
#define SUITE_RETRIES_MAX 100

/* Words of one command, variables, databases, steps: a shell refuses longer command lines. */
#define SUITE_WORDS_MAX      4096
#define SUITE_ENV_MAX        1024
#define SUITE_DATABASES_MAX  64
#define SUITE_PREPARE_MAX    64
#define SUITE_TEXT_BYTES_MAX 32768

/* Variables of a database server that a suite sets: its other thousand have good defaults.  Each is
 * a word on the server's command line, or a line in its file, of which MySQL reads 4096 bytes. */
#define SUITE_OPTIONS_MAX      64
#define SUITE_OPTION_BYTES_MAX 2048

/* The address of a given server: user, hosts, and the paths of certificates. */
#define SUITE_ATTACH_BYTES_MAX 4096

/* Output of one test that an agent may be asked to keep. */
#define SUITE_OUTPUT_BYTES_MAX ((int64_t)1 << 30)

/* Linux' pid_max. */
#define SUITE_PROCESSES_MAX 4194304

#endif
