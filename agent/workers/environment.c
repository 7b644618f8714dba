/* What a worker or a command of a suite finds in its environment: a fixed part of the agent's own,
 * the variables that existing tools know, the suite's, and Muster's, in this order; a later one
 * wins.  Nothing else, on a laptop as on a fleet. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/workers/environment_databases.h"
#include "agent/workers/lines.h"
#include "agent/workers/template.h"
#include "agent/workers/workers.h"
#include "shared/base/buffer.h"
#include "shared/base/limits.h"

extern char **environ;

/* Where the agent itself has none: a service without an environment. */
#define PATH_FALLBACK "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *const kept_names[] = {"PATH", "HOME", "USER", "LANG", "TZ"};
static const char *const mode_names[] = {
    [ENVIRONMENT_COLLECT] = "collect",
    [ENVIRONMENT_RUN] = "run",
    [ENVIRONMENT_SETUP] = "setup",
    [ENVIRONMENT_PREPARE] = "prepare",
};

struct builder {
    const struct worker_plan *plan;
    enum environment_mode mode;
    const char *tmp_dir;
    struct arena *arena;
    const struct worker_database *databases; /* that templates and tools are told of */
    size_t database_count;
    char **at;
    size_t count;
    size_t cap;
};

/* Puts NAME=VALUE in place of an earlier NAME. */
static void put(struct builder *builder, const char *name, const char *value)
{
    char *entry = arena_printf(builder->arena, "%s=%s", name, value);
    size_t len = strlen(name) + 1;

    for (size_t i = 0; i < builder->count; i++)
        if (strncmp(builder->at[i], entry, len) == 0) {
            builder->at[i] = entry;
            return;
        }
    VEC_PUSH(builder->at, builder->count, builder->cap) = entry;
}

static void put_number(struct builder *builder, const char *name, int64_t value)
{
    put(builder, name, arena_printf(builder->arena, "%" PRId64, value));
}

/* ---- the fixed part ---------------------------------------------------------------- */

static void base_add(struct builder *builder)
{
    put(builder, "PATH", PATH_FALLBACK);
    for (size_t i = 0; i < COUNT_OF(kept_names); i++) {
        const char *value = getenv(kept_names[i]); /* NOLINT(concurrency-mt-unsafe): never set */
        if (value != NULL)
            put(builder, kept_names[i], value);
    }
    for (char **entry = environ; *entry != NULL; entry++) {
        const char *equals = strchr(*entry, '=');
        if (strncmp(*entry, "LC_", 3) == 0 && equals != NULL)
            put(builder, arena_strndup(builder->arena, *entry, (size_t)(equals - *entry)),
                equals + 1);
    }
    put(builder, "TMPDIR", builder->tmp_dir);
}

static enum status put_list(struct builder *builder, const char *name, const char *const *strings,
                            size_t count, struct error *err)
{
    struct buffer json;

    buffer_init(&json, TEMPLATE_BYTES_MAX);
    enum status status = worker_strings_encode(strings, count, &json, err);
    if (status == STATUS_OK)
        put(builder, name, json.at);
    buffer_release(&json);
    return status == STATUS_OK ? STATUS_OK : error_wrap(err, status, name);
}

static enum status put_expanded_list(struct builder *builder, const char *name,
                                     const char *const *strings, size_t count, struct error *err);

/* How the project starts its runner, where the suite does not say. */
static const char *const command_defaults[][2] = {
    [SUITE_DRIVER_DJANGO] = {"python3", "manage.py"},
    [SUITE_DRIVER_UNITTEST] = {"python3", NULL},
    [SUITE_DRIVER_COMMAND] = {NULL, NULL},
};

static const char *const *command_of(const struct suite *suite, size_t *out_count)
{
    const char *const *fallback = command_defaults[suite->driver];

    *out_count = suite->command_count;
    if (suite->command_count > 0)
        return suite->command;
    while (*out_count < 2 && fallback[*out_count] != NULL)
        (*out_count)++;
    return fallback;
}

static enum status muster_add(struct builder *builder, struct error *err)
{
    const struct worker_plan *plan = builder->plan;
    const struct run_options *options = plan->options;
    const struct suite *suite = plan->suite;
    size_t command_count = 0;
    const char *const *command = command_of(suite, &command_count);

