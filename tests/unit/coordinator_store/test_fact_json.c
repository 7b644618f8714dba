#include <criterion/criterion.h>
#include <string.h>

#include "coordinator/store/fact_json.h"
#include "coordinator/store/fact_shapes.h"
#include "shared/base/file.h"
#include "story.h"

#define GOLDEN "tests/golden/ledger.jsonl"

static const struct fact_place place = {
    .at_ms = STORY_WALL_MS, .epoch = 3, .seq = 7, .pool = "default"};

static void encode(const struct fact *fact, struct buffer *line)
{
    struct error err;

    buffer_clear(line);
    cr_assert_eq(fact_encode(fact, &place, line, &err), STATUS_OK, "%s", err.text);
}

Test(fact_json, every_kind_has_the_name_that_the_core_gives_it)
{
    for (int kind = 0; kind < FACT_KIND_COUNT; kind++)
        cr_assert_str_eq(codec_enum_name(&fact_kind_names, kind),
                         fact_kind_name((enum fact_kind)kind));
}

Test(fact_json, a_line_that_is_decoded_and_encoded_again_is_the_same)
{
    struct buffer before, after;
    bool seen[FACT_KIND_COUNT] = {false};

    buffer_init(&before, FACT_BYTES_MAX);
    buffer_init(&after, FACT_BYTES_MAX);
    for (int i = 0; i < STORY_COUNT; i++) {
        struct arena arena = ARENA_INIT;
        struct fact fact;
        struct fact_place found;
        struct error err;

        encode(story_fact(i), &before);
        cr_assert_eq(fact_decode(before.at, before.len, &arena, &fact, &found, &err), STATUS_OK,
                     "%s: %s", before.at, err.text);
        encode(&fact, &after);

        cr_assert_str_eq(after.at, before.at);
        cr_assert_eq(found.at_ms, place.at_ms);
        cr_assert_eq(found.epoch, 3);
        cr_assert_eq(found.seq, 7);
        cr_assert_str_eq(found.pool, "default");
        seen[fact.kind] = true;
        arena_release(&arena);
    }
    for (int kind = 0; kind < FACT_KIND_COUNT; kind++)
        cr_assert(seen[kind], "the story has no %s", fact_kind_name((enum fact_kind)kind));
    buffer_release(&before);
    buffer_release(&after);
}

Test(fact_json, what_a_sync_lacked_is_in_the_ledger)
{
    const struct fact_agent_synced synced = {.agent = "a",
                                             .incarnation = 1,
                                             .acknowledged = 9,
                                             .sync_no = 2,
                                             .missing = 5,
                                             .dropped = 3};
    const struct fact fact = {.kind = FACT_AGENT_SYNCED, .agent_synced = &synced};
    struct arena arena = ARENA_INIT;
    struct buffer bytes;
    struct error err;
    const void *body;

    buffer_init(&bytes, FACT_BYTES_MAX);
    cr_assert_eq(fact_body_encode(&fact, &bytes, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(fact_body_decode(FACT_AGENT_SYNCED, bytes.at, bytes.len, &arena, &body, &err),
                 STATUS_OK);
    const struct fact_agent_synced *back = body;

    cr_assert_eq(back->missing, 5);
    cr_assert_eq(back->dropped, 3);
    buffer_release(&bytes);
    arena_release(&arena);
}

Test(fact_json, a_copy_says_the_same_as_its_original)
{
    struct buffer original, copied;

    buffer_init(&original, FACT_BYTES_MAX);
    buffer_init(&copied, FACT_BYTES_MAX);
    for (int i = 0; i < STORY_COUNT; i++) {
        struct arena arena = ARENA_INIT;
        struct fact copy = fact_copy(story_fact(i), &arena);

        encode(story_fact(i), &original);
        encode(&copy, &copied);

        cr_assert_str_eq(copied.at, original.at);
        arena_release(&arena);
    }
    buffer_release(&original);
    buffer_release(&copied);
}

Test(fact_json, a_line_with_an_unknown_or_missing_field_is_refused)
{
    static const char *const lines[] = {
        "",
        "{}",
        "{\"at\":1,\"body\":{},\"epoch\":1,\"kind\":\"nonsense\",\"pool\":\"p\",\"run\":1,\"seq\":"
        "1}",
        "{\"at\":1,\"body\":{},\"epoch\":1,\"kind\":\"lease_ended\",\"pool\":\"p\",\"run\":1,"
        "\"seq\":1}",
        "{\"at\":1,\"body\":{\"lease\":1,\"end\":\"done\",\"more\":1},\"epoch\":1,"
        "\"kind\":\"lease_ended\",\"pool\":\"p\",\"run\":1,\"seq\":1}",
    };

    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct arena arena = ARENA_INIT;
        struct fact fact;
        struct fact_place found;
        struct error err;

        cr_assert_eq(fact_decode(lines[i], strlen(lines[i]), &arena, &fact, &found, &err),
                     STATUS_INVALID, "%s", lines[i]);
        arena_release(&arena);
    }
}

Test(fact_json, secrets_are_hidden_and_can_be_put_back)
{
    struct arena arena = ARENA_INIT;
    struct buffer line;
    struct run_secret *secrets;

    buffer_init(&line, FACT_BYTES_MAX);
    struct fact shown = fact_without_secrets(story_fact(2), &arena);
    encode(&shown, &line);
    size_t count = fact_secrets(story_fact(2), &arena, &secrets);
    const struct run_submission *whole =
        submission_with_secrets(shown.run_submitted->submission, secrets, count, &arena);

    cr_assert_null(strstr(line.at, STORY_PASSWORD));
    cr_assert_not_null(strstr(line.at, "\"value\":\"" SECRET_SHOWN "\""));
    cr_assert_not_null(strstr(line.at, "\"value\":\"seen\""));
    cr_assert_eq(count, 1);
    cr_assert_str_eq(whole->suite->env[1].value, STORY_PASSWORD);
    cr_assert_str_eq(whole->suite->env[1].fallback, STORY_PASSWORD "-fallback");
    buffer_release(&line);
    arena_release(&arena);
}

Test(fact_json, the_chain_changes_when_any_line_does)
{
    char first[HASH_HEX_SIZE], second[HASH_HEX_SIZE], other[HASH_HEX_SIZE];

    ledger_chain(LEDGER_CHAIN_START, "a", 1, first);
    ledger_chain(first, "b", 1, second);
    ledger_chain(LEDGER_CHAIN_START, "A", 1, first);
    ledger_chain(first, "b", 1, other);

    cr_assert_str_neq(second, other);
}

/* The ledger's bytes are a contract with those who verify old ones: a change here needs a reader of
 * both. */
Test(fact_json, the_story_is_written_as_the_golden_ledger_has_it)
{
    struct buffer golden, lines, line;
    struct arena arena = ARENA_INIT;
    struct error err;

    buffer_init(&golden, FACT_BYTES_MAX);
    buffer_init(&lines, FACT_BYTES_MAX);
    buffer_init(&line, FACT_BYTES_MAX);
    for (int i = 0; i < STORY_COUNT; i++) {
        struct fact shown = fact_without_secrets(story_fact(i), &arena);

        encode(&shown, &line);
        cr_assert(buffer_printf(&lines, "%s\n", line.at));
    }
    cr_assert_eq(file_read(GOLDEN, &golden, &err), STATUS_OK, "%s", err.text);

    cr_assert_str_eq(lines.at, golden.at);
    buffer_release(&golden);
    buffer_release(&lines);
    buffer_release(&line);
    arena_release(&arena);
}
