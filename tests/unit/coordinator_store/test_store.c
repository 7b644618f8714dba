/* The conformance suite: what every store must do.  Each test runs on each of them. */

#include <criterion/criterion.h>
#include <string.h>

#include "bench.h"
#include "coordinator/store/fact_json.h"
#include "shared/json/messages_json.h"
#include "story.h"
#include "tests/support/store_failing.h"

#define ON_EVERY_STORE(bench)                                                                      \
    for (int kind_ = 0; kind_ < BENCH_COUNT; kind_++)                                              \
        for (bool once_ = (bench_open(&(bench), (enum bench_kind)kind_), true); once_;             \
             once_ = (bench_close(&(bench)), false))

static void tell(struct store *store, int from, int to)
{
    struct error err;

    cr_assert_eq(story_tell(store, from, to, &err), STATUS_OK, "%s", err.text);
}

/* Lines of `text` that hold `word`. */
static int lines_with(const char *text, const char *word)
{
    int count = 0;

    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word))
        count++;
    return count;
}

Test(store, a_new_one_is_empty_and_begins_at_the_first_epoch)
{
    struct bench bench;
    struct buffer lines;

    buffer_init(&lines, FACT_BYTES_MAX);
    ON_EVERY_STORE(bench)
    {
        bench_load(bench.store, STORY_WALL_MS, &lines);

        cr_assert_eq(bench.start.epoch, 1);
        cr_assert_eq(bench.start.next_run, 1);
        cr_assert_eq(lines.len, 0);
    }
    buffer_release(&lines);
}

Test(store, load_gives_the_same_on_every_store_at_every_moment_of_the_story)
{
    struct buffer expected, lines;

    buffer_init(&expected, FACT_BYTES_MAX);
    buffer_init(&lines, FACT_BYTES_MAX);
    for (int told = 0; told <= STORY_COUNT; told++) {
        for (int kind = 0; kind < BENCH_COUNT; kind++) {
            struct bench bench;

            bench_open(&bench, (enum bench_kind)kind);
            tell(bench.store, 0, told);
            bench_restart(&bench);
            bench_load(bench.store, STORY_WALL_MS, &lines);
            bench_close(&bench);

            if (kind == BENCH_MEMORY)
                cr_assert(buffer_add(&expected, lines.at, lines.len));
            else
                cr_assert_str_eq(lines.at, expected.at, "after %d facts", told);
        }
        buffer_clear(&expected);
    }
    buffer_release(&expected);
    buffer_release(&lines);
}

Test(store, load_tells_of_closed_leases_only_their_end_and_keeps_the_order_of_kinds)
{
    static const char *const order[] = {"agent_joined",     "agent_synced",   "run_submitted",
                                        "tests_collected",  "run_planned",    "test_added",
                                        "lease_granted",    "tests_returned", "lease_ended",
                                        "attempt_recorded", "last_seq"};
    struct bench bench;
    struct buffer lines;

    buffer_init(&lines, FACT_BYTES_MAX);
    ON_EVERY_STORE(bench)
    {
        const char *at;

        tell(bench.store, 0, STORY_RUNNING);
        bench_load(bench.store, STORY_WALL_MS, &lines);

        at = lines.at;
        for (size_t i = 0; i < COUNT_OF(order); i++) {
            const char *found = strstr(at, order[i]);

            cr_assert_not_null(found, "%s is missing or too early in\n%s", order[i], lines.at);
            at = found;
        }
        cr_assert_eq(lines_with(lines.at, "lease_granted"), 2);
        cr_assert_eq(lines_with(lines.at, "tests_collected"), 4);
        cr_assert_eq(lines_with(lines.at, "lease_ended"), 2);
    }
    buffer_release(&lines);
}

Test(store, a_collection_that_did_not_become_a_plan_is_undone)
{
    struct bench bench;
    struct buffer lines;

    buffer_init(&lines, FACT_BYTES_MAX);
    ON_EVERY_STORE(bench)
    {
        tell(bench.store, 0, STORY_COLLECTING);
        bench_load(bench.store, STORY_WALL_MS, &lines);
        cr_assert_eq(lines_with(lines.at, "tests_collected"), 3);

        tell(bench.store, STORY_COLLECTING, STORY_COLLECTING + 1);
        bench_load(bench.store, STORY_WALL_MS, &lines);

        cr_assert_eq(lines_with(lines.at, "tests_collected"), 0);
    }
    buffer_release(&lines);
}

