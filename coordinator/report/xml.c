#include "coordinator/report/xml.h"

#include <stddef.h>
#include <string.h>

/* How long the terminal's sequence that begins with ESC is; 1 when it is none. */
static size_t escape_len(const char *text)
{
    if (text[1] != '[')
        return 1;
    size_t len = 2 + strspn(text + 2, "0123456789;?");
    return text[len] != '\0' ? len + 1 : len;
}

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
            text += escape_len(text);
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
