#include <criterion/criterion.h>
#include <pthread.h>

#include "rig.h"
#include "tests/unit/coordinator_store/story.h"

static void make_submission(void)
{
    rig_submission_make();
}
static void drop_submission(void)
{
    rig_submission_free();
}

TestSuite(engine, .init = make_submission, .fini = drop_submission, .timeout = 60);

Test(engine, an_answer_comes_after_the_commit)
{
    struct rig rig;

    rig_start(&rig);
    struct question *question = rig_ask(&rig, rig_submit());

    cr_assert_eq(question_await(question), STATUS_OK);
    cr_assert_eq(question->commits_before, 1);
    cr_assert_eq(question->call.reply.run_created.run, 1);
    question_free(question);
    engine_stop(rig.engine);
}

/* ---- many threads ------------------------------------------------------------------ */

#define POSTERS          4
#define POSTS_PER_POSTER 300

static void *post_many(void *context)
{
    struct rig *rig = context;
    struct question *questions[POSTS_PER_POSTER];

    for (size_t i = 0; i < POSTS_PER_POSTER; i++)
        questions[i] = rig_ask(rig, rig_submit());
    for (size_t i = 0; i < POSTS_PER_POSTER; i++) {
        cr_assert_eq(question_await(questions[i]), STATUS_OK);
        question_free(questions[i]);
    }
    return NULL;
}

Test(engine, every_post_of_many_threads_is_answered_once_and_durable)
{
    pthread_t threads[POSTERS];
    struct rig rig;

    rig_start(&rig);
    for (size_t i = 0; i < POSTERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, post_many, &rig), 0);
    for (size_t i = 0; i < POSTERS; i++)
        (void)pthread_join(threads[i], NULL);

    cr_assert_eq(rig_runs(&rig), (int64_t)POSTERS * POSTS_PER_POSTER);
    cr_assert_leq(store_failing_commits(rig.store), (int64_t)POSTERS * POSTS_PER_POSTER);
    engine_stop(rig.engine);
}

/* ---- failing commits ------------------------------------------------------------------ */

Test(engine, a_failed_commit_is_answered_with_its_status_and_the_core_is_what_is_durable)
{
    static const struct {
        enum fail_moment moment;
        enum status told, answered;
        int64_t runs; /* known afterwards */
    } cases[] = {
        {FAIL_BEFORE, STATUS_STORE_FULL, STATUS_STORE_FULL, 1},
        {FAIL_BEFORE, STATUS_STORE_FAILED, STATUS_STORE_FAILED, 1},
        {FAIL_BEFORE, STATUS_INTERNAL, STATUS_STORE_FAILED, 1},
        {FAIL_AFTER, STATUS_STORE_FAILED, STATUS_STORE_FAILED, 2},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;

        rig_start(&rig);
        cr_assert_eq(rig_ask_status(&rig, rig_submit()), STATUS_OK);
        store_failing_set(rig.store, (struct store_failing_plan){.nth = 1,
                                                                 .moment = cases[i].moment,
                                                                 .status = cases[i].told});

        cr_assert_eq(rig_ask_status(&rig, rig_submit()), cases[i].answered);

        cr_assert_eq(rig_runs(&rig), cases[i].runs);
        cr_assert(engine_is_ready(rig.engine));
        cr_assert_eq(store_failing_begins(rig.store), 2, "the epoch was not raised again");
        cr_assert_eq(rig_ask_status(&rig, rig_submit()), STATUS_OK);
        cr_assert_eq(rig_runs(&rig), cases[i].runs + 1);
        engine_stop(rig.engine);
    }
}

Test(engine, while_degraded_only_what_the_durable_state_can_say_is_answered)
{
    struct event events[1] = {{.seq = 1}};
    struct slot_report slots[1] = {{.slot = 1, .group = ""}};
    struct sync_request heartbeat = {.agent = "a", .slots = slots, .slots_count = 1};
    struct sync_request report = {.agent = "a", .events = events, .events_count = 1};
    struct rig rig;

    rig_start(&rig);
    cr_assert_eq(rig_ask_status(&rig, rig_submit()), STATUS_OK);
    store_failing_set(rig.store, (struct store_failing_plan){.nth = 1,
                                                             .moment = FAIL_BEFORE,
                                                             .status = STATUS_STORE_FULL,
                                                             .begins = INT64_MAX});
    cr_assert_eq(rig_ask_status(&rig, rig_submit()), STATUS_STORE_FULL);

    cr_assert_eq(rig_ask_status(&rig, (struct command){.kind = COMMAND_SYNC, .sync = &heartbeat}),
                 STATUS_OK);
    cr_assert_eq(rig_ask_status(&rig, (struct command){.kind = COMMAND_SYNC, .sync = &report}),
                 STATUS_STORE_FULL);
    cr_assert_eq(rig_runs(&rig), 1);
    cr_assert_eq(rig_ask_status(&rig, rig_submit()), STATUS_STORE_FULL);
    cr_assert_not(engine_is_ready(rig.engine));
    engine_stop(rig.engine);
}

