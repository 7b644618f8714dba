#include "agent/sync/identity.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/buffer.h"
#include "shared/base/clock.h"
#include "shared/base/file.h"
#include "shared/base/memory.h"
#include "shared/base/random.h"
#include "shared/base/text.h"

#define INCARNATION_TEXT_MAX 32

/* Tells hosts of one name apart: a million to one for a thousand of them. */
#define SUFFIX_BYTES 5

/* Longer host names are cut; the suffix keeps them apart. */
#define HOST_BYTES_MAX 64

/* What a name is made of: it stands in URLs, in log lines and between dots in names of workers. */
static bool name_is_good(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len <= NAME_BYTES_MAX && name[0] != '-' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == len;
}

enum status identity_name_check(const char *name, struct error *err)
{
    if (name_is_good(name))
        return STATUS_OK;
    return error_set(err, STATUS_INVALID,
                     "'%s' cannot be an agent's name; letters, digits, '-' and '_' can", name);
}

/* "" where there is no file. */
static enum status line_read(const char *path, struct buffer *line, struct error *err)
{
    enum status status = file_read(path, line, err);

    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    while (status == STATUS_OK && line->len > 0 && line->at[line->len - 1] == '\n')
        line->at[--line->len] = '\0';
    return status;
}

static enum status line_write(const char *path, const char *line, struct error *err)
{
    CLEANUP(mem_freep) char *text = mem_printf("%s\n", line);

    return file_write_atomic(path, text, strlen(text), 0600, err);
}

static void name_make(char out_name[NAME_BYTES_MAX + 1])
{
    char host[HOST_BYTES_MAX + 1] = "";
    char suffix[2 * SUFFIX_BYTES + 1];
    size_t len = 0;

    if (gethostname(host, HOST_BYTES_MAX) != 0 || host[0] == '\0')
        (void)snprintf(host, sizeof(host), "agent");
    for (len = 0; host[len] != '\0' && host[len] != '.'; len++) {
        if (isalnum((unsigned char)host[len]) == 0)
            host[len] = '-';
    }
    host[len] = '\0';
    if (host[0] == '-')
        host[0] = 'a';
    random_hex(suffix, SUFFIX_BYTES);
    (void)snprintf(out_name, NAME_BYTES_MAX + 1, "%s-%s", host, suffix);
}

static enum status name_take(const char *work_dir, const char *given, struct identity *identity,
                             struct error *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/name", work_dir);
    struct buffer line;
    enum status status = STATUS_OK;

    if (given != NULL) {
        status = identity_name_check(given, err);
        if (status == STATUS_OK)
            (void)snprintf(identity->name, sizeof(identity->name), "%s", given);
        return status;
    }
    buffer_init(&line, NAME_BYTES_MAX);
    status = line_read(path, &line, err);
    if (status == STATUS_OK && name_is_good(line.at)) {
        (void)snprintf(identity->name, sizeof(identity->name), "%s", line.at);
    } else if (status == STATUS_OK) {
        name_make(identity->name);
        status = line_write(path, identity->name, err);
    }
    buffer_release(&line);
    return status;
}

/* A name that is given may have been used with a work directory that is lost by now, and the
 * coordinator remembers its incarnations: the first one here is then the time in seconds. */
static enum status incarnation_raise(const char *work_dir, bool name_is_given,
                                     struct identity *identity, struct error *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/incarnation", work_dir);
    char text[INCARNATION_TEXT_MAX];
    struct buffer line;
    int64_t last = 0;
    enum status status = STATUS_OK;

    buffer_init(&line, INCARNATION_TEXT_MAX);
    status = line_read(path, &line, err);
    if (status == STATUS_OK && line.len == 0)
        last = name_is_given ? clock_wall_ms() / 1000 : 0;
    else if (status == STATUS_OK && !text_to_int64(line.at, 1, INT64_MAX - 1, &last))
        status = error_set(err, STATUS_INVALID,
                           "'%s' holds '%s', not a number; remove the work directory or the line",
                           path, line.at);
    buffer_release(&line);
    if (status != STATUS_OK)
        return status;
    identity->incarnation = last + 1;
    (void)snprintf(text, sizeof(text), "%" PRId64, identity->incarnation);
    return line_write(path, text, err);
}

enum status identity_take(const char *work_dir, const char *name, struct identity *out_identity,
                          struct error *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/lock", work_dir);
    enum status status = file_make_directories(work_dir, 0700, err);

    *out_identity = (struct identity){.lock_fd = -1};
    if (status == STATUS_OK)
        status = file_lock(path, &out_identity->lock_fd, err);
    if (status == STATUS_CONFLICT)
        return error_set(err, STATUS_CONFLICT,
                         "another agent uses the work directory '%s'; give this one its own",
                         work_dir);
    if (status == STATUS_OK)
        status = name_take(work_dir, name, out_identity, err);
    if (status == STATUS_OK)
        status = incarnation_raise(work_dir, name != NULL, out_identity, err);
    if (status != STATUS_OK)
        identity_release(out_identity);
    return status;
}

void identity_release(struct identity *identity)
{
    if (identity->lock_fd >= 0)
        (void)close(identity->lock_fd);
    identity->lock_fd = -1;
}
