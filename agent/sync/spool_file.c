#include "agent/sync/spool_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/buffer.h"
#include "shared/base/file.h"
#include "shared/base/hash.h"
#include "shared/base/text.h"
#include "shared/json/messages_json.h"

#define LENGTH_DIGITS   8
#define CHECKSUM_DIGITS 16
#define LINE_HEAD       (LENGTH_DIGITS + 1 + CHECKSUM_DIGITS + 1)

/* What the foreman leaves unacknowledged, the front before it is cut, and one line more; JSON
 * writes a byte as up to six. */
#define SPOOL_FILE_BYTES_MAX ((size_t)(SPOOL_BYTES_MAX + SPOOL_FRONT_BYTES_MAX) * 2)

static const char suffix[] = ".spool";

struct line_place {
    int64_t seq;
    int64_t end; /* where the line ends in the file */
};

struct old_file {
    int64_t incarnation;
    int64_t last_seq;
};

struct spool_file {
    char *dir;
    char *path;
    int64_t incarnation;
    int fd; /* -1: no file yet */
    int64_t size;
    bool is_broken;
    struct line_place *lines; /* unacknowledged from `first` on */
    size_t first, count, cap;
    struct old_file *old;
    size_t old_count, old_cap;
};

/* ---- one line ---------------------------------------------------------------- */

static enum status line_build(const struct event *event, struct buffer *line, struct error *err)
{
    struct buffer json;
    char checksum[HASH_HEX_SIZE];
    enum status status = STATUS_OK;

    buffer_init(&json, SPOOL_LINE_BYTES_MAX);
    status = codec_encode(&event_shape, event, &json, err);
    if (status == STATUS_OK) {
        hash_bytes(json.at, json.len, checksum);
        (void)buffer_printf(line, "%0*zx %.*s ", LENGTH_DIGITS, json.len, CHECKSUM_DIGITS,
                            checksum);
        (void)buffer_add(line, json.at, json.len);
        (void)buffer_add_char(line, '\n');
    }
    buffer_release(&json);
    return status;
}

static bool length_parse(const char *digits, size_t *out_len)
{
    static const char order[] = "0123456789abcdef";
    size_t len = 0;

    for (size_t i = 0; i < LENGTH_DIGITS; i++) {
        const char *found = memchr(order, digits[i], sizeof(order) - 1);

        if (found == NULL)
            return false;
        len = len * 16 + (size_t)(found - order);
    }
    *out_len = len;
    return true;
}

/* The length of the whole line at `bytes`; 0: it is not whole, or not ours. */
static size_t line_parse(const char *bytes, size_t len, struct arena *arena, struct event *event)
{
    char checksum[HASH_HEX_SIZE];
    size_t json_len = 0;

    if (len < LINE_HEAD || bytes[LENGTH_DIGITS] != ' ' || bytes[LINE_HEAD - 1] != ' ' ||
        !length_parse(bytes, &json_len))
        return 0;
    if (json_len > SPOOL_LINE_BYTES_MAX || len - LINE_HEAD < json_len + 1 ||
        bytes[LINE_HEAD + json_len] != '\n')
        return 0;
    hash_bytes(bytes + LINE_HEAD, json_len, checksum);
    if (memcmp(bytes + LENGTH_DIGITS + 1, checksum, CHECKSUM_DIGITS) != 0)
        return 0;
    if (codec_decode(&event_shape, bytes + LINE_HEAD, json_len, CODEC_OPEN, arena, event, NULL) !=
        STATUS_OK)
        return 0;
    return LINE_HEAD + json_len + 1;
}

void spool_file_parse(const char *bytes, size_t len, struct arena *arena, struct event **out_events,
                      size_t *out_count)
{
    struct event *events = NULL;
    struct event event;
    size_t count = 0;
    size_t cap = 0;
    size_t line = 0;

    for (size_t at = 0; at < len; at += line) {
        line = line_parse(bytes + at, len - at, arena, &event);
        if (line == 0 || (count > 0 && event.seq != events[count - 1].seq + 1))
            break;
        VEC_PUSH(events, count, cap) = event;
    }
    *out_count = count;
    *out_events = arena_array(arena, count + 1, sizeof(*events));
    if (count > 0)
        (void)memcpy(*out_events, events, count * sizeof(*events));
    free(events);
}

