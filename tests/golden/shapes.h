#ifndef TESTS_GOLDEN_SHAPES_H
#define TESTS_GOLDEN_SHAPES_H

/* Every shape of the wire by the name that schemas/ and the examples call it.  Documents
 * come first, in an order that the fuzz corpus relies on: new ones go to their end. */

#include <stddef.h>

#include "shared/json/codec.h"

struct known_shape {
    const char *name;
    const struct shape *shape;
};

extern const struct known_shape known_shapes[];
extern const size_t known_shapes_count;

/* The first of them are documents. */
extern const size_t known_documents_count;

const struct known_shape *known_shape_find(const char *name);

#endif
