#include "coordinator/settings.h"

#include <string.h>

#include "shared/base/text.h"

/* A century: whoever wants more means "all". */
#define KEEP_DAYS_MAX 36500

#define DAY_MS ((int64_t)24 * 3600 * 1000)

#define ROW(name_, kind_, member_, env_, value_, otherwise_, help_)                                \
    {                                                                                              \
        .name = (name_), .kind = (kind_),                                                          \
        .offset = offsetof(struct coordinator_settings, member_), .env = (env_),                   \
        .value = (value_), .otherwise = (otherwise_), .help = (help_)                              \
    }

/* clang-format off */
#define DATA_ROW ROW("data", OPTION_TEXT, data, "MUSTER_DATA", "DIR", NULL, "where the store is")
#define POOL_ROW ROW("pool", OPTION_TEXT, pool, "MUSTER_POOL", "NAME", "default", "the pool that the store holds")

static const struct option_row serve_rows[] = {
    ROW("listen",     OPTION_TEXT, listen,     "MUSTER_LISTEN",     "ADDR:PORT", "127.0.0.1:7357", "where to listen; port 0 takes any free one"),
    DATA_ROW,
    ROW("token-file", OPTION_TEXT, token_file, "MUSTER_TOKEN_FILE", "FILE",      NULL,             "who may do what: a token a line; without it only this machine is served"),
    POOL_ROW,
    {.name = "keep-runs", .kind = OPTION_INT, .offset = offsetof(struct coordinator_settings, keep_days),
     .env = "MUSTER_KEEP_RUNS", .value = "DAYS", .otherwise = "0", .min = 0, .max = KEEP_DAYS_MAX,
     .help = "delete finished runs after so many days; 0 keeps all"},
    ROW("log-level",  OPTION_TEXT, level,      "MUSTER_LOG_LEVEL",  "LEVEL",     "info",           "the least that is logged: debug, info, warning or error"),
    ROW("port-file",  OPTION_TEXT, port_file,  "MUSTER_PORT_FILE",  "FILE",      NULL,             "write the port here when it is open"),
};

static const struct option_row backup_rows[] = {
    DATA_ROW,
    ROW("to", OPTION_TEXT, to, NULL, "FILE", NULL, "the copy; must not exist yet"),
};

static const struct option_row prune_rows[] = {
    DATA_ROW,
    POOL_ROW,
    ROW("older-than", OPTION_TEXT, age, NULL, "AGE", NULL, "delete runs that ended longer ago: 30d, 12h"),
};
/* clang-format on */

static const struct option_table tables[VERB_COUNT] = {
    [VERB_SERVE] =
        {
            .program = "muster-coordinator",
            .summary = "Splits test suites, hands them to agents and keeps the verdicts.",
            .description =
                "Serves until it gets SIGTERM or SIGINT. Everything that was acknowledged is in "
                "the store under --data, whatever ends it.\n\n"
                "muster-coordinator backup --data DIR --to FILE copies the store, also while it "
                "is served; to restore, stop the coordinator, remove DIR/muster.db-wal and "
                "DIR/muster.db-shm, and copy the file to DIR/muster.db.\n\n"
                "muster-coordinator prune --data DIR --older-than AGE deletes finished runs of a "
                "stopped coordinator.",
            .rows = serve_rows,
            .row_count = COUNT_OF(serve_rows),
            .epilogue = "Exit status: 0 stopped, 1 failed, 2 wrong usage.",
        },
    [VERB_BACKUP] =
        {
            .program = "muster-coordinator backup",
            .summary = "Copies the store into one file, also while it is served.",
            .description = "The copy holds the secrets of runs that were open, and is readable by "
                           "its owner only.",
            .rows = backup_rows,
            .row_count = COUNT_OF(backup_rows),
        },
    [VERB_PRUNE] =
        {
            .program = "muster-coordinator prune",
            .summary = "Deletes finished runs of a stopped coordinator.",
            .description = "A coordinator that runs does the same by --keep-runs.",
            .rows = prune_rows,
            .row_count = COUNT_OF(prune_rows),
        },
};

const struct option_table *coordinator_options(enum coordinator_verb verb)
{
    CHECK((unsigned)verb < VERB_COUNT);
    return &tables[verb];
}

static enum coordinator_verb verb_of(int argc, char *const *argv)
{
    static const char *const names[VERB_COUNT] = {
        [VERB_SERVE] = "serve", [VERB_BACKUP] = "backup", [VERB_PRUNE] = "prune"};

