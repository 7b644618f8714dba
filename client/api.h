#ifndef CLIENT_API_H
#define CLIENT_API_H

/* The coordinator's routes as functions.  Each call is repeated while its failure may pass (see
 * the status table), for at most `patience_ms`; every route may be repeated safely.
 *
 * STATUS_UNAVAILABLE after that: the text says what was tried for how long. */

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/buffer.h"
#include "shared/base/memory.h"
#include "shared/base/status.h"
#include "shared/protocol/messages.h"

struct api;

struct api_settings {
    const char *url;        /* "http://127.0.0.1:7357"          */
    const char *token_file; /* NULL none                        */
    bool insecure;          /* a token over plain http is meant */
    int64_t patience_ms;
};

/* A coordinator that is away for longer is gone for good (its restart takes seconds). */
#define API_PATIENCE_MS ((int64_t)60 * 1000)

enum status api_new(const struct api_settings *settings, struct api **out_api,
                    struct error *err) MUST_USE;
void api_free(struct api *api);

enum status api_submit(struct api *api, const struct run_submission *submission,
                       struct arena *arena, struct run_created *out_created,
                       struct error *err) MUST_USE;
enum status api_attend(struct api *api, int64_t run, const struct attend_request *request,
                       struct arena *arena, struct run_view *out_view, struct error *err) MUST_USE;
enum status api_cancel(struct api *api, int64_t run, const char *reason, struct arena *arena,
                       struct run_view *out_view, struct error *err) MUST_USE;
enum status api_run(struct api *api, int64_t run, struct arena *arena, struct run_view *out_view,
                    struct error *err) MUST_USE;
enum status api_runs(struct api *api, int64_t limit, struct arena *arena, struct run_list *out_list,
                     struct error *err) MUST_USE;
enum status api_agents(struct api *api, struct arena *arena, struct agent_list *out_list,
                       struct error *err) MUST_USE;
enum status api_attempts(struct api *api, int64_t run, int64_t after, struct arena *arena,
                         struct attempt_page *out_page, struct error *err) MUST_USE;

/* The report's bytes: format "json", "junit" or "text". */
enum status api_report(struct api *api, int64_t run, const char *format, struct buffer *out_bytes,
                       struct error *err) MUST_USE;

#endif
