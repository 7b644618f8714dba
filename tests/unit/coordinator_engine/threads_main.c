/* The engine among many threads, as a plain program: Criterion's own sandbox does not start
 * under ThreadSanitizer.  Posters submit, wait and withdraw while a commit now and then
 * fails, and the engine is stopped with waits still parked. */

#include <stdio.h>

#include "rig.h"

#define POSTERS          4
#define ROUNDS           200
#define WAITS_AT_THE_END 50

static _Atomic int64_t accepted;

static void *post(void *context)
{
    struct rig *rig = context;

    for (int i = 0; i < ROUNDS; i++) {
        struct question *wait = rig_ask(rig, rig_wait());
        struct question *submit = rig_ask(rig, rig_submit());
        enum status status;

        engine_withdraw(rig->engine, wait);
        CHECK(question_await(wait) == STATUS_OK);
        status = question_await(submit);
        CHECK(status == STATUS_OK || status == STATUS_STORE_FAILED);
        accepted += status == STATUS_OK;
        (void)engine_is_ready(rig->engine);
        question_free(wait);
        question_free(submit);
    }
    return NULL;
}

static void posters_run(struct rig *rig)
{
    pthread_t threads[POSTERS];

    for (int i = 0; i < POSTERS; i++)
        CHECK(pthread_create(&threads[i], NULL, post, rig) == 0);
    for (int i = 0; i < POSTERS; i++)
        (void)pthread_join(threads[i], NULL);
}

static void many_threads_and_failing_commits(void)
{
    struct rig rig;

    rig_start(&rig);
    store_failing_set(rig.store, (struct store_failing_plan){.nth = POSTERS * ROUNDS / 8,
                                                             .moment = FAIL_BEFORE,
                                                             .status = STATUS_STORE_FAILED,
                                                             .begins = 1});
    posters_run(&rig);
    while (rig_ask_status(&rig, rig_submit()) != STATUS_OK)
        continue;
    CHECK(rig_runs(&rig) == accepted + 1);
    engine_stop(rig.engine);
}

static void stop_with_parked_waits(void)
{
    struct question *waits[WAITS_AT_THE_END];
    struct rig rig;

    rig_start(&rig);
    for (int i = 0; i < WAITS_AT_THE_END; i++)
        waits[i] = rig_ask(&rig, rig_wait());
    engine_stop(rig.engine);
    for (int i = 0; i < WAITS_AT_THE_END; i++) {
        CHECK(question_await(waits[i]) == STATUS_STOPPING);
        question_free(waits[i]);
    }
}

int main(void)
{
    rig_submission_make();
    many_threads_and_failing_commits();
    stop_with_parked_waits();
    rig_submission_free();
    (void)printf("every post was answered once\n");
    return 0;
}
