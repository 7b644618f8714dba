#include "agent/workers/room.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "shared/base/file.h"
#include "shared/base/memory.h"

void room_init(struct room *room, struct workers *workers, char *path)
{
    *room = (struct room){.workers = workers, .path = path};
}

void room_release(struct room *room)
{
    free(room->path);
}

static void make_work(uv_work_t *work)
{
    struct room *room = work->data;
    struct lease_book *book = room->workers->group.book;

    room->status = STATUS_OK;
    if (room->record == 0)
        room->status =
            lease_book_add(book, LEASE_RECORD_DIRECTORY, room->path, &room->record, &room->err);
    if (room->status == STATUS_OK)
        room->status = file_remove_tree(room->path, &room->err);
    if (room->status == STATUS_OK)
        room->status = file_make_directories(room->path, 0700, &room->err);
}

static void remove_work(uv_work_t *work)
{
    struct room *room = work->data;

    room->status = file_remove_tree(room->path, &room->err);
    if (room->status == STATUS_OK && room->record != 0) {
        lease_book_remove(room->workers->group.book, room->record);
        room->record = 0;
    }
}

static void after_work(uv_work_t *work, int status)
{
    struct room *room = work->data;

    (void)status;
    room->workers->work_count--;
    room->done(room->context);
}

static void room_work(struct room *room, uv_work_cb work, void (*done)(void *context),
                      void *context)
{
    room->work.data = room;
    room->done = done;
    room->context = context;
    room->workers->work_count++;
    CHECK(uv_queue_work(room->workers->group.loop, &room->work, work, after_work) == 0);
}

void room_make(struct room *room, void (*done)(void *context), void *context)
{
    room_work(room, make_work, done, context);
}

void room_remove(struct room *room, void (*done)(void *context), void *context)
{
    room_work(room, remove_work, done, context);
}
