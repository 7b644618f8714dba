#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coordinator/blobs/blob_room.h"
#include "coordinator/blobs/blobs.h"
#include "shared/base/file.h"
#include "shared/base/memory.h"

#define ROOM_BYTES 1000

static char dir[64];
static struct blobs *blobs;
static struct error err;

static void open_store(int64_t bytes_max)
{
    cr_assert_eq(blobs_open(dir, bytes_max, &blobs, &err), STATUS_OK, "%s", err.text);
}

static void make_store(void)
{
    (void)snprintf(dir, sizeof(dir), "/tmp/muster-blobs-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    open_store(ROOM_BYTES);
}

static void remove_store(void)
{
    blobs_close(blobs);
    cr_assert_eq(file_remove_tree(dir, &err), STATUS_OK);
}

TestSuite(blobs, .init = make_store, .fini = remove_store);

/* ---- helpers --------------------------------------------------------------------- */

/* The name of `len` times the letter. */
static const char *name_of(char letter, size_t len)
{
    static char names[64][HASH_HEX_SIZE];
    static int next;
    char *name = names[next++ % 64];
    CLEANUP(mem_freep) char *bytes = mem_alloc(len);

    (void)memset(bytes, letter, len);
    hash_bytes(bytes, len, name);
    return name;
}

static enum status begin(const char *hash, int64_t from, int64_t total, struct blob_upload **out)
{
    return blob_upload_begin(blobs, hash, from, total, NULL, out, &err);
}

static enum status write_letters(struct blob_upload *upload, char letter, size_t len)
{
    CLEANUP(mem_freep) char *bytes = mem_alloc(len);

    (void)memset(bytes, letter, len);
    return blob_upload_write(upload, bytes, len, &err);
}

static enum status put_keeping(char letter, size_t len, const struct blob_keep *keep)
{
    struct blob_upload *upload = NULL;
    enum status status =
        blob_upload_begin(blobs, name_of(letter, len), 0, (int64_t)len, keep, &upload, &err);

    if (status == STATUS_OK)
        status = write_letters(upload, letter, len);
    if (status == STATUS_OK)
        status = blob_upload_end(upload, &err);
    blob_upload_leave(upload);
    return status;
}

static void put(char letter, size_t len)
{
    cr_assert_eq(put_keeping(letter, len, NULL), STATUS_OK, "%s", err.text);
}

static bool has(const char *hash)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%.2s/%s", dir, hash, hash);
    bool is_whole = blobs_state(blobs, hash).is_whole;

    cr_assert_eq(is_whole, file_exists(path), "the index and the disk disagree");
    return is_whole;
}

static bool has_partial(const char *hash)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/partial/%s", dir, hash);

    return file_exists(path);
}

/* ---- a whole life ---------------------------------------------------------------- */

Test(blobs, what_was_put_is_read_back_and_survives_a_start)
{
    struct blob_reading *reading;
    int64_t bytes;
    char text[8];
    int fd;

    put('a', 5);
    blobs_close(blobs);
    open_store(ROOM_BYTES);
    cr_assert_eq(blob_read_begin(blobs, name_of('a', 5), &reading, &fd, &bytes, &err), STATUS_OK);
    cr_assert_eq(bytes, 5);
    cr_assert_eq(read(fd, text, sizeof(text)), 5);
    cr_assert_eq(memcmp(text, "aaaaa", 5), 0);
    cr_assert_eq(blobs_bytes(blobs), 5);
    (void)close(fd);
    blob_read_end(reading);
}

Test(blobs, one_that_is_there_is_not_uploaded_again)
{
    struct blob_upload *upload = NULL;

    put('a', 5);
    cr_assert_eq(begin(name_of('a', 5), 0, 5, &upload), STATUS_OK);
    cr_assert_null(upload);
}

Test(blobs, an_upload_goes_on_where_the_last_one_ended)
{
    const char *hash = name_of('a', 10);
    struct blob_upload *upload;

    cr_assert_eq(begin(hash, 0, 10, &upload), STATUS_OK);
    cr_assert_eq(write_letters(upload, 'a', 4), STATUS_OK);
    cr_assert_eq(blob_upload_end(upload, &err), STATUS_OK, "not all is there: nothing happens");
    blob_upload_leave(upload);
    cr_assert_eq(blobs_state(blobs, hash).received, 4);
    cr_assert_not(has(hash));

    cr_assert_eq(begin(hash, 3, 10, &upload), STATUS_CONFLICT);
    cr_assert_not_null(strstr(err.text, "4 bytes"), "%s", err.text);
    cr_assert_eq(begin(hash, 4, 11, &upload), STATUS_CONFLICT);
    cr_assert_eq(begin(hash, 4, 10, &upload), STATUS_OK, "%s", err.text);
    cr_assert_eq(write_letters(upload, 'a', 6), STATUS_OK);
    cr_assert_eq(blob_upload_end(upload, &err), STATUS_OK, "%s", err.text);
    blob_upload_leave(upload);
    cr_assert(has(hash));
    cr_assert_not(has_partial(hash));
}

