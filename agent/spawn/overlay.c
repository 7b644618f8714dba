#include "agent/spawn/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "shared/base/check.h"

enum place { PLACE_LOWER, PLACE_UPPER, PLACE_SCRATCH, PLACE_AT, PLACE_COUNT };

bool overlay_is_whole(const struct spawn_overlay *overlay)
{
    bool has_lower = overlay->lower != NULL;

    return (overlay->upper != NULL) == has_lower && (overlay->scratch != NULL) == has_lower &&
           (overlay->at != NULL) == has_lower;
}

/* The kernel takes colons, commas and backslashes of a path for its own; a descriptor's name has
 * none, is short, and leads to the directory that was opened whatever happens to its path. */
static const char *opened_mount(const int fds[PLACE_COUNT], bool by_user)
{
    char at[64];
    char options[256];

    (void)snprintf(at, sizeof(at), "/proc/self/fd/%d", fds[PLACE_AT]);
    (void)snprintf(options, sizeof(options),
                   "lowerdir=/proc/self/fd/%d,upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d%s",
                   fds[PLACE_LOWER], fds[PLACE_UPPER], fds[PLACE_SCRATCH],
                   by_user ? ",userxattr" : "");
    if (mount("overlay", at, "overlay", MS_NOSUID | MS_NODEV, options) != 0)
        return OVERLAY_MOUNT_FAILED;
    return NULL;
}

const char *overlay_mount(const struct spawn_overlay *overlay, bool by_user)
{
    /* clang-format off */
    const struct {
        const char *path;
        const char *failed;
    } places[PLACE_COUNT] = {
        [PLACE_LOWER]   = {overlay->lower,   "open (the overlay's lower directory)"},
        [PLACE_UPPER]   = {overlay->upper,   "open (the overlay's upper directory)"},
        [PLACE_SCRATCH] = {overlay->scratch, "open (the overlay's scratch directory)"},
        [PLACE_AT]      = {overlay->at,      "open (the overlay's place)"},
    };
    /* clang-format on */
    int fds[PLACE_COUNT];
    size_t count = 0;
    const char *failed = NULL;

    for (; count < PLACE_COUNT && failed == NULL; count++) {
        fds[count] = open(places[count].path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fds[count] < 0)
            failed = places[count].failed;
    }
    if (failed == NULL)
        failed = opened_mount(fds, by_user);
    int saved = errno;
    for (size_t i = 0; i < count; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
    errno = saved;
    return failed;
}
