#include "agent/settings.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "agent/sync/identity.h"
#include "shared/base/file.h"
#include "shared/base/limits.h"
#include "shared/http/http_client.h"
#include "shared/http/token_file.h"

#define ROW(name_, kind_, member_, env_, value_, otherwise_, help_)                                \
    {                                                                                              \
        .name = (name_), .kind = (kind_), .offset = offsetof(struct agent_settings, member_),      \
        .env = (env_), .value = (value_), .otherwise = (otherwise_), .min = 1,                     \
        .max = SLOTS_PER_AGENT_MAX, .help = (help_)                                                \
    }

/* clang-format off */
static const struct option_row rows[] = {
    ROW("coordinator", OPTION_TEXT,     coordinator,  "MUSTER_COORDINATOR", "URL",      NULL,   "whom to work for: https://HOST:PORT, or http://"),
    ROW("work-dir",    OPTION_TEXT,     work_dir,     "MUSTER_WORK_DIR",    "DIR",      NULL,   "the agent's own directory; one agent each"),
    ROW("workers",     OPTION_INT,      workers,      "MUSTER_WORKERS",     "N",        NULL,   "how many workers at once (default: one a CPU)"),
    ROW("label",       OPTION_LIST,     label_texts,  "MUSTER_LABEL",       "K=V",      NULL,   "what this machine is; runs may require it"),
    ROW("name",        OPTION_TEXT,     name,         "MUSTER_NAME",        "NAME",     NULL,   "the agent's name (default: the host's, and a few digits)"),
    ROW("source-root", OPTION_LIST,     source_roots, "MUSTER_SOURCE_ROOT", "DIR",      NULL,   "suites may use directories of this machine below DIR"),
    ROW("servers",     OPTION_LIST,     servers,      "MUSTER_SERVERS",     "DIR",      NULL,   "database servers are also looked for in DIR, its bin and its sbin"),
    ROW("token-file",  OPTION_TEXT,     token_file,   "MUSTER_TOKEN_FILE",  "FILE",     NULL,   "holds the coordinator's token"),
    ROW("insecure",    OPTION_FLAG,     allows_plain, "MUSTER_INSECURE",    NULL,       NULL,   "let the token travel over plain http"),
    ROW("until-idle",  OPTION_FLAG,     until_idle,   "MUSTER_UNTIL_IDLE",  NULL,       NULL,   "leave when there has been nothing to do for a while"),
    ROW("idle-for",    OPTION_DURATION, idle_ms,      "MUSTER_IDLE_FOR",    "DURATION", "30s",  "how long that while is"),
    ROW("log-level",   OPTION_TEXT,     level,        "MUSTER_LOG_LEVEL",   "LEVEL",    "info", "debug, info, warning or error"),
    ROW("helper",      OPTION_TEXT,     helper_path,  "MUSTER_HELPER",      "FILE",     NULL,   "muster-spawn (default: where it was installed)"),
    ROW("drivers",     OPTION_TEXT,     drivers_dir,  "MUSTER_DRIVERS",     "DIR",      NULL,   "the drivers (default: where they were installed)"),
};
/* clang-format on */

const struct option_table agent_options = {
    .program = "muster-agent",
    .summary = "runs the tests that a Muster coordinator hands out, on this machine",
    .description =
        "The agent asks the coordinator for work, gives every worker process databases of its "
        "own, and sends back what the tests said.  Several agents may share a machine, each with "
        "a work directory of its own.\n\n"
        "SIGTERM lets running tests end and leaves; a second one, or SIGHUP, kills them.",
    .rows = rows,
    .row_count = COUNT_OF(rows),
    .epilogue = "Exit status: 0 it left in order, 1 it could not go on, 2 a wrong command line.",
};

static enum status level_read(struct agent_settings *settings, struct error *err)
{
    static const char *const names[] = {[LOG_LEVEL_DEBUG] = "debug",
                                        [LOG_LEVEL_INFO] = "info",
                                        [LOG_LEVEL_WARNING] = "warning",
                                        [LOG_LEVEL_ERROR] = "error"};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(settings->level, names[i]) == 0) {
            settings->log_level = (enum log_level)i;
            return STATUS_OK;
        }
    }
    return error_set(err, STATUS_INVALID,
                     "--log-level: '%s' is not one of debug, info, warning, error",
                     settings->level);
}

static enum status labels_read(struct agent_settings *settings, struct arena *arena,
                               struct error *err)
{
    const struct option_list *texts = &settings->label_texts;

