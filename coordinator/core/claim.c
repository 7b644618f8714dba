#include <string.h>

#include "coordinator/core/state.h"
#include "shared/base/limits.h"

/* Who builds an image, and who only takes it.
 *
 *     it is there                      -> ready
 *     it failed for this run           -> failed
 *     nobody builds it                 -> build: a lease
 *     who asks builds it               -> build: the same lease, so a claim may be repeated
 *     who builds it does so for a run
 *     that has ended                   -> build: that agent may have stopped without a word
 *     else                             -> wait
 */

/* ---- who asks ------------------------------------------------------------------ */

static enum status check_claim(const struct core *core, const char *fingerprint,
                               const struct image_claim *claim, struct error *err)
{
    const struct agent *agent = agent_find(core, claim->agent);
    const struct run *run = run_find(core, claim->run);

    if (!hash_is_hex(fingerprint))
        return error_set(err, STATUS_INVALID, "a fingerprint is 64 hexadecimal digits");
    if (agent != NULL && claim->incarnation < agent->incarnation)
        return error_set(err, STATUS_SUPERSEDED, "agent '%s' has started again since",
                         claim->agent);
    if (agent == NULL || !agent->is_live || agent->incarnation != claim->incarnation)
        return error_set(err, STATUS_CONFLICT,
                         "agent '%s' is not known as live: it must sync first", claim->agent);
    if (run == NULL)
        return error_set(err, STATUS_NOT_FOUND, "no run '%lld'", (long long)claim->run);
    if (run->state == RUN_ENDED)
        return error_set(err, STATUS_CONFLICT, "run %lld has ended", (long long)claim->run);
    return STATUS_OK;
}

static bool is_builder(const struct image *image, const struct image_claim *claim)
{
    return image->incarnation == claim->incarnation && strcmp(image->agent, claim->agent) == 0;
}

static bool is_abandoned(const struct core *core, const struct image *image)
{
    const struct run *run = run_find(core, image->run);

    return run == NULL || run->state == RUN_ENDED;
}

/* What the claim would be answered.  IMAGE_BUILD: *out_is_new says whether with a new lease. */
static enum image_state answer_of(const struct core *core, const struct image *image,
                                  const struct image_claim *claim, bool *out_is_new)
{
    *out_is_new = false;
    if (image != NULL && image->state == IMAGE_RECORD_READY)
        return IMAGE_READY;
    if (image != NULL && image_failure_of(image, claim->run) != NULL)
        return IMAGE_FAILED;
    *out_is_new = image == NULL || image->state == IMAGE_RECORD_NONE || is_abandoned(core, image);
    if (*out_is_new || is_builder(image, claim))
        return IMAGE_BUILD;
    return IMAGE_WAIT;
}

bool core_image_has_news(const struct core *core, const char *fingerprint,
                         const struct image_claim *claim)
{
    const struct image *image = image_find(core, fingerprint, claim->trust);
    struct error ignored;
    bool is_new = false;

    return check_claim(core, fingerprint, claim, &ignored) != STATUS_OK ||
           answer_of(core, image, claim, &is_new) != IMAGE_WAIT;
}

/* ---- deciding ------------------------------------------------------------------ */

static void release(struct desk *desk, const struct image *image, enum image_release reason)
{
    struct fact_image_released *fact = desk_body(desk, sizeof(*fact));

    fact->trust = arena_strdup(&desk->facts->arena, image->trust);
    fact->fingerprint = arena_strdup(&desk->facts->arena, image->fingerprint);
    fact->lease = image->lease;
    fact->reason = reason;
    desk_decide(desk, FACT_IMAGE_RELEASED, 0, fact);
}

void images_release(struct desk *desk, const struct agent *agent)
{
    for (struct image *image = desk->core->images, *next = NULL; image != NULL; image = next) {
        next = image->hh.next;
        if (image->state == IMAGE_RECORD_BUILDING && strcmp(image->agent, agent->name) == 0)
            release(desk, image, IMAGE_RELEASE_AGENT_GONE);
    }
}

