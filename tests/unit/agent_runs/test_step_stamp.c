/* When a prepare step may be skipped. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/runs/step_stamp.h"
#include "shared/base/file.h"
#include "shared/base/memory.h"

static char base[] = "/tmp/muster-stamp-XXXXXX";
static char *tree, *work_dir;

static void put(const char *name, const char *text)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", tree, name);
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file, "%s", path);
    (void)fputs(text, file);
    (void)fclose(file);
}

static void world_make(void)
{
    struct error err;
    CLEANUP(mem_freep) char *sub = NULL;

    cr_assert_not_null(mkdtemp(base));
    tree = mem_printf("%s/tree", base);
    work_dir = mem_printf("%s/work", base);
    sub = mem_printf("%s/src/deep", tree);
    cr_assert_eq(file_make_directories(sub, 0755, &err), STATUS_OK);
    put("lock", "a==1\n");
    put("src/deep/x.c", "x");
    put("out", "made");
}

static void world_remove(void)
{
    struct error err;

    cr_assert_eq(file_remove_tree(base, &err), STATUS_OK);
    mem_freep(&tree);
    mem_freep(&work_dir);
}

TestSuite(step_stamp, .init = world_make, .fini = world_remove, .timeout = 20);

static const char *run[] = {"make", "all"};
static const char *other_run[] = {"make", "all", "-j"};
static const char *inputs[] = {"lock", "src"};
static const char *outputs[] = {"out"};

static struct suite_prepare step_of(const char **words, size_t count)
{
    return (struct suite_prepare){.run = words,
                                  .run_count = count,
                                  .inputs = inputs,
                                  .inputs_count = 2,
                                  .outputs = outputs,
                                  .outputs_count = 1};
}

static bool would_skip(const struct suite_prepare *step)
{
    char hash[HASH_HEX_SIZE];
    struct error err;

    cr_assert_eq(step_hash(tree, step, hash, &err), STATUS_OK, "%s", err.text);
    return step_is_done(work_dir, tree, step, hash);
}

static void ran(const struct suite_prepare *step)
{
    char hash[HASH_HEX_SIZE];
    struct error err;

    cr_assert_eq(step_hash(tree, step, hash, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(step_stamp_write(work_dir, tree, step, hash, &err), STATUS_OK, "%s", err.text);
}

Test(step_stamp, what_has_run_is_skipped_until_something_changes)
{
    struct suite_prepare step = step_of(run, 2);
    struct suite_prepare other = step_of(other_run, 3);

    cr_assert_not(would_skip(&step), "it has never run");
    ran(&step);
    cr_assert(would_skip(&step));
    cr_assert_not(would_skip(&other), "another command");

    put("src/deep/x.c", "y");
    cr_assert_not(would_skip(&step), "an input deep in a directory");
    put("src/deep/x.c", "x");
    cr_assert(would_skip(&step));
    put("src/new.c", "");
    cr_assert_not(would_skip(&step), "a new input");
}

Test(step_stamp, an_output_that_is_gone_is_made_again)
{
    struct suite_prepare step = step_of(run, 2);
    CLEANUP(mem_freep) char *path = mem_printf("%s/out", tree);

    ran(&step);
    cr_assert_eq(unlink(path), 0);
    cr_assert_not(would_skip(&step));
}

Test(step_stamp, a_step_that_began_again_and_failed_has_no_stamp)
{
    struct suite_prepare step = step_of(run, 2);

    ran(&step);
    step_stamp_remove(work_dir, tree, &step);
    cr_assert_not(would_skip(&step));
}

Test(step_stamp, who_made_the_output_last_is_who_is_believed)
{
    struct suite_prepare step = step_of(run, 2);
    struct suite_prepare other = step_of(other_run, 3);

    ran(&step);
    ran(&other);
    cr_assert_not(would_skip(&step));
    cr_assert(would_skip(&other));
}

Test(step_stamp, without_inputs_or_outputs_it_always_runs)
{
    struct suite_prepare step = step_of(run, 2);

    step.inputs_count = 0;
    ran(&step);
    cr_assert_not(would_skip(&step));
    step = step_of(run, 2);
    step.outputs_count = 0;
    ran(&step);
    cr_assert_not(would_skip(&step));
}

Test(step_stamp, inputs_and_outputs_that_are_not_there_are_named)
{
    static const struct {
        const char *input, *output, *text;
    } cases[] = {
        {"nowhere", "out", "does not exist"},
        {"../work", "out", "outside"},
        {"/etc/passwd", "out", "outside"},
        {"lock", "never-made", "did not make its output 'never-made'"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *input = cases[i].input;
        const char *output = cases[i].output;
        struct suite_prepare step = {.run = run,
                                     .run_count = 2,
                                     .inputs = &input,
                                     .inputs_count = 1,
                                     .outputs = &output,
                                     .outputs_count = 1};
        char hash[HASH_HEX_SIZE];
        struct error err;
        enum status status = step_hash(tree, &step, hash, &err);

        if (status == STATUS_OK)
            status = step_stamp_write(work_dir, tree, &step, hash, &err);
        cr_assert_eq(status, STATUS_INVALID, "case %zu", i);
        cr_assert_not_null(strstr(err.text, cases[i].text), "case %zu: %s", i, err.text);
    }
}
