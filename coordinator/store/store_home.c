#include "coordinator/store/store_home.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "shared/base/memory.h"
#include "shared/base/text.h"

#define MARK_BYTES_MAX 4096

/* Shared memory and locks of the log do not hold between machines there. */
static const struct {
    uint32_t magic;
    const char *name;
} network_systems[] = {
    {0x00006969, "NFS"},  {0x0000517b, "SMB"},    {0xff534d42, "CIFS"},     {0xfe534d42, "SMB2"},
    {0x01021997, "9P"},   {0x00c36400, "Ceph"},   {0x5346414f, "AFS"},      {0x0bd00bd0, "Lustre"},
    {0x73757245, "Coda"}, {0x01161970, "GFS2"},   {0x7461636f, "OCFS2"},    {0x564c, "NCP"},
    {0x47504653, "GPFS"}, {0x19830326, "BeeGFS"}, {0x20030528, "OrangeFS"},
};

static enum status refuse_network(const char *dir, struct error *err)
{
    struct statfs fs;

    if (statfs(dir, &fs) != 0)
        return error_set_errno(err, "cannot look at '%s'", dir);
    for (size_t i = 0; i < COUNT_OF(network_systems); i++)
        if (network_systems[i].magic == (uint32_t)fs.f_type)
            return error_set(err, STATUS_INVALID,
                             "'%s' is on a network file system (%s), which does not keep a "
                             "database safe: choose a directory on a local disk with --data",
                             dir, network_systems[i].name);
    return STATUS_OK;
}

/* The lock file holds the pid of its holder, for the message to the next who tries. */
static enum status take_lock(struct store_home *home, const char *dir, struct error *err)
{
    char text[32] = "";
    enum status status = file_lock(home->lock_path, &home->lock_fd, err);

    if (status == STATUS_OK) {
        int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

        /* The text is a courtesy; the lock is held without it. */
        if (ftruncate(home->lock_fd, 0) != 0 || pwrite(home->lock_fd, text, (size_t)len, 0) != len)
            (void)error_set(err, STATUS_OK, "no pid in '%s'", home->lock_path);
        return STATUS_OK;
    }
    home->lock_fd = -1;
    if (status != STATUS_CONFLICT)
        return status;
    int fd = open(home->lock_path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t len = read(fd, text, sizeof(text) - 1);

        text[len > 0 ? (size_t)len : 0] = '\0';
        text[strcspn(text, "\n")] = '\0';
        (void)close(fd);
    }
    return error_set(err, STATUS_CONFLICT,
                     "another muster-coordinator (pid %s) uses '%s': stop it, or give this one "
                     "another --data directory",
                     text[0] != '\0' ? text : "unknown", dir);
}

static enum status read_mark(struct store_home *home, struct error *err)
{
    struct buffer text;
    char identity[2 * STORE_IDENTITY_BYTES + 1];
    long long epoch;

    buffer_init(&text, MARK_BYTES_MAX);
    enum status status = file_read(home->mark_path, &text, err);
    if (status == STATUS_OK) {
        /* NOLINTNEXTLINE(cert-err34-c): the widths bound it, and the count tells */
        if (sscanf(text.at, "identity=%32[0-9a-f] epoch=%18lld", identity, &epoch) == 2) {
            (void)memcpy(home->identity, identity, sizeof(identity));
            home->epoch = epoch;
        } else {
            status = error_set(err, STATUS_INVALID,
                               "'%s' is damaged: remove it when '%s' is the right store",
                               home->mark_path, home->db_path);
        }
    }
    buffer_release(&text);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* SQLite gives the log and its index the mode of the file. */
static enum status make_file(const struct store_home *home, struct error *err)
{
    int fd = open(home->db_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return error_set_errno(err, "cannot open '%s'", home->db_path);
    if (fchmod(fd, 0600) != 0) {
        (void)close(fd);
        return error_set_errno(err, "cannot make '%s' private", home->db_path);
    }
    (void)close(fd);
    return STATUS_OK;
}

enum status home_open(struct store_home *home, const char *dir, struct error *err)
{
    *home = (struct store_home){.lock_fd = -1};
    home->db_path = mem_printf("%s/muster.db", dir);
    home->lock_path = mem_printf("%s/muster.lock", dir);
    home->mark_path = mem_printf("%s/muster.mark", dir);

    enum status status = file_make_directories(dir, 0700, err);
    if (status == STATUS_OK)
        status = refuse_network(dir, err);
    if (status == STATUS_OK)
        status = take_lock(home, dir, err);
    if (status == STATUS_OK)
        status = read_mark(home, err);
    if (status == STATUS_OK)
        status = make_file(home, err);
    if (status != STATUS_OK)
        home_close(home);
    return status;
}

void home_close(struct store_home *home)
{
    if (home->lock_fd >= 0)
        (void)close(home->lock_fd);
    free(home->db_path);
    free(home->lock_path);
    free(home->mark_path);
    *home = (struct store_home){.lock_fd = -1};
}

enum status home_write_mark(const struct store_home *home, const char *identity, int64_t epoch,
                            struct error *err)
{
    char text[96];
    int len = snprintf(text, sizeof(text), "identity=%s epoch=%" PRId64 "\n", identity, epoch);

    CHECK(len > 0 && (size_t)len < sizeof(text));
    return file_write_atomic(home->mark_path, text, (size_t)len, 0600, err);
}
