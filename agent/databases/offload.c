#include "agent/databases/offload.h"

#include <stdlib.h>

#include "agent/databases/template.h"

struct offload {
    uv_work_t request;
    struct databases *databases;
    enum status (*work)(void *context, struct error *err);
    databases_done *done;
    void *context;
    enum status status;
    struct error err;
};

static void on_work(uv_work_t *request)
{
    struct offload *offload = request->data;

    offload->status = offload->work(offload->context, &offload->err);
}

static void on_worked(uv_work_t *request, int unused)
{
    struct offload *offload = request->data;

    (void)unused;
    offload->databases->work_count--;
    offload->done(offload->context, offload->status,
                  offload->status == STATUS_OK ? "" : offload->err.text);
    free(offload);
}

void offload(struct databases *databases, enum status (*work)(void *context, struct error *err),
             databases_done *done, void *context)
{
    struct offload *offload = mem_zalloc(sizeof(*offload));

    offload->databases = databases;
    offload->work = work;
    offload->done = done;
    offload->context = context;
    offload->request.data = offload;
    databases->work_count++;
    CHECK(uv_queue_work(databases->loop, &offload->request, on_work, on_worked) == 0);
}