Test(store, an_ended_run_is_loaded_for_a_while_with_all_its_leases)
{
    struct bench bench;
    struct buffer lines;

    buffer_init(&lines, FACT_BYTES_MAX);
    ON_EVERY_STORE(bench)
    {
        tell(bench.store, 0, STORY_COUNT);

        bench_load(bench.store, STORY_WALL_MS + 60000 + STORE_LOAD_ENDED_MS - 1, &lines);
        cr_assert_eq(lines_with(lines.at, "run_ended"), 1);
        cr_assert_eq(lines_with(lines.at, "lease_ended"), 3);
        bench_load(bench.store, STORY_WALL_MS + 60000 + STORE_LOAD_ENDED_MS, &lines);
        cr_assert_eq(lines_with(lines.at, "run_"), 0);
    }
    buffer_release(&lines);
}

Test(store, the_last_number_of_a_run_is_its_ledgers)
{
    struct bench bench;
    struct buffer lines;

    buffer_init(&lines, FACT_BYTES_MAX);
    ON_EVERY_STORE(bench)
    {
        tell(bench.store, 0, STORY_ENDED - 1); /* the notes before it are not loaded */
        bench_restart(&bench);
        bench_load(bench.store, STORY_WALL_MS, &lines);

        cr_assert_not_null(strstr(lines.at, "1 last_seq 24\n"), "%s", lines.at);
    }
    buffer_release(&lines);
}

static void commit_one(struct store *store, struct fact fact)
{
    const struct store_lap lap = {
        .lap = 1, .wall_ms = STORY_WALL_MS, .facts = &fact, .fact_count = 1};
    struct error err;

    cr_assert_eq(store->ops->commit(store, &lap, &err), STATUS_OK, "%s", err.text);
}

static void join(struct store *store, const char *agent, int64_t incarnation)
{
    const struct fact_agent_joined joined = {.agent = agent, .incarnation = incarnation};
    const struct fact_agent_synced synced = {
        .agent = agent, .incarnation = incarnation, .acknowledged = 7, .sync_no = 3};

    commit_one(store, (struct fact){.kind = FACT_AGENT_JOINED, .agent_joined = &joined});
    commit_one(store, (struct fact){.kind = FACT_AGENT_SYNCED, .agent_synced = &synced});
}

static void go(struct store *store, const char *agent, int64_t incarnation)
{
    const struct fact_agent_gone gone = {
        .agent = agent, .incarnation = incarnation, .reason = GONE_SILENT};

    commit_one(store, (struct fact){.kind = FACT_AGENT_GONE, .agent_gone = &gone});
}

Test(store, gone_agents_are_loaded_with_their_last_incarnation_in_the_order_in_which_they_went)
{
    static const char expected[] =
        "0 agent_joined {\"agent\":\"b\",\"incarnation\":1}\n"
        "0 agent_synced {\"acknowledged\":7,\"agent\":\"b\",\"incarnation\":1,\"sync_no\":3}\n"
        "0 agent_joined {\"agent\":\"c\",\"incarnation\":1}\n"
        "0 agent_synced {\"acknowledged\":7,\"agent\":\"c\",\"incarnation\":1,\"sync_no\":3}\n"
        "0 agent_gone {\"agent\":\"c\",\"incarnation\":1,\"reason\":\"silent\"}\n"
        "0 agent_joined {\"agent\":\"a\",\"incarnation\":2}\n"
        "0 agent_synced {\"acknowledged\":7,\"agent\":\"a\",\"incarnation\":2,\"sync_no\":3}\n"
        "0 agent_gone {\"agent\":\"a\",\"incarnation\":2,\"reason\":\"silent\"}\n";
    struct bench bench;
    struct buffer lines;

    buffer_init(&lines, FACT_BYTES_MAX);
    ON_EVERY_STORE(bench)
    {
        join(bench.store, "a", 1);
        go(bench.store, "a", 1);
        join(bench.store, "b", 1);
        join(bench.store, "c", 1);
        go(bench.store, "c", 1);
        join(bench.store, "a", 2);
        go(bench.store, "a", 2);
        bench_restart(&bench);
        bench_load(bench.store, STORY_WALL_MS, &lines);

        cr_assert_str_eq(lines.at, expected);
    }
    buffer_release(&lines);
}

