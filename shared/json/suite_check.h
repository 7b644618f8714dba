#ifndef SHARED_JSON_SUITE_CHECK_H
#define SHARED_JSON_SUITE_CHECK_H

/* What tables cannot say of a suite, for its file and for the wire.  Private to the two
 * readers; the error's text starts with the path as the form has it. */

#include <string.h>

#include "shared/base/status.h"
#include "shared/base/text.h"
#include "shared/protocol/suite.h"

/* A word from outside for "%.*s": at most so many bytes, and whole characters. */
#define SHOWN(text, bytes_max) (int)text_utf8_floor((text), strnlen((text), (bytes_max))), (text)

enum suite_form { SUITE_FORM_WIRE, SUITE_FORM_FILE };

enum status suite_check(const struct suite *suite, enum suite_form form,
                        struct error *err) MUST_USE;

/* Checks every ${name} of a template against what is known where it stands.  The error's
 * text starts with the name and has no path. */
enum suite_template_place {
    SUITE_TEMPLATE_TREE, /* once for a tree, before there is a slot */
    SUITE_TEMPLATE_SLOT, /* in a worker or a set-up                 */
};

enum status suite_template_check(const char *text, enum suite_template_place place,
                                 const struct suite *suite, struct error *err) MUST_USE;

#endif
