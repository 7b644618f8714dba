#include <stdlib.h>
#include <string.h>

#include "coordinator/store/fact_json.h"
#include "coordinator/store/history_book.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/run_fold.h"
#include "coordinator/store/store.h"
#include "shared/base/text.h"

/* The reference: what a store means, in the plainest way.  Facts are kept as they
 * came, with their ledger line; load and readers walk them.
 *
 *     books[0]   the fleet         books[1..]  runs, in order of submission
 *     each book: entries in order of seq, their facts in the book's arena */

#define MEMORY_POOL "default"

struct entry {
    struct fact fact; /* without secrets */
    char *line;
    size_t line_len;
    char hash[HASH_HEX_SIZE];
    bool is_undone; /* a page of a collection that did not become a plan */
};

struct open_lease {
    int64_t lease;
    enum lease_kind kind;
};

struct book {
    int64_t run;
    struct entry *entries;
    size_t entries_count, entries_cap;
    struct open_lease *leases;
    size_t leases_count, leases_cap;
    struct fact submitted; /* with secrets, until the run ends */
    const char **ids;      /* of tests, by number - 1 */
    size_t ids_count, ids_cap;
    bool is_planned;
    bool has_ended;
    int64_t ended_ms;
    struct arena arena;
};

struct memory_agent {
    struct fact joined;
    struct fact_agent_synced synced;
    struct fact gone;
    bool is_live;
};

struct memory_image {
    struct fact claimed;
    struct fact done;
    bool is_done;
};

struct memory_failure {
    struct fact failed;
};

struct memory_history {
    char *suite_name;
    char *id;
    int64_t duration_us;
};

struct shelf_place {
    struct book *book;
};

struct memory_store {
    struct store base;
    struct shelf_place *books;
    size_t books_count, books_cap;
    struct memory_agent *agents; /* gone ones in the order in which they went */
    size_t agents_count, agents_cap;
    struct memory_image *images; /* by trust and fingerprint */
    size_t images_count, images_cap;
    struct memory_failure *failures; /* by trust, fingerprint and run */
    size_t failures_count, failures_cap;
    struct memory_history *history;
    size_t history_count, history_cap;
    int64_t epoch, lap, next_run;
    struct arena arena; /* agents, images */
};

static struct memory_store *memory_of(struct store *store)
{
    return (struct memory_store *)(void *)store;
}

static struct book *book_find(struct memory_store *memory, int64_t run)
{
    for (size_t i = memory->books_count; i-- > 0;)
        if (memory->books[i].book->run == run)
            return memory->books[i].book;
    return NULL;
}

static struct book *book_of(struct memory_store *memory, int64_t run)
{
    struct book *book = book_find(memory, run);

    if (book != NULL)
        return book;
    book = mem_zalloc(sizeof(*book));
    book->run = run;
    VEC_PUSH(memory->books, memory->books_count, memory->books_cap).book = book;
    return book;
}

static void book_free(struct book *book)
{
    for (size_t i = 0; i < book->entries_count; i++)
        free(book->entries[i].line);
    free(book->entries);
    free(book->leases);
    free(book->ids);
    arena_release(&book->arena);
    free(book);
}

/* ---- commit ------------------------------------------------------------------- */

static enum status memory_begin(struct store *store, struct store_start *out_start,
                                struct error *err)
{
    struct memory_store *memory = memory_of(store);

    (void)err;
    memory->epoch++;
    memory->lap = 0;
    *out_start = (struct store_start){.epoch = memory->epoch, .next_run = memory->next_run};
    return STATUS_OK;
}

static struct memory_agent *agent_of(struct memory_store *memory, const char *name)
{
    for (size_t i = 0; i < memory->agents_count; i++)
        if (text_equals(memory->agents[i].joined.agent_joined->agent, name))
            return &memory->agents[i];
    return NULL;
}

