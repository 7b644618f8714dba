/* Lease records with any bytes: what is accepted names something of ours, and is written as it was
 * read. */

#include <string.h>

#include "agent/host/lease_record.h"
#include "tests/fuzz/fuzz.h"

/* libFuzzer's name, not ours.  NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct lease_record record;
    struct lease_record again;
    struct error err;
    char text[LEASE_RECORD_BYTES_MAX];

    if (lease_record_decode((const char *)bytes, len, &record, &err) != STATUS_OK)
        return 0;
    CHECK(record.what[0] != '\0');
    CHECK(IMPLIES(record.kind != LEASE_RECORD_PROCESS,
                  record.what[0] == '/' && record.what[1] != '\0'));
    size_t written = lease_record_encode(&record, text);
    CHECK(lease_record_decode(text, written, &again, &err) == STATUS_OK);
    CHECK(again.kind == record.kind && again.pid == record.pid && again.start == record.start);
    CHECK(strcmp(again.what, record.what) == 0 && strcmp(again.boot, record.boot) == 0);
    return 0;
}
