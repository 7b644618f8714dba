#include "coordinator/http/access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "shared/base/buffer.h"
#include "shared/base/file.h"
#include "shared/base/hash.h"
#include "shared/base/memory.h"
#include "shared/base/text.h"

struct token {
    char *text;
    unsigned rights;
};

struct access {
    struct token *tokens;
    size_t tokens_count, tokens_cap;
    bool has_tokens;
};

static const struct {
    const char *name;
    enum right right;
} right_names[] = {
    {"submit", RIGHT_SUBMIT},
    {"work", RIGHT_WORK},
    {"read", RIGHT_READ},
};

static unsigned right_of(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(right_names); i++)
        if (strcmp(right_names[i].name, name) == 0)
            return right_names[i].right;
    return RIGHT_NONE;
}

/* The last of the rights that would do: "read" where "submit" does as well. */
static const char *right_name(unsigned rights)
{
    const char *name = "";

    for (size_t i = 0; i < COUNT_OF(right_names); i++)
        if ((rights & right_names[i].right) != 0)
            name = right_names[i].name;
    return name;
}

/* "submit,read" to a set; RIGHT_NONE when one of them is unknown. */
static unsigned rights_of(char *names)
{
    unsigned rights = RIGHT_NONE;

    while (names != NULL) {
        unsigned right = right_of(strsep(&names, ","));

        if (right == RIGHT_NONE)
            return RIGHT_NONE;
        rights |= right;
    }
    return rights;
}

static bool is_token(const char *text)
{
    size_t len = strlen(text);

    if (len < TOKEN_BYTES_MIN || len > TOKEN_BYTES_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] >= 0x7f)
            return false;
    return true;
}

static char *trim(char *text)
{
    text += strspn(text, " \t");
    for (size_t len = strlen(text); len > 0 && strchr(" \t\r", text[len - 1]) != NULL; len--)
        text[len - 1] = '\0';
    return text;
}

static enum status add_line(struct access *access, char *line, int number, struct error *err)
{
    char *text = trim(line);
    unsigned rights = RIGHT_ALL;

    if (*text == '\0' || *text == '#')
        return STATUS_OK;

    char *colon = strchr(text, ':');
    if (colon != NULL) {
        *colon = '\0';
        rights = rights_of(text);
        text = trim(colon + 1);
    }
    if (rights == RIGHT_NONE)
        return error_set(err, STATUS_INVALID, "line %d: rights are submit, work and read", number);
    if (!is_token(text))
        return error_set(err, STATUS_INVALID, "line %d: a token is %d to %d visible characters",
                         number, TOKEN_BYTES_MIN, TOKEN_BYTES_MAX);
    if (access->tokens_count == TOKENS_MAX)
        return error_set(err, STATUS_TOO_BIG, "line %d: more than %d tokens", number, TOKENS_MAX);

    VEC_PUSH(access->tokens, access->tokens_count, access->tokens_cap) =
        (struct token){.text = mem_strdup(text), .rights = rights};
    return STATUS_OK;
}

static enum status read_tokens(struct access *access, char *bytes, struct error *err)
{
    enum status status = STATUS_OK;

    for (int number = 1; bytes != NULL && status == STATUS_OK; number++)
        status = add_line(access, strsep(&bytes, "\n"), number, err);
    if (status == STATUS_OK && access->tokens_count == 0)
        return error_set(err, STATUS_INVALID, "there is no token in it");
    return status;
}

static enum status load_file(struct access *access, const char *path, struct error *err)
{
    struct stat info;
    struct buffer buffer;

    if (stat(path, &info) != 0)
        return error_set_errno(err, "cannot open");
    if ((info.st_mode & (S_IROTH | S_IWOTH)) != 0)
        return error_set(err, STATUS_INVALID, "everybody may read or write it; chmod 600 helps");

    buffer_init(&buffer, (size_t)TOKENS_MAX * (TOKEN_BYTES_MAX + 32));
    enum status status = file_read(path, &buffer, err);
    if (status == STATUS_OK && strlen(buffer.at) != buffer.len)
        status = error_set(err, STATUS_INVALID, "it is not a text");
    if (status == STATUS_OK)
        status = read_tokens(access, buffer.at, err);
    explicit_bzero(buffer.at, buffer.len);
    buffer_release(&buffer);
    return status;
}

enum status access_load(const char *token_file, struct access **out_access, struct error *err)
{
    struct access *access = mem_zalloc(sizeof(*access));
    enum status status = STATUS_OK;

    *out_access = NULL;
    access->has_tokens = token_file != NULL;
    if (token_file != NULL)
        status = load_file(access, token_file, err);
    if (status == STATUS_OK) {
        *out_access = access;
        return STATUS_OK;
    }

    char context[128];
    (void)snprintf(context, sizeof(context), "token file '%s'", token_file);
    access_free(access);
    return error_wrap(err, status, context);
}

void access_free(struct access *access)
{
    if (access == NULL)
        return;
    for (size_t i = 0; i < access->tokens_count; i++) {
        explicit_bzero(access->tokens[i].text, strlen(access->tokens[i].text));
        free(access->tokens[i].text);
    }
    free(access->tokens);
    free(access);
}

bool access_has_tokens(const struct access *access)
{
    return access->has_tokens;
}

/* Every token is compared, whichever fits: the time tells nothing. */
static enum status check_token(const struct access *access, const char *authorization,
                               unsigned rights, struct error *err)
{
    static const char scheme[] = "Bearer ";
    unsigned held = RIGHT_NONE;

    if (authorization == NULL || strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0)
        return error_set(err, STATUS_UNAUTHORISED, "%s", status_text(STATUS_UNAUTHORISED));

    const char *given = authorization + sizeof(scheme) - 1;
    for (size_t i = 0; i < access->tokens_count; i++) {
        unsigned mask = 0U - (unsigned)hash_equals_secret(given, access->tokens[i].text);

        held |= access->tokens[i].rights & mask;
    }
    if (held == RIGHT_NONE)
        return error_set(err, STATUS_UNAUTHORISED, "the token is not known");
    if ((held & rights) == 0)
        return error_set(err, STATUS_FORBIDDEN, "the token has not the right '%s'",
                         right_name(rights));
    return STATUS_OK;
}

/* "localhost", "127.0.0.1" or "[::1]", with any port: it may be a tunnel's. */
static bool is_loopback_host(const char *host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        size_t len = strlen(names[i]);
        int64_t port;

        if (strncasecmp(host, names[i], len) != 0)
            continue;
        if (host[len] == '\0' ||
            (host[len] == ':' && text_to_int64(host + len + 1, 1, 65535, &port)))
            return true;
    }
    return false;
}

static enum status check_loopback(const struct access_claim *claim, struct error *err)
{
    static const char scheme[] = "http://";

    if (claim->host == NULL || !is_loopback_host(claim->host))
        return error_set(err, STATUS_MISDIRECTED,
                         "without tokens only localhost, 127.0.0.1 and [::1] are served");
    if (claim->origin != NULL && (strncasecmp(claim->origin, scheme, sizeof(scheme) - 1) != 0 ||
                                  strcasecmp(claim->origin + sizeof(scheme) - 1, claim->host) != 0))
        return error_set(err, STATUS_FORBIDDEN, "a page of another origin asks");
    return STATUS_OK;
}

enum status access_check(const struct access *access, const struct access_claim *claim,
                         unsigned rights, struct error *err)
{
    if (!access->has_tokens)
        return check_loopback(claim, err);
    if (rights == RIGHT_NONE)
        return STATUS_OK;
    return check_token(access, claim->authorization, rights, err);
}
