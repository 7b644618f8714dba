#include "agent/shell.h"

#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "agent/core/foreman.h"
#include "agent/databases/database.h"
#include "agent/host/leases.h"
#include "agent/runs/runs.h"
#include "agent/sources/sources.h"
#include "agent/sync/identity.h"
#include "agent/sync/link.h"
#include "agent/sync/spool_file.h"
#include "agent/workers/workers.h"
#include "shared/base/clock.h"
#include "shared/base/file.h"
#include "shared/base/limits.h"
#include "shared/base/version.h"

/* libuv's timers stand still while the machine sleeps, leases do not: after a wake-up the foreman
 * hears of it within this. */
#define TICK_MS_MAX 1000

/* Inputs that wait while actions are done: a few per slot. */
#define WAITING_MAX ((size_t)8 * SLOTS_PER_AGENT_MAX)

#define DOING_BYTES 128

struct shell;

struct slot_context {
    struct shell *shell;
    int64_t slot;
};

/* An input that came while actions were being done, with texts of its own. */
struct waiting_input {
    struct input input;
    char *stage, *text;
};

struct shell {
    const struct agent_settings *settings;
    char *work_dir; /* absolute */
    struct identity identity;
    uv_loop_t loop;
    uv_timer_t tick, idle;
    uv_signal_t terminate, interrupt, hangup;
    struct http_client *client;
    struct lease_book *book;
    struct link *link;
    struct spool_file *spool;
    struct sources *sources;
    struct workers *workers;
    struct databases *databases;
    struct runs *runs;
    struct foreman *foreman;
    struct action_list actions;
    struct slot_context *slots;
    bool is_handling, is_done;
    struct waiting_input *waiting;
    size_t waiting_first, waiting_count, waiting_cap;
    enum status sync_status; /* of the last sync: it is logged when it changes */
    bool spool_is_ill;
    char doing[DOING_BYTES];
};

/* ---- inputs ---------------------------------------------------------------------- */

static void actions_do(struct shell *shell);

static void tick_set(struct shell *shell);

static void handle_one(struct shell *shell, const struct input *input)
{
    foreman_handle(shell->foreman, clock_monotonic_ms(), input, &shell->actions);
    actions_do(shell);
    action_list_clear(&shell->actions);
}

static void waiting_add(struct shell *shell, const struct input *input)
{
    struct waiting_input *waiting = NULL;

    /* What carries more than texts comes from the loop only. */
    CHECK(input->response == NULL && input->terms == NULL && input->message == NULL);
    CHECK(input->output == NULL);
    CHECK(shell->waiting_count < WAITING_MAX);
    waiting = &VEC_PUSH(shell->waiting, shell->waiting_count, shell->waiting_cap);
    *waiting = (struct waiting_input){.input = *input};
    waiting->stage = input->stage != NULL ? mem_strdup(input->stage) : NULL;
    waiting->text = input->text != NULL ? mem_strdup(input->text) : NULL;
    waiting->input.stage = waiting->stage;
    waiting->input.text = waiting->text;
}

static void waiting_handle(struct shell *shell)
{
    while (shell->waiting_first < shell->waiting_count) {
        struct waiting_input waiting = shell->waiting[shell->waiting_first++];

        handle_one(shell, &waiting.input);
        mem_freep(&waiting.stage);
        mem_freep(&waiting.text);
    }
    shell->waiting_first = shell->waiting_count = 0;
}

static void feed(struct shell *shell, const struct input *input)
{
    if (shell->is_done)
        return;
    if (shell->is_handling) {
        waiting_add(shell, input);
        return;
    }
    shell->is_handling = true;
    handle_one(shell, input);
    waiting_handle(shell);
    shell->is_handling = false;
    tick_set(shell);
}

static void feed_kind(struct shell *shell, enum input_kind kind)
{
    struct input input = {.kind = kind};

    feed(shell, &input);
}

static void on_tick(uv_timer_t *timer)
{
    struct shell *shell = timer->data;

    if (foreman_next_deadline_ms(shell->foreman) <= clock_monotonic_ms())
        feed_kind(shell, INPUT_TICK);
    else
        tick_set(shell);
}

