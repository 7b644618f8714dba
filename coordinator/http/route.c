#include "coordinator/http/route.h"

#include <string.h>

#include "shared/base/limits.h"
#include "shared/base/text.h"
#include "shared/json/messages_json.h"

/* A page of attempts that all failed as loudly as they may still fits into a reply. */
#define ATTEMPTS_LIMIT     200
#define ATTEMPTS_LIMIT_MAX 500
static_assert(ATTEMPTS_LIMIT_MAX * (int64_t)(ATTEMPT_DETAILS_BYTES + 2 * OUTPUT_PART_BYTES_MAX +
                                             ATTEMPT_MESSAGE_BYTES) <
                  REPLY_BYTES_MAX,
              "the largest page fits");

#define RUNS_LIMIT     50
#define RUNS_LIMIT_MAX 1000

/* ---- taking requests apart ----------------------------------------------- */

static void *decode(struct exchange *exchange, const struct shape *shape, struct error *err)
{
    void *object = arena_alloc(&exchange->call.arena, shape->size);
    enum status status = codec_decode(shape, exchange->body.at, exchange->body.len, CODEC_OPEN,
                                      &exchange->call.arena, object, err);

    return status == STATUS_OK ? object : NULL;
}

static enum status check_protocol(int64_t protocol, struct error *err)
{
    if (protocol < PROTOCOL_VERSION_MIN || protocol > PROTOCOL_VERSION)
        return error_set(err, STATUS_VERSION, "protocol %d to %d is spoken here, not %lld",
                         PROTOCOL_VERSION_MIN, PROTOCOL_VERSION, (long long)protocol);
    return STATUS_OK;
}

/* A number of the query; *out_value keeps what it is when it is not given. */
static enum status take_number(const struct exchange *exchange, const char *name, int64_t min,
                               int64_t max, int64_t *out_value, struct error *err)
{
    const char *text = target_argument(&exchange->target, name);

    if (text != NULL && !text_to_int64(text, min, max, out_value))
        return error_set(err, STATUS_INVALID, "%s: '%s' is no number from %lld to %lld", name, text,
                         (long long)min, (long long)max);
    return STATUS_OK;
}

static enum status ask_submit(struct exchange *exchange, struct error *err)
{
    struct run_submission *submission = decode(exchange, &run_submission_shape, err);

    if (submission == NULL)
        return err->status;
    exchange->call.command.kind = COMMAND_SUBMIT;
    exchange->call.command.submission = submission;
    return check_protocol(submission->protocol, err);
}

static enum status ask_sync(struct exchange *exchange, struct error *err)
{
    struct sync_request *sync = decode(exchange, &sync_request_shape, err);

    if (sync == NULL)
        return err->status;
    if (strcmp(sync->agent, exchange->agent) != 0)
        return error_set(err, STATUS_INVALID, "agent: '%s' is not the path's '%s'", sync->agent,
                         exchange->agent);
    exchange->call.command.kind = COMMAND_SYNC;
    exchange->call.command.sync = sync;
    return check_protocol(sync->protocol, err);
}

static enum status ask_wait(struct exchange *exchange, struct error *err)
{
    struct command *command = &exchange->call.command;

    command->kind = COMMAND_WAIT;
    command->agent = exchange->agent;
    command->incarnation = -1;
    enum status status =
        take_number(exchange, "incarnation", 0, INT64_MAX, &command->incarnation, err);
    if (status == STATUS_OK && command->incarnation < 0)
        status = error_set(err, STATUS_INVALID, "incarnation: it is missing");
    return status;
}

static enum status ask_attend(struct exchange *exchange, struct error *err)
{
    exchange->call.command.kind = COMMAND_ATTEND;
    exchange->call.command.run = exchange->run;
    exchange->call.command.attend = decode(exchange, &attend_request_shape, err);
    return exchange->call.command.attend != NULL ? STATUS_OK : err->status;
}

static enum status ask_cancel(struct exchange *exchange, struct error *err)
{
    exchange->call.command.kind = COMMAND_CANCEL;
    exchange->call.command.run = exchange->run;
    exchange->call.command.cancel = decode(exchange, &cancel_request_shape, err);
    return exchange->call.command.cancel != NULL ? STATUS_OK : err->status;
}

static enum status ask_view(struct exchange *exchange, struct error *err)
{
    (void)err;
    exchange->call.command.kind = COMMAND_VIEW;
    exchange->call.command.run = exchange->run;
    return STATUS_OK;
}

static enum status ask_work(struct exchange *exchange, struct error *err)
{
    (void)err;
    exchange->call.command.kind = COMMAND_WORK;
    exchange->call.command.run = exchange->run;
    return STATUS_OK;
}

static enum status ask_agents(struct exchange *exchange, struct error *err)
{
    (void)err;
    exchange->call.command.kind = COMMAND_AGENTS;
    return STATUS_OK;
}

