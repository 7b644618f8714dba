#include "coordinator/report/xml.h"

#include <stddef.h>
#include <string.h>

#include "coordinator/report/formats.h"

static bool is_noncharacter(const char *text)
{
    return strncmp(text, "\xef\xbf\xbe", 3) == 0 || strncmp(text, "\xef\xbf\xbf", 3) == 0;
}

/* What a byte becomes; NULL: it stays.  `is_attribute`: blanks there would be folded. */
static const char *replacement(unsigned char byte, bool is_attribute)
{
    switch (byte) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return is_attribute ? "&quot;" : NULL;
    case '\t':
        return is_attribute ? "&#9;" : NULL;
    case '\n':
        return is_attribute ? "&#10;" : NULL;
    case '\r':
        return "&#13;";
    default:
        return byte < ' ' || byte == 0x7f ? "" : NULL;
    }
}

static void add(struct buffer *buffer, const char *text, bool is_attribute)
{
    while (*text != '\0') {
        if (*text == '\x1b') {
            text += report_escape_len(text);
        } else if (*text == '\xef' && is_noncharacter(text)) {
            text += 3;
        } else {
            const char *instead = replacement((unsigned char)*text, is_attribute);

            if (instead != NULL)
                (void)buffer_add_text(buffer, instead);
            else
                (void)buffer_add_char(buffer, *text);
            text++;
        }
    }
}

void xml_add_text(struct buffer *buffer, const char *text)
{
    add(buffer, text, false);
}

void xml_add_attribute(struct buffer *buffer, const char *name, const char *text)
{
    (void)buffer_printf(buffer, " %s=\"", name);
    add(buffer, text, true);
    (void)buffer_add_char(buffer, '"');
}
