#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/http/access.h"
#include "shared/base/memory.h"
#include "tests/unit/coordinator_http/door.h"

#define ALL    "all-rights-0123456789"
#define SUBMIT "submitter-0123456789"
#define WORK   "worker-0123456789abc"

static const char tokens[] = "# who may do what\n\n" ALL "\n"
                             "submit,read:" SUBMIT "\n"
                             "  work: " WORK "  \r\n";

/* A file with these bytes; its name stays until the test's process ends. */
static const char *file_with(const char *bytes, mode_t mode)
{
    static const char pattern[] = "/tmp/muster-test-tokens-XXXXXX";
    static char path[sizeof(pattern)];

    (void)memcpy(path, pattern, sizeof(pattern));
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    CHECK(write(fd, bytes, strlen(bytes)) == (ssize_t)strlen(bytes));
    CHECK(fchmod(fd, mode) == 0);
    CHECK(close(fd) == 0);
    return path;
}

static enum status load(const char *bytes, mode_t mode, struct access **out_access,
                        struct error *err)
{
    const char *path = file_with(bytes, mode);
    enum status status = access_load(path, out_access, err);

    CHECK(unlink(path) == 0);
    return status;
}

Test(access, a_token_gives_its_rights_and_no_others)
{
    static const struct {
        const char *authorization;
        unsigned rights;
        enum status status;
    } cases[] = {
        {"Bearer " ALL, RIGHT_SUBMIT, STATUS_OK},
        {"bearer " ALL, RIGHT_WORK, STATUS_OK},
        {"Bearer " SUBMIT, RIGHT_SUBMIT, STATUS_OK},
        {"Bearer " SUBMIT, RIGHT_READ, STATUS_OK},
        {"Bearer " SUBMIT, RIGHT_WORK, STATUS_FORBIDDEN},
        {"Bearer " WORK, RIGHT_WORK, STATUS_OK},
        {"Bearer " WORK, RIGHT_READ | RIGHT_WORK, STATUS_OK},
        {"Bearer " WORK, RIGHT_READ | RIGHT_SUBMIT, STATUS_FORBIDDEN},
        {"Bearer " WORK "x", RIGHT_WORK, STATUS_UNAUTHORISED},
        {"Bearer ", RIGHT_WORK, STATUS_UNAUTHORISED},
        {"Basic " ALL, RIGHT_WORK, STATUS_UNAUTHORISED},
        {ALL, RIGHT_WORK, STATUS_UNAUTHORISED},
        {"", RIGHT_WORK, STATUS_UNAUTHORISED},
        {NULL, RIGHT_WORK, STATUS_UNAUTHORISED},
        {NULL, RIGHT_NONE, STATUS_OK},
    };
    struct access *access;
    struct error err = {.text = ""};

    cr_assert_eq(load(tokens, 0600, &access, &err), STATUS_OK, "%s", err.text);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct access_claim claim = {.authorization = cases[i].authorization,
                                     .host = "ci.example.org"};

        cr_expect_eq(access_check(access, &claim, cases[i].rights, &err), cases[i].status,
                     "'%s' for %u", cases[i].authorization, cases[i].rights);
    }
    access_free(access);
}

Test(access, a_refusal_names_the_right_that_is_missing)
{
    static const struct {
        unsigned rights;
        const char *name;
    } cases[] = {
        {RIGHT_SUBMIT, "'submit'"},
        {RIGHT_READ | RIGHT_SUBMIT, "'read'"},
    };
    const struct access_claim claim = {.authorization = "Bearer " WORK, .host = "ci.example.org"};
    struct access *access;
    struct error err = {.text = ""};

    cr_assert_eq(load(tokens, 0600, &access, &err), STATUS_OK, "%s", err.text);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cr_expect_eq(access_check(access, &claim, cases[i].rights, &err), STATUS_FORBIDDEN);
        cr_expect_not_null(strstr(err.text, cases[i].name), "%s", err.text);
    }
    access_free(access);
}

