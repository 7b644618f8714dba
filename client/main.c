/* muster: runs suites and shows what became of them. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/verb_common.h"
#include "shared/base/version.h"

static const struct verb *const verbs[] = {&verb_run,    &verb_runs,   &verb_show,  &verb_watch,
                                           &verb_cancel, &verb_agents, &verb_report};

static const struct option_table table = {
    .program = "muster",
    .operands = "VERB [ARGUMENT]...",
    .summary = "Runs one test suite on many machines at once and gives back one answer that can be "
               "trusted.",
    .description = "The verbs are run, runs, show, watch, cancel, agents and report; each has a "
                   "--help and a manual page of "
                   "its own (muster-run, muster-runs, ...).",
    .epilogue =
        "A first run: write a muster.yml beside your manage.py that says 'driver: django' and\n"
        "'databases: {default: {engine: sqlite}}', then type 'muster run'.",
};

static void print_verbs(FILE *out)
{
    (void)fputs("\nVerbs:\n", out);
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        (void)fprintf(out, "  %-8s %s\n", verbs[i]->name, verbs[i]->options->summary);
}

static int unknown_verb(const char *word)
{
    const char *names[COUNT_OF(verbs)];

    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        names[i] = verbs[i]->name;
    const char *near = text_nearest(word, names, COUNT_OF(names));
    (void)fprintf(stderr, "muster: unknown verb '%s'%s%s%s\n", word,
                  near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                  near != NULL ? "'?" : "; see 'muster --help'");
    return EXIT_USAGE;
}

/* What was asked for must have arrived: a disk may be full. */
static int output_finish(int exit)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return exit;
    if (exit != EXIT_PASSED)
        return exit;
    (void)fprintf(stderr, "muster: cannot write to the standard output: %s\n",
                  strerror(errno)); // NOLINT(concurrency-mt-unsafe): one thread
    return EXIT_INFRASTRUCTURE;
}

static int run_verb(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";

    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (strcmp(verbs[i]->name, word) == 0)
            return verbs[i]->run(argc - 1, argv + 1);
    if (strcmp(word, "--version") == 0) {
        (void)printf("muster %s\n", MUSTER_VERSION);
        return EXIT_PASSED;
    }
    if (strcmp(word, "--man") == 0) {
        options_print_man(&table, stdout);
        return EXIT_PASSED;
    }
    if (argc < 2 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
        strcmp(word, "help") == 0) {
        FILE *out = argc < 2 ? stderr : stdout;
        options_print_help(&table, out);
        print_verbs(out);
        return argc < 2 ? EXIT_USAGE : EXIT_PASSED;
    }
    return unknown_verb(word);
}

int main(int argc, char **argv)
{
    return output_finish(run_verb(argc, argv));
}