static void agent_joined(struct memory_store *memory, const struct fact *fact)
{
    struct memory_agent *agent = agent_of(memory, fact->agent_joined->agent);

    if (agent == NULL)
        agent = &VEC_PUSH(memory->agents, memory->agents_count, memory->agents_cap);
    *agent = (struct memory_agent){.joined = fact_copy(fact, &memory->arena), .is_live = true};
    agent->synced.agent = agent->joined.agent_joined->agent;
    agent->synced.incarnation = agent->joined.agent_joined->incarnation;
}

static void agent_synced(struct memory_store *memory, const struct fact_agent_synced *synced)
{
    struct memory_agent *agent = agent_of(memory, synced->agent);

    if (agent == NULL || agent->synced.incarnation != synced->incarnation)
        return;
    agent->synced.acknowledged = synced->acknowledged;
    agent->synced.sync_no = synced->sync_no;
}

static void agent_remove(struct memory_store *memory, struct memory_agent *agent)
{
    const struct memory_agent *end = memory->agents + memory->agents_count;

    (void)memmove(agent, agent + 1, (size_t)(end - (agent + 1)) * sizeof(*agent));
    memory->agents_count--;
}

static void agent_gone(struct memory_store *memory, const struct fact *fact)
{
    struct memory_agent *agent = agent_of(memory, fact->agent_gone->agent);

    if (agent == NULL || agent->synced.incarnation != fact->agent_gone->incarnation)
        return;
    struct memory_agent gone = *agent;

    gone.is_live = false;
    gone.gone = fact_copy(fact, &memory->arena);
    agent_remove(memory, agent);
    VEC_PUSH(memory->agents, memory->agents_count, memory->agents_cap) = gone;
}

static void forget_oldest_gone(struct memory_store *memory)
{
    size_t gone = 0;

    for (size_t i = memory->agents_count; i-- > 0;)
        if (!memory->agents[i].is_live && ++gone > STORE_GONE_AGENTS_MAX)
            agent_remove(memory, &memory->agents[i]);
}

/* ---- images ------------------------------------------------------------------- */

static int compare_keys(const char *trust, const char *fingerprint, const char *other_trust,
                        const char *other_fingerprint)
{
    int order = strcmp(trust, other_trust);

    return order != 0 ? order : strcmp(fingerprint, other_fingerprint);
}

/* Where the image stands or would stand; *out_is_there says which. */
static size_t image_place(const struct memory_store *memory, const char *trust,
                          const char *fingerprint, bool *out_is_there)
{
    int order = 1;
    size_t i = 0;

    for (; i < memory->images_count; i++) {
        const struct fact_image_claimed *known = memory->images[i].claimed.image_claimed;

        order = compare_keys(known->trust, known->fingerprint, trust, fingerprint);
        if (order >= 0)
            break;
    }
    *out_is_there = i < memory->images_count && order == 0;
    return i;
}

static void image_claimed(struct memory_store *memory, const struct fact *fact)
{
    const struct fact_image_claimed *claimed = fact->image_claimed;
    bool is_there;
    size_t place = image_place(memory, claimed->trust, claimed->fingerprint, &is_there);

    CHECK(!is_there);
    (void)VEC_PUSH(memory->images, memory->images_count, memory->images_cap);
    (void)memmove(&memory->images[place + 1], &memory->images[place],
                  (memory->images_count - 1 - place) * sizeof(struct memory_image));
    memory->images[place] = (struct memory_image){.claimed = fact_copy(fact, &memory->arena)};
}

static void image_done(struct memory_store *memory, const struct fact *fact)
{
    bool is_there;
    size_t place =
        image_place(memory, fact->image_done->trust, fact->image_done->fingerprint, &is_there);

    CHECK(is_there);
    memory->images[place].done = fact_copy(fact, &memory->arena);
    memory->images[place].is_done = true;
}

