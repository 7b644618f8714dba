#include <criterion/criterion.h>
#include <string.h>

#include "coordinator/settings.h"

#define ARGS_MAX 8

struct reading {
    struct arena arena;
    struct coordinator_settings settings;
    enum option_wish wish;
    struct error err;
    enum status status;
};

/* Reads the words of one command line; none holds a blank. */
static void read_line(struct reading *reading, const char *line)
{
    char *argv[ARGS_MAX + 1] = {NULL};
    int argc = 0;

    *reading = (struct reading){.wish = WISH_RUN};
    for (char *rest = arena_strdup(&reading->arena, line), *word;
         (word = strtok_r(rest, " ", &rest)) != NULL;) {
        cr_assert_lt(argc, ARGS_MAX);
        argv[argc++] = word;
    }
    reading->status = coordinator_settings_read(argc, argv, &reading->arena, &reading->settings,
                                                &reading->wish, &reading->err);
}

Test(coordinator_settings, an_address_is_read_with_its_port)
{
    static const struct {
        const char *listen, *address;
        uint16_t port;
    } cases[] = {
        {"127.0.0.1:7357", "127.0.0.1", 7357},
        {"0.0.0.0:0", "0.0.0.0", 0},
        {"[::1]:65535", "::1", 65535},
        {"localhost:80", "localhost", 80},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct reading reading;
        char line[128];

        (void)snprintf(line, sizeof(line), "muster-coordinator --data d --listen %s",
                       cases[i].listen);
        read_line(&reading, line);

        cr_assert_eq(reading.status, STATUS_OK, "%s", reading.err.text);
        cr_assert_str_eq(reading.settings.address, cases[i].address);
        cr_assert_eq(reading.settings.port, cases[i].port);
        arena_release(&reading.arena);
    }
}

Test(coordinator_settings, defaults_are_loopback_info_and_keeping_all)
{
    struct reading reading;

    read_line(&reading, "muster-coordinator --data d");

    cr_assert_eq(reading.status, STATUS_OK, "%s", reading.err.text);
    cr_assert_eq(reading.settings.verb, VERB_SERVE);
    cr_assert_str_eq(reading.settings.address, "127.0.0.1");
    cr_assert_str_eq(reading.settings.pool, "default");
    cr_assert_eq(reading.settings.log_level, LOG_LEVEL_INFO);
    cr_assert_eq(reading.settings.keep_days, 0);
    cr_assert_null(reading.settings.token_file);
    arena_release(&reading.arena);
}

Test(coordinator_settings, an_age_is_in_days_or_a_duration)
{
    static const struct {
        const char *age;
        int64_t ms;
    } cases[] = {
        {"30d", INT64_C(30) * 24 * 3600 * 1000}, {"12h", INT64_C(12) * 3600 * 1000}, {"0d", 0}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct reading reading;
        char line[128];

        (void)snprintf(line, sizeof(line), "muster-coordinator prune --data d --older-than %s",
                       cases[i].age);
        read_line(&reading, line);

        cr_assert_eq(reading.status, STATUS_OK, "%s", reading.err.text);
        cr_assert_eq(reading.settings.verb, VERB_PRUNE);
        cr_assert_eq(reading.settings.older_than_ms, cases[i].ms);
        arena_release(&reading.arena);
    }
}

Test(coordinator_settings, what_cannot_be_meant_is_refused_with_the_options_name)
{
    static const struct {
        const char *line, *word;
    } cases[] = {
        {"muster-coordinator", "--data"},
        {"muster-coordinator --data d --listen 7357", "--listen"},
        {"muster-coordinator --data d --listen :7357", "--listen"},
        {"muster-coordinator --data d --listen a:70000", "--listen"},
        {"muster-coordinator --data d --log-level loud", "--log-level"},
        {"muster-coordinator --data d --keep-runs -1", "--keep-runs"},
        {"muster-coordinator --data d --to x", "--to"},
        {"muster-coordinator --dta d", "did you mean '--data'"},
        {"muster-coordinator backup --data d", "--to"},
        {"muster-coordinator prune --data d", "--older-than"},
        {"muster-coordinator prune --data d --older-than 30", "--older-than"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct reading reading;

        read_line(&reading, cases[i].line);

        cr_assert_eq(reading.status, STATUS_INVALID, "%s", cases[i].line);
        cr_assert_not_null(strstr(reading.err.text, cases[i].word), "%s: %s", cases[i].line,
                           reading.err.text);
        arena_release(&reading.arena);
    }
}

Test(coordinator_settings, asking_for_help_needs_nothing_else)
{
    struct reading reading;

    read_line(&reading, "muster-coordinator backup --help");

    cr_assert_eq(reading.status, STATUS_OK);
    cr_assert_eq(reading.wish, WISH_HELP);
    cr_assert_eq(reading.settings.verb, VERB_BACKUP);
    arena_release(&reading.arena);
}
