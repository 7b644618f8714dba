#include "agent/workers/output.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/buffer.h"
#include "shared/base/text.h"

#define MARK_FIRST '\x1e'
#define MARK_LAST  '\x1f'

static const char mark_head[] = "\x1eMUSTER ";
#define MARK_HEAD_LEN (sizeof(mark_head) - 1)

void output_init(struct output_splitter *splitter, int64_t bytes_max)
{
    int64_t part = bytes_max / 2;

    *splitter = (struct output_splitter){.part_bytes = OUTPUT_PART_BYTES_MAX};
    if (bytes_max > 0 && part < OUTPUT_PART_BYTES_MAX)
        splitter->part_bytes = part > 0 ? (size_t)part : 1;
    splitter->captures = mem_zalloc(OUTPUT_CAPTURES_MAX * sizeof(*splitter->captures));
    splitter->captures[0].is_used = true;
}

void output_release(struct output_splitter *splitter)
{
    free(splitter->captures);
    splitter->captures = NULL;
}

/* ---- captures ------------------------------------------------------------------- */

static struct output_capture *capture_find(const struct output_splitter *splitter, int64_t n)
{
    for (size_t i = 0; i < OUTPUT_CAPTURES_MAX; i++)
        if (splitter->captures[i].is_used && splitter->captures[i].n == n)
            return &splitter->captures[i];
    return NULL;
}

static void capture_start(struct output_capture *capture, int64_t n)
{
    capture->n = n;
    capture->is_used = true;
    capture->total_bytes = 0;
    capture->head_len = capture->tail_len = capture->tail_start = 0;
}

/* The capture of n, made if need be in place of the lowest number: an old test's or a forged one's.
 */
static struct output_capture *capture_of(struct output_splitter *splitter, int64_t n)
{
    struct output_capture *capture = capture_find(splitter, n);
    struct output_capture *place = NULL;

    if (capture != NULL)
        return capture;
    for (size_t i = 1; i < OUTPUT_CAPTURES_MAX; i++) {
        capture = &splitter->captures[i];
        if (!capture->is_used) {
            place = capture;
            break;
        }
        if (place == NULL || capture->n < place->n)
            place = capture;
    }
    capture_start(place, n);
    return place;
}

/* Keeps the last part_bytes of everything after the head. */
static void tail_add(struct output_capture *capture, size_t part, const char *bytes, size_t len)
{
    if (len >= part) {
        memcpy(capture->tail, bytes + len - part, part);
        capture->tail_start = 0;
        capture->tail_len = part;
        return;
    }
    size_t at = (capture->tail_start + capture->tail_len) % part;
    size_t first = len < part - at ? len : part - at;
    memcpy(capture->tail + at, bytes, first);
    memcpy(capture->tail, bytes + first, len - first);

    size_t sum = capture->tail_len + len;
    if (sum > part)
        capture->tail_start = (capture->tail_start + sum - part) % part;
    capture->tail_len = sum > part ? part : sum;
}

static void capture_add(struct output_capture *capture, size_t part, const char *bytes, size_t len)
{
    size_t room = part - capture->head_len;
    size_t first = len < room ? len : room;

    capture->total_bytes += (int64_t)len;
    memcpy(capture->head + capture->head_len, bytes, first);
    capture->head_len += first;
    if (len > first)
        tail_add(capture, part, bytes + first, len - first);
}

/* ---- marks ------------------------------------------------------------------------ */

static void plain_add(struct output_splitter *splitter, struct output_source *source,
                      const char *bytes, size_t len)
{
    if (len > 0)
        capture_add(capture_of(splitter, source->n), splitter->part_bytes, bytes, len);
}

/* Could the bytes so far become a mark? */
static bool mark_may_go_on(const struct output_source *source)
{
    size_t len = source->mark_len;
    size_t head = len < MARK_HEAD_LEN ? len : MARK_HEAD_LEN;

    if (memcmp(source->mark, mark_head, head) != 0)
        return false;
    for (size_t i = MARK_HEAD_LEN; i < len; i++)
        if (source->mark[i] < '0' || source->mark[i] > '9')
            return false;
    return len < OUTPUT_MARK_BYTES_MAX;
}

static void mark_apply(struct output_source *source, int64_t n)
{
    if (n == 0 && source->n != 0) {
        source->ended[source->ended_next] = source->n;
        source->ended_next = (source->ended_next + 1) % OUTPUT_CAPTURES_MAX;
    }
    source->n = n;
    source->has_marks = true;
}

/* Takes one byte of what may be a mark; gives the bytes back as plain when it is none. */
static void mark_step(struct output_splitter *splitter, struct output_source *source, char byte)
{
    int64_t n = 0;

    if (byte == MARK_LAST && source->mark_len > MARK_HEAD_LEN) {
        char digits[OUTPUT_MARK_BYTES_MAX + 1];
        size_t len = source->mark_len - MARK_HEAD_LEN;
        memcpy(digits, source->mark + MARK_HEAD_LEN, len);
        digits[len] = '\0';
        if (text_to_int64(digits, 0, INT64_MAX, &n)) {
            source->mark_len = 0;
            mark_apply(source, n);
            return;
        }
    }
    source->mark[source->mark_len++] = byte;
    if (mark_may_go_on(source))
        return;

    /* The byte that broke it may be the first of a real one. */
    size_t plain = byte == MARK_FIRST ? source->mark_len - 1 : source->mark_len;
    plain_add(splitter, source, source->mark, plain);
    source->mark[0] = MARK_FIRST;
    source->mark_len = byte == MARK_FIRST ? 1 : 0;
}

