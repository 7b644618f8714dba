#ifndef CLIENT_REPORT_READ_H
#define CLIENT_REPORT_READ_H

/* A run's JSON report, read back into structs. */

#include "client/api.h"
#include "shared/base/limits.h"

/* A million tests with their outputs do not fit; their reports are files. */
#define REPORT_BYTES_MAX ((size_t)REPLY_BYTES_MAX)

enum status report_read(struct api *api, int64_t run, struct arena *arena,
                        struct run_report *out_report, struct error *err) MUST_USE;

/* Ids of the tests of a run that failed, erred, crashed or timed out. */
enum status report_read_failures(struct api *api, int64_t run, struct arena *arena,
                                 const char ***out_ids, size_t *out_count,
                                 struct error *err) MUST_USE;

const char *report_outcome_name(enum outcome outcome);
const char *report_verdict_name(enum verdict verdict);

#endif