static void image_remove(struct memory_store *memory, const char *trust, const char *fingerprint)
{
    bool is_there;
    size_t place = image_place(memory, trust, fingerprint, &is_there);

    if (!is_there)
        return;
    memory->images_count--;
    (void)memmove(&memory->images[place], &memory->images[place + 1],
                  (memory->images_count - place) * sizeof(struct memory_image));
}

static bool failure_is_before(const struct fact_image_failed *a, const struct fact_image_failed *b)
{
    int order = compare_keys(a->trust, a->fingerprint, b->trust, b->fingerprint);

    return order < 0 || (order == 0 && a->run < b->run);
}

static void image_failed(struct memory_store *memory, const struct fact *fact)
{
    const struct fact_image_failed *failed = fact->image_failed;
    size_t place = 0;

    image_remove(memory, failed->trust, failed->fingerprint);
    while (place < memory->failures_count &&
           failure_is_before(memory->failures[place].failed.image_failed, failed))
        place++;
    (void)VEC_PUSH(memory->failures, memory->failures_count, memory->failures_cap);
    (void)memmove(&memory->failures[place + 1], &memory->failures[place],
                  (memory->failures_count - 1 - place) * sizeof(struct memory_failure));
    memory->failures[place].failed = fact_copy(fact, &memory->arena);
}

/* Of an image, or, where `trust` is NULL, of a run. */
static void forget_failures(struct memory_store *memory, int64_t run, const char *trust,
                            const char *fingerprint)
{
    size_t kept = 0;

    for (size_t i = 0; i < memory->failures_count; i++) {
        const struct fact_image_failed *failed = memory->failures[i].failed.image_failed;
        bool is_over = trust == NULL ? failed->run == run
                                     : compare_keys(failed->trust, failed->fingerprint, trust,
                                                    fingerprint) == 0;

        if (!is_over)
            memory->failures[kept++] = memory->failures[i];
    }
    memory->failures_count = kept;
}

static void image_dropped(struct memory_store *memory, const struct fact_image_dropped *dropped)
{
    image_remove(memory, dropped->trust, dropped->fingerprint);
    forget_failures(memory, 0, dropped->trust, dropped->fingerprint);
}

static void load_images(const struct memory_store *memory, const struct store_visitor *visitor)
{
    for (size_t i = 0; i < memory->images_count; i++) {
        visitor->fact(visitor->context, &memory->images[i].claimed);
        if (memory->images[i].is_done)
            visitor->fact(visitor->context, &memory->images[i].done);
    }
    for (size_t i = 0; i < memory->failures_count; i++)
        visitor->fact(visitor->context, &memory->failures[i].failed);
}

static void note_id(struct book *book, int64_t test, const char *id)
{
    while (book->ids_count < (size_t)test)
        VEC_PUSH(book->ids, book->ids_count, book->ids_cap) = "";
    book->ids[test - 1] = id;
}

static void lease_ended(struct book *book, int64_t lease)
{
    for (size_t i = 0; i < book->leases_count; i++) {
        if (book->leases[i].lease != lease)
            continue;
        if (book->leases[i].kind == LEASE_COLLECT && !book->is_planned)
            for (size_t j = 0; j < book->entries_count; j++)
                if (book->entries[j].fact.kind == FACT_TESTS_COLLECTED)
                    book->entries[j].is_undone = true;
        book->leases[i] = book->leases[--book->leases_count];
        return;
    }
}

static struct memory_history *history_of(struct memory_store *memory, const char *suite_name,
                                         const char *id)
{
    for (size_t i = 0; i < memory->history_count; i++)
        if (strcmp(memory->history[i].id, id) == 0 &&
            strcmp(memory->history[i].suite_name, suite_name) == 0)
            return &memory->history[i];
    return NULL;
}

