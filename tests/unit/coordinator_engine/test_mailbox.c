#include <criterion/criterion.h>
#include <stdlib.h>

#include "coordinator/engine/mailbox.h"

Test(mailbox, calls_come_out_in_the_order_they_went_in_and_at_most_so_many)
{
    struct engine_call calls[3] = {{.context = NULL}};
    struct mailbox box;
    struct haul haul;

    mailbox_init(&box);
    for (size_t i = 0; i < COUNT_OF(calls); i++)
        cr_assert_eq(mailbox_post(&box, &calls[i]), STATUS_OK);

    mailbox_take(&box, 2, 0, &haul);
    cr_assert_eq(haul.calls, &calls[0]);
    cr_assert_eq(haul.calls->next, &calls[1]);
    cr_assert_null(haul.calls->next->next);
    mailbox_take(&box, 2, 0, &haul);
    cr_assert_eq(haul.calls, &calls[2]);
    cr_assert_null(haul.calls->next);
    mailbox_release(&box);
}

Test(mailbox, past_its_bound_a_call_is_refused_and_not_taken)
{
    struct engine_call *calls = mem_zalloc((MAILBOX_MAX + 1) * sizeof(*calls));
    struct mailbox box;
    struct haul haul;

    mailbox_init(&box);
    for (size_t i = 0; i < MAILBOX_MAX; i++)
        cr_assert_eq(mailbox_post(&box, &calls[i]), STATUS_OK);

    cr_assert_eq(mailbox_post(&box, &calls[MAILBOX_MAX]), STATUS_FULL);
    mailbox_take(&box, MAILBOX_MAX + 1, 0, &haul);
    size_t count = 0;
    for (struct engine_call *call = haul.calls; call != NULL; call = call->next)
        count++;
    cr_assert_eq(count, MAILBOX_MAX);
    mailbox_release(&box);
    free(calls);
}

Test(mailbox, a_wait_that_is_still_queued_is_withdrawn_in_its_place)
{
    int mine, other;
    struct engine_call call = {.command.kind = COMMAND_WAIT, .context = &mine};
    struct mailbox box;
    struct haul haul;

    mailbox_init(&box);
    cr_assert_eq(mailbox_post(&box, &call), STATUS_OK);
    mailbox_withdraw(&box, &mine);
    mailbox_withdraw(&box, &other);

    mailbox_take(&box, 1, 0, &haul);
    cr_assert_eq(call.wait_until_ms, WAIT_WITHDRAWN);
    cr_assert_eq(haul.withdrawn_count, 1);
    cr_assert_eq(haul.withdrawn[0], &other);
    free(haul.withdrawn);
    mailbox_release(&box);
}

Test(mailbox, a_stopping_one_takes_nothing_and_says_so)
{
    struct engine_call call = {.context = NULL};
    struct mailbox box;
    struct haul haul;

    mailbox_init(&box);
    mailbox_stop(&box);

    cr_assert_eq(mailbox_post(&box, &call), STATUS_STOPPING);
    mailbox_take(&box, 1, 60000, &haul);
    cr_assert(haul.is_stopping);
    mailbox_release(&box);
}
