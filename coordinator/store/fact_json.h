#ifndef COORDINATOR_STORE_FACT_JSON_H
#define COORDINATOR_STORE_FACT_JSON_H

/* Facts as the ledger holds them: one line of canonical JSON each,
 *
 *     {"at":1764000000000,"body":{...},"epoch":3,"kind":"lease_granted","pool":"default","run":7,"seq":12}
 *
 * chained by SHA-256(hash of the line before, in hex + the line's bytes).  The first line of a
 * ledger follows LEDGER_CHAIN_START.  Who holds the last hash can tell whether any line before was
 * changed.
 *
 * Secrets: values of the suite's variables marked `secret` never get here.  Both stores put
 * fact_without_secrets into the ledger and keep the values in a table of their own, which ends
 * with the run. */

#include <stddef.h>
#include <stdint.h>

#include "coordinator/core/fact.h"
#include "shared/base/buffer.h"
#include "shared/base/hash.h"
#include "shared/base/status.h"

/* A plan of TESTS_PER_RUN_MAX tests is the largest fact: two numbers of at most 13 digits each. */
#define FACT_BYTES_MAX ((size_t)64 * 1024 * 1024)

/* 64 zeros: what the first line of a ledger follows. */
#define LEDGER_CHAIN_START "0000000000000000000000000000000000000000000000000000000000000000"

/* What stands in place of a secret. */
#define SECRET_SHOWN "***"

/* Where and when a fact was written; all but the fact itself of a line. */
struct fact_place {
    int64_t at_ms; /* wall clock of the lap */
    int64_t epoch;
    int64_t seq; /* in its ledger, from 1 */
    const char *pool;
};

/* Appends the line (without a newline).  STATUS_TOO_BIG, STATUS_INVALID (text that is not UTF-8):
 * the core let something through that it must not; the buffer's end is of no use. */
enum status fact_encode(const struct fact *fact, const struct fact_place *place,
                        struct buffer *buffer, struct error *err) MUST_USE;

/* The way back; everything is in the arena. */
enum status fact_decode(const char *bytes, size_t len, struct arena *arena, struct fact *out_fact,
                        struct fact_place *out_place, struct error *err) MUST_USE;

/* The same where the kind is known, in one pass instead of two. */
enum status fact_decode_kind(enum fact_kind kind, const char *bytes, size_t len,
                             struct arena *arena, struct fact *out_fact,
                             struct fact_place *out_place, struct error *err) MUST_USE;

/* The body alone, as canonical bytes and back. */
enum status fact_body_encode(const struct fact *fact, struct buffer *buffer,
                             struct error *err) MUST_USE;
enum status fact_body_decode(enum fact_kind kind, const char *bytes, size_t len,
                             struct arena *arena, const void **out_body,
                             struct error *err) MUST_USE;

/* A deep copy into the arena. */
struct fact fact_copy(const struct fact *fact, struct arena *arena);

/* The hash of a line, from the hash of the one before it. */
void ledger_chain(const char previous_hex[HASH_HEX_SIZE], const char *bytes, size_t len,
                  char out_hex[HASH_HEX_SIZE]);

/* The fact itself when it holds no secret, otherwise a copy with SECRET_SHOWN in their places. */
struct fact fact_without_secrets(const struct fact *fact, struct arena *arena);

/* A secret of a run: the variable's name in suite.env, and both texts it may have (NULL none). */
struct run_secret {
    const char *name;
    const char *value;
    const char *fallback;
};

/* The secrets of a RUN_SUBMITTED, in order; none for other facts.  Texts belong to the fact. */
size_t fact_secrets(const struct fact *fact, struct arena *arena, struct run_secret **out_secrets);

/* Puts them back: a copy of the submission with the secrets in their places.  Names that are not
 * there are left out. */
const struct run_submission *submission_with_secrets(const struct run_submission *submission,
                                                     const struct run_secret *secrets, size_t count,
                                                     struct arena *arena);

#endif
