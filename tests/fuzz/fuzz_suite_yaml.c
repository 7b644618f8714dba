/* A suite file as people write it: any bytes give a suite or an error that begins with the file's
 * name. */

#include <string.h>

#include "client/suite_file.h"
#include "tests/fuzz/fuzz.h"

/* libFuzzer's name, not ours.  NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena arena = ARENA_INIT;
    struct suite suite;
    struct error err;
    enum status status =
        suite_file_parse("muster.yml", (const char *)bytes, len, &arena, &suite, &err);

    if (status == STATUS_OK)
        CHECK(suite.timeouts != NULL && suite.source != NULL && suite.retries != NULL);
    else
        CHECK(strncmp(err.text, "muster.yml:", strlen("muster.yml:")) == 0);
    arena_release(&arena);
    return 0;
}
