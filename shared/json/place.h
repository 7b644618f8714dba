#ifndef SHARED_JSON_PLACE_H
#define SHARED_JSON_PLACE_H

/* Where in a document we are: a chain of names and indices that stands on the stack of
 * those who walk the document, innermost first.  NULL is the document itself.
 *
 *     {"outcome"} -> {"attempt"} -> {[3]} -> {"events"} -> NULL    events[3].attempt.outcome
 *
 * It is only turned into text when something is wrong. */

#include <stddef.h>

#include "shared/base/memory.h"
#include "shared/base/status.h"

struct place {
    const struct place *outer;
    const char *name; /* NULL: an element of a list, and index says which */
    size_t index;
};

/* The whole path, in the arena; "" for the document. */
const char *place_path(const struct place *place, struct arena *arena);

/* Fails with "PATH: text", or "the document: text", and gives out the path (may be NULL). */
enum status place_fail(const struct place *place, struct arena *arena, const char **out_path,
                       struct error *err, enum status status, const char *text);

/* The same with a text that starts with a path relative to the place, up to ':' or ' '. */
enum status place_fail_inside(const struct place *place, struct arena *arena, const char **out_path,
                              struct error *err, enum status status, const char *text);

/* A value from outside as an error shows it: not too long, whole UTF-8 sequences. */
const char *place_shown(const char *text, struct arena *arena);

#endif
