/* The spool's reader with any bytes: what it accepts is whole and in sequence, and it never asks
 * for more than it was given. */

#include "agent/sync/spool_file.h"
#include "tests/fuzz/fuzz.h"

/* libFuzzer's name, not ours.  NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena arena = ARENA_INIT;
    struct event *events = NULL;
    size_t count = 0;

    spool_file_parse((const char *)bytes, len, &arena, &events, &count);
    CHECK(count <= len);
    for (size_t i = 1; i < count; i++)
        CHECK(events[i].seq == events[i - 1].seq + 1);
    arena_release(&arena);
    return 0;
}
