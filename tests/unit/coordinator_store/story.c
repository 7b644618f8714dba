#include "story.h"

#include "shared/base/limits.h"

#define RUN            1
#define AGENT          "worker-1"
#define TOKEN(counter) LEASE_TOKEN(1, counter)

#define PRINT_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define PRINT_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct label agent_labels[] = {{"os", "linux"}, {"zone", "\xc3\xa9t\xc3\xa9"}};
static struct label run_labels[] = {{"branch", "main"}};

static struct suite_env env[] = {
    {.name = "PLAIN", .from = SUITE_ENV_TEMPLATE, .value = "seen"},
    {.name = "PASSWORD",
     .from = SUITE_ENV_CLIENT,
     .value = STORY_PASSWORD,
     .fallback = STORY_PASSWORD "-fallback",
     .secret = true},
};
static struct suite_source source = {
    .dir = ".", .repository = "", .revision = "", .tree_hash = "", .subdir = ""};
static struct suite_timeouts timeouts = {
    .test_ms = 60000, .ready_ms = 60000, .prepare_ms = 60000, .setup_ms = 60000, .grace_ms = 1000};
static struct suite_retries retries = {.test = 1, .run_percent = 5, .crash = 2};
static struct suite_limits limits = {.processes = 4096, .output_bytes = 1 << 20};
static struct suite suite = {.muster = 1,
                             .name = "shop",
                             .source = &source,
                             .driver = SUITE_DRIVER_UNITTEST,
                             .env = env,
                             .env_count = COUNT_OF(env),
                             .timeouts = &timeouts,
                             .retries = &retries,
                             .limits = &limits};
static struct run_options options = {.start_at = ""};
static struct run_submission submission = {.protocol = PROTOCOL_VERSION,
                                           .key = "story",
                                           .suite = &suite,
                                           .options = &options,
                                           .labels = run_labels,
                                           .labels_count = COUNT_OF(run_labels)};

static struct collected_test listed[] = {
    {"app.A.test_a", "app.A", 0, "app.py", 10},
    {"app.A.test_b", "app.A", 0, "app.py", 20},
    {"app.B.test_c \"\\\n\xe2\x82\xac", "app.B", 1, "app.py", 30},
    {"app.B.test_d", "app.B", 1, "app.py", 40},
};
static int64_t order[] = {3, 1, 2};
static int64_t estimates_us[] = {-1, 1000, 2000};
static struct fact_granted granted_first[] = {{3, ATTEMPT_FIRST}, {1, ATTEMPT_FIRST}};
static struct fact_granted granted_second[] = {{2, ATTEMPT_FIRST}};
static struct fact_granted granted_retry[] = {{3, ATTEMPT_RETRY}};
static int64_t given_back[] = {1};

static const struct output loud = {.head = "begin\n", .tail = "end\n", .total_bytes = 20000};
static const struct note note_of_run = {.test = 0, .name = "coverage", .value = "81.5"};
static const struct note note_of_test = {.test = 3, .name = "url", .value = "http://x/y"};
static const struct run_counts counts = {.collected = 4,
                                         .passed = 1,
                                         .error = 1,
                                         .flaky = 1,
                                         .not_run = 1,
                                         .attempts = 6,
                                         .retries = 1,
                                         .lost = 1,
                                         .late = 1,
                                         .problems = 1};

#define REPORT(test_, id_, attempt_, outcome_, us, order_, ...)                                    \
    {                                                                                              \
        .test = (test_), .id = (id_), .attempt = (attempt_), .outcome = (outcome_),                \
        .duration_us = (us), .started_ms = STORY_WALL_MS, .slot = 1, .worker = AGENT ".1.1.1",     \
        .order = (order_), .file = "app.py", .line = 3, __VA_ARGS__                                \
    }

static const struct attempt_report failed =
    REPORT(3, "", 1, OUTCOME_FAILED, 3000, 1, .message = "1 != 2", .details = "Traceback\n",
           .output = &loud);
