/* muster-coordinator: splits suites, hands them to agents, keeps the verdicts.
 *
 *     main thread       reads settings, starts the parts, waits for a signal, stops them
 *     engine's thread   owns core and store        door's threads   HTTP, readers
 *
 * Started in the order store, engine, door; stopped the other way round. */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "coordinator/engine/engine.h"
#include "coordinator/http/server.h"
#include "coordinator/settings.h"
#include "coordinator/store/store_care.h"
#include "shared/base/clock.h"
#include "shared/base/file.h"
#include "shared/base/version.h"

enum { EXIT_STOPPED = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define DAY_MS ((int64_t)24 * 3600 * 1000)

/* systemd's readiness protocol: one datagram to the socket that it names. */
static void tell_supervisor(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET"); /* NOLINT(concurrency-mt-unsafe): nobody sets it */
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct error err = {.status = STATUS_OK};

    if (path == NULL || strlen(path) == 0 || strlen(path) >= sizeof(to.sun_path))
        return;
    (void)memcpy(to.sun_path, path, strlen(path));
    if (to.sun_path[0] == '@')
        to.sun_path[0] = '\0'; /* an abstract name */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&to, len) < 0)
        (void)error_set_errno(&err, "cannot write to '%s'", path);
    (void)close(fd);
    if (err.status != STATUS_OK)
        log_warning("supervisor_silent", "text=%s", log_quote(err.text));
}

static enum status write_port(const struct coordinator_settings *settings, uint16_t port,
                              struct error *err)
{
    char text[16];
    int len = snprintf(text, sizeof(text), "%u\n", (unsigned)port);

    if (settings->port_file == NULL)
        return STATUS_OK;
    return file_write_atomic(settings->port_file, text, (size_t)len, 0644, err);
}

/* The signals that end us, blocked before any thread starts, so that only sigwait gets them. */
static void block_signals(sigset_t *out_set)
{
    (void)sigemptyset(out_set);
    (void)sigaddset(out_set, SIGTERM);
    (void)sigaddset(out_set, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, out_set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static enum status serve_until_signal(const struct coordinator_settings *settings,
                                      const struct server_settings *door, struct engine *engine,
                                      const sigset_t *signals, struct error *err)
{
    struct server *server;
    int number = 0;
    enum status status = server_start(door, engine, &server, err);

    if (status != STATUS_OK)
        return status;
    status = write_port(settings, server_port(server), err);
    if (status == STATUS_OK) {
        log_info("listening", "address=%s port=%u version=%s", log_quote(settings->address),
                 (unsigned)server_port(server), MUSTER_VERSION);
        tell_supervisor("READY=1");
        while (sigwait(signals, &number) != 0)
            continue;
        log_info("stopping", "signal=%d", number);
        tell_supervisor("STOPPING=1");
    }
    server_stop(server);
    return status;
}

static enum status serve(const struct coordinator_settings *settings, struct error *err)
{
    const struct server_settings door = {.address = settings->address,
                                         .port = settings->port,
                                         .token_file = settings->token_file,
                                         .data_dir = settings->data};
    struct store *store;
    struct engine *engine;
    sigset_t signals;

    /* What is refused for its command line has not raised the store's epoch. */
    enum status status = server_check(&door, err);
    if (status != STATUS_OK)
        return status;
    block_signals(&signals);
    if (store_sqlite_caution() != NULL)
        log_info("sqlite", "note=%s", log_quote(store_sqlite_caution()));
    status = store_sqlite_open(settings->data, settings->pool, &store, err);
    if (status != STATUS_OK)
        return status;
    status = engine_start(store, settings->pool, &engine, err);
    if (status != STATUS_OK) {
        store->ops->close(store);
        return status;
    }
    engine_keep_runs(engine, settings->keep_days * DAY_MS);
    status = serve_until_signal(settings, &door, engine, &signals, err);
    engine_stop(engine);
    return status;
}

static enum status prune(const struct coordinator_settings *settings, struct error *err)
{
    int64_t deleted;
    enum status status = store_prune(settings->data, settings->pool, clock_wall_ms(),
                                     settings->older_than_ms, &deleted, err);

    if (status == STATUS_OK)
        (void)printf("%" PRId64 " runs deleted\n", deleted);
    return status;
}

static enum status run_verb(const struct coordinator_settings *settings, struct error *err)
{
    switch (settings->verb) {
    case VERB_SERVE:
        log_start("muster-coordinator", settings->log_level);
        return serve(settings, err);
    case VERB_BACKUP:
        return store_backup(settings->data, settings->to, err);
    case VERB_PRUNE:
        return prune(settings, err);
    case VERB_COUNT:
        break;
    }
    UNREACHABLE("a verb is one of three");
}

static void fulfil(const struct option_table *table, enum option_wish wish)
{
    if (wish == WISH_HELP)
        options_print_help(table, stdout);
    else if (wish == WISH_MAN)
        options_print_man(table, stdout);
    else
        (void)printf("muster-coordinator %s\n", MUSTER_VERSION);
}

/* A token file that is refused, an address that is too open: the command line is to be mended. */
static int exit_status_of(enum status status)
{
    return status == STATUS_INVALID || status == STATUS_FORBIDDEN ? EXIT_USAGE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    struct arena arena = ARENA_INIT;
    struct coordinator_settings settings;
    enum option_wish wish = WISH_RUN;
    struct error err;
    int exit_status = EXIT_STOPPED;

    if (coordinator_settings_read(argc, argv, &arena, &settings, &wish, &err) != STATUS_OK) {
        (void)fprintf(stderr, "muster-coordinator: %s\n", err.text);
        exit_status = EXIT_USAGE;
    } else if (wish != WISH_RUN) {
        fulfil(coordinator_options(settings.verb), wish);
    } else if (run_verb(&settings, &err) != STATUS_OK) {
        (void)fprintf(stderr, "muster-coordinator: %s\n", err.text);
        exit_status = exit_status_of(err.status);
    }
    arena_release(&arena);
    return exit_status;
}
