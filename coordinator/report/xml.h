#ifndef COORDINATOR_REPORT_XML_H
#define COORDINATOR_REPORT_XML_H

/* Text for XML 1.0: escaped, and without what no XML may hold (control characters,
 * U+FFFE, U+FFFF).  Terminal colours go as a whole, else their rest would stand there. */

#include "shared/base/buffer.h"

void xml_add_text(struct buffer *buffer, const char *text);

/* Appends ` name="text"`; line ends stay, as references. */
void xml_add_attribute(struct buffer *buffer, const char *name, const char *text);

#endif
