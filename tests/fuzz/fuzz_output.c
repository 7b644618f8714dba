/* What a worker prints: wherever reads are split, no byte is lost, doubled or given to two tests.
 * The first byte of the input says how long a read is. */

#include "agent/workers/output.h"
#include "tests/fuzz/fuzz.h"

/* Feeds the bytes in reads of `step` and answers how many were kept for tests 0 to 9. */
static int64_t count_of(const char *bytes, size_t len, size_t step)
{
    struct arena arena = ARENA_INIT;
    struct output_splitter splitter;
    int64_t total = 0;

    output_init(&splitter, 1 << 20);
    for (size_t at = 0; at < len; at += step)
        output_add(&splitter, OUTPUT_STDOUT, bytes + at, len - at < step ? len - at : step);
    output_close(&splitter, OUTPUT_STDOUT);
    output_close(&splitter, OUTPUT_STDERR);
    for (int64_t n = 0; n < 10; n++) {
        const struct output *output = output_take(&splitter, n, &arena);
        total += output != NULL ? output->total_bytes : 0;
    }
    output_release(&splitter);
    arena_release(&arena);
    return total;
}

/* libFuzzer's name, not ours.  NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 2)
        return 0;

    int64_t whole = count_of((const char *)bytes + 1, len - 1, len);
    int64_t split = count_of((const char *)bytes + 1, len - 1, 1 + bytes[0] % 7);
    CHECK(whole == split);
    CHECK(whole <= (int64_t)len);
    return 0;
}
