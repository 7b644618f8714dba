#include "agent/workers/lines.h"

#include <string.h>

#include "shared/base/limits.h"
#include "shared/base/text.h"
#include "shared/json/codec.h"
#include "shared/json/messages_json.h"

/* ---- from the driver ------------------------------------------------------------ */

/* A line as it stands on the wire. */
struct wire_line {
    enum worker_say say;
    const char *id;
    int64_t n;
    const char *group;
    int64_t phase;
    int64_t count;
    int outcome;
    int64_t duration_us;
    const char *message;
    const char *details;
    const char *file;
    int64_t line;
    int64_t subtests;
    bool extra;
    const char **dirty;
    size_t dirty_count;
    const char *name;
    const char *value;
    const char *stage;
    const char *text;
    int64_t protocol;
    const char *driver;
    const char *version;
    const char *framework;
};

/* Only which `say` it is. */
struct wire_head {
    const char *say;
};

#define OUTCOME_UNKNOWN OUTCOME_COUNT
#define OUTCOME_MISSING (OUTCOME_COUNT + 1)

/* A suite has few databases; the suite file bounds them lower. */
#define DIRTY_MAX 1000

static const char *const say_names[] = {
    [SAY_READY] = "ready", [SAY_TEST] = "test", [SAY_COLLECTED] = "collected",
    [SAY_START] = "start", [SAY_END] = "end",   [SAY_NOTE] = "note",
    [SAY_IDLE] = "idle",   [SAY_BYE] = "bye",   [SAY_CLOSED] = "closed",
    [SAY_FATAL] = "fatal",
};

/* What a driver may say of a test; the other outcomes are the agent's to decide. */
static const char *const wire_outcome_names[] = {
    [OUTCOME_PASSED] = "passed",   [OUTCOME_FAILED] = "failed", [OUTCOME_ERROR] = "error",
    [OUTCOME_SKIPPED] = "skipped", [OUTCOME_XFAIL] = "xfail",   [OUTCOME_XPASS] = "xpass",
    [OUTCOME_UNKNOWN] = "unknown",
};

static const struct enum_names say_table = {say_names, COUNT_OF(say_names)};
static const struct enum_names outcome_table = {wire_outcome_names, COUNT_OF(wire_outcome_names)};

static const struct field head_fields[] = {
    FIELD_REQUIRED(struct wire_head, say, FIELD_STRING, .max = NAME_BYTES_MAX),
};
static const struct shape head_shape = SHAPE("line", struct wire_head, head_fields, NULL);

/* clang-format off */
static const struct field line_fields[] = {
    FIELD_REQUIRED(struct wire_line, say, FIELD_ENUM, .names = &say_table),
    FIELD_TEXT(struct wire_line, id, TEST_ID_BYTES_MAX),
    FIELD_OPTIONAL(struct wire_line, n, FIELD_INT, .min = 0, .max = INT64_MAX),
    FIELD_TEXT(struct wire_line, group, TEST_GROUP_BYTES_MAX),
    FIELD_OPTIONAL(struct wire_line, phase, FIELD_INT, .min = 0, .max = INT32_MAX),
    FIELD_OPTIONAL(struct wire_line, count, FIELD_INT, .min = 0, .max = INT64_MAX),
    FIELD_OPTIONAL(struct wire_line, outcome, FIELD_ENUM, .names = &outcome_table, .fallback = OUTCOME_MISSING),
    FIELD_OPTIONAL(struct wire_line, duration_us, FIELD_INT, .min = 0, .max = INT64_MAX),
    FIELD_TEXT(struct wire_line, message, TEXT_BYTES_MAX),
    FIELD_TEXT(struct wire_line, details, TEXT_BYTES_MAX),
    FIELD_TEXT(struct wire_line, file, TEST_ID_BYTES_MAX),
    FIELD_OPTIONAL(struct wire_line, line, FIELD_INT, .min = 0, .max = INT64_MAX),
    FIELD_OPTIONAL(struct wire_line, subtests, FIELD_INT, .min = 0, .max = INT64_MAX),
    FIELD_OPTIONAL(struct wire_line, extra, FIELD_BOOL),
    FIELD_OPTIONAL_LIST(struct wire_line, dirty, FIELD_STRINGS, .max = DIRTY_MAX, .element_max = NAME_BYTES_MAX),
    FIELD_TEXT(struct wire_line, name, TEXT_BYTES_MAX),
    FIELD_TEXT(struct wire_line, value, TEXT_BYTES_MAX),
    FIELD_TEXT(struct wire_line, stage, TEXT_BYTES_MAX),
    FIELD_TEXT(struct wire_line, text, TEXT_BYTES_MAX),
    FIELD_OPTIONAL(struct wire_line, protocol, FIELD_INT, .min = 0, .max = INT32_MAX),
    FIELD_TEXT(struct wire_line, driver, NAME_BYTES_MAX),
    FIELD_TEXT(struct wire_line, version, NAME_BYTES_MAX),
    FIELD_TEXT(struct wire_line, framework, NAME_BYTES_MAX),
};
/* clang-format on */