static void drop(struct desk *desk, const struct image *image, enum image_drop reason)
{
    struct fact_image_dropped *fact = desk_body(desk, sizeof(*fact));

    fact->trust = arena_strdup(&desk->facts->arena, image->trust);
    fact->fingerprint = arena_strdup(&desk->facts->arena, image->fingerprint);
    fact->reason = reason;
    desk_decide(desk, FACT_IMAGE_DROPPED, 0, fact);
}

static enum status make_room(struct desk *desk, struct error *err)
{
    if (HASH_COUNT(desk->core->images) < IMAGES_MAX)
        return STATUS_OK;
    const struct image *oldest = images_oldest_unneeded(desk->core);
    if (oldest == NULL)
        return error_set(err, STATUS_FULL, "%d images are built or needed already", IMAGES_MAX);
    drop(desk, oldest, IMAGE_DROP_FORGOTTEN);
    return STATUS_OK;
}

static enum status give_lease(struct desk *desk, const struct command *command, struct error *err)
{
    const struct image_claim *claim = command->image_claim;
    const struct image *image = image_find(desk->core, command->fingerprint, claim->trust);

    if (image == NULL && make_room(desk, err) != STATUS_OK)
        return STATUS_FULL;
    if (image != NULL && image->state == IMAGE_RECORD_BUILDING)
        release(desk, image, IMAGE_RELEASE_RUN_ENDED);

    struct fact_image_claimed *fact = desk_body(desk, sizeof(*fact));
    fact->trust = claim->trust;
    fact->fingerprint = command->fingerprint;
    fact->lease = core_next_token(desk->core);
    fact->agent = claim->agent;
    fact->incarnation = claim->incarnation;
    fact->run = claim->run;
    fact->at_ms = desk->instant.wall_ms;
    desk_decide(desk, FACT_IMAGE_CLAIMED, 0, fact);
    return STATUS_OK;
}

static void fill_answer(const struct desk *desk, const struct image *image,
                        const struct image_claim *claim, struct image_answer *answer)
{
    const struct image_failure *failure = image_failure_of(image, claim->run);
    const struct agent *builder = agent_find(desk->core, image->agent);

    answer->hash = answer->agent = answer->doing = answer->text = "";
    switch (answer->state) {
    case IMAGE_READY:
        answer->hash = arena_strdup(desk->arena, image->hash);
        answer->bytes = image->bytes;
        break;
    case IMAGE_BUILD:
        answer->lease = image->lease;
        break;
    case IMAGE_WAIT:
        answer->agent = arena_strdup(desk->arena, image->agent);
        answer->since_ms = desk->instant.now_ms - image->begun_ms;
        answer->doing = arena_strdup(desk->arena, builder != NULL ? builder->doing : "");
        break;
    case IMAGE_FAILED:
        answer->agent = arena_strdup(desk->arena, failure->agent);
        answer->text = arena_strdup(desk->arena, failure->text);
        break;
    }
}

enum status claim_handle(struct desk *desk, const struct command *command,
                         struct image_answer *out_answer, struct error *err)
{
    const struct image_claim *claim = command->image_claim;
    bool is_new = false;
    enum status status = check_claim(desk->core, command->fingerprint, claim, err);

    if (status != STATUS_OK)
        return status;
    struct image *image = image_find(desk->core, command->fingerprint, claim->trust);
    out_answer->state = answer_of(desk->core, image, claim, &is_new);
    if (is_new) {
        status = give_lease(desk, command, err);
        if (status != STATUS_OK)
            return status;
        image = image_find(desk->core, command->fingerprint, claim->trust);
    }
    image_use(desk->core, image, claim->run);
    fill_answer(desk, image, claim, out_answer);
    return STATUS_OK;
}

/* ---- the end of a building ------------------------------------------------------ */

static enum status refuse_lease(int64_t lease, struct error *err)
{
    return error_set(err, STATUS_SUPERSEDED, "lease %lld.%lld does not build this image any more",
                     (long long)LEASE_EPOCH(lease), (long long)LEASE_COUNTER(lease));
}

