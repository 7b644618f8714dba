#include <criterion/criterion.h>

#include "coordinator/report/xml.h"

Test(xml, text_holds_only_what_xml_may_hold)
{
    static const struct {
        const char *text, *element, *attribute;
    } cases[] = {
        {"", "", " a=\"\""},
        {"a < b && c > \"d\"", "a &lt; b &amp;&amp; c &gt; \"d\"",
         " a=\"a &lt; b &amp;&amp; c &gt; &quot;d&quot;\""},
        {"]]>", "]]&gt;", " a=\"]]&gt;\""},
        {"a\tb\nc\r", "a\tb\nc&#13;", " a=\"a&#9;b&#10;c&#13;\""},
        {"bell\x07, null-ish \x01\x1f, delete \x7f.", "bell, null-ish , delete .",
         " a=\"bell, null-ish , delete .\""},
        {"\x1b[31mred\x1b[0m", "red", " a=\"red\""},
        {"\x1b[1;31", "", " a=\"\""},
        {"\x1b", "", " a=\"\""},
        {"\x1b(0x", "(0x", " a=\"(0x\""},
        {"\xef\xbf\xbe\xef\xbf\xbf\xef\xbf\xbd", "\xef\xbf\xbd", " a=\"\xef\xbf\xbd\""},
        {"\xef\xbb\xbf\xf0\x9f\x98\x80", "\xef\xbb\xbf\xf0\x9f\x98\x80",
         " a=\"\xef\xbb\xbf\xf0\x9f\x98\x80\""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer buffer;

        buffer_init(&buffer, 1000);
        xml_add_text(&buffer, cases[i].text);
        cr_expect_str_eq(buffer.at, cases[i].element, "%zu: %s", i, buffer.at);
        buffer_clear(&buffer);
        xml_add_attribute(&buffer, "a", cases[i].text);
        cr_expect_str_eq(buffer.at, cases[i].attribute, "%zu: %s", i, buffer.at);
        buffer_release(&buffer);
    }
}