static bool needs_id(enum worker_say say)
{
    return say == SAY_TEST || say == SAY_START || say == SAY_END;
}

static enum status line_check(const void *object, struct error *err)
{
    const struct wire_line *line = object;

    if (needs_id(line->say) && line->id[0] == '\0')
        return error_set(err, STATUS_INVALID, "id: '%s' needs it", say_names[line->say]);
    if (line->say == SAY_START && line->n == 0)
        return error_set(err, STATUS_INVALID, "n: 'start' needs it");
    if (line->say == SAY_END && line->outcome == OUTCOME_MISSING)
        return error_set(err, STATUS_INVALID, "outcome: 'end' needs it");
    if (line->say == SAY_END && line->n == 0 && !line->extra)
        return error_set(err, STATUS_INVALID, "n: 'end' needs it");
    if (line->say == SAY_NOTE && line->name[0] == '\0')
        return error_set(err, STATUS_INVALID, "name: 'note' needs it");
    if (line->say == SAY_READY && line->protocol != 1)
        return error_set(err, STATUS_INVALID, "protocol: 1 is wanted");
    return STATUS_OK;
}

static const struct shape line_shape = SHAPE("line", struct wire_line, line_fields, line_check);

/* At most max bytes, cut between characters. */
static const char *clip(struct arena *arena, const char *text, size_t max)
{
    size_t len = strlen(text);

    return len <= max ? text : arena_strndup(arena, text, text_utf8_floor(text, max));
}

/* The coordinator takes no larger ones, and would refuse the whole sync. */
static int64_t clip_number(int64_t number)
{
    return number <= INT32_MAX ? number : INT32_MAX;
}

static const char *ready_text(struct arena *arena, const struct wire_line *line)
{
    return arena_printf(arena, "driver %s %s%s%s", line->driver, line->version,
                        line->framework[0] != '\0' ? ", " : "", line->framework);
}

static void message_fill(const struct wire_line *line, struct arena *arena,
                         struct worker_message *out_message)
{
    bool is_verdict = line->say == SAY_END && line->outcome < OUTCOME_COUNT;

    *out_message = (struct worker_message){
        .say = line->say,
        .id = line->id,
        .n = line->n,
        .group = line->group,
        .phase = line->phase,
        .count = line->count,
        .is_unknown = line->say == SAY_END && line->outcome == OUTCOME_UNKNOWN,
        .outcome = is_verdict ? (enum outcome)line->outcome : OUTCOME_PASSED,
        .duration_us = line->duration_us,
        .message = clip(arena, line->message, ATTEMPT_MESSAGE_BYTES),
        .details = clip(arena, line->details, ATTEMPT_DETAILS_BYTES),
        .file = clip(arena, line->file, MESSAGE_PATH_BYTES_MAX),
        .line = clip_number(line->line),
        .subtests = clip_number(line->subtests),
        .is_extra = line->extra,
        .dirty = line->dirty,
        .dirty_count = line->dirty_count,
        .name = clip(arena, line->name, NAME_BYTES_MAX),
        .value = clip(arena, line->value, NOTE_VALUE_BYTES_MAX),
        .stage = clip(arena, line->stage, NAME_BYTES_MAX),
        .text = line->say == SAY_READY ? ready_text(arena, line)
                                       : clip(arena, line->text, ATTEMPT_DETAILS_BYTES),
        .output = NULL,
    };
}

enum status worker_line_decode(const char *line, size_t len, struct arena *arena,
                               struct worker_message *out_message, bool *out_known,
                               struct error *err)
{
    struct wire_head head;
    struct wire_line wire;
    enum status status = codec_decode(&head_shape, line, len, CODEC_OPEN, arena, &head, err);

    if (status != STATUS_OK)
        return status;
    *out_known = codec_enum_value(&say_table, head.say) >= 0;
    if (!*out_known)
        return STATUS_OK;
    status = codec_decode(&line_shape, line, len, CODEC_OPEN, arena, &wire, err);
    if (status == STATUS_OK)
        message_fill(&wire, arena, out_message);
    return status;
}

/* ---- to the driver ---------------------------------------------------------------- */

struct wire_order {
    int order;
    const char *id;
    int64_t n;
    bool more;
};

static const char *const do_names[] = {
    [DO_COLLECT] = "collect", [DO_RUN] = "run",       [DO_FLUSH] = "flush",
    [DO_RESET] = "reset",     [DO_OPENED] = "opened", [DO_QUIT] = "quit",
};
static const struct enum_names do_table = {do_names, COUNT_OF(do_names)};

#define ORDER_FIELD                                                                                \
    FIELD_NAMED("do", struct wire_order, order, FIELD_ENUM, .names = &do_table, .is_required = true)

