#include "agent/host/lease_record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEASE_HEAD "muster-lease 1\n"

static const char *const kind_names[LEASE_RECORD_KIND_COUNT] = {
    [LEASE_RECORD_PROCESS] = "process",
    [LEASE_RECORD_DIRECTORY] = "directory",
    [LEASE_RECORD_FILE] = "file",
    [LEASE_RECORD_MOUNT] = "mount",
};

static bool has_control_characters(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static enum status what_check(enum lease_record_kind kind, const char *what, struct error *err)
{
    size_t len = strlen(what);

    if (len == 0 || len > LEASE_WHAT_BYTES_MAX)
        return error_set(err, STATUS_INVALID, "a lease record for a name of %zu bytes", len);
    if (has_control_characters(what))
        return error_set(err, STATUS_INVALID, "a lease record for a name with control characters");
    /* The root itself, and what climbs, is never ours to remove. */
    if (kind != LEASE_RECORD_PROCESS && (what[0] != '/' || len == 1 || strstr(what, "..") != NULL))
        return error_set(err, STATUS_INVALID, "a lease record for '%s'", what);
    return STATUS_OK;
}

enum status lease_record_init(struct lease_record *record, enum lease_record_kind kind,
                              const char *what, struct error *err)
{
    enum status status = what_check(kind, what, err);

    if (status != STATUS_OK)
        return status;
    *record = (struct lease_record){.kind = kind};
    memcpy(record->what, what, strlen(what) + 1);
    return STATUS_OK;
}

size_t lease_record_encode(const struct lease_record *record, char out_text[LEASE_RECORD_BYTES_MAX])
{
    int len = snprintf(out_text, LEASE_RECORD_BYTES_MAX, LEASE_HEAD "kind %s\nwhat %s\n",
                       kind_names[record->kind], record->what);

    if (record->kind == LEASE_RECORD_PROCESS)
        len += snprintf(out_text + len, LEASE_RECORD_BYTES_MAX - (size_t)len,
                        "boot %s\npid %" PRId64 "\nstart %" PRId64 "\n",
                        record->boot[0] != '\0' ? record->boot : "-", record->pid, record->start);
    CHECK(len > 0 && len < LEASE_RECORD_BYTES_MAX);
    return (size_t)len;
}

/* Takes "NAME VALUE\n" from the front of the text. */
static bool line_take(const char **text, const char *name, char *out_value, size_t size)
{
    size_t name_len = strlen(name);
    const char *end = strchr(*text, '\n');

    if (end == NULL || strncmp(*text, name, name_len) != 0 || (*text)[name_len] != ' ')
        return false;

    const char *value = *text + name_len + 1;
    if (value > end || (size_t)(end - value) >= size)
        return false;
    memcpy(out_value, value, (size_t)(end - value));
    out_value[end - value] = '\0';
    *text = end + 1;
    return true;
}

static bool number_take(const char **text, const char *name, int64_t *out_value)
{
    char digits[24];
    char *end = NULL;

    if (!line_take(text, name, digits, sizeof(digits)) || digits[0] < '0' || digits[0] > '9')
        return false;
    errno = 0;
    *out_value = strtoll(digits, &end, 10);
    return errno == 0 && *end == '\0';
}

static bool kind_take(const char **text, enum lease_record_kind *out_kind)
{
    char name[16];

    if (!line_take(text, "kind", name, sizeof(name)))
        return false;
    for (int kind = 0; kind < LEASE_RECORD_KIND_COUNT; kind++)
        if (strcmp(name, kind_names[kind]) == 0) {
            *out_kind = (enum lease_record_kind)kind;
            return true;
        }
    return false;
}

static bool process_take(const char **text, struct lease_record *record)
{
    if (!line_take(text, "boot", record->boot, sizeof(record->boot)))
        return false;
    if (strcmp(record->boot, "-") == 0)
        record->boot[0] = '\0';
    return number_take(text, "pid", &record->pid) && number_take(text, "start", &record->start) &&
           record->pid <= INT32_MAX;
}

enum status lease_record_decode(const char *bytes, size_t len, struct lease_record *out_record,
                                struct error *err)
{
    char text[LEASE_RECORD_BYTES_MAX + 1];
    const char *at = text;

    if (len > LEASE_RECORD_BYTES_MAX || memchr(bytes, '\0', len) != NULL)
        return error_set(err, STATUS_INVALID, "no lease record: %zu bytes, or a NUL in them", len);
    memcpy(text, bytes, len);
    text[len] = '\0';
    *out_record = (struct lease_record){.kind = LEASE_RECORD_PROCESS};

    if (strncmp(at, LEASE_HEAD, strlen(LEASE_HEAD)) != 0)
        return error_set(err, STATUS_INVALID, "no lease record: unknown first line");
    at += strlen(LEASE_HEAD);
    if (!kind_take(&at, &out_record->kind) ||
        !line_take(&at, "what", out_record->what, sizeof(out_record->what)) ||
        (out_record->kind == LEASE_RECORD_PROCESS && !process_take(&at, out_record)))
        return error_set(err, STATUS_INVALID, "a broken lease record");
    if (*at != '\0')
        return error_set(err, STATUS_INVALID, "a lease record with more than it should have");
    return what_check(out_record->kind, out_record->what, err);
}

static bool text_write(int fd, const char *text, size_t len)
{
    ssize_t written = write(fd, text, len);

    if (written >= 0 && (size_t)written != len)
        errno = ENOSPC;
    return written >= 0 && (size_t)written == len;
}

enum status lease_record_write(const char *path, const struct lease_record *record,
                               struct error *err)
{
    char text[LEASE_RECORD_BYTES_MAX];
    char beside[LEASE_PATH_SIZE];
    size_t len = lease_record_encode(record, text);

    if (snprintf(beside, sizeof(beside), "%s.new", path) >= (int)sizeof(beside))
        return error_set(err, STATUS_TOO_BIG, "the path '%.100s...' is too long", path);
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_set_errno(err, "cannot write '%s'", beside);

    bool written = text_write(fd, text, len);
    if (close(fd) != 0 || !written || rename(beside, path) != 0) {
        enum status status = error_set_errno(err, "cannot write '%s'", path);
        (void)unlink(beside);
        return status;
    }
    return STATUS_OK;
}
