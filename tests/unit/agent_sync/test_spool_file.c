/* Events on disk: what is read back after kills, torn tails and acknowledgements. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sync/spool_file.h"
#include "shared/base/buffer.h"
#include "shared/base/file.h"
#include "shared/base/memory.h"

static char dir[] = "/tmp/muster-spool-XXXXXX";

static void dir_make(void)
{
    cr_assert_not_null(mkdtemp(dir));
}

static void dir_remove(void)
{
    struct error err;

    cr_assert_eq(file_remove_tree(dir, &err), STATUS_OK);
}

TestSuite(spool_file, .init = dir_make, .fini = dir_remove, .timeout = 60);

static struct spool_file *open_as(int64_t incarnation)
{
    struct spool_file *spool = NULL;
    struct error err;

    cr_assert_eq(spool_file_open(dir, incarnation, &spool, &err), STATUS_OK, "%s", err.text);
    return spool;
}

static void append(struct spool_file *spool, int64_t seq, const char *text)
{
    struct event event = {
        .seq = seq, .kind = EVENT_PROBLEM, .lease = 1, .hash = "", .stage = "clone", .text = text};
    struct error err;

    cr_assert_eq(spool_file_append(spool, &event, &err), STATUS_OK, "%s", err.text);
}

/* What an incarnation (newer than all) finds: "INCARNATION:FIRST-LAST ..." */
static char *found(void)
{
    struct spool_file *spool = open_as(1000);
    struct arena arena = ARENA_INIT;
    struct foreman_old_spool *old = NULL;
    struct buffer text;
    struct error err;
    size_t count = 0;

    buffer_init(&text, 1000);
    cr_assert_eq(spool_file_read_old(spool, &arena, &old, &count, &err), STATUS_OK, "%s", err.text);
    for (size_t i = 0; i < count; i++)
        (void)buffer_printf(&text, "%lld:%lld-%lld ", (long long)old[i].incarnation,
                            (long long)old[i].events[0].seq,
                            (long long)old[i].events[old[i].event_count - 1].seq);
    arena_release(&arena);
    spool_file_free(spool);
    return buffer_detach(&text);
}

static void found_is(const char *wanted)
{
    CLEANUP(mem_freep) char *text = found();

    cr_assert_str_eq(text, wanted);
}

Test(spool_file, events_of_killed_incarnations_are_found_oldest_first)
{
    struct spool_file *spool = open_as(10);

    append(spool, 1, "one");
    append(spool, 2, "two");
    spool_file_free(spool);
    spool = open_as(9);
    append(spool, 4, "four");
    spool_file_free(spool);

    found_is("9:4-4 10:1-2 ");
}

Test(spool_file, events_come_back_as_they_were)
{
    struct output output = {.head = "line\n\"quoted\"", .tail = "", .total_bytes = 13};
    struct attempt_report attempt = {.test = 7,
                                     .id = "",
                                     .attempt = 1,
                                     .outcome = OUTCOME_FAILED,
                                     .duration_us = 12,
                                     .slot = 1,
                                     .worker = "a.1.1.1",
                                     .order = 3,
                                     .message = "no",
                                     .details = "",
                                     .file = "",
                                     .output = &output};
    struct event event = {.seq = 1,
                          .kind = EVENT_ATTEMPT,
                          .lease = LEASE_TOKEN(2, 5),
                          .attempt = &attempt,
                          .hash = "",
                          .stage = "",
                          .text = ""};
    struct spool_file *spool = open_as(1);
    struct arena arena = ARENA_INIT;
    struct foreman_old_spool *old = NULL;
    struct error err;
    size_t count = 0;

    cr_assert_eq(spool_file_append(spool, &event, &err), STATUS_OK, "%s", err.text);
    spool_file_free(spool);
    spool = open_as(2);
    cr_assert_eq(spool_file_read_old(spool, &arena, &old, &count, &err), STATUS_OK);

    cr_assert_eq(count, 1);
    cr_assert_eq(old[0].events[0].lease, LEASE_TOKEN(2, 5));
    cr_assert_eq(old[0].events[0].attempt->outcome, OUTCOME_FAILED);
    cr_assert_eq(old[0].events[0].attempt->order, 3);
    cr_assert_str_eq(old[0].events[0].attempt->output->head, output.head);
    arena_release(&arena);
    spool_file_free(spool);
}

