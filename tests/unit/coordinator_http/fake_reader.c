#include "tests/unit/coordinator_http/fake_reader.h"

#include <stdlib.h>

#include "shared/base/memory.h"

struct fake_reader {
    struct reader reader;
    struct fake_readers *readers;
};

static enum status known(int64_t run, struct error *err)
{
    return run == 2 ? STATUS_OK : error_set(err, STATUS_NOT_FOUND, "no run %lld", (long long)run);
}

static struct run_view view(struct arena *arena)
{
    struct run_view view = {.run = 2,
                            .key = "k2",
                            .name = "suite",
                            .state = RUN_ENDED,
                            .end = RUN_END_DONE,
                            .reason = "",
                            .exit_status = 0,
                            .estimate_ms = -1,
                            .submitted_ms = 1000,
                            .ended_ms = 3000};

    view.counts = arena_alloc(arena, sizeof(*view.counts));
    view.counts->collected = view.counts->passed = view.counts->attempts = 1;
    return view;
}

static enum status fake_runs(struct reader *reader, int64_t limit, struct arena *arena,
                             struct run_list *out_list, struct error *err)
{
    (void)reader;
    (void)limit;
    (void)err;
    out_list->runs = arena_array(arena, 1, sizeof(*out_list->runs));
    out_list->runs[0] = view(arena);
    out_list->runs_count = 1;
    return STATUS_OK;
}

static enum status fake_run(struct reader *reader, int64_t run, struct arena *arena,
                            struct run_view *out_view, struct error *err)
{
    (void)reader;
    *out_view = view(arena);
    return known(run, err);
}

static struct attempt_view attempt(void)
{
    return (struct attempt_view){.seq = 9,
                                 .test = 1,
                                 .id = "app.T.test_a",
                                 .attempt = 1,
                                 .outcome = OUTCOME_PASSED,
                                 .counted = true,
                                 .why_not = "",
                                 .verdict = VERDICT_PASSED,
                                 .duration_us = 1500,
                                 .agent = "a",
                                 .worker = "a.1.1.1",
                                 .order = 1,
                                 .message = "",
                                 .details = "",
                                 .file = ""};
}

static enum status fake_attempts(struct reader *reader, int64_t run, int64_t after, int64_t limit,
                                 struct arena *arena, struct attempt_page *out_page,
                                 struct error *err)
{
    (void)reader;
    (void)limit;
    out_page->next_after = after;
    if (after < 9) {
        out_page->attempts = arena_array(arena, 1, sizeof(*out_page->attempts));
        out_page->attempts[0] = attempt();
        out_page->attempts_count = 1;
        out_page->next_after = 9;
    }
    return known(run, err);
}

static enum status fake_report(struct reader *reader, int64_t run, struct arena *arena,
                               struct run_report *out_report, struct error *err)
{
    struct test_view *test = arena_alloc(arena, sizeof(*test));

    (void)reader;
    *test = (struct test_view){.test = 1,
                               .id = "app.T.test_a",
                               .group = "app.T",
                               .file = "",
                               .verdict = VERDICT_PASSED,
                               .reason = "",
                               .attempts_count = 1};
    test->attempts = arena_array(arena, 1, sizeof(*test->attempts));
    test->attempts[0] = attempt();
    *out_report = (struct run_report){.format = 1, .tests = test, .tests_count = 1};
    out_report->run = arena_alloc(arena, sizeof(*out_report->run));
    *out_report->run = view(arena);
    return known(run, err);
}

static void fake_close(struct reader *reader)
{
    struct fake_reader *fake = (struct fake_reader *)reader;

    atomic_fetch_add(&fake->readers->closed, 1);
    free(fake);
}

enum status fake_reader_open(void *context, struct reader **out_reader, struct error *err)
{
    static const struct reader_ops ops = {.runs = fake_runs,
                                          .run = fake_run,
                                          .attempts = fake_attempts,
                                          .report = fake_report,
                                          .close = fake_close};
    struct fake_readers *readers = context;

    if (atomic_load(&readers->is_broken))
        return error_set(err, STATUS_UNAVAILABLE, "the fake store is broken");

    struct fake_reader *fake = mem_zalloc(sizeof(*fake));
    fake->reader.ops = &ops;
    fake->readers = readers;
    atomic_fetch_add(&readers->opened, 1);
    *out_reader = &fake->reader;
    return STATUS_OK;
}

/* The door can open SQLite stores; no test here has one. */
enum status reader_sqlite_open(const char *dir, struct reader **out_reader, struct error *err)
{
    (void)out_reader;
    return error_set(err, STATUS_UNAVAILABLE, "no store in '%s'", dir);
}
