/* What an operator may say to an agent, and what is refused with which words. */

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/settings.h"

#define WORDS_MAX 32

static struct arena arena;

static void arena_begin(void)
{
    arena_init(&arena);
}

static void arena_end(void)
{
    arena_release(&arena);
}

TestSuite(settings, .init = arena_begin, .fini = arena_end, .timeout = 20);

/* `line` is split at blanks. */
static enum status read_line(const char *line, struct agent_settings *settings,
                             enum option_wish *wish, struct error *err)
{
    char *words[WORDS_MAX] = {arena_strdup(&arena, "muster-agent")};
    char *rest = NULL;
    int count = 1;

    for (char *word = strtok_r(arena_strdup(&arena, line), " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        cr_assert_lt(count, WORDS_MAX);
        words[count++] = word;
    }
    *err = (struct error){.text = ""};
    return agent_settings_read(count, words, &arena, settings, wish, err);
}

Test(settings, a_whole_line_is_understood)
{
    struct agent_settings settings;
    enum option_wish wish = WISH_HELP;
    struct error err;

    cr_assert_eq(read_line("--coordinator https://c --work-dir /w --workers 3 --label os=linux "
                           "--label=arch=arm=64 --source-root /usr --source-root /tmp --until-idle "
                           "--idle-for 2m --log-level debug",
                           &settings, &wish, &err),
                 STATUS_OK, "%s", err.text);
    cr_assert_eq(wish, WISH_RUN);
    cr_assert_eq(settings.workers, 3);
    cr_assert_eq(settings.label_count, 2);
    cr_assert_str_eq(settings.labels[1].name, "arch");
    cr_assert_str_eq(settings.labels[1].value, "arm=64");
    cr_assert_eq(settings.source_roots.count, 2);
    cr_assert(settings.until_idle);
    cr_assert_eq(settings.idle_ms, 120000);
    cr_assert_eq(settings.log_level, LOG_LEVEL_DEBUG);
    cr_assert_null(settings.token);
}

Test(settings, what_is_left_out_has_a_sensible_value)
{
    struct agent_settings settings;
    enum option_wish wish = WISH_HELP;
    struct error err;

    cr_assert_eq(read_line("--coordinator https://c --work-dir /w", &settings, &wish, &err),
                 STATUS_OK);
    cr_assert_geq(settings.workers, 1);
    cr_assert_eq(settings.log_level, LOG_LEVEL_INFO);
    cr_assert_not(settings.until_idle);
    cr_assert_not_null(strstr(settings.helper_path, "muster-spawn"));
    cr_assert_not_null(strstr(settings.drivers_dir, "drivers"));
}

Test(settings, the_environment_says_it_too_and_the_line_wins)
{
    struct agent_settings settings;
    enum option_wish wish = WISH_HELP;
    struct error err;

    char coordinator[] = "MUSTER_COORDINATOR=https://from-environment";
    char workers[] = "MUSTER_WORKERS=7";
    char *variables[] = {coordinator, workers, NULL};
    char **before = environ;

    environ = variables;
    cr_assert_eq(read_line("--work-dir /w --workers 2", &settings, &wish, &err), STATUS_OK);
    environ = before;
    cr_assert_str_eq(settings.coordinator, "https://from-environment");
    cr_assert_eq(settings.workers, 2);
}

Test(settings, the_token_is_the_one_for_work)
{
    char path[] = "/tmp/muster-token-XXXXXX";
    int fd = mkstemp(path);
    struct agent_settings settings;
    enum option_wish wish = WISH_HELP;
    struct error err;
    char line[200];

    cr_assert_eq(write(fd, "read:other\nwork:secret\n", 23), 23);
    (void)snprintf(line, sizeof(line), "--coordinator https://c --work-dir /w --token-file %s",
                   path);
    cr_assert_eq(read_line(line, &settings, &wish, &err), STATUS_OK, "%s", err.text);
    cr_assert_str_eq(settings.token, "secret");
    (void)close(fd);
    (void)unlink(path);
}

Test(settings, what_is_wrong_is_named)
{
    static const struct {
        const char *line, *text;
    } cases[] = {
        {"--work-dir /w", "--coordinator URL is missing"},
        {"--coordinator https://c", "--work-dir DIR is missing"},
        {"--coordinator https://c --work-dir /w --label x", "NAME=VALUE"},
        {"--coordinator https://c --work-dir /w --label =x", "NAME=VALUE"},
        {"--coordinator https://c --work-dir /w --workers 0", "from 1 to"},
        {"--coordinator https://c --work-dir /w --workers many", "whole number"},
        {"--coordinator https://c --work-dir /w --log-level loud", "not one of debug"},
        {"--coordinator https://c --work-dir /w --token-file /nowhere", "/nowhere"},
        {"--coordinator https://c --work-dir /w --token-file /dev/null", "holds no token"},
        {"--coordinator build7 --work-dir /w", "'build7' is no address"},
        {"--coordinator ftp://c --work-dir /w", "'ftp'"},
        {"--coordinator https://c --work-dir /w --name a/b", "'a/b' cannot be an agent's name"},
        {"--coordinator https://c --work-dir /w --source-root /nowhere", "--source-root: there is"},
        {"--coordinator https://c --work-dir /w --drivers /dev/null", "--drivers: there is"},
        {"--coordinator https://c --work-dir /w --helper /nowhere", "--helper: there is"},
        {"--cordinator https://c", "did you mean '--coordinator'"},
        {"--coordinator https://c --work-dir /w extra", "takes no operand"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct agent_settings settings;
        enum option_wish wish = WISH_HELP;
        struct error err;

        cr_assert_neq(read_line(cases[i].line, &settings, &wish, &err), STATUS_OK, "%s",
                      cases[i].line);
        cr_assert_not_null(strstr(err.text, cases[i].text), "%s: %s", cases[i].line, err.text);
    }
}
