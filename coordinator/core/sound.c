#include <string.h>

#include "coordinator/core/state.h"
#include "coordinator/core/verdict.h"
#include "shared/base/limits.h"

/* Is the state what it must be?  Everything that is kept twice is counted again. */

#define REQUIRE(cond, err, ...)                                                                    \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            (void)error_set((err), STATUS_INTERNAL, __VA_ARGS__);                                  \
            return false;                                                                          \
        }                                                                                          \
    } while (0)

/* What the tests of a run add up to. */
struct sum {
    struct run_counts counts;
    int64_t queued, leased, undecided, retries_used;
    struct load queue_load, leased_load;
};

static bool lane_is_sound(const struct run *run, const struct test *test, struct error *err)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        bool is_there = places_has(&run->queue.lanes[lane], test->place);
        bool should_be = test->state == TEST_QUEUED && lane == (int)queue_lane_of(test);

        REQUIRE(is_there == should_be, err, "run %lld: test '%s' is in the wrong lane",
                (long long)run->number, test->id);
    }
    return true;
}

static bool attempts_are_sound(const struct run *run, const struct test *test, struct sum *sum,
                               struct error *err)
{
    uint32_t count = 0;

    for (const struct attempt *it = test->attempts; it != NULL; it = it->next) {
        count++;
        REQUIRE((it->outcome == OUTCOME_LOST) <= (it->use != ATTEMPT_COUNTED), err,
                "run %lld: a lost attempt of test '%s' counts", (long long)run->number, test->id);
        sum->counts.attempts++;
        sum->counts.retries += it->kind == ATTEMPT_RETRY;
        sum->counts.lost += it->outcome == OUTCOME_LOST;
    }
    REQUIRE(count == test->attempts_count, err, "run %lld: test '%s' has %u attempts, not %u",
            (long long)run->number, test->id, count, test->attempts_count);
    return true;
}

static bool verdict_is_sound(const struct run *run, const struct test *test, struct error *err)
{
    struct verdict_policy policy =
        verdict_policy_of(run->submission->suite->retries, test->is_extra, false);
    enum verdict decided = verdict_of(test->attempts, &policy);

    policy.may_retry = true;
    enum verdict undecided = verdict_of(test->attempts, &policy);

    REQUIRE((test->state == TEST_DECIDED) == (test->verdict != VERDICT_NONE), err,
            "run %lld: test '%s' has verdict %d in state %d", (long long)run->number, test->id,
            test->verdict, test->state);
    REQUIRE(test->verdict != VERDICT_NOT_RUN || run->state == RUN_ENDED, err,
            "run %lld: test '%s' is given up in an open run", (long long)run->number, test->id);
    if (test->verdict == VERDICT_NONE || test->verdict == VERDICT_NOT_RUN)
        REQUIRE(undecided == VERDICT_NONE, err,
                "run %lld: the attempts of test '%s' decide it and it is not decided",
                (long long)run->number, test->id);
    else
        REQUIRE((int)decided == test->verdict, err,
                "run %lld: test '%s' has verdict %d, its attempts say %d", (long long)run->number,
                test->id, test->verdict, (int)decided);
    return true;
}

static bool place_is_sound(const struct run *run, const struct test *test, struct error *err)
{
    long long number = (long long)run->number;

    REQUIRE((test->state == TEST_LEASED) == (test->lease != NULL), err,
            "run %lld: test '%s' in state %d and its lease do not fit", number, test->id,
            test->state);
    if (test->lease != NULL) {
        REQUIRE(core_lease(run->core, test->lease->token) == test->lease, err,
                "run %lld: test '%s' is under a closed lease", number, test->id);
        REQUIRE(lease_item_of(test->lease, run_test_number(run, test)) != NULL, err,
                "run %lld: test '%s' is under a lease that does not name it", number, test->id);
    }
    if (run->state == RUN_COLLECTING) {
        REQUIRE(test->state == TEST_LISTED, err, "run %lld: test '%s' moved before the plan",
                number, test->id);
        return true;
    }
    REQUIRE(test->state != TEST_LISTED, err, "run %lld: test '%s' was left out by the plan", number,
            test->id);
    REQUIRE(run->state != RUN_ENDED || test->state == TEST_DECIDED ||
                test->state == TEST_DESELECTED,
            err, "run %lld: test '%s' has no verdict and the run has ended", number, test->id);
    return true;
}

