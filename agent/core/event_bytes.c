#include "agent/core/event_bytes.h"

/* The names of all members, the quotes, colons and commas around them, and their numbers at 20
 * digits each, rounded up (the tests compare with what is really written). */
#define EVENT_BYTES     256
#define ATTEMPT_BYTES   512
#define COLLECTED_BYTES 128
#define NOTE_BYTES      64
#define NUMBER_BYTES    21

size_t event_text_bytes_max(const char *text)
{
    size_t bytes = 2;

    if (text == NULL)
        return 0;
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;

        if (byte < 0x20)
            bytes += 6; /* \u0001 */
        else
            bytes += byte == '"' || byte == '\\' ? 2 : 1;
    }
    return bytes;
}

size_t collected_test_bytes_max(const struct collected_test *test)
{
    return COLLECTED_BYTES + event_text_bytes_max(test->id) + event_text_bytes_max(test->group) +
           event_text_bytes_max(test->file);
}

static size_t attempt_bytes_max(const struct attempt_report *attempt)
{
    size_t bytes = ATTEMPT_BYTES + event_text_bytes_max(attempt->id) +
                   event_text_bytes_max(attempt->worker) + event_text_bytes_max(attempt->message) +
                   event_text_bytes_max(attempt->details) + event_text_bytes_max(attempt->file);

    if (attempt->output != NULL)
        bytes += event_text_bytes_max(attempt->output->head) +
                 event_text_bytes_max(attempt->output->tail);
    return bytes;
}

size_t event_bytes_max(const struct event *event)
{
    size_t bytes = EVENT_BYTES + event->numbers_count * NUMBER_BYTES +
                   event_text_bytes_max(event->hash) + event_text_bytes_max(event->stage) +
                   event_text_bytes_max(event->text);

    for (size_t i = 0; i < event->tests_count; i++)
        bytes += collected_test_bytes_max(&event->tests[i]);
    if (event->attempt != NULL)
        bytes += attempt_bytes_max(event->attempt);
    if (event->note != NULL)
        bytes += NOTE_BYTES + event_text_bytes_max(event->note->name) +
                 event_text_bytes_max(event->note->value);
    return bytes;
}
