#include "rig.h"

#include <stdlib.h>

#include "shared/base/log.h"
#include "tests/unit/coordinator_store/story.h"

static struct run_submission *submission;

void rig_submission_make(void)
{
    submission = story_submission("key");
}
void rig_submission_free(void)
{
    free(submission);
}

void rig_start(struct rig *rig)
{
    struct error err;

    log_start("test_engine", LOG_LEVEL_ERROR + 1);
    rig->store = store_failing_new(store_memory_new());
    CHECK(engine_start(rig->store, "default", &rig->engine, &err) == STATUS_OK);
}

struct command rig_submit(void)
{
    return (struct command){.kind = COMMAND_SUBMIT, .submission = submission};
}

struct command rig_wait(void)
{
    return (struct command){.kind = COMMAND_WAIT, .agent = "a", .incarnation = 1};
}

static void on_done(struct engine_call *call)
{
    struct question *question = call->context;

    (void)pthread_mutex_lock(&question->lock);
    question->commits_before = store_failing_commits(question->rig->store);
    question->answers++;
    (void)pthread_cond_signal(&question->answered);
    (void)pthread_mutex_unlock(&question->lock);
}

struct question *rig_ask(struct rig *rig, struct command command)
{
    struct question *question = mem_zalloc(sizeof(*question));

    question->rig = rig;
    (void)pthread_mutex_init(&question->lock, NULL);
    (void)pthread_cond_init(&question->answered, NULL);
    question->call = (struct engine_call){.command = command, .done = on_done, .context = question};
    engine_post(rig->engine, &question->call);
    return question;
}

enum status question_await(struct question *question)
{
    (void)pthread_mutex_lock(&question->lock);
    while (question->answers == 0)
        (void)pthread_cond_wait(&question->answered, &question->lock);
    CHECK(question->answers == 1);
    (void)pthread_mutex_unlock(&question->lock);
    return question->call.status;
}

bool question_is_answered(struct question *question)
{
    (void)pthread_mutex_lock(&question->lock);
    bool is_answered = question->answers > 0;
    (void)pthread_mutex_unlock(&question->lock);
    return is_answered;
}

void question_free(struct question *question)
{
    (void)pthread_mutex_destroy(&question->lock);
    (void)pthread_cond_destroy(&question->answered);
    arena_release(&question->call.arena);
    free(question);
}

enum status rig_ask_status(struct rig *rig, struct command command)
{
    struct question *question = rig_ask(rig, command);
    enum status status = question_await(question);

    question_free(question);
    return status;
}

int64_t rig_runs(struct rig *rig)
{
    struct question *question = rig_ask(rig, (struct command){.kind = COMMAND_VIEW, .run = 1});
    enum status status = question_await(question);
    int64_t runs = question->call.reply.run_view.last_seq;

    question_free(question);
    CHECK(status == STATUS_OK);
    return runs;
}
