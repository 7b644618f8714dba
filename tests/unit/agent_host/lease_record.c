/* A lease record is read whole or refused: a broken one must never name a thing to remove. */

#include <criterion/criterion.h>
#include <string.h>

#include "agent/host/lease_record.h"

Test(lease_record, what_is_written_is_read)
{
    static const struct {
        enum lease_record_kind kind;
        const char *what;
    } cases[] = {
        {LEASE_RECORD_PROCESS, "5a1f"},
        {LEASE_RECORD_DIRECTORY, "/tmp/a b"},
        {LEASE_RECORD_FILE, "/tmp/\xc3\xa4"},
        {LEASE_RECORD_MOUNT, "/mnt/x"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct lease_record record;
        struct lease_record again;
        struct error err;
        char text[LEASE_RECORD_BYTES_MAX];
        cr_assert_eq(lease_record_init(&record, cases[i].kind, cases[i].what, &err), STATUS_OK);
        record.pid = 12;
        record.start = 99;
        size_t len = lease_record_encode(&record, text);
        cr_assert_eq(lease_record_decode(text, len, &again, &err), STATUS_OK, "%s", err.text);
        cr_assert_eq(again.kind, cases[i].kind);
        cr_assert_str_eq(again.what, cases[i].what);
        cr_assert_eq(again.pid, cases[i].kind == LEASE_RECORD_PROCESS ? 12 : 0);
        /* Cut off anywhere it is none. */
        for (size_t cut = 0; cut < len; cut++)
            cr_assert_neq(lease_record_decode(text, cut, &again, &err), STATUS_OK);
    }
}

Test(lease_record, nothing_is_recorded_that_must_not_be_removed)
{
    static const struct {
        enum lease_record_kind kind;
        const char *what;
    } cases[] = {
        {LEASE_RECORD_DIRECTORY, ""},     {LEASE_RECORD_DIRECTORY, "/"},
        {LEASE_RECORD_DIRECTORY, "a/b"},  {LEASE_RECORD_DIRECTORY, "/tmp/../etc"},
        {LEASE_RECORD_FILE, "/tmp/a\nb"}, {LEASE_RECORD_PROCESS, ""},
        {LEASE_RECORD_PROCESS, "a\nb"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct lease_record record;
        struct error err;
        cr_assert_neq(lease_record_init(&record, cases[i].kind, cases[i].what, &err), STATUS_OK,
                      "%s", cases[i].what);
    }
}

Test(lease_record, what_is_no_record_is_refused)
{
    static const char *const cases[] = {
        "",
        "muster-lease 2\nkind file\nwhat /x\n",
        "muster-lease 1\nkind socket\nwhat /x\n",
        "muster-lease 1\nkind file\nwhat x\n",
        "muster-lease 1\nkind file\nwhat /x\nmore\n",
        "muster-lease 1\nkind process\nwhat a\nboot -\npid x\nstart 1\n",
        "muster-lease 1\nkind process\nwhat a\nboot -\npid 99999999999\nstart 1\n",
        "muster-lease 1\nkind process\nwhat a\nboot -\npid -1\nstart 1\n",
        "muster-lease 1\nkind process\nwhat a\nboot -\npid 1\n",
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct lease_record record;
        struct error err;
        cr_assert_neq(lease_record_decode(cases[i], strlen(cases[i]), &record, &err), STATUS_OK,
                      "%s", cases[i]);
    }
}