static void add_to_sum(const struct test *test, struct sum *sum)
{
    switch ((enum test_state)test->state) {
    case TEST_QUEUED:
        sum->queued++;
        load_add(&sum->queue_load, test);
        break;
    case TEST_LEASED:
        sum->leased++;
        load_add(&sum->leased_load, test);
        break;
    case TEST_DECIDED:
        (*run_counts_of(&sum->counts, (enum verdict)test->verdict))++;
        break;
    case TEST_LISTED:
    case TEST_DESELECTED:
        return;
    }
    sum->counts.collected++;
    sum->undecided += test->state != TEST_DECIDED;
}

static bool tests_are_sound(const struct run *run, struct sum *sum, struct error *err)
{
    bool was_planned = run->queue.places_count > 0;

    for (size_t i = 0; i < run->tests_count; i++) {
        const struct test *test = &run->tests[i];

        REQUIRE(id_table_find(&run->ids, run->tests, test->id) == (int64_t)i + 1, err,
                "run %lld: test '%s' is not found by its id", (long long)run->number, test->id);
        if (!place_is_sound(run, test, err) || !verdict_is_sound(run, test, err) ||
            !attempts_are_sound(run, test, sum, err))
            return false;
        if (was_planned && !test->is_extra && test->state != TEST_DESELECTED &&
            !lane_is_sound(run, test, err))
            return false;
        add_to_sum(test, sum);
    }
    return true;
}

static bool counts_are_sound(const struct run *run, const struct sum *sum, struct error *err)
{
    const struct run_counts *counts = &run->counts;
    const struct {
        const char *name;
        int64_t kept, counted;
    } rows[] = {
        {"collected", counts->collected, sum->counts.collected},
        {"passed", counts->passed, sum->counts.passed},
        {"failed", counts->failed, sum->counts.failed},
        {"error", counts->error, sum->counts.error},
        {"skipped", counts->skipped, sum->counts.skipped},
        {"flaky", counts->flaky, sum->counts.flaky},
        {"crashed", counts->crashed, sum->counts.crashed},
        {"timed-out", counts->timed_out, sum->counts.timed_out},
        {"not-run", counts->not_run, sum->counts.not_run},
        {"undecided", run->undecided, sum->undecided},
        {"queued", (int64_t)queue_count(&run->queue), sum->queued},
        {"queued time", run->queue.load.known_us, sum->queue_load.known_us},
        {"queued unknown", run->queue.load.unknown, sum->queue_load.unknown},
        {"leased time", run->leased.known_us, sum->leased_load.known_us},
        {"leased unknown", run->leased.unknown, sum->leased_load.unknown},
    };
    int64_t decided = counts->passed + counts->failed + counts->error + counts->skipped +
                      counts->flaky + counts->crashed + counts->timed_out + counts->not_run;

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        REQUIRE(rows[i].kept == rows[i].counted, err, "run %lld: %s is %lld, counted %lld",
                (long long)run->number, rows[i].name, (long long)rows[i].kept,
                (long long)rows[i].counted);
    REQUIRE(decided + run->undecided == counts->collected, err,
            "run %lld: %lld tests are decided, %lld not, of %lld", (long long)run->number,
            (long long)decided, (long long)run->undecided, (long long)counts->collected);
    REQUIRE(counts->attempts >= sum->counts.attempts && counts->lost >= sum->counts.lost &&
                counts->retries >= sum->counts.retries,
            err, "run %lld: attempts are missing in its counts", (long long)run->number);
    return true;
}

static bool leases_are_sound(const struct run *run, const struct sum *sum, struct error *err)
{
    const struct lease *it = NULL;
    int64_t before = 0;
    size_t count = 0;
    int64_t outstanding = 0;

    DL_FOREACH2(run->leases, it, run_next)
    {
        long long token = (long long)it->token;

        count++;
        outstanding += (int64_t)it->outstanding;
        REQUIRE(it->token > before, err, "lease %lld does not grow", token);
        REQUIRE(it->run == run && core_lease(run->core, it->token) == it, err,
                "lease %lld is not found", token);
        REQUIRE(core_past_lease(run->core, it->token) == NULL, err, "lease %lld is open and closed",
                token);
        REQUIRE(it->agent->is_live, err, "lease %lld is held by an agent that is gone", token);
        REQUIRE(it->items_count <= TESTS_PER_LEASE_MAX, err, "lease %lld is too large", token);
        REQUIRE(it->kind == LEASE_COLLECT || it->outstanding > 0, err, "lease %lld holds nothing",
                token);
        REQUIRE((it->kind == LEASE_COLLECT) == (run->collect == it), err,
                "lease %lld is not the run's collect lease", token);
        before = it->token;
    }
    REQUIRE(count == run->leases_count, err, "run %lld: leases are miscounted",
            (long long)run->number);
    REQUIRE(outstanding == sum->leased, err, "run %lld: %lld tests are leased, %lld outstanding",
            (long long)run->number, (long long)sum->leased, (long long)outstanding);
    REQUIRE(run->state != RUN_ENDED || count == 0, err, "run %lld has ended and holds leases",
            (long long)run->number);
    return true;
}