Test(store, no_more_gone_agents_are_kept_than_a_core_remembers, .timeout = 60)
{
    struct bench bench;
    struct buffer lines;

    buffer_init(&lines, FACT_BYTES_MAX);
    ON_EVERY_STORE(bench)
    {
        const struct fact_agent_joined joined = {.agent = "oldest", .incarnation = 1};
        const struct fact_agent_gone gone = {.agent = "oldest", .incarnation = 1};
        const size_t count = 2 * (size_t)(STORE_GONE_AGENTS_MAX + 1);
        struct fact *facts = mem_alloc(count * sizeof(*facts));
        struct arena arena = ARENA_INIT;
        struct error err;
        bool has_more;

        facts[0] = (struct fact){.kind = FACT_AGENT_JOINED, .agent_joined = &joined};
        facts[1] = (struct fact){.kind = FACT_AGENT_GONE, .agent_gone = &gone};
        for (size_t i = 1; i <= STORE_GONE_AGENTS_MAX; i++) {
            struct fact_agent_joined *came = arena_alloc(&arena, sizeof(*came));
            struct fact_agent_gone *went = arena_alloc(&arena, sizeof(*went));

            came->agent = went->agent = arena_printf(&arena, "agent-%zu", i);
            came->incarnation = went->incarnation = 1;
            facts[2 * i] = (struct fact){.kind = FACT_AGENT_JOINED, .agent_joined = came};
            facts[2 * i + 1] = (struct fact){.kind = FACT_AGENT_GONE, .agent_gone = went};
        }
        const struct store_lap lap = {
            .lap = 1, .wall_ms = STORY_WALL_MS, .facts = facts, .fact_count = count};
        cr_assert_eq(bench.store->ops->commit(bench.store, &lap, &err), STATUS_OK, "%s", err.text);
        cr_assert_eq(bench.store->ops->tidy(bench.store, STORY_WALL_MS, 0, &has_more, &err),
                     STATUS_OK);
        bench_load(bench.store, STORY_WALL_MS, &lines);

        cr_assert_eq(lines_with(lines.at, "agent_gone"), STORE_GONE_AGENTS_MAX);
        cr_assert_null(strstr(lines.at, "oldest"));
        arena_release(&arena);
        free(facts);
    }
    buffer_release(&lines);
}

Test(store, the_epoch_and_the_next_run_grow_over_restarts)
{
    struct bench bench;

    ON_EVERY_STORE(bench)
    {
        tell(bench.store, 0, STORY_COUNT);
        bench_restart(&bench);

        cr_assert_eq(bench.start.epoch, 2);
        cr_assert_eq(bench.start.next_run, 2);
    }
}

Test(store, the_last_lap_is_known_and_starts_over_with_the_epoch)
{
    struct bench bench;
    struct error err;
    int64_t lap;

    ON_EVERY_STORE(bench)
    {
        cr_assert_eq(bench.store->ops->last_lap(bench.store, &lap, &err), STATUS_OK);
        cr_assert_eq(lap, 0);
        tell(bench.store, 0, 5);
        cr_assert_eq(bench.store->ops->reopen(bench.store, &err), STATUS_OK);
        cr_assert_eq(bench.store->ops->last_lap(bench.store, &lap, &err), STATUS_OK);
        cr_assert_eq(lap, 5);

        bench_restart(&bench);

        cr_assert_eq(bench.store->ops->last_lap(bench.store, &lap, &err), STATUS_OK);
        cr_assert_eq(lap, 0);
    }
}

Test(store, a_failed_commit_is_there_whole_or_not_at_all)
{
    static const enum fail_moment moments[] = {FAIL_BEFORE, FAIL_AFTER};
    struct buffer lines;

    buffer_init(&lines, FACT_BYTES_MAX);
    for (size_t i = 0; i < COUNT_OF(moments); i++) {
        struct bench bench;

        ON_EVERY_STORE(bench)
        {
            struct error err;
            int64_t lap;

            bench.store = store_failing_new(bench.store);
            store_failing_set(bench.store,
                              (struct store_failing_plan){.nth = STORY_COLLECTING,
                                                          .moment = moments[i],
                                                          .status = STATUS_STORE_FAILED});
            cr_assert_eq(story_tell(bench.store, 0, STORY_COLLECTING, &err), STATUS_STORE_FAILED);
            cr_assert_eq(bench.store->ops->reopen(bench.store, &err), STATUS_OK);
            cr_assert_eq(bench.store->ops->last_lap(bench.store, &lap, &err), STATUS_OK);
            bench_load(bench.store, STORY_WALL_MS, &lines);

            bool is_there = moments[i] == FAIL_AFTER;
            cr_assert_eq(lap, is_there ? STORY_COLLECTING : STORY_COLLECTING - 1);
            cr_assert_eq(lines_with(lines.at, "tests_collected"), is_there ? 3 : 0);
        }
    }
    buffer_release(&lines);
}