static const struct field order_fields[] = {ORDER_FIELD};
static const struct shape order_shape = SHAPE("order", struct wire_order, order_fields, NULL);

static const struct field run_fields[] = {
    ORDER_FIELD,
    FIELD_REQUIRED(struct wire_order, id, FIELD_STRING, .max = TEST_ID_BYTES_MAX),
    FIELD_REQUIRED(struct wire_order, n, FIELD_INT),
    FIELD_REQUIRED(struct wire_order, more, FIELD_BOOL),
};
static const struct shape run_shape = SHAPE("order", struct wire_order, run_fields, NULL);

enum status worker_order_encode(const struct worker_order *order, struct buffer *buffer,
                                struct error *err)
{
    struct wire_order wire = {(int)order->order, order->id, order->n, order->more};
    const struct shape *shape = order->order == DO_RUN ? &run_shape : &order_shape;
    enum status status = codec_encode(shape, &wire, buffer, err);

    if (status == STATUS_OK && !buffer_add_char(buffer, '\n'))
        return error_set(err, STATUS_TOO_BIG, "an order of more than %zu bytes", buffer->max);
    return status;
}

/* ---- environment variables ---------------------------------------------------------- */

/* The codec writes objects; a bare list is the member of one without what is around it. */
struct wire_list {
    const char **strings;
    size_t strings_count;
    struct worker_database *databases;
    size_t databases_count;
};

static enum status list_encode(const struct shape *shape, const struct wire_list *list,
                               struct buffer *buffer, struct error *err)
{
    struct buffer whole;

    buffer_init(&whole, buffer->max);
    enum status status = codec_encode(shape, list, &whole, err);
    if (status == STATUS_OK) {
        const char *from = strchr(whole.at, '[');
        CHECK(from != NULL && whole.at[whole.len - 1] == '}');
        size_t len = whole.len - (size_t)(from - whole.at) - 1;
        if (!buffer_add(buffer, from, len))
            status = error_set(err, STATUS_TOO_BIG, "a list of more than %zu bytes", buffer->max);
    }
    buffer_release(&whole);
    return status;
}

static const struct field strings_fields[] = {
    FIELD_REQUIRED_LIST(struct wire_list, strings, FIELD_STRINGS, ),
};
static const struct shape strings_shape = SHAPE("list", struct wire_list, strings_fields, NULL);

enum status worker_strings_encode(const char *const *strings, size_t count, struct buffer *buffer,
                                  struct error *err)
{
    const char **copy = mem_alloc((count + 1) * sizeof(*copy));

    for (size_t i = 0; i < count; i++)
        copy[i] = strings[i];
    struct wire_list list = {.strings = copy, .strings_count = count};
    enum status status = list_encode(&strings_shape, &list, buffer, err);
    mem_freep(&copy);
    return status;
}

static const struct field database_fields[] = {
    FIELD_REQUIRED(struct worker_database, alias, FIELD_STRING, ),
    FIELD_REQUIRED(struct worker_database, engine, FIELD_STRING, ),
    FIELD_REQUIRED(struct worker_database, name, FIELD_STRING, ),
    FIELD_TEXT(struct worker_database, path, TEXT_BYTES_MAX),
    FIELD_REQUIRED(struct worker_database, memory, FIELD_BOOL, ),
    FIELD_TEXT(struct worker_database, image, TEXT_BYTES_MAX),
    FIELD_TEXT(struct worker_database, facts, TEXT_BYTES_MAX),
    FIELD_TEXT(struct worker_database, mirror, TEXT_BYTES_MAX),
    FIELD_TEXT(struct worker_database, host, TEXT_BYTES_MAX),
    FIELD_OPTIONAL(struct worker_database, port, FIELD_INT, ),
    FIELD_TEXT(struct worker_database, socket, TEXT_BYTES_MAX),
    FIELD_TEXT(struct worker_database, user, TEXT_BYTES_MAX),
    FIELD_TEXT(struct worker_database, password, TEXT_BYTES_MAX),
};
static const struct shape database_shape =
    SHAPE("database", struct worker_database, database_fields, NULL);
static const struct field databases_fields[] = {
    FIELD_REQUIRED_LIST(struct wire_list, databases, FIELD_LIST, .shape = &database_shape),
};
static const struct shape databases_shape = SHAPE("list", struct wire_list, databases_fields, NULL);

enum status worker_databases_encode(const struct worker_database *databases, size_t count,
                                    struct buffer *buffer, struct error *err)
{
    struct worker_database *copy = mem_alloc((count + 1) * sizeof(*copy));

    for (size_t i = 0; i < count; i++)
        copy[i] = databases[i];
    struct wire_list list = {.databases = copy, .databases_count = count};
    enum status status = list_encode(&databases_shape, &list, buffer, err);
    mem_freep(&copy);
    return status;
}
