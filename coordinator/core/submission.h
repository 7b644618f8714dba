#ifndef COORDINATOR_CORE_SUBMISSION_H
#define COORDINATOR_CORE_SUBMISSION_H

/* Deep copies of what a client submitted: the run keeps one for its life, and a
 * reply that leaves the engine takes another along. */

#include "shared/base/memory.h"
#include "shared/protocol/messages.h"

struct run_submission *submission_copy(const struct run_submission *submission,
                                       struct arena *arena);
struct suite *suite_copy(const struct suite *suite, struct arena *arena);
struct run_options *options_copy(const struct run_options *options, struct arena *arena);
struct label *labels_copy(const struct label *labels, size_t count, struct arena *arena);

#endif
