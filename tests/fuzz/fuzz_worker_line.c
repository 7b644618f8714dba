/* Lines from a driver with any bytes: what is accepted fits into a report. */

#include <string.h>

#include "agent/workers/lines.h"
#include "shared/base/limits.h"
#include "tests/fuzz/fuzz.h"

/* libFuzzer's name, not ours.  NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena arena = ARENA_INIT;
    struct worker_message message;
    struct error err;
    bool is_known = false;

    if (worker_line_decode((const char *)bytes, len, &arena, &message, &is_known, &err) ==
            STATUS_OK &&
        is_known) {
        CHECK(strlen(message.id) <= TEST_ID_BYTES_MAX);
        CHECK(strlen(message.message) <= ATTEMPT_MESSAGE_BYTES);
        CHECK(strlen(message.details) <= ATTEMPT_DETAILS_BYTES);
        CHECK(strlen(message.value) <= NOTE_VALUE_BYTES_MAX);
        CHECK(IMPLIES(message.say == SAY_END && !message.is_extra, message.n > 0));
        CHECK(message.outcome <= OUTCOME_XPASS);
    }
    arena_release(&arena);
    return 0;
}