static void remember_durations(struct memory_store *memory, const struct book *book)
{
    const char *suite_name = book->submitted.run_submitted->submission->suite->name;

    for (size_t i = 0; i < book->entries_count; i++) {
        const struct fact *fact = &book->entries[i].fact;

        if (fact->kind != FACT_ATTEMPT_RECORDED || !history_wants(fact->attempt_recorded))
            continue;
        const struct attempt_report *report = fact->attempt_recorded->report;
        const char *id = book->ids[report->test - 1];
        struct memory_history *known = history_of(memory, suite_name, id);

        if (known != NULL)
            known->duration_us = history_after(known->duration_us, report->duration_us);
        else
            VEC_PUSH(memory->history, memory->history_count, memory->history_cap) =
                (struct memory_history){.suite_name = mem_strdup(suite_name),
                                        .id = mem_strdup(id),
                                        .duration_us = report->duration_us};
    }
}

/* What the fact means beside its line in the ledger.  `fact` is the book's own copy. */
static void book_apply(struct memory_store *memory, struct book *book, const struct fact *fact)
{
    switch (fact->kind) {
    case FACT_AGENT_JOINED:
        agent_joined(memory, fact);
        break;
    case FACT_AGENT_SYNCED:
        agent_synced(memory, fact->agent_synced);
        break;
    case FACT_AGENT_GONE:
        agent_gone(memory, fact);
        break;
    case FACT_RUN_SUBMITTED:
        if (fact->run >= memory->next_run)
            memory->next_run = fact->run + 1;
        break;
    case FACT_TESTS_COLLECTED:
        for (size_t i = 0; i < fact->tests_collected->tests_count; i++)
            note_id(book, fact->tests_collected->first + (int64_t)i,
                    fact->tests_collected->tests[i].id);
        break;
    case FACT_RUN_PLANNED:
        book->is_planned = true;
        break;
    case FACT_TEST_ADDED:
        note_id(book, fact->test_added->test, fact->test_added->id);
        break;
    case FACT_LEASE_GRANTED:
        VEC_PUSH(book->leases, book->leases_count, book->leases_cap) =
            (struct open_lease){fact->lease_granted->lease, fact->lease_granted->kind};
        break;
    case FACT_LEASE_ENDED:
        lease_ended(book, fact->lease_ended->lease);
        break;
    case FACT_RUN_ENDED:
        remember_durations(memory, book);
        forget_failures(memory, fact->run, NULL, NULL);
        book->has_ended = true;
        book->ended_ms = fact->run_ended->ended_ms;
        book->submitted = book->entries[0].fact; /* the secrets end with the run */
        break;
    case FACT_IMAGE_CLAIMED:
        image_claimed(memory, fact);
        break;
    case FACT_IMAGE_DONE:
        image_done(memory, fact);
        break;
    case FACT_IMAGE_FAILED:
        image_failed(memory, fact);
        break;
    case FACT_IMAGE_RELEASED:
        image_remove(memory, fact->image_released->trust, fact->image_released->fingerprint);
        break;
    case FACT_IMAGE_DROPPED:
        image_dropped(memory, fact->image_dropped);
        break;
    case FACT_TESTS_RETURNED:
    case FACT_ATTEMPT_RECORDED:
    case FACT_NOTE_RECORDED:
    case FACT_PROBLEM_RECORDED:
    case FACT_KIND_COUNT:
        break;
    }
}

