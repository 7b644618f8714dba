#include "client/follow.h"

#include <poll.h>
#include <signal.h>
#include <string.h>

#include "client/local.h"
#include "client/verbs.h"
#include "shared/base/clock.h"
#include "shared/base/random.h"

/* After a cancel the agents kill what runs; the run is told ended at once. */
#define CANCEL_MS ((int64_t)15 * 1000)

static volatile sig_atomic_t interrupts;

static void on_signal(int number)
{
    (void)number;
    interrupts++;
}

/* The terminal may go.  Under nohup that is to mean nothing. */
static void catch_hangup(const struct sigaction *action)
{
    struct sigaction before;

    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        (void)sigaction(SIGHUP, action, NULL);
}

void follow_catch_signals(void)
{
    struct sigaction action;

    (void)memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    catch_hangup(&action);
    (void)signal(SIGPIPE, SIG_IGN);
}

int follow_interrupts(void)
{
    return interrupts;
}

/* Prints what has been recorded since *after, and moves it. */
static enum status show_attempts(const struct follow *follow, int64_t *after, struct error *err)
{
    for (;;) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        struct attempt_page page = {0};
        enum status status = api_attempts(follow->api, follow->run, *after, &arena, &page, err);

        if (status != STATUS_OK || page.attempts_count == 0)
            return status;
        for (size_t i = 0; i < page.attempts_count; i++)
            progress_attempt(follow->progress, &page.attempts[i]);
        *after = page.next_after;
    }
}

static enum status answer_interrupt(const struct follow *follow, struct error *err)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct run_view view = {0};

    progress_say(follow->progress, "interrupted: cancelling the run; once more to leave at once");
    return api_cancel(follow->api, follow->run, "interrupted by the user", &arena, &view, err);
}

static void leave(const struct follow *follow, const char *client)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    const struct attend_request request = {.client = client, .leaving = true};
    struct run_view view;
    struct error err;

    if (api_attend(follow->api, follow->run, &request, &arena, &view, &err) != STATUS_OK)
        progress_say(follow->progress, err.text);
}

/* One look at the run.  *out_ended: it is over. */
static enum status look(const struct follow *follow, const char *client, int64_t *after,
                        bool *out_ended, int *out_exit, struct error *err)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    const struct attend_request request = {.client = client};
    struct run_view view = {0};
    enum status status = api_attend(follow->api, follow->run, &request, &arena, &view, err);

    if (status == STATUS_NOT_FOUND) /* it ended long ago: only the store knows it */
        status = api_run(follow->api, follow->run, &arena, &view, err);
    if (status == STATUS_OK && view.last_seq > *after)
        status = show_attempts(follow, after, err);
    if (status != STATUS_OK)
        return status;
    *out_ended = view.state == RUN_ENDED;
    *out_exit = (int)view.exit_status;
    if (!*out_ended)
        progress_show(follow->progress, &view, clock_monotonic_ms());
    return STATUS_OK;
}

enum status follow_run(const struct follow *follow, int *out_exit, struct error *err)
{
    char client[33];
    int64_t after = 0;
    int64_t cancelled_ms = 0;
    bool has_ended = false;

    random_hex(client, 16);
    while (!has_ended) {
        enum status status = STATUS_OK;

        if (follow->local != NULL && local_has_failed(follow->local, err))
            return STATUS_UNAVAILABLE;
        if (interrupts > 0 && !follow->cancels) {
            leave(follow, client);
            *out_exit = EXIT_INTERRUPTED;
            return STATUS_OK;
        }
        if (interrupts > 0 && cancelled_ms == 0) {
            cancelled_ms = clock_monotonic_ms();
            status = answer_interrupt(follow, err);
        }
        if (status == STATUS_OK)
            status = look(follow, client, &after, &has_ended, out_exit, err);
        if (interrupts > 1 ||
            (cancelled_ms != 0 && clock_monotonic_ms() > cancelled_ms + CANCEL_MS)) {
            *out_exit = EXIT_INTERRUPTED;
            return STATUS_OK;
        }
        if (status != STATUS_OK)
            return status;
        if (!has_ended)
            (void)poll(NULL, 0, FOLLOW_MS); /* a signal ends it early */
    }
    return STATUS_OK;
}