    if (builder->mode == ENVIRONMENT_COLLECT || builder->mode == ENVIRONMENT_RUN)
        put(builder, "MUSTER_CONTROL", "fd:3,4");
    put(builder, "MUSTER_MODE", mode_names[builder->mode]);
    put_number(builder, "MUSTER_RUN", plan->run);
    put(builder, "MUSTER_DIR", plan->tree_dir);
    if (plan->slot > 0)
        put_number(builder, "MUSTER_SLOT", plan->slot);
    if (plan->worker != NULL && plan->worker[0] != '\0')
        put(builder, "MUSTER_WORKER", plan->worker);
    if (options != NULL && options->debug_sql)
        put(builder, "MUSTER_DEBUG_SQL", "1");
    if (builder->mode == ENVIRONMENT_PREPARE)
        return STATUS_OK;

    put(builder, "MUSTER_NOTES", arena_printf(builder->arena, "%s/notes", builder->tmp_dir));
    enum status status =
        put_list(builder, "MUSTER_SELECTION", options != NULL ? options->selection : NULL,
                 options != NULL ? options->selection_count : 0, err);
    if (status == STATUS_OK)
        status = put_expanded_list(builder, "MUSTER_COMMAND", command, command_count, err);
    if (status == STATUS_OK)
        status = put_expanded_list(builder, "MUSTER_ARGS", suite->args, suite->args_count, err);
    return status;
}

/* ---- what existing tools know -------------------------------------------------------- */

static void put_told(void *context, const char *name, const char *value)
{
    put(context, name, value);
}

static enum status databases_add(struct builder *builder, struct error *err)
{
    const struct worker_plan *plan = builder->plan;
    struct buffer json;

    buffer_init(&json, TEMPLATE_BYTES_MAX);
    enum status status = worker_databases_encode(plan->databases, plan->database_count, &json, err);
    if (status == STATUS_OK)
        put(builder, "MUSTER_DATABASES", json.at);
    buffer_release(&json);
    environment_databases_tell(builder->databases, builder->database_count, builder->arena,
                               put_told, builder);
    return status == STATUS_OK ? STATUS_OK : error_wrap(err, status, "MUSTER_DATABASES");
}

static void tools_add(struct builder *builder)
{
    int64_t slot = builder->plan->slot;

    if (slot <= 0)
        return;
    put_number(builder, "TEST_ENV_NUMBER", slot); /* parallel_tests                 */
    put_number(builder, "TEST_TOKEN", slot);      /* ParaTest, Laravel              */
    put_number(builder, "JEST_WORKER_ID", slot);
    put(builder, "PYTEST_XDIST_WORKER", arena_printf(builder->arena, "gw%" PRId64, slot - 1));
}

/* ---- the suite's --------------------------------------------------------------------- */

static struct template_context context_of(const struct builder *builder)
{
    const struct worker_plan *plan = builder->plan;

    return (struct template_context){
        .slot = plan->slot,
        .run = plan->run,
        .seed = plan->options != NULL ? plan->options->seed : 0,
        .dir = plan->tree_dir,
        .dir_tmp = builder->tmp_dir,
        .databases = builder->databases,
        .database_count = builder->database_count,
        .environment = builder->at,
        .environment_count = builder->count,
    };
}