static enum status ask_stats(struct exchange *exchange, struct error *err)
{
    (void)err;
    exchange->call.command.kind = COMMAND_STATS;
    return STATUS_OK;
}

static enum status ask_runs(struct exchange *exchange, struct error *err)
{
    exchange->limit = RUNS_LIMIT;
    return take_number(exchange, "limit", 1, RUNS_LIMIT_MAX, &exchange->limit, err);
}

static enum status ask_attempts(struct exchange *exchange, struct error *err)
{
    exchange->limit = ATTEMPTS_LIMIT;
    exchange->after = 0;
    enum status status =
        take_number(exchange, "limit", 1, ATTEMPTS_LIMIT_MAX, &exchange->limit, err);
    if (status == STATUS_OK)
        status = take_number(exchange, "after", 0, INT64_MAX, &exchange->after, err);
    return status;
}

static enum status ask_report(struct exchange *exchange, struct error *err)
{
    const char *format = target_argument(&exchange->target, "format");

    exchange->format = format != NULL ? report_format_of(format) : REPORT_JSON;
    if (exchange->format == REPORT_FORMAT_COUNT)
        return error_set(err, STATUS_INVALID, "format: '%s' is not one of json, junit, text",
                         format);
    return STATUS_OK;
}

static enum status ask_ready(struct exchange *exchange, struct error *err)
{
    if (!engine_is_ready(exchange->server->engine))
        return error_set(err, STATUS_UNAVAILABLE, "the store does not accept commits");
    return STATUS_OK;
}

/* ---- answering ----------------------------------------------------------- */

static void tell_submitted(struct exchange *exchange)
{
    const struct run_created *created = &exchange->call.reply.run_created;

    answer_json(exchange, created->existed ? MHD_HTTP_OK : MHD_HTTP_CREATED, &run_created_shape,
                created);
}

/* The agent's next request is a long poll: it comes by a new connection, which the loop
 * gives to the hall where waiting costs the others nothing. */
static void tell_synced(struct exchange *exchange)
{
    const struct sync_response *response = &exchange->call.reply.sync_response;

    answer_json(exchange, MHD_HTTP_OK, &sync_response_shape, response);
    exchange->answer.closes = response->may_wait;
}

/* And this is the way back. */
static void tell_waited(struct exchange *exchange)
{
    answer_begin(exchange, MHD_HTTP_NO_CONTENT, NULL);
    exchange->answer.closes = true;
}

static void tell_view(struct exchange *exchange)
{
    answer_json(exchange, MHD_HTTP_OK, &run_view_shape, &exchange->call.reply.run_view);
}

static void tell_work(struct exchange *exchange)
{
    answer_json(exchange, MHD_HTTP_OK, &run_work_shape, &exchange->call.reply.run_work);
}

static void tell_agents(struct exchange *exchange)
{
    answer_json(exchange, MHD_HTTP_OK, &agent_list_shape, &exchange->call.reply.agent_list);
}

