#include "agent/core/action.h"

#include <stdlib.h>

#include "agent/core/state.h"

void action_list_init(struct action_list *list)
{
    *list = (struct action_list){0};
    arena_init(&list->arena);
}

void action_list_clear(struct action_list *list)
{
    list->count = 0;
    arena_release(&list->arena);
}

void action_list_release(struct action_list *list)
{
    free(list->at);
    arena_release(&list->arena);
    action_list_init(list);
}

struct action *action_add(struct foreman *foreman, enum action_kind kind)
{
    struct action_list *list = foreman->actions;
    struct action *action = &VEC_PUSH(list->at, list->count, list->cap);

    *action = (struct action){.kind = kind};
    return action;
}

struct action *action_add_slot(struct foreman *foreman, enum action_kind kind,
                               const struct slot *slot)
{
    struct action *action = action_add(foreman, kind);

    action->slot = slot->number;
    action->run = slot->run;
    return action;
}

void action_tell(struct foreman *foreman, const struct slot *slot, enum worker_do order)
{
    action_add_slot(foreman, ACTION_TELL, slot)->order.order = order;
}

void action_kill(struct foreman *foreman, const struct slot *slot, bool hard)
{
    action_add_slot(foreman, ACTION_KILL, slot)->hard = hard;
}