enum status image_done_handle(struct desk *desk, const struct command *command, struct error *err)
{
    const struct image_done *done = command->image_done;
    const struct image *image = image_find(desk->core, command->fingerprint, done->trust);

    if (image == NULL || image->lease != done->lease)
        return refuse_lease(done->lease, err);
    if (image->state == IMAGE_RECORD_READY) {
        if (strcmp(image->hash, done->hash) == 0)
            return STATUS_OK; /* said again */
        return error_set(err, STATUS_CONFLICT, "the lease has finished with another blob, '%s'",
                         image->hash);
    }
    struct fact_image_done *fact = desk_body(desk, sizeof(*fact));

    fact->trust = done->trust;
    fact->fingerprint = command->fingerprint;
    fact->lease = done->lease;
    fact->hash = done->hash;
    fact->bytes = done->bytes;
    fact->at_ms = desk->instant.wall_ms;
    desk_decide(desk, FACT_IMAGE_DONE, 0, fact);
    return STATUS_OK;
}

static bool has_failed(const struct image *image, int64_t lease)
{
    const struct image_failure *failure = NULL;

    DL_FOREACH(image->failures, failure)
    if (failure->lease == lease)
        return true;
    return false;
}

enum status image_failed_handle(struct desk *desk, const struct command *command, struct error *err)
{
    const struct image_failed *failed = command->image_failed;
    const struct image *image = image_find(desk->core, command->fingerprint, failed->trust);

    if (image != NULL && has_failed(image, failed->lease))
        return STATUS_OK; /* said again */
    if (image == NULL || image->state != IMAGE_RECORD_BUILDING || image->lease != failed->lease)
        return refuse_lease(failed->lease, err);
    if (is_abandoned(desk->core, image)) { /* nobody is to be told */
        release(desk, image, IMAGE_RELEASE_RUN_ENDED);
        return STATUS_OK;
    }
    struct fact_image_failed *fact = desk_body(desk, sizeof(*fact));

    fact->trust = failed->trust;
    fact->fingerprint = command->fingerprint;
    fact->lease = failed->lease;
    fact->agent = arena_strdup(&desk->facts->arena, image->agent);
    fact->run = image->run;
    fact->text = failed->text;
    fact->at_ms = desk->instant.wall_ms;
    desk_decide(desk, FACT_IMAGE_FAILED, 0, fact);
    return STATUS_OK;
}

/* ---- the end of an image --------------------------------------------------------- */

static bool is_named(const struct core *core, const char *hash)
{
    for (const struct image *image = core->images; image != NULL; image = image->hh.next)
        if (strcmp(image->hash, hash) == 0)
            return true;
    return false;
}

void image_bad_handle(struct desk *desk, const struct command *command, struct reply *out_reply)
{
    const struct image_bad *bad = command->image_bad;
    const struct image *image = image_find(desk->core, command->fingerprint, bad->trust);

    if (image != NULL && image->state == IMAGE_RECORD_READY && strcmp(image->hash, bad->hash) == 0)
        drop(desk, image, IMAGE_DROP_BAD);
    if (!is_named(desk->core, bad->hash))
        out_reply->unneeded_blob = arena_strdup(desk->arena, bad->hash);
}

enum status image_drop_handle(struct desk *desk, const struct command *command,
                              struct reply *out_reply, struct error *err)
{
    const struct image *image = image_find(desk->core, command->fingerprint, command->trust);

    if (image == NULL)
        return error_set(err, STATUS_NOT_FOUND, "no image '%s' of trust '%s'", command->fingerprint,
                         command->trust);
    const char *hash = arena_strdup(desk->arena, image->hash);
    drop(desk, image, IMAGE_DROP_DELETED);
    if (hash[0] != '\0' && !is_named(desk->core, hash))
        out_reply->unneeded_blob = hash;
    return STATUS_OK;
}