/* ---- history and retention ---------------------------------------------------------- */

Test(store, history_knows_the_counted_passes_of_ended_runs)
{
    struct bench bench;

    ON_EVERY_STORE(bench)
    {
        struct arena arena = ARENA_INIT;
        struct history history;
        struct error err;

        tell(bench.store, 0, STORY_ENDED - 1);
        cr_assert_eq(bench.store->ops->history(bench.store, "shop", &arena, &history, &err),
                     STATUS_OK);
        cr_assert_eq(history.entries_count, 0);
        tell(bench.store, STORY_ENDED - 1, STORY_ENDED);
        cr_assert_eq(bench.store->ops->history(bench.store, "shop", &arena, &history, &err),
                     STATUS_OK);

        cr_assert_eq(history.entries_count, 2);
        cr_assert_str_eq(history.entries[0].id, "app.A.test_a");
        cr_assert_eq(history.entries[0].duration_us, 1000);
        cr_assert_eq(history.entries[1].duration_us, 4000);
        cr_assert_eq(bench.store->ops->history(bench.store, "other", &arena, &history, &err),
                     STATUS_OK);
        cr_assert_eq(history.entries_count, 0);
        arena_release(&arena);
    }
}

Test(store, tidying_deletes_finished_runs_past_their_time_and_only_those)
{
    struct bench bench;

    ON_EVERY_STORE(bench)
    {
        struct arena arena = ARENA_INIT;
        struct run_list list;
        struct error err;
        bool has_more;

        tell(bench.store, 0, STORY_COUNT);
        cr_assert_eq(
            bench.store->ops->tidy(bench.store, STORY_WALL_MS + 60000 + 999, 1000, &has_more, &err),
            STATUS_OK);
        cr_assert_not(has_more);
        struct reader *reader = bench_reader(&bench);
        cr_assert_eq(reader->ops->runs(reader, 10, &arena, &list, &err), STATUS_OK);
        cr_assert_eq(list.runs_count, 1);

        cr_assert_eq(
            bench.store->ops->tidy(bench.store, STORY_WALL_MS + 600000, 1000, &has_more, &err),
            STATUS_OK);

        cr_assert(has_more);
        cr_assert_eq(reader->ops->runs(reader, 10, &arena, &list, &err), STATUS_OK);
        cr_assert_eq(list.runs_count, 0);
        cr_assert_eq(reader->ops->report(reader, 1, &arena, &(struct run_report){0}, &err),
                     STATUS_NOT_FOUND);
        reader->ops->close(reader);
        arena_release(&arena);
    }
}

/* ---- readers ------------------------------------------------------------------------- */

struct chain_walk {
    char previous[HASH_HEX_SIZE];
    int64_t seq;
    bool saw_secret;
};

static enum status walk(void *context, int64_t seq, const char *bytes, size_t len, const char *hash)
{
    struct chain_walk *at = context;
    char expected[HASH_HEX_SIZE];

    ledger_chain(at->previous, bytes, len, expected);
    cr_assert_str_eq(hash, expected, "line %lld", (long long)seq);
    cr_assert_eq(seq, at->seq + 1);
    at->seq = seq;
    (void)memcpy(at->previous, expected, sizeof(expected));
    at->saw_secret = at->saw_secret || memmem(bytes, len, STORY_PASSWORD, 17) != NULL;
    return STATUS_OK;
}

Test(store, both_ledgers_are_chained_and_hold_no_secret)
{
    struct bench bench;

    ON_EVERY_STORE(bench)
    {
        struct error err;

        tell(bench.store, 0, 12);
        bench_restart(&bench);
        for (int i = 12; i < STORY_COUNT; i++)
            tell(bench.store, i, i + 1);
        struct reader *reader = bench_reader(&bench);
        for (int64_t run = 0; run <= 1; run++) {
            struct chain_walk at = {.previous = LEDGER_CHAIN_START};

            cr_assert_eq(reader->ops->ledger(reader, run, walk, &at, &err), STATUS_OK);
            cr_assert_eq(at.seq, run == 0 ? 11 : STORY_COUNT - 11);
            cr_assert_not(at.saw_secret);
        }
        cr_assert_eq(reader->ops->ledger(reader, 2, walk, NULL, &err), STATUS_NOT_FOUND);
        reader->ops->close(reader);
    }
}

