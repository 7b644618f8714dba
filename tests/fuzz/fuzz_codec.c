/* The codec with every document of the wire: the first byte chooses the document and the
 * mode, the rest is its text.  Whatever is accepted must come back equal from its own bytes;
 * whatever is refused must say why, in whole UTF-8. */

#include <string.h>

#include "shared/base/check.h"
#include "shared/base/text.h"
#include "tests/fuzz/fuzz.h"
#include "tests/golden/shapes.h"

/* Escapes make a text six times as long at most; libFuzzer's inputs are small. */
#define ENCODED_BYTES_MAX ((size_t)16 << 20)

static void encode(const struct shape *shape, const void *object, struct buffer *bytes)
{
    struct error err;

    buffer_init(bytes, ENCODED_BYTES_MAX);
    CHECK(codec_encode(shape, object, bytes, &err) == STATUS_OK);
}

static void come_back_equal(const struct shape *shape, const void *object, struct arena *arena)
{
    void *again = arena_alloc(arena, shape->size);
    void *copy = arena_alloc(arena, shape->size);
    struct buffer first;
    struct buffer second;
    struct buffer third;
    struct error err;

    encode(shape, object, &first);
    CHECK(codec_decode(shape, first.at, first.len, CODEC_CLOSED, arena, again, &err) == STATUS_OK);
    encode(shape, again, &second);
    CHECK(strcmp(first.at, second.at) == 0);
    codec_copy(shape, object, arena, copy);
    encode(shape, copy, &third);
    CHECK(strcmp(first.at, third.at) == 0);
    buffer_release(&first);
    buffer_release(&second);
    buffer_release(&third);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const enum codec_mode modes[] = {CODEC_OPEN, CODEC_CLOSED, CODEC_TYPED};
    struct arena arena = ARENA_INIT;
    struct error err = {STATUS_OK, ""};

    if (len == 0)
        return 0;

    const struct shape *shape = known_shapes[bytes[0] % known_documents_count].shape;
    enum codec_mode mode = modes[bytes[0] / known_documents_count % COUNT_OF(modes)];
    void *object = arena_alloc(&arena, shape->size);
    enum status status =
        codec_decode(shape, (const char *)bytes + 1, len - 1, mode, &arena, object, &err);

    if (status == STATUS_OK)
        come_back_equal(shape, object, &arena);
    else
        CHECK(err.text[0] != '\0' && text_is_utf8(err.text, strlen(err.text)));
    arena_release(&arena);
    return 0;
}