static bool run_is_sound(const struct run *run, struct error *err)
{
    struct sum sum = {0};
    bool is_empty_green =
        run->state == RUN_ENDED && run->exit_status == 0 && run->counts.collected == 0;

    REQUIRE(run->tests_count <= (size_t)2 * TESTS_PER_RUN_MAX, err, "run %lld has too many tests",
            (long long)run->number);
    REQUIRE(!is_empty_green, err, "run %lld tested nothing and is green", (long long)run->number);
    return tests_are_sound(run, &sum, err) && counts_are_sound(run, &sum, err) &&
           leases_are_sound(run, &sum, err);
}

/* No slot has more than one batch to run and one to come. */
static bool agent_is_sound(const struct core *core, const struct agent *agent, struct error *err)
{
    const struct lease *it = NULL;
    size_t count = 0;

    DL_FOREACH2(agent->leases, it, agent_next)
    {
        struct lease *active = NULL;

        count++;
        REQUIRE(it->agent == agent && core_lease(core, it->token) == it, err,
                "agent '%s' holds a lease that is not there", agent->name);
        REQUIRE(agent_slot_leases(agent, it->slot, &active) <= 2, err,
                "slot %lld of agent '%s' has too many leases", (long long)it->slot, agent->name);
    }
    REQUIRE(count == agent->leases_count, err, "agent '%s': leases are miscounted", agent->name);
    REQUIRE(agent->sync_no <= agent->heard_sync_no, err, "agent '%s' was heard before it called",
            agent->name);
    return true;
}

/* An open build lease belongs to an agent that is there; a finished image has a name. */
static bool image_is_sound(const struct core *core, const struct image *image, struct error *err)
{
    const struct agent *agent = agent_find(core, image->agent);
    bool is_built = image->state == IMAGE_RECORD_BUILDING;

    REQUIRE(image->lease > 0 || image->state == IMAGE_RECORD_NONE, err,
            "image '%s' has no lease in state %d", image->fingerprint, (int)image->state);
    REQUIRE(image->state != IMAGE_RECORD_NONE || image->failures != NULL, err,
            "image '%s' is remembered for nothing", image->fingerprint);
    REQUIRE(!is_built ||
                (agent != NULL && agent->is_live && agent->incarnation == image->incarnation),
            err, "image '%s' is built by an agent that is gone", image->fingerprint);
    REQUIRE((image->state == IMAGE_RECORD_READY) == hash_is_hex(image->hash), err,
            "image '%s' in state %d has the blob '%s'", image->fingerprint, (int)image->state,
            image->hash);
    REQUIRE(LEASE_EPOCH(image->lease) < core->epoch ||
                LEASE_COUNTER(image->lease) <= core->last_counter,
            err, "token %lld was never given out", (long long)image->lease);
    for (const struct image_failure *it = image->failures; it != NULL; it = it->next)
        REQUIRE(it->next == NULL || it->run < it->next->run, err,
                "image '%s' failed twice for a run", image->fingerprint);
    return true;
}

bool core_is_sound(const struct core *core, struct error *err)
{
    for (const struct run *run = core->runs; run != NULL; run = run->hh.next)
        if (!run_is_sound(run, err))
            return false;
    for (const struct agent *agent = core->agents; agent != NULL; agent = agent->hh.next)
        if (!agent_is_sound(core, agent, err))
            return false;
    for (const struct image *image = core->images; image != NULL; image = image->hh.next)
        if (!image_is_sound(core, image, err))
            return false;
    REQUIRE(HASH_COUNT(core->images) <= IMAGES_MAX, err, "more images are known than allowed");
    for (const struct lease *it = core->leases; it != NULL; it = it->hh.next)
        REQUIRE(LEASE_EPOCH(it->token) < core->epoch ||
                    LEASE_COUNTER(it->token) <= core->last_counter,
                err, "token %lld was never given out", (long long)it->token);
    REQUIRE(core->open_count <= RUNS_OPEN_MAX && core->ended_count <= RUNS_ENDED_MAX, err,
            "more runs are remembered than allowed");
    return true;
}
