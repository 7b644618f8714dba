/* A line of a ledger: what is accepted is written again as the same bytes. */

#include <string.h>

#include "coordinator/store/fact_json.h"
#include "tests/fuzz/fuzz.h"

/* Writes the fact; answers how many bytes stand in the buffer. */
static void write_again(const struct fact *fact, const struct fact_place *place,
                        struct buffer *buffer)
{
    struct error err;

    CHECK(fact_encode(fact, place, buffer, &err) == STATUS_OK);
}

/* libFuzzer's name, not ours.  NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena arena = ARENA_INIT;
    struct fact fact;
    struct fact_place place;
    struct error err;

    if (fact_decode((const char *)bytes, len, &arena, &fact, &place, &err) == STATUS_OK) {
        struct buffer first;
        struct buffer second;

        buffer_init(&first, FACT_BYTES_MAX);
        buffer_init(&second, FACT_BYTES_MAX);
        write_again(&fact, &place, &first);
        CHECK(fact_decode(first.at, first.len, &arena, &fact, &place, &err) == STATUS_OK);
        write_again(&fact, &place, &second);
        CHECK(first.len == second.len && memcmp(first.at, second.at, first.len) == 0);
        buffer_release(&first);
        buffer_release(&second);
    }
    arena_release(&arena);
    return 0;
}
