#ifndef SHARED_BASE_HASH_H
#define SHARED_BASE_HASH_H

/* SHA-256 (libsodium), always shown as 64 lower-case hexadecimal digits. */

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>

#include "shared/base/status.h"

#define HASH_HEX_SIZE 65

struct hash {
    crypto_hash_sha256_state state;
};

void hash_init(struct hash *hash);
void hash_add(struct hash *hash, const void *bytes, size_t len);

/* Adds the text and its closing NUL, so that ("ab","c") and ("a","bc") differ. */
void hash_add_text(struct hash *hash, const char *text);
void hash_final(struct hash *hash, char out_hex[HASH_HEX_SIZE]);

void hash_bytes(const void *bytes, size_t len, char out_hex[HASH_HEX_SIZE]);
enum status hash_file(const char *path, char out_hex[HASH_HEX_SIZE], struct error *err) MUST_USE;

bool hash_is_hex(const char *text);

/* Compares two texts in a time that depends on neither's contents. */
bool hash_equals_secret(const char *given, const char *secret);

#endif