Test(access, a_bad_file_is_refused_and_never_shown)
{
    static const struct {
        const char *bytes;
        mode_t mode;
        enum status status;
        const char *text;
    } cases[] = {
        {tokens, 0604, STATUS_INVALID, "chmod 600"},
        {tokens, 0602, STATUS_INVALID, "chmod 600"},
        {"", 0600, STATUS_INVALID, "no token"},
        {"# only words\n", 0600, STATUS_INVALID, "no token"},
        {ALL "\nshort-secret\n", 0600, STATUS_INVALID, "line 2: a token is 16 to 512"},
        {"admin:secret-0123456789\n", 0600, STATUS_INVALID, "line 1: rights are"},
        {"submit,:secret-0123456789\n", 0600, STATUS_INVALID, "line 1: rights are"},
        {"secret with blanks 0123\n", 0600, STATUS_INVALID, "line 1: a token"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct access *access;
        struct error err = {.text = ""};

        cr_expect_eq(load(cases[i].bytes, cases[i].mode, &access, &err), cases[i].status);
        cr_expect_not_null(strstr(err.text, cases[i].text), "%s", err.text);
        cr_expect_null(strstr(err.text, "secret"), "%s", err.text);
        cr_expect_null(access);
    }
}

Test(access, a_file_that_is_not_there_is_an_error)
{
    struct access *access;
    struct error err;

    cr_assert_neq(access_load("/nonexistent/tokens", &access, &err), STATUS_OK);
}

Test(access, without_tokens_only_this_machine_is_served)
{
    static const struct {
        const char *host, *origin;
        enum status status;
    } cases[] = {
        {"localhost", NULL, STATUS_OK},
        {"LOCALHOST:7000", NULL, STATUS_OK},
        {"127.0.0.1", NULL, STATUS_OK},
        {"127.0.0.1:1", NULL, STATUS_OK},
        {"[::1]:65535", NULL, STATUS_OK},
        {NULL, NULL, STATUS_MISDIRECTED},
        {"", NULL, STATUS_MISDIRECTED},
        {"localhost.evil.org", NULL, STATUS_MISDIRECTED},
        {"localhost:70000", NULL, STATUS_MISDIRECTED},
        {"localhost:7000@evil.org", NULL, STATUS_MISDIRECTED},
        {"127.0.0.1.evil.org", NULL, STATUS_MISDIRECTED},
        {"evil.org", NULL, STATUS_MISDIRECTED},
        {"localhost:7000", "http://localhost:7000", STATUS_OK},
        {"localhost:7000", "http://localhost:8000", STATUS_FORBIDDEN},
        {"localhost:7000", "http://evil.org", STATUS_FORBIDDEN},
        {"localhost:7000", "https://localhost:7000", STATUS_FORBIDDEN},
        {"localhost:7000", "null", STATUS_FORBIDDEN},
        {"localhost:7000", "", STATUS_FORBIDDEN},
    };
    struct access *access;
    struct error err;

    cr_assert_eq(access_load(NULL, &access, &err), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct access_claim claim = {.host = cases[i].host, .origin = cases[i].origin};

        cr_expect_eq(access_check(access, &claim, RIGHT_SUBMIT, &err), cases[i].status, "%s %s",
                     cases[i].host, cases[i].origin);
    }
    access_free(access);
}

static int get_with(struct door *door, const char *target, const char *header)
{
    CLEANUP(mem_freep)
    char *request = mem_printf("GET %s HTTP/1.1\r\nHost: ci.example.org\r\n%s\r\n", target, header);

    return wire_ask(door->port, request, &door->answer);
}

Test(access, the_door_asks_for_tokens_route_by_route)
{
    const char *path = file_with(tokens, 0600);
    const struct server_settings settings = {.address = "0.0.0.0", .token_file = path};
    struct door door;

    door_open(&door, &settings);
    CHECK(unlink(path) == 0);

    cr_expect_eq(get_with(&door, "/livez", ""), 200);
    cr_expect_eq(get_with(&door, "/readyz", ""), 200);
    cr_expect_eq(get_with(&door, "/v1/agents", ""), 401);
    cr_expect_not_null(strstr(door.answer.at, "\r\nWWW-Authenticate: Bearer"), "%s",
                       door.answer.at);
    cr_expect_eq(get_with(&door, "/v1/agents", "Authorization: Bearer " SUBMIT "\r\n"), 200);
    cr_expect_eq(get_with(&door, "/v1/agents", "Authorization: Bearer " WORK "\r\n"), 403);
    cr_expect_eq(get_with(&door, "/v1/runs/1/work", "Authorization: Bearer " WORK "\r\n"), 404);
    cr_expect_eq(get_with(&door, "/v1/runs/1/work", "Authorization: Bearer " SUBMIT "\r\n"), 403);
    cr_expect_eq(fake_engine_count(door.engine, COMMAND_AGENTS), 1);
    door_close(&door);
}

Test(access, the_door_without_tokens_refuses_foreign_pages)
{
    struct door door;

    door_open(&door, NULL);
    cr_expect_eq(
        wire_ask(door.port, "GET /v1/agents HTTP/1.1\r\nHost: evil.org\r\n\r\n", &door.answer),
        421);
    cr_expect_eq(wire_ask(door.port,
                          "GET /v1/agents HTTP/1.1\r\nHost: localhost\r\nOrigin: "
                          "http://evil.org\r\n\r\n",
                          &door.answer),
                 403);
    cr_expect_eq(fake_engine_count(door.engine, COMMAND_AGENTS), 0);
    door_close(&door);
}
