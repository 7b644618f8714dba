/* simulate --seeds A..B [--agents N] [--tests N] [--faults N] [--store memory|sqlite]
 *          [--canary NAME] [--only-restarts] [-v]
 *
 * Runs a world for each seed and prints totals.  A seed that fails prints the line that does it
 * again; every REPEAT_EVERY-th seed is run twice and must give the same history.  With a canary (a
 * mistake planted on purpose) the program succeeds when the checkers have found it. */

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"
#include "shared/base/text.h"
#include "tests/simulation/world.h"

#define REPEAT_EVERY 25

/* So many worlds meet every kind of trouble. */
#define WORLDS_THAT_SEE_ALL 200

static const char *const canaries[CANARY_COUNT] = {
    [CANARY_NONE] = "none",
    [CANARY_ACK_BEFORE_COMMIT] = "ack-before-commit",
    [CANARY_FORGET_CLONE] = "forget-clone",
    [CANARY_OLD_EPOCH] = "old-epoch",
    [CANARY_LOSE_EVENT] = "lose-event",
    [CANARY_COUNT_TWICE] = "count-twice",
    [CANARY_KEEP_WORKERS] = "keep-workers",
    [CANARY_FORGET_CLOSED] = "forget-closed",
};

struct totals {
    int64_t worlds, failed, facts, laps, faults, acked, executions, simulated_ms;
    struct sights sights;
};

static bool parse_seeds(const char *text, int64_t *first, int64_t *last)
{
    CLEANUP(mem_freep) char *copy = mem_strdup(text);
    char *dots = strstr(copy, "..");

    if (dots == NULL)
        return text_to_int64(text, 0, INT64_MAX, first) && text_to_int64(text, 0, INT64_MAX, last);
    *dots = '\0';
    return text_to_int64(copy, 0, INT64_MAX, first) &&
           text_to_int64(dots + 2, *first, INT64_MAX, last);
}

static bool parse_canary(const char *name, enum canary *canary)
{
    for (int i = 0; i < CANARY_COUNT; i++)
        if (strcmp(canaries[i], name) == 0) {
            *canary = (enum canary)i;
            return true;
        }
    return false;
}

static const char *const stores[] = {
    [WORLD_STORE_MEMORY] = "memory", [WORLD_STORE_SQLITE] = "sqlite"};

static bool parse_store(const char *name, enum world_store *store)
{
    for (size_t i = 0; i < COUNT_OF(stores); i++)
        if (strcmp(stores[i], name) == 0) {
            *store = (enum world_store)i;
            return true;
        }
    return false;
}

static bool parse_number(const char *text, int64_t max, int *number)
{
    int64_t value = 0;

    if (!text_to_int64(text, 0, max, &value))
        return false;
    *number = (int)value;
    return true;
}

static bool parse(int argc, char **argv, struct world_settings *settings, int64_t *first,
                  int64_t *last)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        bool is_fine = true;

        if (strcmp(name, "-v") == 0 || strcmp(name, "--only-restarts") == 0) {
            bool *flag = name[1] == 'v' ? &settings->verbose : &settings->only_restarts;

            *flag = true;
            continue;
        }
        if (strcmp(name, "--seeds") == 0)
            is_fine = parse_seeds(value, first, last);
        else if (strcmp(name, "--agents") == 0)
            is_fine = parse_number(value, AGENTS_MAX, &settings->agents) && settings->agents > 0;
        else if (strcmp(name, "--tests") == 0)
            is_fine = parse_number(value, 100000, &settings->tests) && settings->tests > 0;
        else if (strcmp(name, "--faults") == 0)
            is_fine = parse_number(value, 1000000, &settings->faults);
        else if (strcmp(name, "--canary") == 0)
            is_fine = parse_canary(value, &settings->canary);
        else if (strcmp(name, "--store") == 0)
            is_fine = parse_store(value, &settings->store);
        else
            is_fine = false;
        if (!is_fine)
            return false;
        i++;
    }
    return true;
}

/* clang-format off */
static const struct sight_row {
    const char *name;
    size_t offset;
} sight_rows[] = {
    {"late",                 offsetof(struct sights, late)},
    {"lost",                 offsetof(struct sights, lost)},
    {"crashed",              offsetof(struct sights, crashed)},
    {"timed out",            offsetof(struct sights, timed_out)},
    {"retries",              offsetof(struct sights, retries)},
    {"extras",               offsetof(struct sights, extras)},
    {"flaky",                offsetof(struct sights, flaky)},
    {"returned",             offsetof(struct sights, returned)},
    {"problems",             offsetof(struct sights, problems)},
    {"lost leases",          offsetof(struct sights, lost_leases)},
    {"revoked leases",       offsetof(struct sights, revoked_leases)},
    {"agents gone",          offsetof(struct sights, gone_agents)},
    {"spools recovered",     offsetof(struct sights, recovered)},
    {"reloads",              offsetof(struct sights, reloads)},
    {"failed commits",       offsetof(struct sights, failed_commits)},
    {"late after a restart", offsetof(struct sights, late_after_restart)},
};
/* clang-format on */

