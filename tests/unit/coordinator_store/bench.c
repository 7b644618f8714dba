#include "bench.h"

#include <stdlib.h>

#include "coordinator/store/fact_json.h"
#include "shared/base/file.h"
#include "shared/base/text.h"

static void begin(struct bench *bench)
{
    struct error err;

    CHECK(bench->store->ops->begin(bench->store, &bench->start, &err) == STATUS_OK);
}

void bench_open(struct bench *bench, enum bench_kind kind)
{
    struct error err;

    *bench = (struct bench){.kind = kind, .dir = "/tmp/muster-store-XXXXXX"};
    if (kind == BENCH_MEMORY) {
        bench->store = store_memory_new();
    } else {
        CHECK(mkdtemp(bench->dir) != NULL);
        CHECK(store_sqlite_open(bench->dir, "default", &bench->store, &err) == STATUS_OK);
    }
    begin(bench);
}

void bench_close(struct bench *bench)
{
    struct error err;

    bench->store->ops->close(bench->store);
    if (bench->kind == BENCH_SQLITE)
        CHECK(file_remove_tree(bench->dir, &err) == STATUS_OK);
}

void bench_restart(struct bench *bench)
{
    struct error err;

    if (bench->kind == BENCH_SQLITE) {
        bench->store->ops->close(bench->store);
        CHECK(store_sqlite_open(bench->dir, "default", &bench->store, &err) == STATUS_OK);
    }
    begin(bench);
}

struct reader *bench_reader(struct bench *bench)
{
    struct reader *reader;
    struct error err;

    if (bench->kind == BENCH_MEMORY)
        return reader_memory_new(bench->store);
    CHECK(reader_sqlite_open(bench->dir, &reader, &err) == STATUS_OK);
    return reader;
}

static void add_line(struct buffer *lines, const struct fact *fact)
{
    struct error err;

    CHECK(buffer_printf(lines, "%lld %s ", (long long)fact->run, fact_kind_name(fact->kind)));
    CHECK(fact_body_encode(fact, lines, &err) == STATUS_OK);
    CHECK(buffer_add_char(lines, '\n'));
}

static void add_attempt(struct buffer *lines, const struct fact *fact)
{
    struct fact_attempt_recorded recorded = *fact->attempt_recorded;
    struct attempt_report report = *recorded.report;
    const struct fact slim = {.kind = fact->kind, .run = fact->run, .attempt_recorded = &recorded};

    report.details = "";
    report.output = NULL;
    recorded.report = &report;
    add_line(lines, &slim);
}

static void add_page(struct buffer *lines, const struct fact *fact)
{
    struct fact_tests_collected page = *fact->tests_collected;
    const struct fact one = {.kind = fact->kind, .run = fact->run, .tests_collected = &page};

    for (size_t i = 0; i < fact->tests_collected->tests_count; i++) {
        page.first = fact->tests_collected->first + (int64_t)i;
        page.tests = &fact->tests_collected->tests[i];
        page.tests_count = 1;
        add_line(lines, &one);
    }
}

static void on_fact(void *context, const struct fact *fact)
{
    if (fact->kind == FACT_ATTEMPT_RECORDED)
        add_attempt(context, fact);
    else if (fact->kind == FACT_TESTS_COLLECTED)
        add_page(context, fact);
    else
        add_line(context, fact);
}

static void on_last_seq(void *context, int64_t run, int64_t last_seq)
{
    CHECK(buffer_printf(context, "%lld last_seq %lld\n", (long long)run, (long long)last_seq));
}

void bench_load(struct store *store, int64_t wall_ms, struct buffer *out_lines)
{
    const struct store_visitor visitor = {out_lines, on_fact, on_last_seq};
    struct error err;

    buffer_clear(out_lines);
    CHECK(store->ops->load(store, wall_ms, &visitor, &err) == STATUS_OK);
}