/* ---- this incarnation's file -------------------------------------------------- */

static char *path_of(const char *dir, int64_t incarnation)
{
    return mem_printf("%s/%" PRId64 "%s", dir, incarnation, suffix);
}

enum status spool_file_open(const char *work_dir, int64_t incarnation,
                            struct spool_file **out_spool, struct error *err)
{
    struct spool_file *spool = mem_zalloc(sizeof(*spool));
    enum status status = STATUS_OK;

    spool->dir = mem_printf("%s/spool", work_dir);
    spool->path = path_of(spool->dir, incarnation);
    spool->incarnation = incarnation;
    spool->fd = -1;
    status = file_make_directories(spool->dir, 0700, err);
    if (status != STATUS_OK) {
        spool_file_free(spool);
        return status;
    }
    *out_spool = spool;
    return STATUS_OK;
}

void spool_file_free(struct spool_file *spool)
{
    if (spool == NULL)
        return;
    if (spool->fd >= 0)
        (void)close(spool->fd);
    mem_freep(&spool->dir);
    mem_freep(&spool->path);
    free(spool->lines);
    free(spool->old);
    free(spool);
}

static enum status write_whole(int fd, const char *bytes, size_t len, struct error *err)
{
    while (len > 0) {
        ssize_t done = write(fd, bytes, len);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_set_errno(err, "cannot write the spool");
        bytes += done;
        len -= (size_t)done;
    }
    return STATUS_OK;
}

static enum status append_bytes(struct spool_file *spool, const struct buffer *line,
                                struct error *err)
{
    enum status status = STATUS_OK;

    if (spool->fd < 0)
        spool->fd = open(spool->path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (spool->fd < 0)
        return error_set_errno(err, "cannot make '%s'", spool->path);
    status = write_whole(spool->fd, line->at, line->len, err);
    /* A torn line in the middle would hide all that comes after it. */
    if (status != STATUS_OK && ftruncate(spool->fd, spool->size) != 0)
        spool->is_broken = true;
    return status;
}

enum status spool_file_append(struct spool_file *spool, const struct event *event,
                              struct error *err)
{
    struct buffer line;
    enum status status = STATUS_OK;

    if (spool->is_broken)
        return error_set(err, STATUS_STORE_FULL, "the spool waits for an acknowledgement");
    buffer_init(&line, SPOOL_LINE_BYTES_MAX + LINE_HEAD + 1);
    status = line_build(event, &line, err);
    if (status == STATUS_OK)
        status = append_bytes(spool, &line, err);
    if (status == STATUS_OK) {
        spool->size += (int64_t)line.len;
        VEC_PUSH(spool->lines, spool->count, spool->cap) =
            (struct line_place){.seq = event->seq, .end = spool->size};
    } else {
        spool->is_broken = true;
    }
    buffer_release(&line);
    return status;
}

/* ---- acknowledged -------------------------------------------------------------- */

static void file_drop(struct spool_file *spool)
{
    if (spool->fd >= 0) {
        (void)unlink(spool->path);
        (void)close(spool->fd);
    }
    spool->fd = -1;
    spool->size = 0;
    spool->first = spool->count = 0;
    spool->is_broken = false;
}

/* The rest behind `from` becomes a file of its own, under the same name.  What fails here fails
 * again later, when it matters: the file as it is holds all that is needed. */
static void file_cut_front(struct spool_file *spool, int64_t from)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s.new", spool->path);
    int source = open(spool->path, O_RDONLY | O_CLOEXEC);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    size_t len = (size_t)(spool->size - from);
    char *bytes = mem_alloc(len + 1);
    bool is_copied = false;

    is_copied = source >= 0 && fd >= 0 && pread(source, bytes, len, from) == (ssize_t)len &&
                write_whole(fd, bytes, len, NULL) == STATUS_OK && rename(path, spool->path) == 0;
    if (source >= 0)
        (void)close(source);
    mem_freep(&bytes);
    if (!is_copied) {
        if (fd >= 0)
            (void)close(fd);
        (void)unlink(path);
        return;
    }
    (void)close(spool->fd);
    spool->fd = fd;
    spool->size -= from;
    for (size_t i = spool->first; i < spool->count; i++)
        spool->lines[i].end -= from;
}