static enum status memory_add(struct memory_store *memory, const struct store_lap *lap,
                              const struct fact *fact, struct error *err)
{
    struct book *book = book_of(memory, fact->run);
    struct entry entry = {.is_undone = false};
    struct fact shown = fact_without_secrets(fact, &book->arena);
    struct fact_place place = {.at_ms = lap->wall_ms,
                               .epoch = memory->epoch,
                               .seq = (int64_t)book->entries_count + 1,
                               .pool = MEMORY_POOL};
    struct buffer line;

    buffer_init(&line, FACT_BYTES_MAX);
    enum status status = fact_encode(&shown, &place, &line, err);
    if (status != STATUS_OK) {
        buffer_release(&line);
        return status;
    }
    entry.line_len = line.len;
    entry.line = buffer_detach(&line);
    ledger_chain(book->entries_count > 0 ? book->entries[book->entries_count - 1].hash
                                         : LEDGER_CHAIN_START,
                 entry.line, entry.line_len, entry.hash);
    entry.fact = fact_copy(&shown, &book->arena);
    if (fact->kind == FACT_RUN_SUBMITTED)
        book->submitted = fact_copy(fact, &book->arena);
    VEC_PUSH(book->entries, book->entries_count, book->entries_cap) = entry;
    book_apply(memory, book, &entry.fact);
    return STATUS_OK;
}

static enum status memory_commit(struct store *store, const struct store_lap *lap,
                                 struct error *err)
{
    struct memory_store *memory = memory_of(store);

    for (size_t i = 0; i < lap->fact_count; i++) {
        enum status status = memory_add(memory, lap, &lap->facts[i], err);

        CHECK(status == STATUS_OK); /* memory has no way back: in tests only */
    }
    memory->lap = lap->lap;
    return STATUS_OK;
}

static enum status memory_last_lap(struct store *store, int64_t *out_lap, struct error *err)
{
    (void)err;
    *out_lap = memory_of(store)->lap;
    return STATUS_OK;
}

static enum status memory_reopen(struct store *store, struct error *err)
{
    (void)store;
    (void)err;
    return STATUS_OK;
}

/* ---- load --------------------------------------------------------------------- */

static bool lease_is_open(const struct book *book, int64_t lease)
{
    for (size_t i = 0; i < book->leases_count; i++)
        if (book->leases[i].lease == lease)
            return true;
    return false;
}

static bool is_loaded(const struct book *book, const struct entry *entry)
{
    if (entry->fact.kind == FACT_LEASE_GRANTED)
        return lease_is_open(book, entry->fact.lease_granted->lease);
    if (entry->fact.kind == FACT_TESTS_RETURNED)
        return lease_is_open(book, entry->fact.tests_returned->lease);
    return !entry->is_undone;
}

static void load_book(const struct book *book, const struct store_visitor *visitor)
{
    static const enum fact_kind order[] = {
        FACT_TESTS_COLLECTED,  FACT_RUN_PLANNED,      FACT_TEST_ADDED,
        FACT_LEASE_GRANTED,    FACT_TESTS_RETURNED,   FACT_LEASE_ENDED,
        FACT_ATTEMPT_RECORDED, FACT_PROBLEM_RECORDED, FACT_RUN_ENDED,
    };

    visitor->fact(visitor->context, &book->submitted);
    for (size_t i = 0; i < COUNT_OF(order); i++)
        for (size_t j = 0; j < book->entries_count; j++)
            if (book->entries[j].fact.kind == order[i] && is_loaded(book, &book->entries[j]))
                visitor->fact(visitor->context, &book->entries[j].fact);
    visitor->last_seq(visitor->context, book->run, (int64_t)book->entries_count);
}

static void load_agents(const struct memory_store *memory, bool is_live,
                        const struct store_visitor *visitor)
{
    for (size_t i = 0; i < memory->agents_count; i++) {
        const struct memory_agent *agent = &memory->agents[i];
        struct fact synced = {.kind = FACT_AGENT_SYNCED, .agent_synced = &agent->synced};

        if (agent->is_live != is_live)
            continue;
        visitor->fact(visitor->context, &agent->joined);
        if (agent->synced.sync_no > 0)
            visitor->fact(visitor->context, &synced);
        if (!is_live)
            visitor->fact(visitor->context, &agent->gone);
    }
}

