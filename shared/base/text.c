#include "shared/base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

bool text_equals(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

bool text_to_int64(const char *text, int64_t min, int64_t max, int64_t *out_value)
{
    char *end = NULL;

    if (*text != '-' && (*text < '0' || *text > '9'))
        return false;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || end == text || value < min || value > max)
        return false;
    *out_value = value;
    return true;
}

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit duration_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
};

static const struct unit byte_units[] = {
    {"", 1},
    {"B", 1},
    {"KiB", INT64_C(1) << 10},
    {"MiB", INT64_C(1) << 20},
    {"GiB", INT64_C(1) << 30},
    {"TiB", INT64_C(1) << 40},
};

/* Reads "<digits><unit>" and moves *text past it. */
static bool read_quantity(const char **text, const struct unit *units, size_t count,
                          int64_t *out_value)
{
    size_t digits = strspn(*text, "0123456789");
    size_t letters = strspn(*text + digits, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    int64_t number = 0;

    if (digits == 0 || digits > 15)
        return false;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + ((*text)[i] - '0');
    for (size_t i = 0; i < count; i++) {
        if (strlen(units[i].name) != letters ||
            strncmp(units[i].name, *text + digits, letters) != 0)
            continue;
        if (number > INT64_MAX / units[i].factor)
            return false;
        *out_value = number * units[i].factor;
        *text += digits + letters;
        return true;
    }
    return false;
}

bool text_to_duration_ms(const char *text, int64_t *out_ms)
{
    int64_t total = 0;

    do {
        int64_t part = 0;
        if (!read_quantity(&text, duration_units, COUNT_OF(duration_units), &part) ||
            part > INT64_MAX - total)
            return false;
        total += part;
    } while (*text != '\0');
    *out_ms = total;
    return true;
}

bool text_to_bytes(const char *text, int64_t *out_bytes)
{
    int64_t bytes = 0;

    if (!read_quantity(&text, byte_units, COUNT_OF(byte_units), &bytes) || *text != '\0')
        return false;
    *out_bytes = bytes;
    return true;
}

/* Levenshtein's distance with one row (Wagner and Fischer 1974). */
static size_t distance(const char *a, const char *b)
{
    size_t columns = strlen(b);
    size_t *row = mem_alloc((columns + 1) * sizeof(*row));

    for (size_t j = 0; j <= columns; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            size_t shorter = row[j] < row[j - 1] ? row[j] : row[j - 1];
            diagonal = row[j];
            row[j] = change < shorter + 1 ? change : shorter + 1;
        }
    }
    size_t result = row[columns];
    free(row);
    return result;
}

/* Longer words are nobody's slip of the finger, and cost time. */
#define NEAREST_WORD_MAX 200

const char *text_nearest(const char *word, const char *const *candidates, size_t count)
{
    size_t len = strlen(word);
    size_t best = len / 3 > 1 ? len / 3 : 1;
    const char *nearest = NULL;

    if (len > NEAREST_WORD_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (candidates[i] == NULL || strlen(candidates[i]) > NEAREST_WORD_MAX)
            continue;
        size_t d = distance(word, candidates[i]);
        if (d < best || (d == best && nearest == NULL)) {
            best = d;
            nearest = candidates[i];
        }
    }
    return nearest;
}

bool text_matches_glob(const char *pattern, const char *text)
{
    const char *star = NULL;
    const char *resume = NULL;

    /* Only the last star ever needs another try, so this is linear in practice and
     * |pattern| * |text| at worst. */
    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            resume = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

/* Length of the valid sequence at bytes, 0 when there is none (RFC 3629, section 4). */
static size_t utf8_length(const unsigned char *bytes, size_t len)
{
    unsigned char lead = bytes[0];
    size_t need = lead < 0x80                   ? 1
                  : lead >= 0xc2 && lead < 0xe0 ? 2
                  : lead >= 0xe0 && lead < 0xf0 ? 3
                  : lead >= 0xf0 && lead < 0xf5 ? 4
                                                : 0;

    if (need == 0 || need > len || lead == 0)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    if ((lead == 0xe0 && bytes[1] < 0xa0) || (lead == 0xed && bytes[1] > 0x9f) ||
        (lead == 0xf0 && bytes[1] < 0x90) || (lead == 0xf4 && bytes[1] > 0x8f))
        return 0;
    return need;
}

bool text_add_as_utf8(struct buffer *buffer, const char *bytes, size_t len)
{
    bool fits = true;

    for (size_t at = 0; at < len && fits;) {
        size_t good = 0;
        size_t step = 0;
        while (at + good < len &&
               (step = utf8_length((const unsigned char *)bytes + at + good, len - at - good)) > 0)
            good += step;
        fits = buffer_add(buffer, bytes + at, good);
        at += good;
        if (at < len) {
            fits = fits && buffer_add_text(buffer, "\xef\xbf\xbd");
            at++;
        }
    }
    return fits;
}

bool text_is_utf8(const char *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t step = utf8_length((const unsigned char *)bytes + at, len - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

size_t text_utf8_floor(const char *bytes, size_t len)
{
    size_t at = len;

    while (at > 0 && len - at < 4 && ((unsigned char)bytes[at - 1] & 0xc0) == 0x80)
        at--;
    if (at == 0)
        return len;

    unsigned char lead = (unsigned char)bytes[at - 1];
    size_t need = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return at - 1 + need <= len ? len : at - 1;
}