static void trim_current(struct spool_file *spool, int64_t seq)
{
    int64_t front = 0;

    while (spool->first < spool->count && spool->lines[spool->first].seq <= seq)
        spool->first++;
    if (spool->first == spool->count) {
        file_drop(spool);
        return;
    }
    front = spool->first > 0 ? spool->lines[spool->first - 1].end : 0;
    if (front < SPOOL_FRONT_BYTES_MAX)
        return;
    file_cut_front(spool, front);
    (void)memmove(spool->lines, spool->lines + spool->first,
                  (spool->count - spool->first) * sizeof(*spool->lines));
    spool->count -= spool->first;
    spool->first = 0;
}

void spool_file_trim(struct spool_file *spool, int64_t incarnation, int64_t seq)
{
    if (incarnation == spool->incarnation) {
        trim_current(spool, seq);
        return;
    }
    for (size_t i = 0; i < spool->old_count; i++) {
        CLEANUP(mem_freep) char *path = path_of(spool->dir, incarnation);

        if (spool->old[i].incarnation == incarnation && spool->old[i].last_seq <= seq)
            (void)unlink(path);
    }
}

/* ---- what earlier incarnations left --------------------------------------------- */

static bool name_parse(const char *name, int64_t *out_incarnation)
{
    const char *dot = strchr(name, '.');
    CLEANUP(mem_freep) char *number = mem_strdup(name);

    if (dot == NULL || strcmp(dot, suffix) != 0)
        return false;
    number[dot - name] = '\0';
    return text_to_int64(number, 1, INT64_MAX, out_incarnation);
}

static int old_compare(const void *a, const void *b)
{
    const struct old_file *left = a;
    const struct old_file *right = b;

    return (left->incarnation > right->incarnation) - (left->incarnation < right->incarnation);
}

static enum status old_list(struct spool_file *spool, struct error *err)
{
    DIR *dir = opendir(spool->dir);
    struct dirent *entry = NULL;
    struct old_file file = {0};

    if (dir == NULL)
        return error_set_errno(err, "cannot read '%s'", spool->dir);
    while ((entry = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe): a DIR of our own */
        if (name_parse(entry->d_name, &file.incarnation) && file.incarnation < spool->incarnation)
            VEC_PUSH(spool->old, spool->old_count, spool->old_cap) = file;
    }
    (void)closedir(dir);
    if (spool->old_count > 0)
        qsort(spool->old, spool->old_count, sizeof(*spool->old), old_compare);
    return STATUS_OK;
}

static enum status old_read(struct spool_file *spool, struct old_file *file, struct arena *arena,
                            struct foreman_old_spool *out_old, struct error *err)
{
    CLEANUP(mem_freep) char *path = path_of(spool->dir, file->incarnation);
    struct event *events = NULL;
    struct buffer bytes;
    enum status status = STATUS_OK;

    buffer_init(&bytes, SPOOL_FILE_BYTES_MAX);
    status = file_read(path, &bytes, err);
    if (status == STATUS_OK)
        spool_file_parse(bytes.at, bytes.len, arena, &events, &out_old->event_count);
    buffer_release(&bytes);
    if (status != STATUS_OK)
        return status;
    out_old->incarnation = file->incarnation;
    out_old->events = events;
    if (out_old->event_count > 0)
        file->last_seq = events[out_old->event_count - 1].seq;
    else
        (void)unlink(path);
    return STATUS_OK;
}

enum status spool_file_read_old(struct spool_file *spool, struct arena *arena,
                                struct foreman_old_spool **out_old, size_t *out_count,
                                struct error *err)
{
    enum status status = old_list(spool, err);
    size_t kept = 0;

    *out_old = arena_array(arena, spool->old_count + 1, sizeof(**out_old));
    for (size_t i = 0; i < spool->old_count && status == STATUS_OK; i++) {
        status = old_read(spool, &spool->old[i], arena, &(*out_old)[kept], err);
        kept += status == STATUS_OK && (*out_old)[kept].event_count > 0;
    }
    *out_count = kept;
    return status;
}
