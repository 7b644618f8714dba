#include "coordinator/store/fact_json.h"

#include <assert.h>
#include <string.h>

#include "coordinator/store/fact_shapes.h"
#include "shared/base/limits.h"
#include "shared/json/codec.h"

/* A line as a struct.  `body` gets the shape of its kind. */
struct line {
    int64_t at;
    const void *body;
    int64_t epoch;
    enum fact_kind kind;
    const char *pool;
    int64_t run;
    int64_t seq;
};

/* clang-format off */
#define LINE_HEAD_FIELDS                                                                    \
    FIELD_REQUIRED(struct line, at,    FIELD_INT),                                          \
    FIELD_REQUIRED(struct line, epoch, FIELD_INT),                                          \
    FIELD_REQUIRED(struct line, kind,  FIELD_ENUM, .names = &fact_kind_names),              \
    FIELD_REQUIRED(struct line, pool,  FIELD_STRING, .max = NAME_BYTES_MAX),                \
    FIELD_REQUIRED(struct line, run,   FIELD_INT),                                          \
    FIELD_REQUIRED(struct line, seq,   FIELD_INT)
/* clang-format on */

/* The table of a whole line depends on its kind: it is made for one call. */
struct line_table {
    struct field fields[7];
    struct shape shape;
};

static void line_table_init(struct line_table *table, enum fact_kind kind)
{
    const struct field fields[] = {
        LINE_HEAD_FIELDS,
        FIELD_REQUIRED(struct line, body, FIELD_OBJECT, .shape = fact_shape(kind)),
    };

    static_assert(sizeof(fields) == sizeof(table->fields), "the line's fields");
    (void)memcpy(table->fields, fields, sizeof(fields));
    table->shape = (struct shape){.name = "ledger line",
                                  .fields = table->fields,
                                  .field_count = COUNT_OF(table->fields),
                                  .size = sizeof(struct line)};
}

enum status fact_encode(const struct fact *fact, const struct fact_place *place,
                        struct buffer *buffer, struct error *err)
{
    struct line_table table;
    struct line line = {.at = place->at_ms,
                        .body = fact->body,
                        .epoch = place->epoch,
                        .kind = fact->kind,
                        .pool = place->pool,
                        .run = fact->run,
                        .seq = place->seq};

    line_table_init(&table, fact->kind);
    return codec_encode(&table.shape, &line, buffer, err);
}

enum status fact_decode_kind(enum fact_kind kind, const char *bytes, size_t len,
                             struct arena *arena, struct fact *out_fact,
                             struct fact_place *out_place, struct error *err)
{
    struct line line;
    struct line_table table;

    line_table_init(&table, kind);
    enum status status = codec_decode(&table.shape, bytes, len, CODEC_CLOSED, arena, &line, err);
    if (status != STATUS_OK)
        return status;
    if (line.kind != kind)
        return error_set(err, STATUS_INVALID, "kind: it is not '%s'", fact_kind_name(kind));
    *out_fact = (struct fact){.kind = line.kind, .run = line.run, .body = line.body};
    *out_place = (struct fact_place){
        .at_ms = line.at, .epoch = line.epoch, .seq = line.seq, .pool = line.pool};
    return STATUS_OK;
}

enum status fact_decode(const char *bytes, size_t len, struct arena *arena, struct fact *out_fact,
                        struct fact_place *out_place, struct error *err)
{
    static const struct field head_fields[] = {LINE_HEAD_FIELDS};
    static const struct shape head_shape = SHAPE("ledger line", struct line, head_fields, NULL);
    struct line line;

    enum status status = codec_decode(&head_shape, bytes, len, CODEC_OPEN, arena, &line, err);
    if (status != STATUS_OK)
        return status;
    return fact_decode_kind(line.kind, bytes, len, arena, out_fact, out_place, err);
}

enum status fact_body_encode(const struct fact *fact, struct buffer *buffer, struct error *err)
{
    return codec_encode(fact_shape(fact->kind), fact->body, buffer, err);
}

enum status fact_body_decode(enum fact_kind kind, const char *bytes, size_t len,
                             struct arena *arena, const void **out_body, struct error *err)
{
    const struct shape *shape = fact_shape(kind);
    void *body = arena_alloc(arena, shape->size);