Test(spool_file, a_torn_tail_is_dropped_at_every_byte)
{
    struct spool_file *spool = open_as(1);
    CLEANUP(mem_freep) char *path = mem_printf("%s/spool/1.spool", dir);
    struct buffer bytes;
    struct error err;
    size_t second = 0;

    append(spool, 1, "one");
    buffer_init(&bytes, 10000);
    cr_assert_eq(file_read(path, &bytes, &err), STATUS_OK);
    second = bytes.len;
    append(spool, 2, "two");
    buffer_clear(&bytes);
    cr_assert_eq(file_read(path, &bytes, &err), STATUS_OK);
    spool_file_free(spool);

    for (size_t len = 0; len <= bytes.len; len++) {
        struct arena arena = ARENA_INIT;
        struct event *events = NULL;
        size_t count = 0;

        spool_file_parse(bytes.at, len, &arena, &events, &count);
        cr_assert_eq(count, (size_t)(len >= second) + (size_t)(len == bytes.len), "at %zu", len);
        arena_release(&arena);
    }
    buffer_release(&bytes);
}

Test(spool_file, a_byte_that_changed_ends_the_reading)
{
    struct spool_file *spool = open_as(1);
    CLEANUP(mem_freep) char *path = mem_printf("%s/spool/1.spool", dir);
    struct buffer bytes;
    struct error err;

    append(spool, 1, "one");
    append(spool, 2, "two");
    spool_file_free(spool);
    buffer_init(&bytes, 10000);
    cr_assert_eq(file_read(path, &bytes, &err), STATUS_OK);

    for (size_t at = 0; at < bytes.len; at++) {
        struct arena arena = ARENA_INIT;
        struct event *events = NULL;
        size_t count = 0;

        bytes.at[at] ^= 1;
        spool_file_parse(bytes.at, bytes.len, &arena, &events, &count);
        cr_assert_lt(count, 2, "byte %zu", at);
        bytes.at[at] ^= 1;
        arena_release(&arena);
    }
    buffer_release(&bytes);
}

Test(spool_file, a_file_goes_when_all_of_it_is_acknowledged)
{
    struct spool_file *spool = open_as(1);
    CLEANUP(mem_freep) char *path = mem_printf("%s/spool/1.spool", dir);

    append(spool, 1, "one");
    append(spool, 2, "two");
    spool_file_trim(spool, 1, 1);
    cr_assert(file_exists(path));
    spool_file_trim(spool, 1, 2);
    cr_assert_not(file_exists(path));

    append(spool, 3, "three");
    spool_file_free(spool);
    found_is("1:3-3 ");
}

Test(spool_file, an_old_file_goes_when_its_last_event_is_acknowledged)
{
    struct spool_file *spool = open_as(1);
    struct arena arena = ARENA_INIT;
    struct foreman_old_spool *old = NULL;
    struct error err;
    size_t count = 0;

    append(spool, 1, "one");
    append(spool, 2, "two");
    spool_file_free(spool);
    spool = open_as(2);
    cr_assert_eq(spool_file_read_old(spool, &arena, &old, &count, &err), STATUS_OK);
    spool_file_trim(spool, 1, 1);
    found_is("1:1-2 ");
    spool_file_trim(spool, 1, 2);
    found_is("");
    arena_release(&arena);
    spool_file_free(spool);
}

Test(spool_file, the_acknowledged_front_of_a_long_file_is_cut)
{
    struct spool_file *spool = open_as(1);
    CLEANUP(mem_freep) char *path = mem_printf("%s/spool/1.spool", dir);
    char *text = mem_alloc(60001);
    struct buffer bytes;
    struct error err;
    int64_t seq = 0;

    (void)memset(text, 'x', 60000);
    text[60000] = '\0';
    /* One event is never acknowledged in time, so the file never becomes empty. */
    for (int64_t written = 0; written < SPOOL_FRONT_BYTES_MAX + 200000; written += 60000) {
        append(spool, ++seq, text);
        spool_file_trim(spool, 1, seq - 1);
    }
    append(spool, ++seq, text);
    spool_file_free(spool);

    buffer_init(&bytes, (size_t)SPOOL_FRONT_BYTES_MAX / 2);
    cr_assert_eq(file_read(path, &bytes, &err), STATUS_OK, "%s", err.text);
    buffer_release(&bytes);
    mem_freep(&text);
    {
        CLEANUP(mem_freep) char *seen = found();
        CLEANUP(mem_freep) char *end = mem_printf("-%lld ", (long long)seq);

        cr_assert_str_eq(strchr(seen, '-'), end);
    }
}

Test(spool_file, after_a_failed_write_nothing_is_appended_until_all_is_acknowledged)
{
    struct spool_file *spool = open_as(1);
    struct event bad = {
        .seq = 2, .kind = EVENT_PROBLEM, .hash = "", .stage = "x", .text = "\xff is not UTF-8"};

    append(spool, 1, "one");
    cr_assert_neq(spool_file_append(spool, &bad, NULL), STATUS_OK);
    bad.text = "good now";
    bad.seq = 3;
    cr_assert_neq(spool_file_append(spool, &bad, NULL), STATUS_OK);
    spool_file_trim(spool, 1, 3);
    append(spool, 4, "four");
    spool_file_free(spool);

    found_is("1:4-4 ");
}
