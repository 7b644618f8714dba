#include <stdlib.h>
#include <string.h>

#include "coordinator/core/state.h"
#include "shared/base/hash.h"

/* The durable state as one hash: agents by name, gone ones too, open runs by number, their leases
 * by token and the closed ones in the order in which they ended, images by key.  No pencil, nothing
 * of this process (epoch, counters, totals), nothing that follows from the rest (the queue's
 * lanes). */

static void add_number(struct hash *hash, int64_t number)
{
    unsigned char bytes[8];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)((uint64_t)number >> (8 * i));
    hash_add(hash, bytes, sizeof(bytes));
}

static void add_labels(struct hash *hash, const struct label *labels, size_t count)
{
    add_number(hash, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        hash_add_text(hash, labels[i].name);
        hash_add_text(hash, labels[i].value);
    }
}

static void add_agent(struct hash *hash, const struct agent *agent)
{
    hash_add_text(hash, agent->name);
    add_number(hash, agent->is_live);
    add_number(hash, agent->incarnation);
    add_number(hash, agent->acknowledged);
    add_number(hash, agent->sync_no);
    add_labels(hash, agent->labels, agent->labels_count);
}

static void add_test(struct hash *hash, const struct test *test)
{
    const struct attempt *attempt = NULL;

    hash_add_text(hash, test->id);
    hash_add_text(hash, test->group);
    add_number(hash, test->phase);
    add_number(hash, test->estimate_us);
    add_number(hash, test->state);
    add_number(hash, test->verdict);
    add_number(hash, test->lease != NULL ? test->lease->token : 0);
    add_number(hash, test->attempts_count);
    for (attempt = test->attempts; attempt != NULL; attempt = attempt->next) {
        hash_add_text(hash, attempt->agent);
        add_number(hash, attempt->lease);
        add_number(hash, attempt->kind);
        add_number(hash, attempt->outcome);
        add_number(hash, attempt->use);
    }
}

static void add_counts(struct hash *hash, const struct run_counts *counts)
{
    const int64_t numbers[] = {
        counts->collected, counts->passed,  counts->failed,    counts->error,    counts->skipped,
        counts->flaky,     counts->crashed, counts->timed_out, counts->not_run,  counts->attempts,
        counts->retries,   counts->lost,    counts->late,      counts->problems,
    };

    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        add_number(hash, numbers[i]);
}

static void add_lease(struct hash *hash, const struct lease *lease)
{
    add_number(hash, lease->token);
    add_number(hash, lease->kind);
    hash_add_text(hash, lease->agent->name);
    add_number(hash, lease->agent->incarnation);
    add_number(hash, lease->slot);
    add_number(hash, lease->sync_no);
    add_number(hash, (int64_t)lease->outstanding);
    for (size_t i = 0; i < lease->items_count; i++) {
        add_number(hash, lease->items[i].test);
        add_number(hash, lease->items[i].kind);
    }
}

static void add_run(struct hash *hash, const struct run *run)
{
    const struct lease *lease = NULL;

    add_number(hash, run->number);
    add_number(hash, run->last_seq);
    hash_add_text(hash, run->submission->key);
    hash_add_text(hash, run->submission->suite->name);
    add_number(hash, run->state);
    add_number(hash, run->submitted_ms);
    add_number(hash, run->selected);
    add_number(hash, run->retries_used);
    add_counts(hash, &run->counts);
    add_number(hash, (int64_t)run->tests_count);
    for (size_t i = 0; i < run->tests_count; i++)
        add_test(hash, &run->tests[i]);
    for (size_t i = 0; i < run->queue.places_count; i++)
        add_number(hash, run->queue.order[i]);
    DL_FOREACH2(run->leases, lease, run_next)
    add_lease(hash, lease);
    for (const struct past_lease *past = run->past_leases; past != NULL; past = past->next) {
        add_number(hash, past->token);
        add_number(hash, past->end);
    }
}

struct agent_ref {
    const struct agent *agent;
};

struct run_ref {
    const struct run *run;
};

static int by_name(const void *a, const void *b)
{
    const struct agent_ref *left = a;
    const struct agent_ref *right = b;

    return strcmp(left->agent->name, right->agent->name);
}

static int by_number(const void *a, const void *b)
{
    const struct run_ref *left = a;
    const struct run_ref *right = b;

    return (left->run->number > right->run->number) - (left->run->number < right->run->number);
}

static void add_agents(struct hash *hash, const struct core *core)
{
    CLEANUP(mem_freep)
    struct agent_ref *known = mem_alloc(HASH_COUNT(core->agents) * sizeof(*known));
    size_t count = 0;

    /* Without a sync of its own it has only emptied a spool: pencil. */
    for (const struct agent *agent = core->agents; agent != NULL; agent = agent->hh.next)
        if (agent->is_live || agent->sync_no > 0)
            known[count++].agent = agent;
    qsort(known, count, sizeof(*known), by_name);
    for (size_t i = 0; i < count; i++)
        add_agent(hash, known[i].agent);
}

static void add_runs(struct hash *hash, const struct core *core)
{
    CLEANUP(mem_freep) struct run_ref *open = mem_alloc(core->open_count * sizeof(*open));
    size_t count = 0;

    for (const struct run *run = core->open_runs; run != NULL; run = run->next)
        open[count++].run = run;
    qsort(open, count, sizeof(*open), by_number);
    for (size_t i = 0; i < count; i++)
        add_run(hash, open[i].run);
}

static void add_image(struct hash *hash, const struct image *image)
{
    const struct image_failure *failure = NULL;

    hash_add_text(hash, image->fingerprint);
    hash_add_text(hash, image->trust);
    add_number(hash, image->state);
    add_number(hash, image->lease);
    hash_add_text(hash, image->agent);
    add_number(hash, image->incarnation);
    add_number(hash, image->run);
    add_number(hash, image->at_ms);
    hash_add_text(hash, image->hash);
    add_number(hash, image->bytes);
    DL_FOREACH(image->failures, failure)
    {
        add_number(hash, failure->run);
        add_number(hash, failure->lease);
        add_number(hash, failure->at_ms);
        hash_add_text(hash, failure->agent);
        hash_add_text(hash, failure->text);
    }
}

struct image_ref {
    const struct image *image;
};

static int by_key(const void *a, const void *b)
{
    const struct image_ref *left = a;
    const struct image_ref *right = b;

    return strcmp(left->image->key, right->image->key);
}

static void add_images(struct hash *hash, const struct core *core)
{
    CLEANUP(mem_freep)
    struct image_ref *images = mem_alloc(HASH_COUNT(core->images) * sizeof(*images));
    size_t count = 0;

    for (const struct image *image = core->images; image != NULL; image = image->hh.next)
        images[count++].image = image;
    qsort(images, count, sizeof(*images), by_key);
    for (size_t i = 0; i < count; i++)
        add_image(hash, images[i].image);
}

void core_digest(const struct core *core, char out_hex[65])
{
    struct hash hash;

    hash_init(&hash);
    add_agents(&hash, core);
    add_runs(&hash, core);
    add_images(&hash, core);
    hash_final(&hash, out_hex);
}