static void tell_stats(struct exchange *exchange)
{
    answer_begin(exchange, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8");
    metrics_render(exchange->server, &exchange->call.reply.stats, &exchange->answer.body);
}

static void tell_live(struct exchange *exchange)
{
    answer_begin(exchange, MHD_HTTP_OK, "text/plain; charset=utf-8");
    (void)buffer_add_text(&exchange->answer.body, "live\n");
}

/* ---- on reader threads --------------------------------------------------- */

static enum status read_view(struct exchange *exchange, struct reader *reader, struct error *err)
{
    struct run_view view = {.run = 0};
    enum status status = reader->ops->run(reader, exchange->run, &exchange->call.arena, &view, err);

    if (status == STATUS_OK)
        answer_json(exchange, MHD_HTTP_OK, &run_view_shape, &view);
    return status;
}

static enum status read_runs(struct exchange *exchange, struct reader *reader, struct error *err)
{
    struct run_list list = {.runs = NULL};
    enum status status =
        reader->ops->runs(reader, exchange->limit, &exchange->call.arena, &list, err);

    if (status == STATUS_OK)
        answer_json(exchange, MHD_HTTP_OK, &run_list_shape, &list);
    return status;
}

static enum status read_attempts(struct exchange *exchange, struct reader *reader,
                                 struct error *err)
{
    struct attempt_page page = {.attempts = NULL};
    enum status status = reader->ops->attempts(reader, exchange->run, exchange->after,
                                               exchange->limit, &exchange->call.arena, &page, err);

    if (status == STATUS_OK)
        answer_json(exchange, MHD_HTTP_OK, &attempt_page_shape, &page);
    return status;
}

static enum status read_report(struct exchange *exchange, struct reader *reader, struct error *err)
{
    struct run_report report = {.format = 0};
    struct error why;
    enum status status =
        reader->ops->report(reader, exchange->run, &exchange->call.arena, &report, err);

    if (status != STATUS_OK)
        return status;
    answer_begin(exchange, MHD_HTTP_OK, report_content_type(exchange->format));
    status = report_render(exchange->format, &report, &exchange->answer.body, &why);
    if (status != STATUS_OK) /* no fault of the reader's */
        answer_problem(exchange, status, why.text);
    return STATUS_OK;
}

static enum status read_ready(struct exchange *exchange, struct reader *reader, struct error *err)
{
    (void)reader;
    (void)err;
    answer_begin(exchange, MHD_HTTP_OK, "text/plain; charset=utf-8");
    (void)buffer_add_text(&exchange->answer.body, "ready\n");
    return STATUS_OK;
}

/* ---- the table ----------------------------------------------------------- */

#define RIGHT_LOOK (RIGHT_READ | RIGHT_SUBMIT) /* who started a run may look at it */

/* clang-format off */
static const struct route routes[] = {
    {"POST", "/v1/runs",                RIGHT_SUBMIT, DESK_ENGINE, BODY_BYTES_MAX,      ask_submit,   tell_submitted, NULL},
    {"GET",  "/v1/runs",                RIGHT_LOOK,   DESK_READER, 0,                   ask_runs,     NULL,           read_runs},
    {"GET",  "/v1/runs/{run}",          RIGHT_LOOK,   DESK_ENGINE, 0,                   ask_view,     tell_view,      read_view},
    {"POST", "/v1/runs/{run}/attend",   RIGHT_SUBMIT, DESK_ENGINE, BODY_BYTES_MAX,      ask_attend,   tell_view,      NULL},
    {"POST", "/v1/runs/{run}/cancel",   RIGHT_SUBMIT, DESK_ENGINE, BODY_BYTES_MAX,      ask_cancel,   tell_view,      NULL},
    {"GET",  "/v1/runs/{run}/attempts", RIGHT_LOOK,   DESK_READER, 0,                   ask_attempts, NULL,           read_attempts},
    {"GET",  "/v1/runs/{run}/report",   RIGHT_LOOK,   DESK_READER, 0,                   ask_report,   NULL,           read_report},
    {"GET",  "/v1/runs/{run}/work",     RIGHT_WORK,   DESK_ENGINE, 0,                   ask_work,     tell_work,      NULL},
    {"POST", "/v1/agents/{agent}/sync", RIGHT_WORK,   DESK_ENGINE, SYNC_BODY_BYTES_MAX, ask_sync,     tell_synced,    NULL},
    {"GET",  "/v1/agents/{agent}/wait", RIGHT_WORK,   DESK_ENGINE, 0,                   ask_wait,     tell_waited,    NULL},
    {"GET",  "/v1/agents",              RIGHT_LOOK,   DESK_ENGINE, 0,                   ask_agents,   tell_agents,    NULL},
    {"GET",  "/metrics",                RIGHT_READ,   DESK_ENGINE, 0,                   ask_stats,    tell_stats,     NULL},
    {"GET",  "/livez",                  RIGHT_NONE,   DESK_DOOR,   0,                   NULL,         tell_live,      NULL},
    {"GET",  "/readyz",                 RIGHT_NONE,   DESK_READER, 0,                   ask_ready,    NULL,           read_ready},
};
/* clang-format on */

/* A segment that stands for a number or a name; false: it is none. */
static bool take_place(struct exchange *exchange, const char *place, const char *segment)
{
    if (strcmp(place, "{run}") == 0)
        return text_to_int64(segment, 1, INT64_MAX, &exchange->run);
    exchange->agent = segment;
    return strlen(segment) <= NAME_BYTES_MAX;
}

static bool matches(struct exchange *exchange, const char *pattern)
{
    const struct target *target = &exchange->target;
    char copy[64];
    char *rest = copy + 1;
    size_t i = 0;

    CHECK(strlen(pattern) < sizeof(copy));
    (void)memcpy(copy, pattern, strlen(pattern) + 1);
    for (; rest != NULL && i < target->segments_count; i++) {
        const char *wanted = strsep(&rest, "/");
        bool fits = wanted[0] == '{' ? take_place(exchange, wanted, target->segments[i])
                                     : strcmp(wanted, target->segments[i]) == 0;

        if (!fits)
            return false;
    }
    return rest == NULL && i == target->segments_count;
}

enum status route_find(struct exchange *exchange, const char *method, struct error *err)
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    const char *allow = NULL;

    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        if (!matches(exchange, routes[i].pattern))
            continue;
        if (strcmp(routes[i].method, wanted) == 0) {
            exchange->route = &routes[i];
            return STATUS_OK;
        }
        allow = allow == NULL
                    ? routes[i].method
                    : arena_printf(&exchange->call.arena, "%s, %s", allow, routes[i].method);
    }
    if (allow == NULL)
        return error_set(err, STATUS_NOT_FOUND, "no such path");
    exchange->answer.allow = allow;
    return error_set(err, STATUS_METHOD, "the path has only %s", allow);
}
