#ifndef AGENT_WORKERS_ROOM_H
#define AGENT_WORKERS_ROOM_H

/* Private to this folder: what workers and commands share, and the private directory that each gets
 * before it starts.  Making and removing a directory is slow when it is full: a thread does it. */

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "agent/workers/child.h"
#include "agent/workers/workers.h"
#include "shared/base/limits.h"

struct worker;
struct command;

struct workers {
    struct child_group group;
    char *work_dir;
    char *drivers_dir;
    char *templates_dir;
    char *helper_path;
    void (*on_input)(void *context, const struct input *input);
    void *context;
    struct worker *slots[SLOTS_PER_AGENT_MAX + 1]; /* by number */
    struct command *commands;
    size_t work_count; /* uv_queue_work under way */
    int64_t command_next;
    bool is_closing;
};

/* A directory that is written down, made empty, and removed again. */
struct room {
    struct workers *workers;
    char *path;
    int64_t record; /* 0: not written down */
    bool is_removed;
    enum status status;
    struct error err;
    uv_work_t work;
    void (*done)(void *context);
    void *context;
};

void room_init(struct room *room, struct workers *workers, char *path);
void room_release(struct room *room);

/* Both end in done(context), from the loop; room->status and ->err say how. */
void room_make(struct room *room, void (*done)(void *context), void *context);
void room_remove(struct room *room, void (*done)(void *context), void *context);

/* command.c: kills and forgets all commands. */
void commands_abandon(struct workers *workers);

#endif
