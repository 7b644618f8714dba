#include "coordinator/engine/fact_log.h"

#include <inttypes.h>

#include "shared/base/log.h"

/* Tokens are shown as "epoch.counter". */
#define RUN_LEASE_FORMAT      "run=%" PRId64 " lease=%" PRId64 ".%" PRId64
#define RUN_LEASE(run, token) (run), LEASE_EPOCH(token), LEASE_COUNTER(token)

static void log_joined(const char *event, const struct fact *fact)
{
    log_info(event, "agent=%s incarnation=%" PRId64, log_quote(fact->agent_joined->agent),
             fact->agent_joined->incarnation);
}

static void log_synced(const char *event, const struct fact *fact)
{
    const struct fact_agent_synced *synced = fact->agent_synced;

    if (synced->missing > 0)
        log_warning("events_missing", "agent=%s incarnation=%" PRId64 " events=%" PRId64,
                    log_quote(synced->agent), synced->incarnation, synced->missing);
    if (synced->dropped > 0)
        log_warning("results_dropped", "agent=%s incarnation=%" PRId64 " results=%" PRId64,
                    log_quote(synced->agent), synced->incarnation, synced->dropped);
    log_debug(event, "agent=%s acknowledged=%" PRId64 " sync_no=%" PRId64,
              log_quote(fact->agent_synced->agent), fact->agent_synced->acknowledged,
              fact->agent_synced->sync_no);
}

static void log_gone(const char *event, const struct fact *fact)
{
    static const char *const reasons[] = {
        [GONE_SILENT] = "silent", [GONE_REPLACED] = "replaced", [GONE_LEFT] = "left"};

    CHECK((unsigned)fact->agent_gone->reason < COUNT_OF(reasons));
    log_info(event, "agent=%s incarnation=%" PRId64 " reason=%s",
             log_quote(fact->agent_gone->agent), fact->agent_gone->incarnation,
             reasons[fact->agent_gone->reason]);
}

static void log_submitted(const char *event, const struct fact *fact)
{
    log_info(event, "run=%" PRId64 " suite=%s", fact->run,
             log_quote(fact->run_submitted->submission->suite->name));
}

static void log_collected(const char *event, const struct fact *fact)
{
    log_debug(event, "run=%" PRId64 " first=%" PRId64 " tests=%zu", fact->run,
              fact->tests_collected->first, fact->tests_collected->tests_count);
}

static void log_planned(const char *event, const struct fact *fact)
{
    log_info(event, "run=%" PRId64 " collected=%" PRId64 " selected=%zu", fact->run,
             fact->run_planned->collected, fact->run_planned->order_count);
}

static void log_added(const char *event, const struct fact *fact)
{
    log_debug(event, "run=%" PRId64 " test=%" PRId64, fact->run, fact->test_added->test);
}

static void log_granted(const char *event, const struct fact *fact)
{
    const struct fact_lease_granted *granted = fact->lease_granted;

    log_debug(event, RUN_LEASE_FORMAT " agent=%s slot=%" PRId64 " tests=%zu",
              RUN_LEASE(fact->run, granted->lease), log_quote(granted->agent), granted->slot,
              granted->tests_count);
}

static void log_returned(const char *event, const struct fact *fact)
{
    const struct fact_tests_returned *returned = fact->tests_returned;

    log_debug(event, RUN_LEASE_FORMAT " tests=%zu reason=%s", RUN_LEASE(fact->run, returned->lease),
              returned->tests_count, log_quote(returned->reason));
}

static void log_attempt(const char *event, const struct fact *fact)
{
    const struct fact_attempt_recorded *recorded = fact->attempt_recorded;

    log_debug(event, RUN_LEASE_FORMAT " test=%" PRId64 " attempt=%" PRId64 " outcome=%d counted=%d",
              RUN_LEASE(fact->run, recorded->lease), recorded->report->test,
              recorded->report->attempt, (int)recorded->report->outcome, (int)recorded->counted);
}

static void log_note(const char *event, const struct fact *fact)
{
    log_debug(event, "run=%" PRId64 " test=%" PRId64 " name=%s", fact->run,
              fact->note_recorded->note->test, log_quote(fact->note_recorded->note->name));
}

static void log_problem(const char *event, const struct fact *fact)
{
    const struct fact_problem_recorded *problem = fact->problem_recorded;

    log_warning(event, "run=%" PRId64 " agent=%s stage=%s text=%s", fact->run,
                log_quote(problem->agent), log_quote(problem->stage), log_quote(problem->text));
}

