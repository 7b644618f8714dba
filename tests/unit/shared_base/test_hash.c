#include <criterion/criterion.h>

#include "shared/base/hash.h"

/* FIPS 180-2, appendix B.1. */
#define SHA256_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

Test(hash, is_sha_256_in_hexadecimal)
{
    char hex[HASH_HEX_SIZE];

    hash_bytes("abc", 3, hex);
    cr_assert_str_eq(hex, SHA256_ABC);
    cr_assert(hash_is_hex(hex));
    hex[3] = 'G';
    cr_assert_not(hash_is_hex(hex));
}

Test(hash, of_texts_knows_where_one_ends)
{
    struct hash hash;
    char one[HASH_HEX_SIZE];
    char other[HASH_HEX_SIZE];

    hash_init(&hash);
    hash_add_text(&hash, "ab");
    hash_add_text(&hash, "c");
    hash_final(&hash, one);
    hash_init(&hash);
    hash_add_text(&hash, "a");
    hash_add_text(&hash, "bc");
    hash_final(&hash, other);
    cr_assert_str_neq(one, other);
}

Test(secret, is_equal_only_to_itself)
{
    cr_assert(hash_equals_secret("token", "token"));
    cr_assert_not(hash_equals_secret("token", "token2"));
    cr_assert_not(hash_equals_secret("", "token"));
}