static enum status strings_expand(const struct builder *builder, const char *const *strings,
                                  size_t count, const char **out, struct error *err)
{
    struct template_context context = context_of(builder);

    for (size_t i = 0; i < count; i++) {
        enum status status = template_expand(&context, strings[i], builder->arena, &out[i], err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status put_expanded_list(struct builder *builder, const char *name,
                                     const char *const *strings, size_t count, struct error *err)
{
    const char **expanded = arena_array(builder->arena, count + 1, sizeof(*expanded));
    enum status status = strings_expand(builder, strings, count, expanded, err);

    if (status != STATUS_OK)
        return error_wrap(err, status, name);
    return put_list(builder, name, expanded, count, err);
}

/* Preparing has no database: a variable that names one has no value yet. */
static bool is_left_out(const struct builder *builder, const struct suite_env *variable)
{
    return builder->mode == ENVIRONMENT_PREPARE && variable->from == SUITE_ENV_TEMPLATE &&
           strstr(variable->value, "${db.") != NULL;
}

static enum status variable_value(const struct builder *builder, const struct suite_env *variable,
                                  const char **out_value, struct error *err)
{
    struct template_context context = context_of(builder);

    if (variable->from == SUITE_ENV_TEMPLATE)
        return template_expand(&context, variable->value, builder->arena, out_value, err);
    *out_value = variable->from == SUITE_ENV_CLIENT
                     ? variable->value
                     : getenv(variable->name); /* NOLINT(concurrency-mt-unsafe): never set */
    if (*out_value == NULL)
        *out_value = variable->fallback;
    if (*out_value == NULL)
        return error_set(err, STATUS_NOT_FOUND, "not set on the %s, and there is no default",
                         variable->from == SUITE_ENV_CLIENT ? "client" : "agent");
    return STATUS_OK;
}

static enum status suite_add(struct builder *builder, struct error *err)
{
    const struct suite *suite = builder->plan->suite;

    for (size_t i = 0; i < suite->env_count; i++) {
        const char *value = NULL;
        if (is_left_out(builder, &suite->env[i]))
            continue;
        enum status status = variable_value(builder, &suite->env[i], &value, err);
        if (status != STATUS_OK)
            return error_wrap(err, status,
                              arena_printf(builder->arena, "env.%s", suite->env[i].name));
        put(builder, suite->env[i].name, value);
    }
    return STATUS_OK;
}

static enum status everything_add(struct builder *builder, struct error *err)
{
    enum status status = STATUS_OK;

    base_add(builder);
    if (builder->plan->suite == NULL)
        return STATUS_OK;
    if (builder->mode != ENVIRONMENT_PREPARE)
        environment_databases_choose(builder->plan, builder->mode, builder->tmp_dir, builder->arena,
                                     &builder->databases, &builder->database_count);
    tools_add(builder);
    if (builder->mode != ENVIRONMENT_PREPARE)
        status = databases_add(builder, err);
    if (status == STATUS_OK)
        status = suite_add(builder, err);
    /* Last: a suite must not change by what we find our own. */
    return status == STATUS_OK ? muster_add(builder, err) : status;
}

enum status worker_environment_build(const struct worker_plan *plan, enum environment_mode mode,
                                     const char *tmp_dir, struct arena *arena,
                                     char ***out_environment, struct error *err)
{
    struct builder builder = {.plan = plan, .mode = mode, .tmp_dir = tmp_dir, .arena = arena};
    enum status status = everything_add(&builder, err);

    if (status == STATUS_OK) {
        *out_environment = arena_array(arena, builder.count + 1, sizeof(char *));
        memcpy(*out_environment, builder.at, builder.count * sizeof(char *));
    }
    free(builder.at);
    return status;
}

enum status worker_arguments_expand(const struct worker_plan *plan, enum environment_mode mode,
                                    const char *tmp_dir, const char *const *arguments, size_t count,
                                    struct arena *arena, char ***out_arguments, struct error *err)
{
    struct builder builder = {.plan = plan, .mode = mode, .tmp_dir = tmp_dir, .arena = arena};
    const char **expanded = arena_array(arena, count + 1, sizeof(*expanded));
    enum status status = everything_add(&builder, err);

    if (status == STATUS_OK)
        status = strings_expand(&builder, arguments, count, expanded, err);
    if (status == STATUS_OK) {
        *out_arguments = arena_array(arena, count + 1, sizeof(char *));
        for (size_t i = 0; i < count; i++)
            (*out_arguments)[i] = arena_strdup(arena, expanded[i]);
    }
    free(builder.at);
    return status;
}

/* ---- the driver's command --------------------------------------------------------------- */

static const char *const driver_files[] = {
    [SUITE_DRIVER_DJANGO] = "muster_django.py",
    [SUITE_DRIVER_UNITTEST] = "muster_unittest.py",
    [SUITE_DRIVER_COMMAND] = NULL,
};

enum status worker_driver_argv(const struct suite *suite, const char *drivers_dir,
                               struct arena *arena, char ***out_argv, size_t *out_count,
                               struct error *err)
{
    bool is_own = suite->driver == SUITE_DRIVER_COMMAND;
    size_t count = is_own ? suite->driver_command_count : 2;
    size_t command_count = 0;
    const char *const *command = command_of(suite, &command_count);
    char **argv = arena_array(arena, count + 1, sizeof(*argv));

    if (count == 0)
        return error_set(err, STATUS_INVALID, "the suite's driver is an empty command");
    if (is_own)
        for (size_t i = 0; i < count; i++)
            argv[i] = arena_strdup(arena, suite->driver_command[i]);
    else {
        argv[0] = arena_strdup(arena, command[0]);
        argv[1] = arena_printf(arena, "%s/%s", drivers_dir, driver_files[suite->driver]);
    }
    *out_argv = argv;
    *out_count = count;
    return STATUS_OK;
}