static enum status memory_load(struct store *store, int64_t wall_ms,
                               const struct store_visitor *visitor, struct error *err)
{
    struct memory_store *memory = memory_of(store);

    (void)err;
    load_agents(memory, true, visitor);
    load_agents(memory, false, visitor);
    load_images(memory, visitor);
    for (size_t i = 0; i < memory->books_count; i++) {
        const struct book *book = memory->books[i].book;

        if (book->run == 0)
            continue;
        if (!book->has_ended || book->ended_ms > wall_ms - STORE_LOAD_ENDED_MS)
            load_book(book, visitor);
    }
    return STATUS_OK;
}

static int compare_history(const void *a, const void *b)
{
    const struct history_entry *left = a;
    const struct history_entry *right = b;

    return strcmp(left->id, right->id);
}

static enum status memory_history(struct store *store, const char *suite_name, struct arena *arena,
                                  struct history *out_history, struct error *err)
{
    struct memory_store *memory = memory_of(store);

    (void)err;
    *out_history = (struct history){
        .entries = arena_array(arena, memory->history_count, sizeof(struct history_entry))};
    for (size_t i = 0; i < memory->history_count; i++) {
        const struct memory_history *known = &memory->history[i];

        if (strcmp(known->suite_name, suite_name) == 0)
            out_history->entries[out_history->entries_count++] = (struct history_entry){
                .id = arena_strdup(arena, known->id), .duration_us = known->duration_us};
    }
    if (out_history->entries_count > 0)
        qsort(out_history->entries, out_history->entries_count, sizeof(struct history_entry),
              compare_history);
    return STATUS_OK;
}

static enum status memory_tidy(struct store *store, int64_t wall_ms, int64_t keep_ms,
                               bool *out_more, struct error *err)
{
    struct memory_store *memory = memory_of(store);

    (void)err;
    *out_more = false;
    forget_oldest_gone(memory);
    for (size_t i = 0; i < memory->books_count && keep_ms > 0; i++) {
        struct book *book = memory->books[i].book;

        if (!book->has_ended || book->ended_ms > wall_ms - keep_ms)
            continue;
        book_free(book);
        memory->books_count--;
        (void)memmove(&memory->books[i], &memory->books[i + 1],
                      (memory->books_count - i) * sizeof(struct shelf_place));
        *out_more = true;
        break;
    }
    return STATUS_OK;
}

static void memory_close(struct store *store)
{
    struct memory_store *memory = memory_of(store);

    for (size_t i = 0; i < memory->books_count; i++)
        book_free(memory->books[i].book);
    for (size_t i = 0; i < memory->history_count; i++) {
        free(memory->history[i].suite_name);
        free(memory->history[i].id);
    }
    free(memory->books);
    free(memory->agents);
    free(memory->images);
    free(memory->failures);
    free(memory->history);
    arena_release(&memory->arena);
    free(memory);
}

struct store *store_memory_new(void)
{
    static const struct store_ops ops = {
        .begin = memory_begin,
        .commit = memory_commit,
        .last_lap = memory_last_lap,
        .reopen = memory_reopen,
        .load = memory_load,
        .history = memory_history,
        .close = memory_close,
        .tidy = memory_tidy,
    };
    struct memory_store *memory = mem_zalloc(sizeof(*memory));

    memory->base.ops = &ops;
    memory->next_run = 1;
    return &memory->base;
}

/* ---- reader ------------------------------------------------------------------- */

struct memory_reader {
    struct reader base;
    struct memory_store *memory;
};

static struct memory_store *seen_by(struct reader *reader)
{
    return ((struct memory_reader *)(void *)reader)->memory;
}

static void fold_book(const struct book *book, struct arena *arena, struct run_report *out_report)
{
    struct run_fold fold;

    fold_init(&fold, book->run, arena);
    for (size_t i = 0; i < book->entries_count; i++)
        fold_add(&fold, (int64_t)i + 1, &book->entries[i].fact);
    CHECK(fold_finish(&fold, out_report));
    fold_release(&fold);
}