    *out_body = body;
    return codec_decode(shape, bytes, len, CODEC_CLOSED, arena, body, err);
}

struct fact fact_copy(const struct fact *fact, struct arena *arena)
{
    const struct shape *shape = fact_shape(fact->kind);
    void *body = arena_alloc(arena, shape->size);

    codec_copy(shape, fact->body, arena, body);
    return (struct fact){.kind = fact->kind, .run = fact->run, .body = body};
}

void ledger_chain(const char previous_hex[HASH_HEX_SIZE], const char *bytes, size_t len,
                  char out_hex[HASH_HEX_SIZE])
{
    struct hash hash;

    hash_init(&hash);
    hash_add(&hash, previous_hex, HASH_HEX_SIZE - 1);
    hash_add(&hash, bytes, len);
    hash_final(&hash, out_hex);
}

/* ---- secrets ---------------------------------------------------------------- */

/* The submission of a RUN_SUBMITTED that has variables; NULL otherwise. */
static const struct run_submission *submission_of(const struct fact *fact)
{
    const struct run_submission *submission;

    if (fact->kind != FACT_RUN_SUBMITTED)
        return NULL;
    submission = fact->run_submitted->submission;
    return submission != NULL && submission->suite != NULL ? submission : NULL;
}

size_t fact_secrets(const struct fact *fact, struct arena *arena, struct run_secret **out_secrets)
{
    const struct run_submission *submission = submission_of(fact);
    size_t count = 0;

    *out_secrets = NULL;
    if (submission == NULL)
        return 0;
    struct run_secret *secrets =
        arena_array(arena, submission->suite->env_count, sizeof(struct run_secret));
    for (size_t i = 0; i < submission->suite->env_count; i++) {
        const struct suite_env *env = &submission->suite->env[i];

        if (env->secret)
            secrets[count++] = (struct run_secret){
                .name = env->name, .value = env->value, .fallback = env->fallback};
    }
    *out_secrets = secrets;
    return count;
}

static void put_secret(struct suite *suite, const struct run_secret *secret)
{
    for (size_t i = 0; i < suite->env_count; i++)
        if (strcmp(suite->env[i].name, secret->name) == 0) {
            suite->env[i].value = secret->value;
            suite->env[i].fallback = secret->fallback;
        }
}

const struct run_submission *submission_with_secrets(const struct run_submission *submission,
                                                     const struct run_secret *secrets, size_t count,
                                                     struct arena *arena)
{
    struct run_submission *copy;

    if (count == 0 || submission->suite == NULL)
        return submission;
    copy = arena_alloc(arena, sizeof(*copy));
    *copy = *submission;
    copy->suite = arena_alloc(arena, sizeof(*copy->suite));
    *copy->suite = *submission->suite;
    copy->suite->env = arena_array(arena, copy->suite->env_count, sizeof(*copy->suite->env));
    for (size_t i = 0; i < copy->suite->env_count; i++)
        copy->suite->env[i] = submission->suite->env[i];
    for (size_t i = 0; i < count; i++)
        put_secret(copy->suite, &secrets[i]);
    return copy;
}

struct fact fact_without_secrets(const struct fact *fact, struct arena *arena)
{
    struct run_secret *secrets;
    size_t count = fact_secrets(fact, arena, &secrets);
    struct fact_run_submitted *submitted;

    if (count == 0)
        return *fact;
    for (size_t i = 0; i < count; i++) {
        if (secrets[i].value != NULL && secrets[i].value[0] != '\0')
            secrets[i].value = SECRET_SHOWN;
        if (secrets[i].fallback != NULL && secrets[i].fallback[0] != '\0')
            secrets[i].fallback = SECRET_SHOWN;
    }
    submitted = arena_alloc(arena, sizeof(*submitted));
    *submitted = *fact->run_submitted;
    submitted->submission =
        submission_with_secrets(fact->run_submitted->submission, secrets, count, arena);
    return (struct fact){.kind = fact->kind, .run = fact->run, .run_submitted = submitted};
}