static void encode(const struct shape *shape, const void *object, struct buffer *text)
{
    struct error err;

    cr_assert_eq(codec_encode(shape, object, text, &err), STATUS_OK, "%s", err.text);
    cr_assert(buffer_add_char(text, '\n'));
}

/* All that a reader says about the story's run, as text. */
static void read_all(struct bench *bench, struct buffer *text)
{
    struct arena arena = ARENA_INIT;
    struct reader *reader = bench_reader(bench);
    struct run_list list;
    struct run_view view;
    struct run_report report;
    struct error err;

    buffer_clear(text);
    cr_assert_eq(reader->ops->runs(reader, 10, &arena, &list, &err), STATUS_OK, "%s", err.text);
    encode(&run_list_shape, &list, text);
    if (list.runs_count > 0) {
        struct attempt_page page = {.next_after = 0};

        cr_assert_eq(reader->ops->run(reader, 1, &arena, &view, &err), STATUS_OK);
        encode(&run_view_shape, &view, text);
        cr_assert_eq(reader->ops->report(reader, 1, &arena, &report, &err), STATUS_OK);
        encode(&run_report_shape, &report, text);
        do {
            cr_assert_eq(reader->ops->attempts(reader, 1, page.next_after, 2, &arena, &page, &err),
                         STATUS_OK);
            encode(&attempt_page_shape, &page, text);
        } while (page.attempts_count > 0);
    }
    reader->ops->close(reader);
    arena_release(&arena);
}

Test(store, readers_say_the_same_on_every_store_at_every_moment_of_the_story)
{
    struct buffer expected, text;

    buffer_init(&expected, FACT_BYTES_MAX);
    buffer_init(&text, FACT_BYTES_MAX);
    for (int told = 0; told <= STORY_COUNT; told++) {
        for (int kind = 0; kind < BENCH_COUNT; kind++) {
            struct bench bench;

            bench_open(&bench, (enum bench_kind)kind);
            tell(bench.store, 0, told);
            read_all(&bench, &text);
            bench_close(&bench);

            cr_assert_null(strstr(text.at, STORY_PASSWORD));
            if (kind == BENCH_MEMORY)
                cr_assert(buffer_add(&expected, text.at, text.len));
            else
                cr_assert_str_eq(text.at, expected.at, "after %d facts", told);
        }
        buffer_clear(&expected);
    }
    buffer_release(&expected);
    buffer_release(&text);
}

Test(store, the_report_counts_each_selected_test_once)
{
    struct bench bench;

    ON_EVERY_STORE(bench)
    {
        struct arena arena = ARENA_INIT;
        struct run_report report;
        struct error err;

        tell(bench.store, 0, STORY_COUNT);
        struct reader *reader = bench_reader(&bench);
        cr_assert_eq(reader->ops->report(reader, 1, &arena, &report, &err), STATUS_OK);

        cr_assert_eq(report.tests_count, 4);
        cr_assert_eq(report.tests[0].verdict, VERDICT_PASSED);
        cr_assert_eq(report.tests[1].verdict, VERDICT_NOT_RUN);
        cr_assert_str_eq(report.tests[1].reason, "done");
        cr_assert_eq(report.tests[1].attempts_count, 2);
        cr_assert_eq(report.tests[2].verdict, VERDICT_FLAKY);
        cr_assert_eq(report.tests[2].attempts_count, 2);
        cr_assert_str_eq(report.tests[2].attempts[0].details, "Traceback\n");
        cr_assert_str_eq(report.tests[2].attempts[0].output->tail, "end\n");
        cr_assert_eq(report.tests[2].notes_count, 1);
        cr_assert_str_eq(report.tests[3].id, "tearDownClass (app.B)");
        cr_assert_eq(report.problems_count, 1);
        cr_assert_eq(report.notes_count, 1);
        cr_assert_eq(report.run->counts->not_run, 1);
        reader->ops->close(reader);
        arena_release(&arena);
    }
}
