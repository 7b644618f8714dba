/* Reports byte for byte.  tests/golden/reports/NAME.input.json is a run; beside it stands
 * what each format makes of it.  To accept a change on purpose:
 *
 *     MUSTER_GOLDEN=write ctest -R test_coordinator_report && git diff tests/golden */

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/report/report.h"
#include "shared/base/file.h"
#include "shared/base/memory.h"
#include "shared/json/messages_json.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)

static const char *const endings[REPORT_FORMAT_COUNT] = {
    [REPORT_JSON] = "json",
    [REPORT_JUNIT] = "junit.xml",
    [REPORT_TEXT] = "txt",
};

static void read_golden(const char *name, const char *ending, struct buffer *out)
{
    CLEANUP(mem_freep) char *path = mem_printf("tests/golden/reports/%s.%s", name, ending);
    struct error err;

    cr_assert_eq(file_read(path, out, &err), STATUS_OK, "%s: %s", path, err.text);
}

static void compare(const char *name, enum report_format format, const struct buffer *report)
{
    CLEANUP(mem_freep)
    char *path = mem_printf("tests/golden/reports/%s.%s", name, endings[format]);
    const char *mode = getenv("MUSTER_GOLDEN"); // NOLINT(concurrency-mt-unsafe): one thread
    struct buffer wanted;
    struct error err;

    if (mode != NULL && strcmp(mode, "write") == 0)
        cr_assert_eq(file_write_atomic(path, report->at, report->len, 0644, &err), STATUS_OK);
    buffer_init(&wanted, FILE_BYTES_MAX);
    read_golden(name, endings[format], &wanted);
    cr_expect_str_eq(report->at, wanted.at, "%s differs:\n%s", path, report->at);
    cr_expect_eq(report->len, wanted.len);
    buffer_release(&wanted);
}

Test(golden, every_format_of_every_run)
{
    static const char *const names[] = {"mixed", "cancelled", "empty", "live"};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct arena arena = ARENA_INIT;
        struct run_report run;
        struct buffer input, report;
        struct error err;

        buffer_init(&input, FILE_BYTES_MAX);
        read_golden(names[i], "input.json", &input);
        cr_assert_eq(
            codec_decode(&run_report_shape, input.at, input.len, CODEC_CLOSED, &arena, &run, &err),
            STATUS_OK, "%s: %s", names[i], err.text);
        for (enum report_format format = 0; format < REPORT_FORMAT_COUNT; format++) {
            buffer_init(&report, FILE_BYTES_MAX);
            cr_assert_eq(report_render(format, &run, &report, &err), STATUS_OK, "%s", err.text);
            compare(names[i], format, &report);
            buffer_release(&report);
        }
        buffer_release(&input);
        arena_release(&arena);
    }
}
