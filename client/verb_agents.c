#include <inttypes.h>
#include <stdio.h>

#include "client/terminal.h"
#include "client/verb_common.h"

struct agents_options {
    struct connection_options connection;
};

static const struct option_row rows[] = {
    CONNECTION_ROWS(struct agents_options),
};

static const struct option_table table = {
    .program = "muster agents",
    .summary = "Lists the agents that the coordinator knows.",
    .description = "Prints one line an agent: name, state, slots, how long it has been silent, "
                   "labels and what "
                   "it is doing.",
    .rows = rows,
    .row_count = COUNT_OF(rows),
};

static void print_agent(const struct terminal *terminal, const struct agent_view *agent)
{
    (void)fprintf(terminal->out,
                  "%-24s %-9s %3zu slots %3" PRId64 " leases  silent %" PRId64 " ms ", agent->agent,
                  agent->state, agent->slots_count, agent->leases, agent->silent_ms);
    for (size_t i = 0; i < agent->labels_count; i++)
        (void)fprintf(terminal->out, " %s=%s", agent->labels[i].name, agent->labels[i].value);
    (void)fputc(' ', terminal->out);
    terminal_print_foreign(terminal, agent->doing, 0);
}

static int run_agents(int argc, char *const *argv)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct agents_options options = {0};
    struct option_list operands;
    struct terminal terminal;
    struct agent_list list = {0};
    struct error err;
    int exit = EXIT_PASSED;

    if (!verb_parse(&verb_agents, argc, argv, &arena, &options, &operands, &exit))
        return exit;
    struct api *api = verb_connect(&options.connection, &exit);
    if (api == NULL)
        return exit;
    enum status status = api_agents(api, &arena, &list, &err);
    api_free(api);
    if (status != STATUS_OK)
        return verb_fail(verb_exit_of(status), &err);

    terminal_init(&terminal, stdout);
    for (size_t i = 0; i < list.agents_count; i++)
        print_agent(&terminal, &list.agents[i]);
    return EXIT_PASSED;
}

const struct verb verb_agents = {"agents", &table, run_agents};