static const struct attempt_report extra =
    REPORT(5, "tearDownClass (app.B)", 1, OUTCOME_ERROR, 10, 2, .message = "boom", .details = "");
static const struct attempt_report lost =
    REPORT(2, "", 1, OUTCOME_LOST, 0, 1, .message = "the agent was lost", .details = "");
static const struct attempt_report late =
    REPORT(2, "", 1, OUTCOME_PASSED, 7000, 1, .message = "", .details = "");
static const struct attempt_report again =
    REPORT(3, "", 2, OUTCOME_PASSED, 4000, 3, .message = "", .details = "");
static const struct attempt_report passed =
    REPORT(1, "", 1, OUTCOME_PASSED, 1000, 4, .message = "", .details = "");

#define BODY(type, ...) (&(const struct fact_##type){__VA_ARGS__})
#define FLEET(kind_, member_, ...)                                                                 \
    {                                                                                              \
        .kind = (kind_), .member_ = BODY(member_, __VA_ARGS__)                                     \
    }
#define OF_RUN(kind_, member_, ...)                                                                \
    {                                                                                              \
        .kind = (kind_), .run = RUN, .member_ = BODY(member_, __VA_ARGS__)                         \
    }

/* clang-format off */
static const struct fact facts[STORY_COUNT] = {
    FLEET(FACT_AGENT_JOINED, agent_joined, AGENT, 1, agent_labels, COUNT_OF(agent_labels)),
    FLEET(FACT_AGENT_SYNCED, agent_synced, AGENT, 1, 0, 1, 0, 0),
    OF_RUN(FACT_RUN_SUBMITTED, run_submitted, RUN, STORY_WALL_MS, &submission),
    OF_RUN(FACT_LEASE_GRANTED, lease_granted, TOKEN(1), LEASE_COLLECT, AGENT, 1, 1, 1, NULL, 0),
    OF_RUN(FACT_TESTS_COLLECTED, tests_collected, TOKEN(1), 1, listed, 3),
    /* STORY_COLLECTING */
    OF_RUN(FACT_LEASE_ENDED, lease_ended, TOKEN(1), LEASE_END_LOST),
    OF_RUN(FACT_LEASE_GRANTED, lease_granted, TOKEN(2), LEASE_COLLECT, AGENT, 1, 2, 1, NULL, 0),
    OF_RUN(FACT_TESTS_COLLECTED, tests_collected, TOKEN(2), 1, listed, 2),
    OF_RUN(FACT_TESTS_COLLECTED, tests_collected, TOKEN(2), 3, listed + 2, 2),
    OF_RUN(FACT_RUN_PLANNED, run_planned, TOKEN(2), 4, "aa", order, 3, estimates_us, 3),
    OF_RUN(FACT_LEASE_ENDED, lease_ended, TOKEN(2), LEASE_END_DONE),
    OF_RUN(FACT_LEASE_GRANTED, lease_granted, TOKEN(3), LEASE_BATCH, AGENT, 1, 3, 1, granted_first, 2),
    OF_RUN(FACT_LEASE_GRANTED, lease_granted, TOKEN(4), LEASE_BATCH, AGENT, 1, 3, 2, granted_second, 1),
    OF_RUN(FACT_TESTS_RETURNED, tests_returned, TOKEN(3), given_back, 1, "stolen"),
    OF_RUN(FACT_ATTEMPT_RECORDED, attempt_recorded, TOKEN(3), AGENT, ATTEMPT_FIRST, true, "", VERDICT_NONE, &failed),
    OF_RUN(FACT_TEST_ADDED, test_added, 5, "tearDownClass (app.B)", "app.B"),
    /* STORY_RUNNING */
    OF_RUN(FACT_ATTEMPT_RECORDED, attempt_recorded, TOKEN(3), AGENT, ATTEMPT_FIRST, true, "", VERDICT_ERROR, &extra),
    OF_RUN(FACT_ATTEMPT_RECORDED, attempt_recorded, TOKEN(4), AGENT, ATTEMPT_FIRST, false, "lost", VERDICT_NONE, &lost),
    OF_RUN(FACT_ATTEMPT_RECORDED, attempt_recorded, TOKEN(4), AGENT, ATTEMPT_FIRST, false, "late", VERDICT_NONE, &late),
    OF_RUN(FACT_LEASE_GRANTED, lease_granted, TOKEN(5), LEASE_BATCH, AGENT, 1, 4, 1, granted_retry, 1),
    OF_RUN(FACT_ATTEMPT_RECORDED, attempt_recorded, TOKEN(5), AGENT, ATTEMPT_RETRY, true, "", VERDICT_FLAKY, &again),
    OF_RUN(FACT_ATTEMPT_RECORDED, attempt_recorded, TOKEN(3), AGENT, ATTEMPT_FIRST, true, "", VERDICT_PASSED, &passed),
    OF_RUN(FACT_LEASE_ENDED, lease_ended, TOKEN(3), LEASE_END_DONE),
    OF_RUN(FACT_NOTE_RECORDED, note_recorded, TOKEN(3), &note_of_run),
    OF_RUN(FACT_NOTE_RECORDED, note_recorded, TOKEN(3), &note_of_test),
    OF_RUN(FACT_PROBLEM_RECORDED, problem_recorded, TOKEN(4), AGENT, "clone", "no space", STORY_WALL_MS),
    OF_RUN(FACT_RUN_ENDED, run_ended, RUN_END_DONE, "done", 1, STORY_WALL_MS + 60000, &counts),
    /* STORY_ENDED */
    FLEET(FACT_IMAGE_CLAIMED, image_claimed, "default", PRINT_A, TOKEN(6), AGENT, 1, 1, STORY_WALL_MS),
    FLEET(FACT_IMAGE_FAILED, image_failed, "default", PRINT_A, TOKEN(6), AGENT, 2, "no such table", STORY_WALL_MS + 1),
    FLEET(FACT_IMAGE_CLAIMED, image_claimed, "default", PRINT_A, TOKEN(7), AGENT, 1, 1, STORY_WALL_MS + 2),
    FLEET(FACT_IMAGE_DONE, image_done, "default", PRINT_A, TOKEN(7), PRINT_B, 12345, STORY_WALL_MS + 3),
    FLEET(FACT_IMAGE_CLAIMED, image_claimed, "pr-7", PRINT_B, TOKEN(8), AGENT, 1, 1, STORY_WALL_MS + 4),
    FLEET(FACT_IMAGE_RELEASED, image_released, "pr-7", PRINT_B, TOKEN(8), IMAGE_RELEASE_AGENT_GONE),
    FLEET(FACT_IMAGE_CLAIMED, image_claimed, "default", PRINT_B, TOKEN(9), AGENT, 1, 1, STORY_WALL_MS + 5),
    FLEET(FACT_IMAGE_DROPPED, image_dropped, "default", PRINT_B, IMAGE_DROP_DELETED),
    FLEET(FACT_AGENT_GONE, agent_gone, AGENT, 1, GONE_LEFT),
};
/* clang-format on */

const struct fact *story_fact(int n)
{
    CHECK(n >= 0 && n < STORY_COUNT);
    return &facts[n];
}

struct run_submission *story_submission(const char *key)
{
    struct run_submission *copy = mem_alloc(sizeof(*copy));

    *copy = submission;
    copy->key = key;
    return copy;
}

enum status story_tell(struct store *store, int from, int to, struct error *err)
{
    enum status status = STATUS_OK;

    for (int i = from; i < to && status == STATUS_OK; i++) {
        const struct store_lap lap = {
            .lap = i + 1, .wall_ms = STORY_WALL_MS + i, .facts = story_fact(i), .fact_count = 1};

        status = store->ops->commit(store, &lap, err);
    }
    return status;
}
