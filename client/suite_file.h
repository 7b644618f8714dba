#ifndef CLIENT_SUITE_FILE_H
#define CLIENT_SUITE_FILE_H

/* Reads muster.yml.  libyaml gives events; they become one JSON tree in which every scalar is
 * a string, and the one decoder (shared/json/suite_json.h) gives them their types, so that
 * `version: 8.0` is "8.0" and `no` is a string where one is wanted.  Anchors, tags, duplicate keys
 * and second documents are refused.
 *
 * An error names file, line, key and what was expected:
 *     muster.yml:7: databases.default.engin: unknown key; did you mean 'engine'? */

#include "shared/base/memory.h"
#include "shared/base/status.h"
#include "shared/protocol/suite.h"

/* A suite file is written by people. */
#define SUITE_FILE_BYTES_MAX ((size_t)1024 * 1024)

/* Everything the suite points to is in the arena.  STATUS_INVALID, STATUS_NOT_FOUND, STATUS_IO,
 * STATUS_TOO_BIG. */
enum status suite_file_read(const char *path, struct arena *arena, struct suite *out_suite,
                            struct error *err) MUST_USE;

/* The same from memory; `name` stands in errors for the path. */
enum status suite_file_parse(const char *name, const char *bytes, size_t len, struct arena *arena,
                             struct suite *out_suite, struct error *err) MUST_USE;

#endif
