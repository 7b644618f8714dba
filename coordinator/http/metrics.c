#include <stddef.h>

#include "coordinator/http/door.h"

enum metric_type { METRIC_GAUGE, METRIC_COUNTER };

struct metric {
    const char *name;
    enum metric_type type;
    size_t offset; /* of an int64_t */
    const char *help;
};

#define STAT(member) offsetof(struct stats, member)
#define DOOR(member) offsetof(struct door_counts, member)

/* clang-format off */
static const struct metric engine_metrics[] = {
    {"muster_runs_open",                METRIC_GAUGE,   STAT(runs_open),            "Runs that have not ended."},
    {"muster_runs_collecting",          METRIC_GAUGE,   STAT(runs_collecting),      "Open runs whose tests are being collected."},
    {"muster_tests_queued",             METRIC_GAUGE,   STAT(tests_queued),         "Tests that wait for a slot."},
    {"muster_tests_leased",             METRIC_GAUGE,   STAT(tests_leased),         "Tests under an open lease."},
    {"muster_leases_open",              METRIC_GAUGE,   STAT(leases_open),          "Open leases."},
    {"muster_agents_known",             METRIC_GAUGE,   STAT(agents_known),         "Agents that are not lost."},
    {"muster_agents_idle",              METRIC_GAUGE,   STAT(agents_idle),          "Agents without a lease."},
    {"muster_agents_busy",              METRIC_GAUGE,   STAT(agents_busy),          "Agents with a lease."},
    {"muster_slots",                    METRIC_GAUGE,   STAT(slots),                "Worker slots of all known agents."},
    {"muster_slots_busy",               METRIC_GAUGE,   STAT(slots_busy),           "Worker slots under a lease."},
    {"muster_attempts_total",           METRIC_COUNTER, STAT(total_attempts),       "Attempts recorded."},
    {"muster_attempts_counted_total",   METRIC_COUNTER, STAT(total_counted),        "Attempts that counted for a verdict."},
    {"muster_attempts_late_total",      METRIC_COUNTER, STAT(total_late),           "Attempts that came after their lease had ended."},
    {"muster_attempts_dropped_total",   METRIC_COUNTER, STAT(total_dropped),        "Attempts under leases that are not known: acknowledged, not stored."},
    {"muster_retries_total",            METRIC_COUNTER, STAT(total_retries),        "Attempts granted again after a failure."},
    {"muster_leases_lost_total",        METRIC_COUNTER, STAT(total_lost_leases),    "Leases that ended with their agent or worker."},
    {"muster_problems_total",           METRIC_COUNTER, STAT(total_problems),       "Infrastructure problems reported by agents."},
    {"muster_syncs_total",              METRIC_COUNTER, STAT(total_syncs),          "Syncs answered."},
    {"muster_syncs_repeated_total",     METRIC_COUNTER, STAT(total_repeated_syncs), "Syncs that came again and got the same answer."},
    {"muster_syncs_resync_total",       METRIC_COUNTER, STAT(total_resyncs),        "Syncs whose events had a gap."},
    {"muster_events_missing_total",     METRIC_COUNTER, STAT(total_missing),        "Events that no agent has any more and this store never saw."},
};

static const struct metric door_metrics[] = {
    {"muster_http_connections",         METRIC_GAUGE,   DOOR(connections),          "Open connections."},
    {"muster_http_waits_parked",        METRIC_GAUGE,   DOOR(waits_parked),         "Long polls that are parked."},
    {"muster_http_requests_pending",    METRIC_GAUGE,   DOOR(asked),                "Requests that wait for the engine or a reader."},
    {"muster_http_body_bytes",          METRIC_GAUGE,   DOOR(body_bytes),           "Bytes of request bodies held."},
    {"muster_http_refused_total",       METRIC_COUNTER, DOOR(total_refused),        "Connections sent away because there were too many."},
    {"muster_http_cut_total",           METRIC_COUNTER, DOOR(total_cut),            "Connections cut at a deadline, idle ones included."},
    {"muster_http_hang_ups_total",      METRIC_COUNTER, DOOR(total_hang_ups),       "Long polls whose client went away."},
};
/* clang-format on */

static void add_head(struct buffer *buffer, const char *name, enum metric_type type,
                     const char *help)
{
    (void)buffer_printf(buffer, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                        type == METRIC_GAUGE ? "gauge" : "counter");
}

static void add_metrics(struct buffer *buffer, const struct metric *metrics, size_t count,
                        const void *values)
{
    for (size_t i = 0; i < count; i++) {
        const int64_t *value = (const void *)((const char *)values + metrics[i].offset);

        add_head(buffer, metrics[i].name, metrics[i].type, metrics[i].help);
        (void)buffer_printf(buffer, "%s %lld\n", metrics[i].name, (long long)*value);
    }
}

void metrics_render(const struct server *server, const struct stats *stats, struct buffer *buffer)
{
    add_metrics(buffer, engine_metrics, COUNT_OF(engine_metrics), stats);
    add_metrics(buffer, door_metrics, COUNT_OF(door_metrics), &server->counts);

    add_head(buffer, "muster_http_answers_total", METRIC_COUNTER, "Answers by class of status.");
    for (size_t i = 2; i < COUNT_OF(server->counts.total_answers); i++)
        (void)buffer_printf(buffer, "muster_http_answers_total{code=\"%zuxx\"} %lld\n", i,
                            (long long)server->counts.total_answers[i]);
    add_head(buffer, "muster_ready", METRIC_GAUGE, "1 while the store accepts commits.");
    (void)buffer_printf(buffer, "muster_ready %d\n", engine_is_ready(server->engine) ? 1 : 0);
}
