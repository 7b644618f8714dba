#ifndef SHARED_JSON_SUITE_FILE_H
#define SHARED_JSON_SUITE_FILE_H

/* The parts of the suite file, each with a file of its own; suite_file.c puts them together.
 * Private to them. */

#include <stdbool.h>

#include "shared/json/suite_keys.h"
#include "shared/protocol/suite.h"

/* The suite as far as it is read; what waits until all of it is. */
struct suite_file {
    struct suite suite; /* first: the target of most keys is the suite */
    bool has_driver;
    json_t *databases;
};

/* suite_file_source.c */
key_read suite_file_source_read;
key_read suite_file_driver_read;

/* suite_file_prepare.c */
key_read suite_file_env_read;
key_read suite_file_prepare_read;

/* suite_file_databases.c: the driver says what the default of `setup` is, wherever it stands in
 * the file; so the map is kept first, and read when all else is. */
key_read suite_file_databases_keep;
enum status suite_file_databases_read(const struct reader *reader,
                                      struct suite_file *file) MUST_USE;

/* suite_file_limits.c */
key_read suite_file_timeouts_read;
key_read suite_file_retries_read;
key_read suite_file_limits_read;

#endif
