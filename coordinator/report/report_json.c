#include "coordinator/report/formats.h"
#include "shared/json/codec.h"
#include "shared/json/messages_json.h"

enum status report_json_render(const struct run_report *report, struct buffer *buffer,
                               struct error *err)
{
    enum status status = codec_encode(&run_report_shape, report, buffer, err);

    if (status == STATUS_OK)
        (void)buffer_add_char(buffer, '\n');
    return status;
}
