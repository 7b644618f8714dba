#include "tests/support/store_failing.h"

#include <stdlib.h>

struct failing {
    struct store base;
    struct store *inner;
    struct store_failing_plan plan;
    _Atomic int64_t commits, begins;
};

static struct failing *failing_of(struct store *store)
{
    return (struct failing *)(void *)store;
}

static enum status failing_begin(struct store *store, struct store_start *out_start,
                                 struct error *err)
{
    struct failing *failing = failing_of(store);

    if (failing->plan.begins > 0) {
        failing->plan.begins--;
        return error_set(err, failing->plan.status, "a begin was told to fail");
    }
    enum status status = failing->inner->ops->begin(failing->inner, out_start, err);
    if (status == STATUS_OK)
        failing->begins++;
    return status;
}

static enum status failing_commit(struct store *store, const struct store_lap *lap,
                                  struct error *err)
{
    struct failing *failing = failing_of(store);
    bool fails = failing->plan.nth > 0 && --failing->plan.nth == 0;

    if (!fails || failing->plan.moment == FAIL_AFTER) {
        enum status status = failing->inner->ops->commit(failing->inner, lap, err);

        if (status != STATUS_OK)
            return status;
    }
    if (fails)
        return error_set(err, failing->plan.status, "a commit was told to fail");
    failing->commits++;
    return STATUS_OK;
}

static enum status failing_last_lap(struct store *store, int64_t *out_lap, struct error *err)
{
    return failing_of(store)->inner->ops->last_lap(failing_of(store)->inner, out_lap, err);
}

static enum status failing_reopen(struct store *store, struct error *err)
{
    struct failing *failing = failing_of(store);

    if (failing->plan.reopens > 0) {
        failing->plan.reopens--;
        return error_set(err, STATUS_STORE_FAILED, "a reopen was told to fail");
    }
    return failing->inner->ops->reopen(failing->inner, err);
}

static enum status failing_load(struct store *store, int64_t wall_ms,
                                const struct store_visitor *visitor, struct error *err)
{
    return failing_of(store)->inner->ops->load(failing_of(store)->inner, wall_ms, visitor, err);
}

static enum status failing_history(struct store *store, const char *suite_name, struct arena *arena,
                                   struct history *out_history, struct error *err)
{
    return failing_of(store)->inner->ops->history(failing_of(store)->inner, suite_name, arena,
                                                  out_history, err);
}

static enum status failing_tidy(struct store *store, int64_t wall_ms, int64_t keep_ms,
                                bool *out_more, struct error *err)
{
    return failing_of(store)->inner->ops->tidy(failing_of(store)->inner, wall_ms, keep_ms, out_more,
                                               err);
}

static void failing_close(struct store *store)
{
    struct failing *failing = failing_of(store);

    failing->inner->ops->close(failing->inner);
    free(failing);
}

struct store *store_failing_new(struct store *inner)
{
    static const struct store_ops ops = {
        .begin = failing_begin,
        .commit = failing_commit,
        .last_lap = failing_last_lap,
        .reopen = failing_reopen,
        .load = failing_load,
        .history = failing_history,
        .close = failing_close,
        .tidy = failing_tidy,
    };
    struct failing *failing = mem_zalloc(sizeof(*failing));

    failing->base.ops = &ops;
    failing->inner = inner;
    return &failing->base;
}

void store_failing_set(struct store *store, struct store_failing_plan plan)
{
    failing_of(store)->plan = plan;
}

int64_t store_failing_commits(const struct store *store)
{
    return ((const struct failing *)(const void *)store)->commits;
}

int64_t store_failing_begins(const struct store *store)
{
    return ((const struct failing *)(const void *)store)->begins;
}

struct store *store_failing_inner(struct store *store)
{
    return failing_of(store)->inner;
}