Test(engine, it_comes_back_when_the_store_does)
{
    struct rig rig;

    rig_start(&rig);
    store_failing_set(rig.store, (struct store_failing_plan){.nth = 1,
                                                             .moment = FAIL_BEFORE,
                                                             .status = STATUS_STORE_FAILED,
                                                             .reopens = 1,
                                                             .begins = 1});
    cr_assert_eq(rig_ask_status(&rig, rig_submit()), STATUS_STORE_FAILED);

    while (rig_ask_status(&rig, rig_submit()) != STATUS_OK)
        continue;

    cr_assert(engine_is_ready(rig.engine));
    cr_assert_eq(rig_runs(&rig), 1);
    engine_stop(rig.engine);
}

/* What is in memory may be more than what is durable: only the way of a restart is left. */
Test(engine, a_failed_fsync_ends_the_process, .exit_code = 1)
{
    struct rig rig;

    rig_start(&rig);
    store_failing_set(rig.store, (struct store_failing_plan){
                                     .nth = 1, .moment = FAIL_AFTER, .status = STATUS_IO});
    (void)rig_ask_status(&rig, rig_submit());
}

Test(engine, a_raised_epoch_ends_the_process, .exit_code = 1)
{
    struct rig rig;

    rig_start(&rig);
    store_failing_set(rig.store, (struct store_failing_plan){
                                     .nth = 1, .moment = FAIL_BEFORE, .status = STATUS_SUPERSEDED});
    (void)rig_ask_status(&rig, rig_submit());
}

Test(engine, a_store_that_cannot_begin_is_not_started_on_and_stays_the_callers)
{
    struct store *store = store_failing_new(store_memory_new());
    struct engine *engine;
    struct error err;

    store_failing_set(store, (struct store_failing_plan){.status = STATUS_STORE_FULL, .begins = 1});

    cr_assert_eq(engine_start(store, "default", &engine, &err), STATUS_STORE_FULL);
    store->ops->close(store);
}

/* ---- waits ------------------------------------------------------------------------------ */

Test(engine, a_parked_wait_is_answered_when_there_is_news)
{
    struct rig rig;

    rig_start(&rig);
    struct question *wait = rig_ask(&rig, rig_wait());
    cr_assert_eq(rig_runs(&rig), 0); /* a lap after the wait was taken */
    cr_assert_not(question_is_answered(wait));
    cr_assert_eq(rig_ask_status(&rig, rig_submit()), STATUS_OK);

    cr_assert_eq(question_await(wait), STATUS_OK);
    cr_assert_eq(wait->commits_before, 1);
    question_free(wait);
    engine_stop(rig.engine);
}

Test(engine, a_wait_with_news_is_answered_at_once)
{
    struct rig rig;

    rig_start(&rig);
    cr_assert_eq(rig_ask_status(&rig, rig_submit()), STATUS_OK);

    cr_assert_eq(rig_ask_status(&rig, rig_wait()), STATUS_OK);
    engine_stop(rig.engine);
}

Test(engine, a_withdrawn_wait_is_answered_and_the_others_stay)
{
    struct rig rig;

    rig_start(&rig);
    struct question *gone = rig_ask(&rig, rig_wait());
    struct question *staying = rig_ask(&rig, rig_wait());
    engine_withdraw(rig.engine, gone);

    cr_assert_eq(question_await(gone), STATUS_OK);
    cr_assert_not(question_is_answered(staying));
    engine_stop(rig.engine);
    cr_assert_eq(question_await(staying), STATUS_STOPPING);
    question_free(gone);
    question_free(staying);
}

Test(engine, stopping_answers_what_is_parked)
{
    struct question *waits[50];
    struct rig rig;

    rig_start(&rig);
    for (size_t i = 0; i < COUNT_OF(waits); i++)
        waits[i] = rig_ask(&rig, rig_wait());
    engine_stop(rig.engine);

    for (size_t i = 0; i < COUNT_OF(waits); i++) {
        cr_assert_eq(question_await(waits[i]), STATUS_STOPPING);
        question_free(waits[i]);
    }
}
