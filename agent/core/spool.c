#include "agent/core/spool.h"

#include <stdlib.h>
#include <string.h>

#include "agent/core/event_bytes.h"
#include "agent/core/foreman.h"
#include "shared/base/check.h"
#include "shared/base/memory.h"
#include "shared/base/text.h"

/* What stands for a byte that is no UTF-8. */
#define REPLACEMENT "\xef\xbf\xbd"

/* Lays copies one behind the other: first with `at` NULL, to measure, then for good. */
struct packer {
    char *at;
    size_t used;
};

static void *pack(struct packer *packer, const void *bytes, size_t len)
{
    size_t align = _Alignof(max_align_t);
    size_t start = (packer->used + align - 1) / align * align;

    packer->used = start + len;
    if (packer->at == NULL || len == 0)
        return NULL;
    return memcpy(packer->at + start, bytes, len);
}

/* What came from the machine (a path, an error that was cut) may be no UTF-8, and a sync that
 * cannot be written would be repeated for ever. */
static const char *pack_repaired(struct packer *packer, const char *text)
{
    struct buffer clean;
    const char *packed = NULL;

    buffer_init(&clean, strlen(REPLACEMENT) * strlen(text));
    CHECK(text_add_as_utf8(&clean, text, strlen(text)));
    packed = pack(packer, clean.at, clean.len + 1);
    buffer_release(&clean);
    return packed;
}

static const char *pack_text(struct packer *packer, const char *text)
{
    if (text == NULL)
        return NULL;
    if (!text_is_utf8(text, strlen(text)))
        return pack_repaired(packer, text);
    return pack(packer, text, strlen(text) + 1);
}

static const struct output *pack_output(struct packer *packer, const struct output *output)
{
    struct output copy;

    if (output == NULL)
        return NULL;
    copy = *output;
    copy.head = pack_text(packer, output->head);
    copy.tail = pack_text(packer, output->tail);
    return pack(packer, &copy, sizeof(copy));
}

static const struct attempt_report *pack_attempt(struct packer *packer,
                                                 const struct attempt_report *attempt)
{
    struct attempt_report copy;

    if (attempt == NULL)
        return NULL;
    copy = *attempt;
    copy.id = pack_text(packer, attempt->id);
    copy.worker = pack_text(packer, attempt->worker);
    copy.message = pack_text(packer, attempt->message);
    copy.details = pack_text(packer, attempt->details);
    copy.file = pack_text(packer, attempt->file);
    copy.output = pack_output(packer, attempt->output);
    return pack(packer, &copy, sizeof(copy));
}

static const struct note *pack_note(struct packer *packer, const struct note *note)
{
    struct note copy;

    if (note == NULL)
        return NULL;
    copy = *note;
    copy.name = pack_text(packer, note->name);
    copy.value = pack_text(packer, note->value);
    return pack(packer, &copy, sizeof(copy));
}

static struct collected_test *pack_tests(struct packer *packer, const struct collected_test *tests,
                                         size_t count)
{
    struct collected_test *copies = pack(packer, tests, count * sizeof(*tests));

    for (size_t i = 0; i < count; i++) {
        struct collected_test copy = tests[i];

        copy.id = pack_text(packer, tests[i].id);
        copy.group = pack_text(packer, tests[i].group);
        copy.file = pack_text(packer, tests[i].file);
        if (copies != NULL)
            copies[i] = copy;
    }
    return copies;
}

static struct event pack_event(struct packer *packer, const struct event *event)
{
    struct event copy = *event;

    packer->used = sizeof(copy);
    copy.tests = pack_tests(packer, event->tests, event->tests_count);
    copy.hash = pack_text(packer, event->hash);
    copy.attempt = pack_attempt(packer, event->attempt);
    copy.note = pack_note(packer, event->note);
    copy.numbers = pack(packer, event->numbers, event->numbers_count * sizeof(*event->numbers));
    copy.stage = pack_text(packer, event->stage);
    copy.text = pack_text(packer, event->text);
    return copy;
}

struct event *event_copy(const struct event *event, size_t *out_bytes)
{
    struct packer packer = {NULL, 0};

    (void)pack_event(&packer, event);
    *out_bytes = packer.used;
    packer.at = mem_alloc(packer.used);

    struct event copy = pack_event(&packer, event);
    CHECK(packer.used == *out_bytes);
    return memcpy(packer.at, &copy, sizeof(copy));
}

void spool_init(struct spool *spool)
{
    *spool = (struct spool){.next_seq = 1};
}

void spool_release(struct spool *spool)
{
    spool_trim(spool, spool_last_seq(spool));
    free(spool->at);
    spool_init(spool);
}

/* The trimmed front is given back once it is the larger part. */
static void close_the_gap(struct spool *spool)
{
    if (spool->first <= spool->count)
        return;
    if (spool->count > 0)
        (void)memmove(spool->at, spool->at + spool->first, spool->count * sizeof(*spool->at));
    spool->first = 0;
}

const struct event *spool_add(struct spool *spool, const struct event *event)
{
    size_t used = spool->first + spool->count;
    struct spooled spooled;
    size_t wire_bytes = 0;

    spooled.event = event_copy(event, &spooled.bytes);
    spooled.event->seq = spool->next_seq++;
    wire_bytes = event_bytes_max(spooled.event);
    spooled.bytes = spooled.bytes > wire_bytes ? spooled.bytes : wire_bytes;
    VEC_PUSH(spool->at, used, spool->cap) = spooled;
    spool->count++;
    spool->bytes += (int64_t)spooled.bytes;
    return spooled.event;
}

void spool_trim(struct spool *spool, int64_t seq)
{
    while (spool->count > 0 && spool->at[spool->first].event->seq <= seq) {
        struct spooled *oldest = &spool->at[spool->first];

        spool->bytes -= (int64_t)oldest->bytes;
        free(oldest->event);
        spool->first++;
        spool->count--;
    }
    close_the_gap(spool);
}

bool spool_is_full(const struct spool *spool)
{
    return spool->count >= SPOOL_EVENTS_MAX || spool->bytes >= SPOOL_BYTES_MAX;
}
