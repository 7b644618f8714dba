#ifndef COORDINATOR_CORE_IMAGE_H
#define COORDINATOR_CORE_IMAGE_H

/* What the fleet knows of the image of a fingerprint, inside a trust label.
 *
 *   (nothing) -- claimed --> [BUILDING] -- done under its lease ----> [READY]
 *       ^                      | |                                       |
 *       |    agent gone, or its| '-- failed: the run is told so          |
 *       |    run has ended     |     and does not try again              |
 *       '----------------------'                                         |
 *       '----------- bad, deleted, or forgotten for others --------------'
 *
 * One agent incarnation builds at a time, under a fencing token of the same kind as a run's leases.
 * Failures belong to runs and go with them. */

#include "coordinator/core/fact.h"
#include "coordinator/core/table.h"
#include "shared/base/hash.h"

/* A fleet with a hundred suites, each changing its schema every day, for a month. */
#define IMAGES_MAX 4096

enum image_record_state { IMAGE_RECORD_NONE, IMAGE_RECORD_BUILDING, IMAGE_RECORD_READY };

struct image_failure {
    int64_t run, lease, at_ms;
    char *agent, *text;
    struct image_failure *prev, *next;
};

/* A run that has asked for it. */
struct image_user {
    int64_t run;
};

struct image {
    char *key; /* fingerprint and trust */
    char fingerprint[HASH_HEX_SIZE];
    const char *trust; /* inside the key */
    enum image_record_state state;
    int64_t lease; /* of the building, also when it is done */
    char *agent;   /* who builds or built; "" nobody */
    int64_t incarnation, run, at_ms;
    char hash[HASH_HEX_SIZE]; /* "" unless it is ready */
    int64_t bytes;
    struct image_failure *failures; /* ascending run */

    /* Pencil. */
    int64_t begun_ms, used_ms;
    struct image_user *users;
    size_t users_count, users_cap;

    UT_hash_handle hh;
};

struct core;

/* NULL: nothing is known. */
struct image *image_find(const struct core *core, const char *fingerprint, const char *trust);

/* NULL: the run may try. */
const struct image_failure *image_failure_of(const struct image *image, int64_t run);

/* Does a run that is open ask for it? */
bool image_is_needed(const struct core *core, const struct image *image);

/* Pencil: the run has asked for it. */
void image_use(struct core *core, struct image *image, int64_t run);

/* The finished one used longest ago that no open run needs; NULL: there is none. */
const struct image *images_oldest_unneeded(const struct core *core);

/* Facts. */
void image_apply_claimed(struct core *core, const struct fact_image_claimed *claimed);
void image_apply_done(struct core *core, const struct fact_image_done *done);
void image_apply_failed(struct core *core, const struct fact_image_failed *failed);
void image_apply_released(struct core *core, const struct fact_image_released *released);
void image_apply_dropped(struct core *core, const struct fact_image_dropped *dropped);

/* The run has ended: its failures and its needs are over. */
void images_forget_run(struct core *core, int64_t run);

/* Times anew; every open run counts as one that asked for every image. */
void images_restart(struct core *core);
void images_free(struct core *core);

#endif