static void log_lease_ended(const char *event, const struct fact *fact)
{
    static const struct {
        const char *name;
        enum log_level level;
    } ends[] = {
        [LEASE_END_DONE] = {"done", LOG_LEVEL_DEBUG},
        [LEASE_END_LOST] = {"lost", LOG_LEVEL_WARNING},
        [LEASE_END_REVOKED] = {"revoked", LOG_LEVEL_DEBUG},
        [LEASE_END_PROBLEM] = {"problem", LOG_LEVEL_WARNING},
        [LEASE_END_RETURNED] = {"returned", LOG_LEVEL_DEBUG},
    };
    const struct fact_lease_ended *ended = fact->lease_ended;

    CHECK((unsigned)ended->end < COUNT_OF(ends));
    log_event(ends[ended->end].level, event, RUN_LEASE_FORMAT " end=%s",
              RUN_LEASE(fact->run, ended->lease), ends[ended->end].name);
}

static void log_run_ended(const char *event, const struct fact *fact)
{
    log_info(event, "run=%" PRId64 " exit_status=%" PRId64 " reason=%s", fact->run,
             fact->run_ended->exit_status, log_quote(fact->run_ended->reason));
}

#define IMAGE_FORMAT                "fingerprint=%s trust=%s"
#define IMAGE(fingerprint_, trust_) log_quote(fingerprint_), log_quote(trust_)

static void log_image_claimed(const char *event, const struct fact *fact)
{
    const struct fact_image_claimed *claimed = fact->image_claimed;

    log_info(event, IMAGE_FORMAT " " RUN_LEASE_FORMAT " agent=%s",
             IMAGE(claimed->fingerprint, claimed->trust), RUN_LEASE(claimed->run, claimed->lease),
             log_quote(claimed->agent));
}

static void log_image_done(const char *event, const struct fact *fact)
{
    const struct fact_image_done *done = fact->image_done;

    log_info(event, IMAGE_FORMAT " hash=%s bytes=%" PRId64, IMAGE(done->fingerprint, done->trust),
             log_quote(done->hash), done->bytes);
}

static void log_image_failed(const char *event, const struct fact *fact)
{
    const struct fact_image_failed *failed = fact->image_failed;

    log_warning(event, IMAGE_FORMAT " " RUN_LEASE_FORMAT " agent=%s text=%s",
                IMAGE(failed->fingerprint, failed->trust), RUN_LEASE(failed->run, failed->lease),
                log_quote(failed->agent), log_quote(failed->text));
}

static void log_image_released(const char *event, const struct fact *fact)
{
    const struct fact_image_released *released = fact->image_released;

    log_warning(event, IMAGE_FORMAT " reason=%s", IMAGE(released->fingerprint, released->trust),
                released->reason == IMAGE_RELEASE_AGENT_GONE ? "agent-gone" : "run-ended");
}

static void log_image_dropped(const char *event, const struct fact *fact)
{
    static const struct {
        const char *name;
        enum log_level level;
    } reasons[] = {
        [IMAGE_DROP_BAD] = {"bad", LOG_LEVEL_WARNING},
        [IMAGE_DROP_DELETED] = {"deleted", LOG_LEVEL_INFO},
        [IMAGE_DROP_FORGOTTEN] = {"forgotten", LOG_LEVEL_INFO},
    };
    const struct fact_image_dropped *dropped = fact->image_dropped;

    CHECK((unsigned)dropped->reason < COUNT_OF(reasons));
    log_event(reasons[dropped->reason].level, event, IMAGE_FORMAT " reason=%s",
              IMAGE(dropped->fingerprint, dropped->trust), reasons[dropped->reason].name);
}

void fact_log(const struct fact *fact)
{
    /* clang-format off */
    static void (*const loggers[FACT_KIND_COUNT])(const char *event, const struct fact *fact) = {
        [FACT_AGENT_JOINED]     = log_joined,
        [FACT_AGENT_SYNCED]     = log_synced,
        [FACT_AGENT_GONE]       = log_gone,
        [FACT_RUN_SUBMITTED]    = log_submitted,
        [FACT_TESTS_COLLECTED]  = log_collected,
        [FACT_RUN_PLANNED]      = log_planned,
        [FACT_TEST_ADDED]       = log_added,
        [FACT_LEASE_GRANTED]    = log_granted,
        [FACT_TESTS_RETURNED]   = log_returned,
        [FACT_ATTEMPT_RECORDED] = log_attempt,
        [FACT_NOTE_RECORDED]    = log_note,
        [FACT_PROBLEM_RECORDED] = log_problem,
        [FACT_LEASE_ENDED]      = log_lease_ended,
        [FACT_RUN_ENDED]        = log_run_ended,
        [FACT_IMAGE_CLAIMED]    = log_image_claimed,
        [FACT_IMAGE_DONE]       = log_image_done,
        [FACT_IMAGE_FAILED]     = log_image_failed,
        [FACT_IMAGE_RELEASED]   = log_image_released,
        [FACT_IMAGE_DROPPED]    = log_image_dropped,
    };
    /* clang-format on */

    CHECK((unsigned)fact->kind < FACT_KIND_COUNT);
    loggers[fact->kind](fact_kind_name(fact->kind), fact);
}