    if (texts->count > LABELS_MAX)
        return error_set(err, STATUS_INVALID, "an agent has at most %d labels", LABELS_MAX);
    settings->labels = arena_array(arena, texts->count + 1, sizeof(*settings->labels));
    for (size_t i = 0; i < texts->count; i++) {
        const char *equals = strchr(texts->at[i], '=');

        if (equals == NULL || equals == texts->at[i] || strlen(texts->at[i]) > NAME_BYTES_MAX)
            return error_set(err, STATUS_INVALID, "--label: '%s' is not of the kind NAME=VALUE",
                             texts->at[i]);
        settings->labels[i].name =
            arena_strndup(arena, texts->at[i], (size_t)(equals - texts->at[i]));
        settings->labels[i].value = equals + 1;
    }
    settings->label_count = texts->count;
    return STATUS_OK;
}

static bool is_directory(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* What would only show when the first run fails. */
static enum status paths_check(const struct agent_settings *settings, struct error *err)
{
    const struct option_list *roots = &settings->source_roots;

    for (size_t i = 0; i < roots->count; i++)
        if (!is_directory(roots->at[i]))
            return error_set(err, STATUS_INVALID, "--source-root: there is no directory '%s'",
                             roots->at[i]);
    if (settings->drivers_dir != NULL && !is_directory(settings->drivers_dir))
        return error_set(err, STATUS_INVALID, "--drivers: there is no directory '%s'",
                         settings->drivers_dir);
    if (settings->helper_path != NULL && access(settings->helper_path, X_OK) != 0)
        return error_set(err, STATUS_INVALID, "--helper: there is no program '%s'",
                         settings->helper_path);
    return STATUS_OK;
}

static enum status coordinator_check(const struct agent_settings *settings, struct error *err)
{
    const struct http_client_settings http = {.url = settings->coordinator,
                                              .token = settings->token,
                                              .user_agent = "",
                                              .allows_plain = settings->allows_plain};
    struct http_client *client = NULL;
    enum status status = http_client_new(&http, &client, err);

    if (status == STATUS_OK)
        http_client_free(client);
    return status;
}

/* The first that exists, from the directory of our own program; else the last, which an error
 * will then name. */
static const char *find_beside_us(struct arena *arena, const char *const *places, size_t count)
{
    char program[PATH_MAX] = "";
    size_t size = sizeof(program);
    const char *path = NULL;

    if (uv_exepath(program, &size) != 0 || strrchr(program, '/') == NULL)
        return places[0];
    *strrchr(program, '/') = '\0';
    for (size_t i = 0; i < count; i++) {
        path = arena_printf(arena, "%s/%s", program, places[i]);
        if (file_exists(path))
            break;
    }
    return path;
}

static void places_fill(struct agent_settings *settings, struct arena *arena)
{
    static const char *const helpers[] = {"muster-spawn", "../libexec/muster/muster-spawn"};
    static const char *const drivers[] = {"../share/muster/drivers"};

    if (settings->helper_path == NULL)
        settings->helper_path = find_beside_us(arena, helpers, COUNT_OF(helpers));
    if (settings->drivers_dir == NULL)
        settings->drivers_dir = find_beside_us(arena, drivers, COUNT_OF(drivers));
    if (settings->workers == 0)
        settings->workers = (int64_t)uv_available_parallelism();
    if (settings->workers > SLOTS_PER_AGENT_MAX)
        settings->workers = SLOTS_PER_AGENT_MAX;
}

enum status agent_settings_read(int argc, char *const *argv, struct arena *arena,
                                struct agent_settings *out_settings, enum option_wish *out_wish,
                                struct error *err)
{
    struct option_list operands;
    enum status status = STATUS_OK;

    *out_settings = (struct agent_settings){0};
    status =
        options_parse(&agent_options, argc, argv, arena, out_settings, &operands, out_wish, err);
    if (status != STATUS_OK || *out_wish != WISH_RUN)
        return status;
    if (out_settings->coordinator == NULL)
        return error_set(err, STATUS_INVALID, "--coordinator URL is missing: whom to work for?");
    if (out_settings->work_dir == NULL)
        return error_set(err, STATUS_INVALID,
                         "--work-dir DIR is missing: a directory of the agent's own");
    status = level_read(out_settings, err);
    if (status == STATUS_OK)
        status = labels_read(out_settings, arena, err);
    if (status == STATUS_OK && out_settings->token_file != NULL)
        status =
            token_file_read(out_settings->token_file, "work", arena, &out_settings->token, err);
    if (status == STATUS_OK)
        status = coordinator_check(out_settings, err);
    if (status == STATUS_OK && out_settings->name != NULL)
        status = identity_name_check(out_settings->name, err);
    if (status == STATUS_OK)
        status = paths_check(out_settings, err);
    if (status == STATUS_OK)
        places_fill(out_settings, arena);
    return status;
}
