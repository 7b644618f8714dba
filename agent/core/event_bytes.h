#ifndef AGENT_CORE_EVENT_BYTES_H
#define AGENT_CORE_EVENT_BYTES_H

/* How long an event is on the wire, at most, without writing it: JSON turns a byte of a text into
 * up to six, and a sync that is too long for the coordinator would be repeated for ever. */

#include <stddef.h>

#include "shared/protocol/messages.h"

size_t event_bytes_max(const struct event *event);
size_t collected_test_bytes_max(const struct collected_test *test);

/* Of one text with its quotes; NULL is nothing. */
size_t event_text_bytes_max(const char *text);

#endif
