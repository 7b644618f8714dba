#include "coordinator/core/image.h"

#include <string.h>

#include "coordinator/core/state.h"

/* ---- the record ---------------------------------------------------------------- */

struct image *image_find(const struct core *core, const char *fingerprint, const char *trust)
{
    CLEANUP(mem_freep) char *key = mem_printf("%s/%s", fingerprint, trust);
    struct image *image = NULL;

    HASH_FIND_STR(core->images, key, image);
    return image;
}

static struct image *image_get(struct core *core, const char *fingerprint, const char *trust)
{
    struct image *image = image_find(core, fingerprint, trust);

    if (image != NULL)
        return image;
    CHECK(hash_is_hex(fingerprint));
    image = mem_zalloc(sizeof(*image));
    image->key = mem_printf("%s/%s", fingerprint, trust);
    image->trust = image->key + HASH_HEX_SIZE;
    (void)memcpy(image->fingerprint, fingerprint, HASH_HEX_SIZE);
    image->agent = mem_strdup("");
    image->begun_ms = image->used_ms = core->now_ms;
    HASH_ADD_KEYPTR(hh, core->images, image->key, strlen(image->key), image);
    return image;
}

static void failure_free(struct image_failure *failure)
{
    free(failure->agent);
    free(failure->text);
    free(failure);
}

static void image_free(struct core *core, struct image *image)
{
    struct image_failure *failure = NULL;
    struct image_failure *next = NULL;

    HASH_DEL(core->images, image);
    DL_FOREACH_SAFE(image->failures, failure, next)
    failure_free(failure);
    free(image->users);
    free(image->agent);
    free(image->key);
    free(image);
}

/* Nobody builds it, it is not there; what failed is still remembered. */
static void image_clear(struct core *core, struct image *image)
{
    if (image->failures == NULL) {
        image_free(core, image);
        return;
    }
    free(image->agent);
    image->agent = mem_strdup("");
    image->state = IMAGE_RECORD_NONE;
    image->lease = image->incarnation = image->run = image->at_ms = image->bytes = 0;
    image->hash[0] = '\0';
}

const struct image_failure *image_failure_of(const struct image *image, int64_t run)
{
    const struct image_failure *failure = NULL;

    DL_FOREACH(image->failures, failure)
    if (failure->run == run)
        return failure;
    return NULL;
}

/* ---- who needs it --------------------------------------------------------------- */

bool image_is_needed(const struct core *core, const struct image *image)
{
    for (size_t i = 0; i < image->users_count; i++) {
        const struct run *run = run_find(core, image->users[i].run);

        if (run != NULL && run->state != RUN_ENDED)
            return true;
    }
    return false;
}

void image_use(struct core *core, struct image *image, int64_t run)
{
    image->used_ms = core->now_ms;
    for (size_t i = 0; i < image->users_count; i++)
        if (image->users[i].run == run)
            return;
    VEC_PUSH(image->users, image->users_count, image->users_cap).run = run;
}

const struct image *images_oldest_unneeded(const struct core *core)
{
    const struct image *oldest = NULL;

    for (const struct image *image = core->images; image != NULL; image = image->hh.next) {
        if (image->state != IMAGE_RECORD_READY || image_is_needed(core, image))
            continue;
        if (oldest == NULL || image->used_ms < oldest->used_ms)
            oldest = image;
    }
    return oldest;
}

static void forget_user(struct image *image, int64_t run)
{
    for (size_t i = 0; i < image->users_count; i++)
        if (image->users[i].run == run) {
            image->users[i] = image->users[--image->users_count];
            return;
        }
}

void images_forget_run(struct core *core, int64_t run)
{
    for (struct image *image = core->images, *next = NULL; image != NULL; image = next) {
        struct image_failure *failure = NULL;
        struct image_failure *next_failure = NULL;

        next = image->hh.next;
        forget_user(image, run);
        DL_FOREACH_SAFE(image->failures, failure, next_failure)
        {
            if (failure->run != run)
                continue;
            DL_DELETE(image->failures, failure);
            failure_free(failure);
        }
        if (image->state == IMAGE_RECORD_NONE && image->failures == NULL)
            image_free(core, image);
    }
}

void images_restart(struct core *core)
{
    for (struct image *image = core->images; image != NULL; image = image->hh.next) {
        image->begun_ms = image->used_ms = core->now_ms;
        for (const struct run *run = core->open_runs; run != NULL; run = run->next)
            image_use(core, image, run->number);
    }
}

void images_free(struct core *core)
{
    struct image *image = NULL;
    struct image *next = NULL;

    HASH_ITER(hh, core->images, image, next)
    image_free(core, image);
}

/* ---- facts ---------------------------------------------------------------------- */

void image_apply_claimed(struct core *core, const struct fact_image_claimed *claimed)
{
    struct image *image = image_get(core, claimed->fingerprint, claimed->trust);

    CHECK(image->state == IMAGE_RECORD_NONE);
    if (LEASE_EPOCH(claimed->lease) == core->epoch &&
        LEASE_COUNTER(claimed->lease) > core->last_counter)
        core->last_counter = LEASE_COUNTER(claimed->lease);
    free(image->agent);
    image->agent = mem_strdup(claimed->agent);
    image->incarnation = claimed->incarnation;
    image->state = IMAGE_RECORD_BUILDING;
    image->lease = claimed->lease;
    image->run = claimed->run;
    image->at_ms = claimed->at_ms;
    image->begun_ms = core->now_ms;
}

void image_apply_done(struct core *core, const struct fact_image_done *done)
{
    struct image *image = image_find(core, done->fingerprint, done->trust);

    CHECK(image != NULL && image->state == IMAGE_RECORD_BUILDING && image->lease == done->lease);
    CHECK(hash_is_hex(done->hash));
    image->state = IMAGE_RECORD_READY;
    (void)memcpy(image->hash, done->hash, HASH_HEX_SIZE);
    image->bytes = done->bytes;
    image->at_ms = done->at_ms;
}

/* Also of a building that is over long ago, when a core is loaded. */
void image_apply_failed(struct core *core, const struct fact_image_failed *failed)
{
    struct image *image = image_get(core, failed->fingerprint, failed->trust);
    struct image_failure *failure = mem_zalloc(sizeof(*failure));
    struct image_failure *after = image->failures;

    *failure = (struct image_failure){.run = failed->run,
                                      .lease = failed->lease,
                                      .at_ms = failed->at_ms,
                                      .agent = mem_strdup(failed->agent),
                                      .text = mem_strdup(failed->text)};
    CHECK(image_failure_of(image, failed->run) == NULL);
    while (after != NULL && after->run < failed->run)
        after = after->next;
    if (after == NULL)
        DL_APPEND(image->failures, failure);
    else
        DL_PREPEND_ELEM(image->failures, after, failure);
    if (image->state == IMAGE_RECORD_BUILDING && image->lease == failed->lease)
        image_clear(core, image);
}

void image_apply_released(struct core *core, const struct fact_image_released *released)
{
    struct image *image = image_find(core, released->fingerprint, released->trust);

    CHECK(image != NULL && image->state == IMAGE_RECORD_BUILDING &&
          image->lease == released->lease);
    image_clear(core, image);
}

void image_apply_dropped(struct core *core, const struct fact_image_dropped *dropped)
{
    struct image *image = image_find(core, dropped->fingerprint, dropped->trust);

    CHECK(image != NULL);
    image_free(core, image);
}
