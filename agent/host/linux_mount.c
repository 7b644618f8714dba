#include "agent/host/mount.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

/* One above the other at one place; an agent makes one. */
#define MOUNTS_STACKED_MAX 16

/* The kernel writes blank, tab, newline and backslash as \ooo. */
static void octal_undo(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++)
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] != '\0' &&
            from[3] != '\0') {
            *to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 3;
        } else
            *to++ = *from;
    *to = '\0';
}

bool mount_is_point(const char *path)
{
    FILE *table = fopen("/proc/self/mountinfo", "re");
    char line[8192];
    char point[4096];
    bool found = false;

    if (table == NULL)
        return false;
    while (!found && fgets(line, sizeof(line), table) != NULL)
        if (sscanf(line, "%*s %*s %*s %*s %4095s", point) == 1) {
            octal_undo(point);
            found = strcmp(point, path) == 0;
        }
    (void)fclose(table);
    return found;
}

enum status mount_remove(const char *path, struct error *err)
{
    for (int i = 0; i < MOUNTS_STACKED_MAX && mount_is_point(path); i++)
        if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) != 0)
            return error_set_errno(err, "cannot unmount '%s'", path);
    return STATUS_OK;
}
