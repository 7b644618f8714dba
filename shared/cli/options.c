#include "shared/cli/options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/text.h"

/* Column where the help's texts begin. */
#define HELP_COLUMN 26

static void list_add(struct arena *arena, struct option_list *list, const char *value)
{
    if (list->count == list->cap) {
        size_t cap = list->cap != 0 ? 2 * list->cap : 8;
        const char **larger = arena_array(arena, cap, sizeof(*larger));

        for (size_t i = 0; i < list->count; i++)
            larger[i] = list->at[i];
        list->at = larger;
        list->cap = cap;
    }
    list->at[list->count++] = value;
}

/* The member of the target that a row is about. */
static void *member(void *target, const struct option_row *row)
{
    return (char *)target + row->offset;
}

static enum status set_value(const struct option_row *row, const char *shown, const char *value,
                             struct arena *arena, void *target, struct error *err)
{
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)member(target, row) = !text_equals(value, "0") && !text_equals(value, "false");
        return STATUS_OK;
    case OPTION_TEXT:
        *(const char **)member(target, row) = value;
        return STATUS_OK;
    case OPTION_LIST:
        list_add(arena, member(target, row), value);
        return STATUS_OK;
    case OPTION_DURATION:
        if (text_to_duration_ms(value, member(target, row)))
            return STATUS_OK;
        return error_set(err, STATUS_INVALID, "%s: '%s' is no duration such as 30s or 5m", shown,
                         value);
    case OPTION_INT:
    case OPTION_MAYBE_INT:
        if (text_to_int64(value, row->min, row->max, member(target, row)))
            return STATUS_OK;
        return error_set(err, STATUS_INVALID, "%s: '%s' is no whole number from %lld to %lld",
                         shown, value, (long long)row->min, (long long)row->max);
    }
    UNREACHABLE("a row has one of the kinds");
}