    for (int verb = VERB_BACKUP; argc > 1 && verb < VERB_COUNT; verb++)
        if (strcmp(argv[1], names[verb]) == 0)
            return (enum coordinator_verb)verb;
    return VERB_SERVE;
}

/* ---- values that are made of others ---------------------------------------------- */

static enum status read_listen(struct coordinator_settings *settings, struct arena *arena,
                               struct error *err)
{
    const char *listen = settings->listen;
    const char *colon = strrchr(listen, ':');
    int64_t port;

    if (colon == NULL || !text_to_int64(colon + 1, 0, UINT16_MAX, &port))
        return error_set(err, STATUS_INVALID,
                         "--listen '%s' is not ADDR:PORT (127.0.0.1:7357, [::1]:7357, 0.0.0.0:0)",
                         listen);
    size_t len = (size_t)(colon - listen);
    if (len >= 2 && listen[0] == '[' && listen[len - 1] == ']')
        settings->address = arena_strndup(arena, listen + 1, len - 2);
    else
        settings->address = arena_strndup(arena, listen, len);
    if (settings->address[0] == '\0')
        return error_set(err, STATUS_INVALID, "--listen '%s' names no address: say 127.0.0.1%s",
                         listen, colon);
    settings->port = (uint16_t)port;
    return STATUS_OK;
}

static enum status read_level(struct coordinator_settings *settings, struct error *err)
{
    static const char *const names[] = {
        [LOG_LEVEL_DEBUG] = "debug",
        [LOG_LEVEL_INFO] = "info",
        [LOG_LEVEL_WARNING] = "warning",
        [LOG_LEVEL_ERROR] = "error",
    };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(settings->level, names[i]) == 0) {
            settings->log_level = (enum log_level)i;
            return STATUS_OK;
        }
    return error_set(err, STATUS_INVALID, "--log-level '%s' is not debug, info, warning or error",
                     settings->level);
}

/* "30d", or what text_to_duration_ms reads. */
static enum status read_age(struct coordinator_settings *settings, struct arena *arena,
                            struct error *err)
{
    const char *age = settings->age;
    int64_t days;

    if (age == NULL)
        return error_set(err, STATUS_INVALID, "--older-than is needed: 30d, 12h");
    size_t len = strlen(age);
    if (len > 1 && age[len - 1] == 'd' &&
        text_to_int64(arena_strndup(arena, age, len - 1), 0, KEEP_DAYS_MAX, &days)) {
        settings->older_than_ms = days * DAY_MS;
        return STATUS_OK;
    }
    if (text_to_duration_ms(age, &settings->older_than_ms))
        return STATUS_OK;
    return error_set(err, STATUS_INVALID, "--older-than '%s' is not an age: 30d, 12h", age);
}

static enum status check(struct coordinator_settings *settings, struct arena *arena,
                         struct error *err)
{
    enum status status = STATUS_OK;

    if (settings->data == NULL || settings->data[0] == '\0')
        return error_set(err, STATUS_INVALID, "--data DIR is needed: where the store is");
    switch (settings->verb) {
    case VERB_SERVE:
        status = read_listen(settings, arena, err);
        return status == STATUS_OK ? read_level(settings, err) : status;
    case VERB_BACKUP:
        if (settings->to == NULL)
            return error_set(err, STATUS_INVALID, "--to FILE is needed: the copy");
        return STATUS_OK;
    case VERB_PRUNE:
        return read_age(settings, arena, err);
    case VERB_COUNT:
        break;
    }
    UNREACHABLE("a verb is one of three");
}

enum status coordinator_settings_read(int argc, char *const *argv, struct arena *arena,
                                      struct coordinator_settings *out_settings,
                                      enum option_wish *out_wish, struct error *err)
{
    enum coordinator_verb verb = verb_of(argc, argv);
    int skipped = verb == VERB_SERVE ? 0 : 1;
    struct option_list operands = {NULL, 0, 0};

    *out_settings = (struct coordinator_settings){.verb = verb};
    enum status status = options_parse(&tables[verb], argc - skipped, argv + skipped, arena,
                                       out_settings, &operands, out_wish, err);
    if (status != STATUS_OK || *out_wish != WISH_RUN)
        return status;
    return check(out_settings, arena, err);
}
