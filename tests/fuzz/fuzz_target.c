/* A request's target: what is accepted holds no dotted or empty segment and nothing unprintable. */

#include <string.h>

#include "coordinator/http/target.h"
#include "shared/base/text.h"
#include "tests/fuzz/fuzz.h"

static void check_segment(const char *segment)
{
    CHECK(*segment != '\0' && strcmp(segment, ".") != 0 && strcmp(segment, "..") != 0);
    CHECK(strchr(segment, '/') == NULL);
    CHECK(text_is_utf8(segment, strlen(segment)));
}

/* libFuzzer's name, not ours.  NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena arena = ARENA_INIT;
    struct target target;
    struct error err;
    const char *raw = arena_strndup(&arena, (const char *)bytes, len);

    if (target_parse(raw, &arena, &target, &err) == STATUS_OK) {
        CHECK(target.segments_count <= TARGET_SEGMENTS_MAX);
        for (size_t i = 0; i < target.segments_count; i++)
            check_segment(target.segments[i]);
    }
    arena_release(&arena);
    return 0;
}