static enum status read_defaults(const struct option_table *table, struct arena *arena,
                                 void *target, struct error *err)
{
    for (size_t i = 0; i < table->row_count; i++) {
        const struct option_row *row = &table->rows[i];
        const char *value =
            row->env != NULL ? getenv(row->env) : NULL; // NOLINT(concurrency-mt-unsafe)
        enum status status = STATUS_OK;

        if (row->otherwise != NULL && row->kind != OPTION_LIST)
            status = set_value(row, row->name, row->otherwise, arena, target, err);
        if (status == STATUS_OK && value != NULL && *value != '\0')
            status = set_value(row, row->env, value, arena, target, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status unknown_option(const struct option_table *table, const char *word, size_t len,
                                  struct error *err)
{
    char name[64] = "";
    const char *names[64] = {"help", "version"};
    size_t count = 2;

    for (size_t i = 0; i < table->row_count && count < COUNT_OF(names); i++)
        names[count++] = table->rows[i].name;
    (void)snprintf(name, sizeof(name), "%.*s", (int)(len < 60 ? len : 60), word);

    const char *near = text_nearest(name, names, count);
    if (near != NULL)
        return error_set(err, STATUS_INVALID, "unknown option '--%s'; did you mean '--%s'?", name,
                         near);
    return error_set(err, STATUS_INVALID, "unknown option '--%s'; see '%s --help'", name,
                     table->program);
}

static const struct option_row *find_row(const struct option_table *table, const char *word,
                                         size_t len, char letter)
{
    for (size_t i = 0; i < table->row_count; i++) {
        const struct option_row *row = &table->rows[i];

        if (letter != 0 ? row->letter == letter
                        : strlen(row->name) == len && strncmp(row->name, word, len) == 0)
            return row;
    }
    return NULL;
}

/* One option that stands at argv[*at]; moves *at past its value. */
static enum status read_option(const struct option_table *table, int argc, char *const *argv,
                               int *at, struct arena *arena, void *target, struct error *err)
{
    const char *word = argv[*at];
    bool is_long = word[1] == '-';
    const char *name = word + (is_long ? 2 : 1);
    size_t len = is_long ? strcspn(name, "=") : 1;
    const char *letter = is_long ? "" : name;
    const struct option_row *row = find_row(table, name, len, *letter);

    if (row == NULL && is_long)
        return unknown_option(table, name, len, err);
    if (row == NULL)
        return error_set(err, STATUS_INVALID, "unknown option '-%c'; see '%s --help'", *name,
                         table->program);

    const char *value = name[len] == '\0' ? NULL : name + len + (is_long ? 1 : 0);
    if (row->kind == OPTION_FLAG && value != NULL)
        return error_set(err, STATUS_INVALID, "option '%.*s' takes no value",
                         (int)(name + len - word), word);
    if (row->kind == OPTION_FLAG)
        value = "1";
    if (row->kind == OPTION_MAYBE_INT && value == NULL) {
        *(int64_t *)member(target, row) = row->min;
        return STATUS_OK;
    }
    if (value == NULL && *at + 1 < argc)
        value = argv[++*at];
    if (value == NULL)
        return error_set(err, STATUS_INVALID, "option '%s' needs a value: %s", word, row->value);
    return set_value(row, word, value, arena, target, err);
}

enum status options_parse(const struct option_table *table, int argc, char *const *argv,
                          struct arena *arena, void *target, struct option_list *out_operands,
                          enum option_wish *out_wish, struct error *err)
{
    bool only_operands = false;
    enum status status = read_defaults(table, arena, target, err);

    *out_wish = WISH_RUN;
    *out_operands = (struct option_list){NULL, 0, 0};
    for (int at = 1; at < argc && status == STATUS_OK; at++) {
        const char *word = argv[at];

        if (!only_operands && text_equals(word, "--")) {
            only_operands = true;
        } else if (only_operands || word[0] != '-' || word[1] == '\0') {
            if (table->operands == NULL)
                return error_set(err, STATUS_INVALID, "'%s' takes no operand, but '%s' was given",
                                 table->program, word);
            list_add(arena, out_operands, word);
        } else if (text_equals(word, "--help") || text_equals(word, "-h")) {
            *out_wish = WISH_HELP;
            return STATUS_OK;
        } else if (text_equals(word, "--version")) {
            *out_wish = WISH_VERSION;
            return STATUS_OK;
        } else if (text_equals(word, "--man")) {
            *out_wish = WISH_MAN;
            return STATUS_OK;
        } else {
            status = read_option(table, argc, argv, &at, arena, target, err);
        }
    }
    return status;
}

/* "  -f, --file FILE", answers its width. */
static int print_names(const struct option_row *row, FILE *out)
{
    int width = row->letter != 0 ? fprintf(out, "  -%c, --%s", row->letter, row->name)
                                 : fprintf(out, "      --%s", row->name);

    if (row->kind == OPTION_MAYBE_INT)
        width += fprintf(out, "[=%s]", row->value);
    else if (row->kind != OPTION_FLAG)
        width += fprintf(out, " %s", row->value);
    return width;
}

static void print_help_row(const struct option_row *row, FILE *out)
{
    int width = print_names(row, out);

    if (width >= HELP_COLUMN) {
        (void)fputc('\n', out);
        width = 0;
    }
    (void)fprintf(out, "%*s%s", HELP_COLUMN - width, "", row->help);
    if (row->kind == OPTION_LIST)
        (void)fputs("; may be repeated", out);
    if (row->otherwise != NULL)
        (void)fprintf(out, " (default %s)", row->otherwise);
    if (row->env != NULL)
        (void)fprintf(out, " [%s]", row->env);
    (void)fputc('\n', out);
}

void options_print_help(const struct option_table *table, FILE *out)
{
    (void)fprintf(out, "Usage: %s [OPTION]...%s%s\n%s\n\n%s\n\nOptions:\n", table->program,
                  table->operands != NULL ? " " : "",
                  table->operands != NULL ? table->operands : "", table->summary,
                  table->description);
    for (size_t i = 0; i < table->row_count; i++)
        print_help_row(&table->rows[i], out);
    (void)fprintf(out, "  -h, --help%*sthis text\n      --version%*sversion of this program\n",
                  HELP_COLUMN - 12, "", HELP_COLUMN - 15, "");
    if (table->epilogue != NULL)
        (void)fprintf(out, "\n%s\n", table->epilogue);
}

/* Text of a page: a line that begins with a dot or a quote is no request, and an empty
 * line begins a paragraph. */
static void print_man_text(const char *text, FILE *out)
{
    bool at_start = true;

    for (; *text != '\0'; text++) {
        if (at_start && *text == '\n') {
            (void)fputs(".Pp\n", out);
            continue;
        }
        if (at_start && *text == ' ')
            continue;
        if (at_start && (*text == '.' || *text == '\''))
            (void)fputs("\\&", out);
        if (*text == '\\')
            (void)fputs("\\e", out);
        else
            (void)fputc(*text, out);
        at_start = *text == '\n';
    }
    if (!at_start)
        (void)fputc('\n', out);
}

/* The same between .Bd -literal and .Ed: lines and blanks stay. */
static void print_man_literal(const char *text, FILE *out)
{
    bool at_start = true;

    for (; *text != '\0'; text++) {
        if (at_start && (*text == '.' || *text == '\''))
            (void)fputs("\\&", out);
        (void)fputs(*text == '\\' ? "\\e" : "", out);
        if (*text != '\\')
            (void)fputc(*text, out);
        at_start = *text == '\n';
    }
    (void)fputc('\n', out);
}

static void print_man_row(const struct option_row *row, FILE *out)
{
    (void)fprintf(out, ".It Fl -%s", row->name);
    if (row->kind == OPTION_MAYBE_INT)
        (void)fprintf(out, " Ns Op = Ns Ar %s", row->value);
    else if (row->kind != OPTION_FLAG)
        (void)fprintf(out, " Ar %s", row->value);
    if (row->letter != 0)
        (void)fprintf(out, " , Fl %c", row->letter);
    (void)fputc('\n', out);
    CLEANUP(mem_freep) char *sentence = mem_printf("%s.", row->help);
    sentence[0] = (char)toupper((unsigned char)sentence[0]);
    print_man_text(sentence, out);
    if (row->kind == OPTION_LIST)
        (void)fputs("It may be repeated.\n", out);
    if (row->otherwise != NULL)
        (void)fprintf(out, "The default is %s.\n", row->otherwise);
    if (row->env != NULL)
        (void)fprintf(out, "The environment variable\n.Ev %s\nis read first.\n", row->env);
}

void options_print_man(const struct option_table *table, FILE *out)
{
    char page[64];

    (void)snprintf(page, sizeof(page), "%s", table->program);
    for (char *at = page; *at != '\0'; at++)
        if (*at == ' ')
            *at = '-';

    (void)fprintf(out, ".Dd November 23, 2026\n.Dt %s 1\n.Os Muster\n.Sh NAME\n.Nm %s\n.Nd ", page,
                  page);
    print_man_text(table->summary, out);
    (void)fprintf(out, ".Sh SYNOPSIS\n.Nm %s\n.Op Ar option ...\n", table->program);
    if (table->operands != NULL)
        (void)fprintf(out, ".Ar %s\n", table->operands);
    (void)fputs(".Sh DESCRIPTION\n", out);
    print_man_text(table->description, out);
    (void)fputs(".Pp\nThe options are as follows:\n.Bl -tag -width Ds\n", out);
    for (size_t i = 0; i < table->row_count; i++)
        print_man_row(&table->rows[i], out);
    (void)fputs(".It Fl -help , Fl h\nPrints a summary of the options.\n"
                ".It Fl -version\nPrints the version.\n.El\n",
                out);
    if (table->epilogue != NULL) {
        (void)fputs(".Sh EXIT STATUS\n", out);
        (void)fputs(".Bd -literal\n", out);
        print_man_literal(table->epilogue, out);
        (void)fputs(".Ed\n", out);
    }
    (void)fputs(".Sh SEE ALSO\n.Xr muster 1 ,\n.Xr muster-coordinator 1 ,\n.Xr muster-agent 1\n",
                out);
}
