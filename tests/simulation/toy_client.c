#include "tests/simulation/toy_client.h"

#define CALL_MS_MIN 3000
#define CALL_MS_MAX 12000

static void call(struct world *world, struct event_card *card)
{
    struct toy_client *client = world->clients[card->id];
    enum letter_kind kind = LETTER_ATTEND;

    if (client->has_ended || (client->run != 0 && world->now_ms >= client->leaves_ms))
        return;
    if (client->run == 0)
        kind = LETTER_SUBMIT;
    else if (world->now_ms >= client->cancels_ms)
        kind = LETTER_CANCEL;
    struct letter *letter = letter_new(kind);

    letter->client = client->number;
    letter->run = client->run;
    network_send(world, letter);

    card->at_ms = world->now_ms + dice_between(&world->dice_work, CALL_MS_MIN, CALL_MS_MAX);
    agenda_add(&world->agenda, card);
}

struct toy_client *toy_client_new(struct world *world, int number, struct toy_suite *suite)
{
    struct toy_client *client = mem_zalloc(sizeof(*client));
    struct event_card card = {.at_ms = number * dice_between(&world->dice_plan, 0, 20000),
                              .happen = call,
                              .agent = -1,
                              .id = number};

    client->number = number;
    client->suite = suite;
    client->leaves_ms = client->cancels_ms = INT64_MAX;
    if (world->weather.client_leaves && dice_chance(&world->dice_plan, 500))
        client->leaves_ms = dice_between(&world->dice_plan, 5000, FAULTS_MS);
    if (world->weather.client_cancels && dice_chance(&world->dice_plan, 500))
        client->cancels_ms = dice_between(&world->dice_plan, 5000, FAULTS_MS);
    agenda_add(&world->agenda, &card);
    return client;
}

void toy_client_receive(struct world *world, struct letter *answer)
{
    struct toy_client *client = world->clients[answer->client];

    if (answer->status == STATUS_OK && answer->kind == LETTER_SUBMIT) {
        if (client->run != 0 && client->run != answer->created.run)
            world_fail(world, "one key gave two runs, %lld and %lld", (long long)client->run,
                       (long long)answer->created.run);
        client->run = answer->created.run;
    } else if (answer->status == STATUS_OK && answer->state == RUN_ENDED) {
        client->has_ended = true;
    }
    letter_free(answer);
}
