/* Images: who builds a database template, and who only takes it. */

#include "shared/base/hash.h"
#include "shared/base/limits.h"
#include "shared/json/messages_json.h"
#include "shared/protocol/messages.h"

enum { HASH_DIGITS = HASH_HEX_SIZE - 1 };

static const char *const image_states[] = {
    [IMAGE_READY] = "ready",
    [IMAGE_BUILD] = "build",
    [IMAGE_WAIT] = "wait",
    [IMAGE_FAILED] = "failed",
};
const struct enum_names image_state_names = {image_states, COUNT_OF(image_states)};

static enum status check_hash(const char *name, const char *hash, struct error *err)
{
    if (hash_is_hex(hash))
        return STATUS_OK;
    return error_set(err, STATUS_INVALID, "%s: is not 64 hexadecimal digits", name);
}

/* clang-format off */
#define FIELD_TRUST(type_)                                                                         \
    {.name = "trust", .offset = offsetof(type_, trust), .type = FIELD_STRING, .min = 1,            \
     .max = NAME_BYTES_MAX, .fallback_text = IMAGE_TRUST_DEFAULT}

static const struct field image_claim_fields[] = {
    FIELD_REQUIRED(struct image_claim, agent,       FIELD_STRING, .min = 1, .max = NAME_BYTES_MAX),
    FIELD_REQUIRED(struct image_claim, incarnation, FIELD_INT, .min = 1),
    FIELD_REQUIRED(struct image_claim, run,         FIELD_INT, .min = 1),
    FIELD_TRUST(struct image_claim),
    FIELD_OPTIONAL(struct image_claim, wait,        FIELD_BOOL),
};
const struct shape image_claim_shape =
    SHAPE("image claim", struct image_claim, image_claim_fields, NULL);

static const struct field image_answer_fields[] = {
    FIELD_REQUIRED(struct image_answer, state,    FIELD_ENUM, .names = &image_state_names),
    FIELD_TEXT(struct image_answer,     hash,     HASH_DIGITS),
    FIELD_OPTIONAL(struct image_answer, bytes,    FIELD_INT, .max = INT64_MAX),
    FIELD_OPTIONAL(struct image_answer, lease,    FIELD_INT, .max = INT64_MAX),
    FIELD_TEXT(struct image_answer,     agent,    NAME_BYTES_MAX),
    FIELD_OPTIONAL(struct image_answer, since_ms, FIELD_INT, .max = INT64_MAX),
    FIELD_TEXT(struct image_answer,     doing,    MESSAGE_SENTENCE_BYTES_MAX),
    FIELD_TEXT(struct image_answer,     text,     IMAGE_TEXT_BYTES_MAX),
};
/* clang-format on */

static enum status image_answer_check(const void *object, struct error *err)
{
    const struct image_answer *answer = object;

    if (answer->state == IMAGE_READY)
        return check_hash("hash", answer->hash, err);
    if (answer->state == IMAGE_BUILD && answer->lease < 1)
        return error_set(err, STATUS_INVALID, "lease: who builds needs it");
    return STATUS_OK;
}

const struct shape image_answer_shape =
    SHAPE("image answer", struct image_answer, image_answer_fields, image_answer_check);

/* clang-format off */
static const struct field image_done_fields[] = {
    FIELD_REQUIRED(struct image_done, lease, FIELD_INT, .min = 1),
    FIELD_TRUST(struct image_done),
    FIELD_REQUIRED(struct image_done, hash,  FIELD_STRING, .max = HASH_DIGITS),
    FIELD_REQUIRED(struct image_done, bytes, FIELD_INT, .min = 1),
};
/* clang-format on */

static enum status image_done_check(const void *object, struct error *err)
{
    const struct image_done *done = object;

    return check_hash("hash", done->hash, err);
}

const struct shape image_done_shape =
    SHAPE("finished image", struct image_done, image_done_fields, image_done_check);

/* clang-format off */
static const struct field image_failed_fields[] = {
    FIELD_REQUIRED(struct image_failed, lease, FIELD_INT, .min = 1),
    FIELD_TRUST(struct image_failed),
    FIELD_TEXT(struct image_failed, text, IMAGE_TEXT_BYTES_MAX),
};
const struct shape image_failed_shape =
    SHAPE("failed image", struct image_failed, image_failed_fields, NULL);

static const struct field image_bad_fields[] = {
    FIELD_TRUST(struct image_bad),
    FIELD_REQUIRED(struct image_bad, hash, FIELD_STRING, .max = HASH_DIGITS),
};
/* clang-format on */

static enum status image_bad_check(const void *object, struct error *err)
{
    const struct image_bad *bad = object;

    return check_hash("hash", bad->hash, err);
}

const struct shape image_bad_shape =
    SHAPE("bad image", struct image_bad, image_bad_fields, image_bad_check);

/* clang-format off */
static const struct field image_view_fields[] = {
    FIELD_REQUIRED(struct image_view, fingerprint, FIELD_STRING, .max = HASH_DIGITS),
    FIELD_REQUIRED(struct image_view, trust,       FIELD_STRING, .max = NAME_BYTES_MAX),
    FIELD_REQUIRED(struct image_view, state,       FIELD_STRING, .max = NAME_BYTES_MAX),
    FIELD_TEXT(struct image_view,     hash,        HASH_DIGITS),
    FIELD_OPTIONAL(struct image_view, bytes,       FIELD_INT, .max = INT64_MAX),
    FIELD_TEXT(struct image_view,     agent,       NAME_BYTES_MAX),
    FIELD_OPTIONAL(struct image_view, run,         FIELD_INT, .max = INT64_MAX),
    FIELD_OPTIONAL(struct image_view, at_ms,       FIELD_INT, .max = INT64_MAX),
    FIELD_OPTIONAL(struct image_view, needed,      FIELD_BOOL),
};
const struct shape image_view_shape =
    SHAPE("image", struct image_view, image_view_fields, NULL);

static const struct field image_list_fields[] = {
    FIELD_REQUIRED_LIST(struct image_list, images, FIELD_LIST, .shape = &image_view_shape),
};
const struct shape image_list_shape =
    SHAPE("image list", struct image_list, image_list_fields, NULL);

static const struct field upload_view_fields[] = {
    FIELD_REQUIRED(struct upload_view, received, FIELD_INT, .max = INT64_MAX),
    FIELD_OPTIONAL(struct upload_view, whole,    FIELD_BOOL),
};
const struct shape upload_view_shape =
    SHAPE("upload", struct upload_view, upload_view_fields, NULL);
/* clang-format on */
