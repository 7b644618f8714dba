#include "tests/simulation/agenda.h"

#include <stdbool.h>
#include <stdlib.h>

static bool is_before(const struct event_card *a, const struct event_card *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->number < b->number;
}

static void swap(struct event_card *a, struct event_card *b)
{
    struct event_card kept = *a;

    *a = *b;
    *b = kept;
}

void agenda_add(struct agenda *agenda, const struct event_card *card)
{
    size_t i = agenda->count;

    VEC_PUSH(agenda->heap, agenda->count, agenda->cap) = *card;
    agenda->heap[i].number = agenda->next_number++;
    for (; i > 0 && is_before(&agenda->heap[i], &agenda->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&agenda->heap[i], &agenda->heap[(i - 1) / 2]);
}

struct event_card agenda_take(struct agenda *agenda)
{
    struct event_card first = agenda->heap[0];
    size_t i = 0;

    CHECK(agenda->count > 0);
    agenda->heap[0] = agenda->heap[--agenda->count];
    for (;;) {
        size_t least = i;

        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < agenda->count; child++)
            if (is_before(&agenda->heap[child], &agenda->heap[least]))
                least = child;
        if (least == i)
            return first;
        swap(&agenda->heap[i], &agenda->heap[least]);
        i = least;
    }
}

void card_release(struct event_card *card)
{
    if (card->payload == NULL)
        return;
    if (card->release != NULL)
        card->release(card->payload);
    else
        free(card->payload);
    card->payload = NULL;
}

void agenda_release(struct agenda *agenda)
{
    for (size_t i = 0; i < agenda->count; i++)
        card_release(&agenda->heap[i]);
    free(agenda->heap);
    *agenda = (struct agenda){0};
}