static void tick_set(struct shell *shell)
{
    int64_t deadline_ms = foreman_next_deadline_ms(shell->foreman);
    int64_t left_ms = 0;

    if (shell->is_done || deadline_ms == INT64_MAX) {
        (void)uv_timer_stop(&shell->tick);
        return;
    }
    left_ms = deadline_ms - clock_monotonic_ms();
    left_ms = left_ms < 0 ? 0 : left_ms;
    left_ms = left_ms > TICK_MS_MAX ? TICK_MS_MAX : left_ms;
    uv_update_time(&shell->loop);
    (void)uv_timer_start(&shell->tick, on_tick, (uint64_t)left_ms, 0);
}

static void on_drain_signal(uv_signal_t *handle, int number)
{
    log_info("drain", "signal=%d", number);
    feed_kind(handle->data, INPUT_DRAIN);
}

/* Whoever started us has gone: nobody waits for what runs. */
static void on_leave_signal(uv_signal_t *handle, int number)
{
    log_info("leave", "signal=%d", number);
    feed_kind(handle->data, INPUT_DRAIN);
    feed_kind(handle->data, INPUT_DRAIN);
}

/* Under nohup that is to mean nothing. */
static bool is_ignored(int number)
{
    struct sigaction action;

    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static void on_idle(uv_timer_t *timer)
{
    struct shell *shell = timer->data;

    log_info("idle", "for_ms=%" PRId64, shell->settings->idle_ms);
    feed_kind(shell, INPUT_DRAIN);
}

/* ---- what is worth a line in the log ------------------------------------------------- */

static void log_sync(struct shell *shell, enum status status, const char *text)
{
    if (status == shell->sync_status)
        return;
    shell->sync_status = status;
    if (status == STATUS_OK)
        log_info("coordinator_reached", "url=%s", log_quote(shell->settings->coordinator));
    else
        log_warning("coordinator_not_reached", "status=%s reason=%s", status_wire_name(status),
                    log_quote(text));
}

static void log_response(const struct sync_response *response)
{
    for (size_t i = 0; i < response->leases_count; i++) {
        const struct lease_grant *grant = &response->leases[i];

        log_debug("lease_granted",
                  "lease=%" PRId64 ".%" PRId64 " run=%" PRId64 " slot=%" PRId64 " tests=%zu",
                  LEASE_EPOCH(grant->lease), LEASE_COUNTER(grant->lease), grant->run, grant->slot,
                  grant->tests_count);
    }
}

static void log_input(struct shell *shell, const struct input *input)
{
    switch (input->kind) {
    case INPUT_SYNCED:
        log_sync(shell, STATUS_OK, "");
        log_response(input->response);
        break;
    case INPUT_SYNC_FAILED:
        log_sync(shell, input->status, input->text);
        break;
    case INPUT_RUN_READY:
        log_info("run_ready", "run=%" PRId64, input->run);
        break;
    case INPUT_RUN_FAILED:
        log_warning("run_failed", "run=%" PRId64 " stage=%s reason=%s", input->run, input->stage,
                    log_quote(input->text));
        break;
    case INPUT_CLONE_FAILED:
        log_warning("clone_failed", "slot=%" PRId64 " reason=%s", input->slot,
                    log_quote(input->text));
        break;
    case INPUT_START_FAILED:
        log_warning("worker_not_started", "slot=%" PRId64 " reason=%s", input->slot,
                    log_quote(input->text));
        break;
    case INPUT_WORKER_GONE:
        log_event(input->was_clean ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING, "worker_gone",
                  "slot=%" PRId64 " how=%s", input->slot, log_quote(input->text));
        break;
    case INPUT_START:
    case INPUT_NUDGED:
    case INPUT_CLONE_READY:
    case INPUT_WORKER_SAID:
    case INPUT_DROPPED:
    case INPUT_DRAIN:
    case INPUT_DOING:
    case INPUT_TICK:
        break;
    }
}

static void on_input(void *context, const struct input *input)
{
    struct shell *shell = context;

    log_input(shell, input);
    feed(shell, input);
}

/* For people who look at the list of agents. */
static void doing_set(struct shell *shell, const char *text)
{
    struct input input = {.kind = INPUT_DOING, .text = text};

    if (strcmp(shell->doing, text) == 0)
        return;
    (void)snprintf(shell->doing, sizeof(shell->doing), "%s", text);
    feed(shell, &input);
}

static void on_run_input(void *context, const struct input *input)
{
    on_input(context, input);
    doing_set(context, "");
}

/* ---- actions ---------------------------------------------------------------------------- */

static void do_sync(struct shell *shell, const struct action *action)
{
    link_sync(shell->link, action->request);
}

static void do_wait(struct shell *shell, const struct action *action)
{
    (void)action;
    link_wait(shell->link);
    if (shell->settings->until_idle && uv_is_active((uv_handle_t *)&shell->idle) == 0)
        (void)uv_timer_start(&shell->idle, on_idle, (uint64_t)shell->settings->idle_ms, 0);
}

static void do_stop_wait(struct shell *shell, const struct action *action)
{
    (void)action;
    link_stop_wait(shell->link);
}

static void do_spool(struct shell *shell, const struct action *action)
{
    struct error err;
    bool is_ill = spool_file_append(shell->spool, action->event, &err) != STATUS_OK;

    if (is_ill && !shell->spool_is_ill)
        log_warning("spool_not_written", "reason=%s", log_quote(err.text));
    shell->spool_is_ill = is_ill;
}

static void do_trim(struct shell *shell, const struct action *action)
{
    spool_file_trim(shell->spool, action->incarnation, action->seq);
}

static void do_prepare(struct shell *shell, const struct action *action)
{
    char text[DOING_BYTES];

    (void)uv_timer_stop(&shell->idle);
    (void)snprintf(text, sizeof(text), "preparing run %" PRId64 "%s", action->run,
                   action->with_databases ? " and its databases" : "");
    runs_prepare(shell->runs, action->run, action->with_databases);
    doing_set(shell, text);
}

static void on_cloned(void *context, enum status status, const char *text)
{
    struct slot_context *slot = context;
    struct input input = {.kind = status == STATUS_OK ? INPUT_CLONE_READY : INPUT_CLONE_FAILED,
                          .slot = slot->slot,
                          .text = text};

    on_input(slot->shell, &input);
}

static void do_clone(struct shell *shell, const struct action *action)
{
    databases_clone(shell->databases, action->run, action->slot, on_cloned,
                    &shell->slots[action->slot]);
}

static void do_worker(struct shell *shell, const struct action *action)
{
    struct worker_plan plan = {
        .slot = action->slot, .run = action->run, .worker = action->worker, .mode = action->mode};
    const struct run_work *work = runs_work(shell->runs, action->run, &plan.tree_dir);

    (void)uv_timer_stop(&shell->idle);
    if (work == NULL) {
        struct input input = {
            .kind = INPUT_START_FAILED, .slot = action->slot, .text = "the run is not prepared"};

        on_input(shell, &input);
        return;
    }
    plan.suite = work->suite;
    plan.options = work->options;
    databases_of_slot(shell->databases, action->run, action->slot, &plan.databases,
                      &plan.database_count);
    log_debug("worker_start", "slot=%" PRId64 " run=%" PRId64 " worker=%s", action->slot,
              action->run, log_quote(action->worker));
    workers_start(shell->workers, &plan);
}

static void do_tell(struct shell *shell, const struct action *action)
{
    (void)uv_timer_stop(&shell->idle);
    workers_tell(shell->workers, action->slot, &action->order);
}

static void do_kill(struct shell *shell, const struct action *action)
{
    log_debug("worker_kill", "slot=%" PRId64 " hard=%d", action->slot, (int)action->hard);
    workers_kill(shell->workers, action->slot, action->hard);
}

static void do_drop(struct shell *shell, const struct action *action)
{
    databases_drop_slot(shell->databases, action->slot);
    workers_drop(shell->workers, action->slot);
}

static void do_forget(struct shell *shell, const struct action *action)
{
    log_info("run_over", "run=%" PRId64, action->run);
    runs_forget(shell->runs, action->run);
}

static void do_exit(struct shell *shell, const struct action *action)
{
    (void)action;
    shell->is_done = true;
    uv_stop(&shell->loop);
}

static void actions_do(struct shell *shell)
{
    static void (*const doers[])(struct shell *, const struct action *) = {
        [ACTION_SYNC] = do_sync,   [ACTION_WAIT] = do_wait,     [ACTION_STOP_WAIT] = do_stop_wait,
        [ACTION_SPOOL] = do_spool, [ACTION_TRIM] = do_trim,     [ACTION_PREPARE] = do_prepare,
        [ACTION_CLONE] = do_clone, [ACTION_WORKER] = do_worker, [ACTION_TELL] = do_tell,
        [ACTION_KILL] = do_kill,   [ACTION_DROP] = do_drop,     [ACTION_FORGET] = do_forget,
        [ACTION_EXIT] = do_exit,
    };

    for (size_t i = 0; i < shell->actions.count; i++)
        doers[shell->actions.at[i].kind](shell, &shell->actions.at[i]);
}

/* ---- the start ------------------------------------------------------------------------------ */

static enum status databases_open(struct shell *shell, struct error *err)
{
    struct databases_settings settings = {
        .loop = &shell->loop,
        .workers = shell->workers,
        .book = shell->book,
        .work_dir = shell->work_dir,
        .drivers_dir = shell->settings->drivers_dir,
        .server_dirs = shell->settings->servers.at,
        .server_dir_count = shell->settings->servers.count,
    };

    return databases_new(&settings, &shell->databases, err);
}

static enum status machine_open(struct shell *shell, struct error *err)
{
    struct error why;
    enum status status = lease_book_open(shell->work_dir, &shell->book, err);
    struct workers_settings workers = {.loop = &shell->loop,
                                       .book = shell->book,
                                       .work_dir = shell->work_dir,
                                       .helper_path = shell->settings->helper_path,
                                       .drivers_dir = shell->settings->drivers_dir,
                                       .on_input = on_input,
                                       .context = shell};

    if (status != STATUS_OK)
        return status;
    if (lease_book_sweep(shell->book, &why) != STATUS_OK)
        log_warning("not_swept", "reason=%s", log_quote(why.text));
    status = workers_new(&workers, &shell->workers, err);
    if (status == STATUS_OK)
        status = databases_open(shell, err);
    if (status == STATUS_OK)
        log_info("machine", "isolation=%s clones=%s servers=%s",
                 log_quote(workers_isolation(shell->workers)),
                 log_quote(databases_means(shell->databases)),
                 log_quote(databases_servers(shell->databases)));
    if (status == STATUS_OK && databases_why_copied(shell->databases) != NULL)
        log_info("servers_copied", "reason=%s", log_quote(databases_why_copied(shell->databases)));
    return status;
}

static enum status wire_open(struct shell *shell, struct error *err)
{
    struct link_settings link = {.loop = &shell->loop,
                                 .agent = shell->identity.name,
                                 .incarnation = shell->identity.incarnation,
                                 .on_input = on_input,
                                 .context = shell};

    link.client = shell->client;
    shell->link = link_new(&link);
    return spool_file_open(shell->work_dir, shell->identity.incarnation, &shell->spool, err);
}

static void runs_open(struct shell *shell)
{
    struct source_settings sources = {.work_dir = shell->work_dir,
                                      .roots = shell->settings->source_roots.at,
                                      .root_count = shell->settings->source_roots.count};
    struct runs_settings runs = {.loop = &shell->loop,
                                 .link = shell->link,
                                 .workers = shell->workers,
                                 .databases = shell->databases,
                                 .work_dir = shell->work_dir,
                                 .on_input = on_run_input,
                                 .context = shell};

    shell->sources = sources_new(&shell->loop, &sources);
    runs.sources = shell->sources;
    shell->runs = runs_new(&runs);
}

static enum status foreman_open(struct shell *shell, struct error *err)
{
    struct foreman_settings settings = {.agent = shell->identity.name,
                                        .incarnation = shell->identity.incarnation,
                                        .slots = shell->settings->workers,
                                        .labels = shell->settings->labels,
                                        .label_count = shell->settings->label_count,
                                        .wall_offset_ms = clock_wall_ms() - clock_monotonic_ms()};
    struct arena arena = ARENA_INIT;
    struct foreman_old_spool *old = NULL;
    enum status status =
        spool_file_read_old(shell->spool, &arena, &old, &settings.old_spool_count, err);

    settings.old_spools = old;
    if (status == STATUS_OK) {
        for (size_t i = 0; i < settings.old_spool_count; i++)
            log_info("spool_found", "incarnation=%" PRId64 " events=%zu", old[i].incarnation,
                     old[i].event_count);
        shell->foreman = foreman_new(&settings);
    }
    arena_release(&arena);
    return status;
}

static enum status shell_open(struct shell *shell, struct error *err)
{
    struct http_client_settings client = {.url = shell->settings->coordinator,
                                          .token = shell->settings->token,
                                          .user_agent = "muster-agent/" MUSTER_VERSION,
                                          .allows_plain = shell->settings->allows_plain};
    enum status status = http_client_new(&client, &shell->client, err);

    if (status == STATUS_OK)
        status =
            identity_take(shell->settings->work_dir, shell->settings->name, &shell->identity, err);
    if (status != STATUS_OK)
        return status;
    shell->work_dir = realpath(shell->settings->work_dir, NULL);
    if (shell->work_dir == NULL)
        return error_set_errno(err, "cannot find '%s'", shell->settings->work_dir);
    log_info("start",
             "version=" MUSTER_VERSION " agent=%s incarnation=%" PRId64 " workers=%" PRId64,
             shell->identity.name, shell->identity.incarnation, shell->settings->workers);
    status = machine_open(shell, err);
    if (status == STATUS_OK)
        status = wire_open(shell, err);
    if (status == STATUS_OK) {
        runs_open(shell);
        status = foreman_open(shell, err);
    }
    return status;
}

/* ---- the life ----------------------------------------------------------------------------------
 */

static void handles_open(struct shell *shell)
{
    CHECK(uv_loop_init(&shell->loop) == 0);
    CHECK(uv_timer_init(&shell->loop, &shell->tick) == 0);
    CHECK(uv_timer_init(&shell->loop, &shell->idle) == 0);
    CHECK(uv_signal_init(&shell->loop, &shell->terminate) == 0);
    CHECK(uv_signal_init(&shell->loop, &shell->interrupt) == 0);
    shell->tick.data = shell->idle.data = shell;
    CHECK(uv_signal_init(&shell->loop, &shell->hangup) == 0);
    shell->terminate.data = shell->interrupt.data = shell->hangup.data = shell;
}

static void handles_close(struct shell *shell)
{
    uv_close((uv_handle_t *)&shell->tick, NULL);
    uv_close((uv_handle_t *)&shell->idle, NULL);
    uv_close((uv_handle_t *)&shell->terminate, NULL);
    uv_close((uv_handle_t *)&shell->interrupt, NULL);
    uv_close((uv_handle_t *)&shell->hangup, NULL);
    (void)uv_run(&shell->loop, UV_RUN_NOWAIT);
    /* Busy: a run was being prepared when we left; the process ends, and with it that. */
    (void)uv_loop_close(&shell->loop);
}

/* In the order in which nobody calls somebody who has gone. */
static void shell_close(struct shell *shell)
{
    shell->is_done = true;
    runs_free(shell->runs);
    if (shell->databases != NULL)
        databases_stop(shell->databases);
    workers_free(shell->workers);
    databases_free(shell->databases);
    sources_free(shell->sources);
    link_free(shell->link);
    spool_file_free(shell->spool);
    foreman_free(shell->foreman);
    handles_close(shell);
    lease_book_free(shell->book);
    http_client_free(shell->client);
    identity_release(&shell->identity);
    action_list_release(&shell->actions);
    mem_freep(&shell->work_dir);
    free(shell->waiting);
    free(shell->slots);
}

static void shell_live(struct shell *shell)
{
    (void)uv_signal_start(&shell->terminate, on_drain_signal, SIGTERM);
    (void)uv_signal_start(&shell->interrupt, on_drain_signal, SIGINT);
    if (!is_ignored(SIGHUP))
        (void)uv_signal_start(&shell->hangup, on_leave_signal, SIGHUP);
    feed_kind(shell, INPUT_START);
    while (!shell->is_done)
        (void)uv_run(&shell->loop, UV_RUN_DEFAULT);
    log_info("end", "agent=%s", shell->identity.name);
}

enum status shell_run(const struct agent_settings *settings, struct error *err)
{
    struct shell shell = {
        .settings = settings, .identity = {.lock_fd = -1}, .sync_status = STATUS_COUNT};
    enum status status = STATUS_OK;

    (void)signal(SIGPIPE, SIG_IGN);
    handles_open(&shell);
    action_list_init(&shell.actions);
    shell.slots = mem_zalloc((size_t)(settings->workers + 1) * sizeof(*shell.slots));
    for (int64_t slot = 0; slot <= settings->workers; slot++)
        shell.slots[slot] = (struct slot_context){.shell = &shell, .slot = slot};
    status = shell_open(&shell, err);
    if (status == STATUS_OK)
        shell_live(&shell);
    shell_close(&shell);
    return status;
}
