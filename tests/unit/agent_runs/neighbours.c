#include "tests/unit/agent_runs/neighbours.h"

#include <stdio.h>
#include <string.h>

#include "shared/base/memory.h"

struct neighbours neighbours;

struct held_tree {
    char prepared[100];
};

static struct held_tree the_tree;

/* ---- the link ---- */

void link_fetch_work(struct link *link, int64_t run, struct arena *arena, link_work_done *done,
                     void *context)
{
    (void)link;
    (void)run;
    (void)arena;
    neighbours.fetches++;
    neighbours.work_done = done;
    neighbours.work_context = context;
}

void link_drop_work(struct link *link, const void *context)
{
    (void)link;
    (void)context;
    neighbours.drops++;
}

void answer_work(enum status status)
{
    static struct run_work work;

    work.suite = NULL;
    if (neighbours.suite != NULL) {
        static struct suite suite;

        suite = *neighbours.suite;
        work.suite = &suite;
    }
    neighbours.work_done(neighbours.work_context, status, status == STATUS_OK ? &work : NULL,
                         status == STATUS_OK ? "" : "no work");
}

/* ---- sources ---- */

void sources_get(struct sources *sources, const struct suite *suite, sources_done *done,
                 void *context)
{
    (void)sources;
    (void)suite;
    neighbours.gets++;
    neighbours.tree_done = done;
    neighbours.tree_context = context;
}

void sources_put(struct sources *sources, struct held_tree *tree)
{
    (void)sources;
    (void)tree;
    neighbours.puts++;
}

const char *held_tree_dir(const struct held_tree *tree)
{
    (void)tree;
    return neighbours.tree_dir;
}

const char *held_tree_prepared(const struct held_tree *tree)
{
    return tree->prepared;
}

void held_tree_set_prepared(struct held_tree *tree, const char *steps)
{
    (void)snprintf(tree->prepared, sizeof(tree->prepared), "%s", steps);
}

bool source_path_is_inside(const char *path)
{
    return path[0] != '/';
}

void answer_tree(enum status status)
{
    neighbours.tree_done(neighbours.tree_context, status, status == STATUS_OK ? &the_tree : NULL,
                         status == STATUS_OK ? "" : "no tree");
}

/* ---- workers ---- */

enum status worker_environment_build(const struct worker_plan *plan, enum environment_mode mode,
                                     const char *tmp_dir, struct arena *arena,
                                     char ***out_environment, struct error *err)
{
    (void)plan;
    (void)mode;
    (void)tmp_dir;
    (void)err;
    *out_environment = arena_array(arena, 1, sizeof(**out_environment));
    return STATUS_OK;
}

enum status worker_arguments_expand(const struct worker_plan *plan, enum environment_mode mode,
                                    const char *tmp_dir, const char *const *arguments, size_t count,
                                    struct arena *arena, char ***out_arguments, struct error *err)
{
    (void)plan;
    (void)mode;
    (void)tmp_dir;
    (void)err;
    *out_arguments = arena_array(arena, count + 1, sizeof(**out_arguments));
    for (size_t i = 0; i < count; i++)
        (*out_arguments)[i] = arena_strdup(arena, arguments[i]);
    return STATUS_OK;
}

void workers_run_command(struct workers *workers, const struct command_plan *plan,
                         command_done *done, void *context)
{
    (void)workers;
    neighbours.commands++;
    (void)snprintf(neighbours.last_command, sizeof(neighbours.last_command), "%s", plan->argv[0]);
    neighbours.step_done = done;
    neighbours.step_context = context;
}

void answer_step(enum status status, const char *tail)
{
    neighbours.step_done(neighbours.step_context, status,
                         status == STATUS_OK ? "exit status 0" : "exit status 2", tail);
}

/* ---- databases ---- */

void databases_build(struct databases *databases, const struct template_plan *plan,
                     databases_done *done, void *context)
{
    (void)databases;
    (void)plan;
    neighbours.builds++;
    neighbours.build_done = done;
    neighbours.build_context = context;
}

void databases_forget_run(struct databases *databases, int64_t run)
{
    (void)databases;
    (void)run;
    neighbours.forgets++;
}

void answer_build(enum status status)
{
    neighbours.build_done(neighbours.build_context, status, status == STATUS_OK ? "" : "no table");
}