void output_add(struct output_splitter *splitter, enum output_stream stream, const char *bytes,
                size_t len)
{
    struct output_source *source = &splitter->sources[stream];

    for (size_t at = 0; at < len;) {
        if (source->mark_len > 0) {
            mark_step(splitter, source, bytes[at++]);
            continue;
        }
        const char *first = memchr(bytes + at, MARK_FIRST, len - at);
        size_t plain = first != NULL ? (size_t)(first - bytes) - at : len - at;
        plain_add(splitter, source, bytes + at, plain);
        at += plain;
        if (first != NULL) {
            source->mark[source->mark_len++] = MARK_FIRST;
            at++;
        }
    }
}

void output_close(struct output_splitter *splitter, enum output_stream stream)
{
    struct output_source *source = &splitter->sources[stream];

    plain_add(splitter, source, source->mark, source->mark_len);
    source->mark_len = 0;
    source->is_closed = true;
}

static int64_t *ended_find(struct output_source *source, int64_t n)
{
    for (size_t i = 0; i < OUTPUT_CAPTURES_MAX; i++)
        if (source->ended[i] == n)
            return &source->ended[i];
    return NULL;
}

bool output_has_marks(const struct output_splitter *splitter)
{
    return splitter->sources[OUTPUT_STDOUT].has_marks || splitter->sources[OUTPUT_STDERR].has_marks;
}

bool output_is_complete(struct output_splitter *splitter, int64_t n)
{
    for (int i = 0; i < OUTPUT_STREAM_COUNT; i++)
        if (!splitter->sources[i].is_closed && ended_find(&splitter->sources[i], n) == NULL)
            return false;
    return true;
}

/* ---- the result -------------------------------------------------------------------- */

/* The kept bytes one after the other; where the middle is missing is the caller's to know. */
static size_t tail_unroll(const struct output_capture *capture, size_t part, char *out)
{
    size_t first = part - capture->tail_start;

    if (first > capture->tail_len)
        first = capture->tail_len;
    memcpy(out, capture->tail + capture->tail_start, first);
    memcpy(out + first, capture->tail, capture->tail_len - first);
    return capture->tail_len;
}

/* Replaced bytes take three times the room: cut again to what a message may hold. */
static const char *as_utf8(struct arena *arena, const char *bytes, size_t len, bool keep_end)
{
    struct buffer clean;
    const char *text = NULL;

    buffer_init(&clean, (size_t)3 * OUTPUT_PART_BYTES_MAX + 64);
    CHECK(text_add_as_utf8(&clean, bytes, len));
    if (clean.len <= OUTPUT_PART_BYTES_MAX)
        text = arena_strndup(arena, clean.len > 0 ? clean.at : "", clean.len);
    else if (!keep_end)
        text = arena_strndup(arena, clean.at, text_utf8_floor(clean.at, OUTPUT_PART_BYTES_MAX));
    else {
        size_t from = clean.len - OUTPUT_PART_BYTES_MAX;
        while (from < clean.len && ((unsigned char)clean.at[from] & 0xc0) == 0x80)
            from++;
        text = arena_strndup(arena, clean.at + from, clean.len - from);
    }
    buffer_release(&clean);
    return text;
}

const struct output *output_take(struct output_splitter *splitter, int64_t n, struct arena *arena)
{
    struct output_capture *capture = capture_find(splitter, n);
    char tail[OUTPUT_PART_BYTES_MAX + 4];
    size_t tail_len = 0;

    if (n != 0) /* the same test may run again in this worker */
        for (int i = 0; i < OUTPUT_STREAM_COUNT; i++) {
            int64_t *ended = ended_find(&splitter->sources[i], n);
            if (ended != NULL)
                *ended = 0;
        }
    if (capture == NULL || capture->total_bytes == 0) {
        if (capture != NULL && n != 0)
            capture->is_used = false;
        return NULL;
    }
    bool is_whole = capture->total_bytes == (int64_t)(capture->head_len + capture->tail_len);
    size_t head_len = text_utf8_floor(capture->head, capture->head_len);
    /* A character that stands on the border between head and tail. */
    if (!is_whole || capture->tail_len == 0)
        head_len = capture->tail_len == 0 ? capture->head_len : head_len;
    else {
        tail_len = capture->head_len - head_len;
        memcpy(tail, capture->head + head_len, tail_len);
    }
    tail_len += tail_unroll(capture, splitter->part_bytes, tail + tail_len);
    size_t skip = 0;
    while (!is_whole && skip < tail_len && skip < 3 && ((unsigned char)tail[skip] & 0xc0) == 0x80)
        skip++;

    struct output *output = arena_alloc(arena, sizeof(*output));
    output->head = as_utf8(arena, capture->head, head_len, false);
    output->tail = as_utf8(arena, tail + skip, tail_len - skip, true);
    output->total_bytes = capture->total_bytes;
    if (n == 0)
        capture_start(capture, 0);
    else
        capture->is_used = false;
    return output;
}
