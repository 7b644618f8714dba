#include "tests/golden/shapes.h"

#include <string.h>

#include "shared/json/messages_json.h"
#include "shared/json/suite_json.h"

/* clang-format off */
#define DOCUMENT(name) {#name, &name##_shape}
#define PART(name)     {#name, &name##_shape}

const struct known_shape known_shapes[] = {
    DOCUMENT(sync_request),   DOCUMENT(sync_response),  DOCUMENT(run_submission),
    DOCUMENT(run_created),    DOCUMENT(run_view),       DOCUMENT(run_list),
    DOCUMENT(attend_request), DOCUMENT(cancel_request), DOCUMENT(attempt_page),
    DOCUMENT(run_report),     DOCUMENT(agent_list),     DOCUMENT(run_work),
    DOCUMENT(problem),        DOCUMENT(suite),
    PART(label),        PART(output),       PART(note),         PART(collected_test),
    PART(attempt_report), PART(event),      PART(held_lease),   PART(slot_report),
    PART(granted_test), PART(lease_grant),  PART(run_options),  PART(run_counts),
    PART(running_test), PART(attempt_view), PART(test_view),    PART(problem_view),
    PART(agent_view),
    PART(suite_source), PART(suite_env),    PART(suite_prepare), PART(suite_option),
    PART(suite_database),
    PART(suite_timeouts), PART(suite_retries), PART(suite_limits),
};
/* clang-format on */

const size_t known_shapes_count = COUNT_OF(known_shapes);
const size_t known_documents_count = 14;

const struct known_shape *known_shape_find(const char *name)
{
    for (size_t i = 0; i < known_shapes_count; i++) {
        if (strcmp(known_shapes[i].name, name) == 0)
            return &known_shapes[i];
    }
    return NULL;
}