Test(blobs, an_upload_may_begin_anew)
{
    const char *hash = name_of('a', 10);
    struct blob_upload *upload;

    cr_assert_eq(begin(hash, 0, 12, &upload), STATUS_OK);
    cr_assert_eq(write_letters(upload, 'x', 4), STATUS_OK);
    blob_upload_leave(upload);
    put('a', 10);
    cr_assert(has(hash));
}

Test(blobs, bytes_of_another_hash_leave_nothing)
{
    const char *hash = name_of('a', 10);
    struct blob_upload *upload;

    cr_assert_eq(begin(hash, 0, 10, &upload), STATUS_OK);
    cr_assert_eq(write_letters(upload, 'b', 10), STATUS_OK);
    cr_assert_eq(blob_upload_end(upload, &err), STATUS_INVALID);
    blob_upload_leave(upload);
    cr_assert_not(has(hash));
    cr_assert_not(has_partial(hash));
    cr_assert_eq(blobs_state(blobs, hash).received, 0);
}

Test(blobs, no_more_is_taken_than_was_announced)
{
    struct blob_upload *upload;

    cr_assert_eq(begin(name_of('a', 10), 0, 10, &upload), STATUS_OK);
    cr_assert_eq(write_letters(upload, 'a', 11), STATUS_INVALID);
    cr_assert_eq(write_letters(upload, 'a', 10), STATUS_OK, "what fits is still taken");
    blob_upload_leave(upload);
}

Test(blobs, a_second_upload_takes_over_from_the_first)
{
    const char *hash = name_of('a', 10);
    struct blob_upload *dead;
    struct blob_upload *upload;

    cr_assert_eq(begin(hash, 0, 10, &dead), STATUS_OK);
    cr_assert_eq(write_letters(dead, 'a', 4), STATUS_OK);
    cr_assert_eq(begin(hash, 4, 10, &upload), STATUS_OK);
    cr_assert_eq(write_letters(dead, 'b', 4), STATUS_SUPERSEDED);
    cr_assert_eq(blob_upload_end(dead, &err), STATUS_SUPERSEDED);
    blob_upload_leave(dead);
    cr_assert_eq(write_letters(upload, 'a', 6), STATUS_OK);
    cr_assert_eq(blob_upload_end(upload, &err), STATUS_OK);
    blob_upload_leave(upload);
    cr_assert(has(hash));
}

/* ---- leftovers ------------------------------------------------------------------- */

Test(blobs, a_dead_upload_is_removed_after_its_time_and_a_living_one_is_not)
{
    const char *dead = name_of('a', 10);
    const char *living = name_of('b', 10);
    struct blob_upload *upload;

    cr_assert_eq(begin(dead, 0, 10, &upload), STATUS_OK);
    blob_upload_leave(upload);
    cr_assert_eq(begin(living, 0, 10, &upload), STATUS_OK);
    blobs_tidy(blobs, BLOB_PARTIAL_KEEP_MS);
    cr_assert(has_partial(dead));
    blobs_tidy(blobs, 0);
    cr_assert_not(has_partial(dead));
    cr_assert(has_partial(living));
    blob_upload_leave(upload);
}

Test(blobs, after_kill_9_in_an_upload_nothing_of_it_is_left)
{
    const char *hash = name_of('a', 10);
    struct blob_upload *upload;
    int state;
    pid_t child = fork();

    if (child == 0) {
        if (begin(hash, 0, 10, &upload) == STATUS_OK && write_letters(upload, 'a', 10) == STATUS_OK)
            (void)raise(SIGKILL);
        _exit(1);
    }
    cr_assert_eq(waitpid(child, &state, 0), child);
    cr_assert(WIFSIGNALED(state), "the child must have written");
    cr_assert(has_partial(hash));
    blobs_close(blobs);
    open_store(ROOM_BYTES);
    cr_assert_not(has_partial(hash));
    cr_assert_eq(blobs_state(blobs, hash).received, 0);
}

/* ---- room ------------------------------------------------------------------------ */

Test(blobs, the_one_used_longest_ago_goes_first)
{
    struct blob_reading *reading;
    int64_t bytes;
    int fd;

    put('a', 400);
    put('b', 400);
    cr_assert_eq(blob_read_begin(blobs, name_of('a', 400), &reading, &fd, &bytes, &err), STATUS_OK);
    (void)close(fd);
    blob_read_end(reading);
    put('c', 400);
    cr_assert(has(name_of('a', 400)));
    cr_assert_not(has(name_of('b', 400)));
    cr_assert(has(name_of('c', 400)));
}

