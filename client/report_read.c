#include "client/report_read.h"

#include "shared/json/messages_json.h"

enum status report_read(struct api *api, int64_t run, struct arena *arena,
                        struct run_report *out_report, struct error *err)
{
    CLEANUP(buffer_release) struct buffer bytes;

    buffer_init(&bytes, REPORT_BYTES_MAX);
    enum status status = api_report(api, run, "json", &bytes, err);
    if (status == STATUS_OK)
        status = codec_decode(&run_report_shape, bytes.at, bytes.len, CODEC_OPEN, arena, out_report,
                              err);
    return status;
}

enum status report_read_failures(struct api *api, int64_t run, struct arena *arena,
                                 const char ***out_ids, size_t *out_count, struct error *err)
{
    struct run_report report;
    enum status status = report_read(api, run, arena, &report, err);

    if (status != STATUS_OK)
        return status;
    const char **ids = arena_array(arena, report.tests_count, sizeof(*ids));
    size_t count = 0;
    for (size_t i = 0; i < report.tests_count; i++) {
        enum verdict verdict = report.tests[i].verdict;
        if (verdict == VERDICT_FAILED || verdict == VERDICT_ERROR || verdict == VERDICT_CRASHED ||
            verdict == VERDICT_TIMED_OUT)
            ids[count++] = report.tests[i].id;
    }
    *out_ids = ids;
    *out_count = count;
    return STATUS_OK;
}

const char *report_outcome_name(enum outcome outcome)
{
    return codec_enum_name(&outcome_names, (int)outcome);
}

const char *report_verdict_name(enum verdict verdict)
{
    return codec_enum_name(&verdict_names, (int)verdict);
}