#define SIGHT_COUNT COUNT_OF(sight_rows)

static int64_t *sight_of(struct sights *sights, size_t i)
{
    return (int64_t *)(void *)((char *)sights + sight_rows[i].offset);
}

static void add_totals(struct totals *totals, const struct world *world)
{
    struct sights copy = world->sights;

    totals->worlds++;
    totals->failed += world->has_failed;
    totals->facts += world->fact_count;
    totals->laps += world->lap_count;
    totals->faults += world->faults_done;
    totals->acked += world->acked_count;
    totals->executions += world->execution_count;
    totals->simulated_ms += world->now_ms;
    for (size_t i = 0; i < SIGHT_COUNT; i++)
        *sight_of(&totals->sights, i) += *sight_of(&copy, i);
}

static void tell_failure(const struct world_settings *settings, const char *failure)
{
    printf("FAILED seed %llu %s\n  again: simulate --seeds %llu --agents %d --tests %d --faults %d"
           " --canary %s --store %s%s -v\n",
           (unsigned long long)settings->seed, failure, (unsigned long long)settings->seed,
           settings->agents, settings->tests, settings->faults, canaries[settings->canary],
           stores[settings->store], settings->only_restarts ? " --only-restarts" : "");
    (void)fflush(stdout);
}

static uint64_t run_once(const struct world_settings *settings, struct totals *totals)
{
    struct world *world = mem_zalloc(sizeof(*world));
    uint64_t history = 0;

    world_run(world, settings);
    history = world->history;
    add_totals(totals, world);
    if (world->has_failed && settings->canary == CANARY_NONE)
        tell_failure(settings, world->failure);
    else if (world->has_failed && totals->failed == 1)
        printf("found: seed %llu %s\n", (unsigned long long)settings->seed, world->failure);
    world_free(world);
    free(world);
    return history;
}

/* What so many worlds must have seen, or the simulation has lost its way. */
static bool has_seen_all(struct totals *totals)
{
    bool has_all = true;

    for (size_t i = 0; i < SIGHT_COUNT; i++) {
        int64_t seen = *sight_of(&totals->sights, i);

        printf("%s%lld %s", i == 0 ? "" : ", ", (long long)seen, sight_rows[i].name);
        has_all = has_all && seen > 0;
    }
    printf("\n");
    return has_all || totals->faults == 0 || totals->worlds < WORLDS_THAT_SEE_ALL;
}

static void tell_totals(const struct totals *totals)
{
    printf("%lld worlds, %lld failed: %lld faults, %lld laps, %lld facts, %lld executions, "
           "%lld acknowledged, %lld hours of simulated time\n",
           (long long)totals->worlds, (long long)totals->failed, (long long)totals->faults,
           (long long)totals->laps, (long long)totals->facts, (long long)totals->executions,
           (long long)totals->acked, (long long)(totals->simulated_ms / 3600000));
}

int main(int argc, char **argv)
{
    struct world_settings settings = {.agents = 20, .tests = 300, .faults = 50};
    struct totals totals = {0};
    int64_t first = 1;
    int64_t last = 10;

    if (!parse(argc, argv, &settings, &first, &last)) {
        (void)fprintf(stderr, "simulate: see the head of tests/simulation/main.c\n");
        return 2;
    }
    for (int64_t seed = first; seed <= last; seed++) {
        settings.seed = (uint64_t)seed;
        uint64_t history = run_once(&settings, &totals);

        if (settings.canary != CANARY_NONE && totals.failed > 0)
            break;
        if (seed % REPEAT_EVERY == 0 && history != run_once(&settings, &totals)) {
            totals.failed++;
            tell_failure(&settings, "the second time it went another way");
        }
    }
    tell_totals(&totals);
    if (settings.canary != CANARY_NONE)
        return totals.failed > 0 ? 0 : 1;
    if (!has_seen_all(&totals) && !settings.only_restarts) {
        printf("FAILED: some of this was never seen\n");
        return 1;
    }
    return totals.failed > 0 ? 1 : 0;
}
