#ifndef SHARED_PROTOCOL_SUITE_H
#define SHARED_PROTOCOL_SUITE_H

/* A suite: what to test, as the suite file `muster.yml` says it (docs/suite-file.md).
 * The struct is the normal form: the sugar of the file (`setup: auto`, `retries: 2`, `env: {A: x}`,
 * `prepare: ["cmd"]`, durations such as "10m") is undone by the reader, so client, coordinator and
 * agent see one shape.  Plain values; the arena of the one who decoded owns everything. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum suite_driver { SUITE_DRIVER_DJANGO, SUITE_DRIVER_UNITTEST, SUITE_DRIVER_COMMAND };

enum suite_source_kind {
    SUITE_SOURCE_DIR, /* a directory on the agent, under its --source-root */
    SUITE_SOURCE_GIT, /* a repository and a revision                        */
};

struct suite_source {
    enum suite_source_kind kind;
    const char *dir; /* DIR: as written in the file, or absolute where the client resolved it */
    const char *repository; /* GIT: URL or path that the agent can clone */
    const char *revision;  /* the client's HEAD (full hash); "" where the tree is no repository   */
    const char *tree_hash; /* DIR: the client's hash of the tree's dirty state; "" not checked  */
    const char *subdir;    /* the suite's directory inside the tree; "" the top     */
};

/* env.NAME: a template, or a value taken on the client or on the agent. */
enum suite_env_from { SUITE_ENV_TEMPLATE, SUITE_ENV_CLIENT, SUITE_ENV_AGENT };

struct suite_env {
    const char *name;
    enum suite_env_from from;
    const char *value; /* TEMPLATE: the text; CLIENT: filled in by the client; AGENT: unused */
    const char
        *fallback; /* CLIENT, AGENT: when the variable is not set there; NULL: it must be set */
    bool secret;   /* never shown in views, logs or reports                                   */
};

struct suite_command {
    const char **argv;
    size_t argv_count;
};

struct suite_prepare {
    const char **run;
    size_t run_count;
    const char **inputs;
    size_t inputs_count;
    const char **outputs;
    size_t outputs_count;
};

enum suite_setup { SUITE_SETUP_AUTO, SUITE_SETUP_NONE, SUITE_SETUP_COMMAND };
enum suite_fresh {
    SUITE_FRESH_AUTO,
    SUITE_FRESH_SLOT,
    SUITE_FRESH_BATCH,
    SUITE_FRESH_GROUP,
    SUITE_FRESH_TEST
};

/* What becomes of a clone in which a test failed. */
enum suite_keep { SUITE_KEEP_NEVER, SUITE_KEEP_FAILED };

/* A variable of a database server: "sql_mode", "TRADITIONAL". */
struct suite_option {
    const char *name;
    const char *value;
};

struct suite_database {
    const char *alias;
    const char *engine;  /* "sqlite", "postgresql", "mysql", "mariadb" */
    const char *version; /* "15", "8.0", ">=8"; "" the newest that is installed */
    const char *name;    /* database's name in the clone; default: the suite's name */
    enum suite_setup setup;
    const char **setup_command;
    size_t setup_command_count;
    bool memory;
    const char *mirror; /* another alias: the same database; "" none */
    enum suite_fresh fresh;
    struct suite_option *options; /* of the server, also when it is initialised */
    size_t options_count;
    const char *attach; /* DSN of a given server; "" Muster runs one itself */
    enum suite_keep keep;
    const char **fingerprint; /* globs of what the set-up reads; none: auto */
    size_t fingerprint_count;
    bool incremental;   /* the set-up may start from a nearer image */
    const char **check; /* a command that refuses a stale image; none: no check */
    size_t check_count;
};

struct suite_timeouts {
    int64_t test_ms, ready_ms, prepare_ms, setup_ms, grace_ms;
    int64_t run_ms; /* 0: none */
};

struct suite_retries {
    int64_t test;        /* per test, default 0                                        */
    int64_t run_percent; /* retries of all tests together, per cent of the tests: 5    */
    int64_t crash;       /* kills until a test is charged for good: 2                  */
    bool flaky_fails;    /* a flaky test makes the run red                             */
};

enum suite_group { SUITE_GROUP_AUTO, SUITE_GROUP_FILE, SUITE_GROUP_CLASS, SUITE_GROUP_NONE };

struct suite_limits {
    int64_t memory_bytes; /* 0: none */
    int64_t processes;    /* 4096    */
    int64_t output_bytes; /* 1 MiB per test */
};

struct suite {
    int64_t muster; /* format version, 1 */
    const char *name;
    struct suite_source *source;
    enum suite_driver driver;
    const char **driver_command; /* COMMAND only */
    size_t driver_command_count;
    const char **command;
    size_t command_count;
    const char **args;
    size_t args_count;
    struct suite_env *env;
    size_t env_count;
    struct suite_prepare *prepare;
    size_t prepare_count;
    struct suite_database *databases;
    size_t databases_count;
    struct suite_timeouts *timeouts; /* never NULL after the reader */
    struct suite_retries *retries;   /* never NULL after the reader */
    enum suite_group group;
    struct suite_limits *limits; /* never NULL after the reader */
};

#endif
