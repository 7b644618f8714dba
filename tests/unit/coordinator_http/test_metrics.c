#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/coordinator_http/door.h"

/* What the shell says when there is no such program. */
#define STATUS_NO_PROGRAM 127

/* promtool's exit status; what it complains of goes to words. */
static int promtool_check(const char *metrics, char *words, size_t room)
{
    char path[] = "/tmp/muster-test-metrics-XXXXXX";
    char command[128];
    int fd = mkstemp(path);

    CHECK(fd >= 0);
    CHECK(write(fd, metrics, strlen(metrics)) == (ssize_t)strlen(metrics));
    CHECK(close(fd) == 0);
    (void)snprintf(command, sizeof(command), "promtool check metrics <%s 2>&1", path);
    FILE *promtool = popen(command, "r"); // NOLINT(cert-env33-c): the command is ours
    CHECK(promtool != NULL);
    words[fread(words, 1, room - 1, promtool)] = '\0';
    int status = pclose(promtool);
    CHECK(unlink(path) == 0);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
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
    char words[4096];
    int status = promtool_check(head_end + 4, words, sizeof(words));
    door_close(&door);
    if (status == STATUS_NO_PROGRAM)
        cr_skip("promtool is not installed");
    cr_assert_eq(status, 0, "%s", words);
    cr_assert_str_eq(words, "");
}
