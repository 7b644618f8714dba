#include "shared/base/hash.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/memory.h"

#define READ_BYTES ((size_t)64 * 1024)

void hash_init(struct hash *hash)
{
    (void)crypto_hash_sha256_init(&hash->state);
}

void hash_add(struct hash *hash, const void *bytes, size_t len)
{
    (void)crypto_hash_sha256_update(&hash->state, bytes, len);
}

void hash_add_text(struct hash *hash, const char *text)
{
    hash_add(hash, text, strlen(text) + 1);
}

void hash_final(struct hash *hash, char out_hex[HASH_HEX_SIZE])
{
    unsigned char digest[crypto_hash_sha256_BYTES];

    (void)crypto_hash_sha256_final(&hash->state, digest);
    (void)sodium_bin2hex(out_hex, HASH_HEX_SIZE, digest, sizeof(digest));
}

void hash_bytes(const void *bytes, size_t len, char out_hex[HASH_HEX_SIZE])
{
    struct hash hash;

    hash_init(&hash);
    hash_add(&hash, bytes, len);
    hash_final(&hash, out_hex);
}

enum status hash_file(const char *path, char out_hex[HASH_HEX_SIZE], struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, "cannot read '%s'", path);

    CLEANUP(mem_freep) char *bytes = mem_alloc(READ_BYTES);
    struct hash hash;
    ssize_t len = 0;

    hash_init(&hash);
    while ((len = read(fd, bytes, READ_BYTES)) > 0)
        hash_add(&hash, bytes, (size_t)len);
    enum status status = len == 0 ? STATUS_OK : error_set_errno(err, "cannot read '%s'", path);
    (void)close(fd); /* nothing was written */
    if (status == STATUS_OK)
        hash_final(&hash, out_hex);
    return status;
}

bool hash_is_hex(const char *text)
{
    return strlen(text) == HASH_HEX_SIZE - 1 &&
           strspn(text, "0123456789abcdef") == HASH_HEX_SIZE - 1;
}

bool hash_equals_secret(const char *given, const char *secret)
{
    unsigned char a[crypto_hash_sha256_BYTES];
    unsigned char b[crypto_hash_sha256_BYTES];

    /* Hashing first makes both sides equally long whatever was given. */
    (void)crypto_hash_sha256(a, (const unsigned char *)given, strlen(given));
    (void)crypto_hash_sha256(b, (const unsigned char *)secret, strlen(secret));
    return sodium_memcmp(a, b, sizeof(a)) == 0;
}
