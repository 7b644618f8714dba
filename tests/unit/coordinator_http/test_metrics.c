#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/coordinator_http/door.h"

/* promtool's complaints; NULL where it is not installed. */
static char *promtool_lint(const char *metrics)
{
    static char words[8192];
    char path[] = "/tmp/muster-test-metrics-XXXXXX";
    char command[128];
    int fd = mkstemp(path);

    if (system("command -v promtool >/dev/null") != 0)
        return NULL;
    CHECK(fd >= 0);
    CHECK(write(fd, metrics, strlen(metrics)) == (ssize_t)strlen(metrics));
    CHECK(close(fd) == 0);
    (void)snprintf(command, sizeof(command), "promtool check metrics <%s 2>&1", path);
    FILE *lint = popen(command, "r");
    CHECK(lint != NULL);
    size_t len = fread(words, 1, sizeof(words) - 1, lint);
    words[len] = '\0';
    int status = pclose(lint);
    CHECK(unlink(path) == 0);
    cr_expect_eq(status, 0, "promtool: %s", words);
    return words;
}

Test(metrics, are_what_prometheus_expects)
{
    struct door door;

    door_open(&door, NULL);
    cr_assert_eq(wire_get(door.port, "/metrics", &door.answer), 200);
    cr_assert_not_null(strstr(door.answer.at, "text/plain; version=0.0.4"));
    cr_assert_not_null(strstr(door.answer.at, "\nmuster_syncs_total 42\n"));
    cr_assert_not_null(strstr(door.answer.at, "\nmuster_http_connections 1\n"));

    const char *head_end = strstr(door.answer.at, "\r\n\r\n");
    cr_assert_not_null(head_end);
    const char *complaints = promtool_lint(head_end + 4);
    if (complaints == NULL)
        cr_skip("promtool is not installed");
    cr_assert_str_eq(complaints, "");
    door_close(&door);
}
