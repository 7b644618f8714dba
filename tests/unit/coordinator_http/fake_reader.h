#ifndef TESTS_COORDINATOR_HTTP_FAKE_READER_H
#define TESTS_COORDINATOR_HTTP_FAKE_READER_H

/* A double of a store's reader: run 2 has ended and has one test. */

#include <stdatomic.h>

#include "coordinator/store/reader.h"

struct fake_readers {
    atomic_int opened, closed;
    atomic_bool is_broken; /* opening fails */
};

enum status fake_reader_open(void *context, struct reader **out_reader, struct error *err);

#endif
