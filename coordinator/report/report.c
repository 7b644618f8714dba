#include "coordinator/report/report.h"

#include <string.h>

#include "coordinator/report/formats.h"

static const struct {
    const char *name;
    const char *content_type;
    enum status (*render)(const struct run_report *report, struct buffer *buffer,
                          struct error *err);
} formats[REPORT_FORMAT_COUNT] = {
    [REPORT_JSON] = {"json", "application/json", report_json_render},
    [REPORT_JUNIT] = {"junit", "application/xml", report_junit_render},
    [REPORT_TEXT] = {"text", "text/plain; charset=utf-8", report_text_render},
};

enum report_format report_format_of(const char *name)
{
    size_t i = 0;

    while (i < REPORT_FORMAT_COUNT && strcmp(formats[i].name, name) != 0)
        i++;
    return (enum report_format)i;
}

const char *report_format_name(enum report_format format)
{
    CHECK((unsigned)format < REPORT_FORMAT_COUNT);
    return formats[format].name;
}

const char *report_content_type(enum report_format format)
{
    CHECK((unsigned)format < REPORT_FORMAT_COUNT);
    return formats[format].content_type;
}

enum status report_render(enum report_format format, const struct run_report *report,
                          struct buffer *buffer, struct error *err)
{
    CHECK((unsigned)format < REPORT_FORMAT_COUNT);
    enum status status = formats[format].render(report, buffer, err);

    if (status == STATUS_OK && buffer->has_overflowed)
        return error_set(err, STATUS_TOO_BIG, "the %s report is longer than %zu bytes",
                         formats[format].name, buffer->max);
    return status;
}