static enum status memory_report(struct reader *reader, int64_t run, struct arena *arena,
                                 struct run_report *out_report, struct error *err)
{
    const struct book *book = run > 0 ? book_find(seen_by(reader), run) : NULL;

    if (book == NULL)
        return error_set(err, STATUS_NOT_FOUND, "no run '%lld'", (long long)run);
    fold_book(book, arena, out_report);
    return STATUS_OK;
}

static enum status memory_run(struct reader *reader, int64_t run, struct arena *arena,
                              struct run_view *out_view, struct error *err)
{
    const struct book *book = run > 0 ? book_find(seen_by(reader), run) : NULL;
    struct run_report report;

    if (book == NULL)
        return error_set(err, STATUS_NOT_FOUND, "no run '%lld'", (long long)run);
    fold_book(book, arena, &report);
    *out_view = *report.run;
    return STATUS_OK;
}

static enum status memory_runs(struct reader *reader, int64_t limit, struct arena *arena,
                               struct run_list *out_list, struct error *err)
{
    struct memory_store *memory = seen_by(reader);

    (void)err;
    *out_list =
        (struct run_list){.runs = arena_array(arena, memory->books_count, sizeof(struct run_view))};
    for (size_t i = memory->books_count; i-- > 0 && (int64_t)out_list->runs_count < limit;) {
        struct run_report report;

        if (memory->books[i].book->run == 0)
            continue;
        fold_book(memory->books[i].book, arena, &report);
        out_list->runs[out_list->runs_count++] = *report.run;
    }
    return STATUS_OK;
}

static enum status memory_attempts(struct reader *reader, int64_t run, int64_t after, int64_t limit,
                                   struct arena *arena, struct attempt_page *out_page,
                                   struct error *err)
{
    const struct book *book = run > 0 ? book_find(seen_by(reader), run) : NULL;

    if (book == NULL)
        return error_set(err, STATUS_NOT_FOUND, "no run '%lld'", (long long)run);
    *out_page = (struct attempt_page){
        .attempts = arena_array(arena, book->entries_count, sizeof(struct attempt_view)),
        .next_after = after};
    for (size_t i = after > 0 ? (size_t)after : 0; i < book->entries_count; i++) {
        const struct fact *fact = &book->entries[i].fact;

        if ((int64_t)out_page->attempts_count >= limit)
            break;
        if (fact->kind != FACT_ATTEMPT_RECORDED)
            continue;
        const struct attempt_report *report = fact->attempt_recorded->report;
        attempt_view_fill(&out_page->attempts[out_page->attempts_count++], (int64_t)i + 1, fact,
                          report->test > 0 ? book->ids[report->test - 1] : report->id);
        out_page->next_after = (int64_t)i + 1;
    }
    return STATUS_OK;
}

static enum status memory_ledger(struct reader *reader, int64_t run,
                                 enum status (*visit)(void *context, int64_t seq, const char *bytes,
                                                      size_t len, const char *hash),
                                 void *context, struct error *err)
{
    const struct book *book = book_find(seen_by(reader), run);

    if (book == NULL)
        return run == 0 ? STATUS_OK
                        : error_set(err, STATUS_NOT_FOUND, "no run '%lld'", (long long)run);
    for (size_t i = 0; i < book->entries_count; i++) {
        const struct entry *entry = &book->entries[i];
        enum status status =
            visit(context, (int64_t)i + 1, entry->line, entry->line_len, entry->hash);

        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static void memory_reader_close(struct reader *reader)
{
    free(reader);
}

struct reader *reader_memory_new(struct store *store)
{
    static const struct reader_ops ops = {
        .runs = memory_runs,
        .run = memory_run,
        .attempts = memory_attempts,
        .report = memory_report,
        .ledger = memory_ledger,
        .close = memory_reader_close,
    };
    struct memory_reader *reader = mem_zalloc(sizeof(*reader));

    reader->base.ops = &ops;
    reader->memory = memory_of(store);
    return &reader->base;
}