Test(blobs, the_order_of_use_survives_a_start)
{
    struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

    put('a', 400);
    put('b', 400);
    CLEANUP(mem_freep)
    char *path = mem_printf("%s/%.2s/%s", dir, name_of('b', 400), name_of('b', 400));
    cr_assert_eq(utimensat(AT_FDCWD, path, long_ago, 0), 0);
    blobs_close(blobs);
    open_store(ROOM_BYTES);
    put('c', 400);
    cr_assert(has(name_of('a', 400)));
    cr_assert_not(has(name_of('b', 400)));
}

Test(blobs, what_is_read_or_needed_stays_and_then_there_is_no_room)
{
    const char *needed[] = {name_of('b', 400)};
    const struct blob_keep keep = {needed, 1};
    struct blob_reading *reading;
    int64_t bytes;
    int fd;

    put('a', 400);
    put('b', 400);
    cr_assert_eq(blob_read_begin(blobs, name_of('a', 400), &reading, &fd, &bytes, &err), STATUS_OK);
    cr_assert_eq(put_keeping('c', 400, &keep), STATUS_STORE_FULL);
    cr_assert(has(name_of('a', 400)));
    cr_assert(has(name_of('b', 400)));
    cr_assert_not(has_partial(name_of('c', 400)));

    (void)close(fd);
    blob_read_end(reading);
    cr_assert_eq(put_keeping('c', 400, &keep), STATUS_OK, "%s", err.text);
    cr_assert_not(has(name_of('a', 400)));
}

Test(blobs, uploads_under_way_count_as_what_they_will_be)
{
    struct blob_upload *upload;

    cr_assert_eq(begin(name_of('a', 600), 0, 600, &upload), STATUS_OK);
    cr_assert_eq(put_keeping('b', 600, NULL), STATUS_STORE_FULL);
    blob_upload_leave(upload);
}

Test(blobs, one_that_can_never_fit_is_too_big)
{
    struct blob_upload *upload;

    cr_assert_eq(begin(name_of('a', 10), 0, ROOM_BYTES + 1, &upload), STATUS_TOO_BIG);
    cr_assert_eq(begin(name_of('a', 10), 0, 0, &upload), STATUS_TOO_BIG);
}

Test(blobs, a_full_disk_is_told_and_leaves_nothing)
{
    const size_t fits = (size_t)1 << 20;
    const size_t too_much = (size_t)8 << 20;
    CLEANUP(mem_freep)
    char *size = mem_printf("size=%lld", (long long)(BLOBS_SPARE_BYTES + ((int64_t)4 << 20)));

    if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", dir, "tmpfs", 0, size) != 0)
        cr_skip_test("a small disk takes the right to mount");
    blobs_close(blobs);
    open_store((int64_t)1 << 30);
    put('a', fits);
    cr_assert_eq(put_keeping('b', too_much, NULL), STATUS_STORE_FULL);
    cr_assert_not_null(strstr(err.text, "disk is full"), "%s", err.text);
    cr_assert_not(has_partial(name_of('b', too_much)));
    put('c', fits);
    cr_assert_eq(umount2(dir, MNT_DETACH), 0);
}

Test(blobs, a_dropped_one_is_gone_and_its_reader_reads_on)
{
    struct blob_reading *reading;
    int64_t bytes;
    char text[8];
    int fd;

    put('a', 5);
    cr_assert_eq(blob_read_begin(blobs, name_of('a', 5), &reading, &fd, &bytes, &err), STATUS_OK);
    blobs_drop(blobs, name_of('a', 5));
    cr_assert_not(has(name_of('a', 5)));
    cr_assert_eq(read(fd, text, sizeof(text)), 5);
    (void)close(fd);
    blob_read_end(reading);
    cr_assert_eq(blob_read_begin(blobs, name_of('a', 5), &reading, &fd, &bytes, &err),
                 STATUS_NOT_FOUND);
}

Test(blobs, a_file_that_somebody_else_removed_is_not_found)
{
    const char *hash = name_of('a', 5);
    struct blob_reading *reading;
    int64_t bytes;
    int fd;

    put('a', 5);
    CLEANUP(mem_freep) char *path = mem_printf("%s/%.2s/%s", dir, hash, hash);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(blob_read_begin(blobs, hash, &reading, &fd, &bytes, &err), STATUS_NOT_FOUND);
    cr_assert_not(has(hash));
}

/* ---- the room -------------------------------------------------------------------- */

struct note_job {
    struct blob_job job;
    int *count;
};

static void note(struct blob_job *job)
{
    (void)__atomic_add_fetch(((struct note_job *)(void *)job)->count, 1, __ATOMIC_RELAXED);
}

Test(blobs, the_room_runs_all_that_is_queued_before_it_ends)
{
    struct blob_room *room = blob_room_start(blobs);
    struct note_job jobs[100];
    int count = 0;

    for (size_t i = 0; i < COUNT_OF(jobs); i++) {
        jobs[i] = (struct note_job){.job = {.run = note}, .count = &count};
        cr_assert(blob_room_post(room, &jobs[i].job));
    }
    blob_room_stop(room);
    cr_assert_eq(count, (int)COUNT_OF(jobs));
}
