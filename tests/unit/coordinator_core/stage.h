#ifndef TESTS_UNIT_COORDINATOR_CORE_STAGE_H
#define TESTS_UNIT_COORDINATOR_CORE_STAGE_H

/* A core with a clock that the test moves, and players: agents that say what the test lets them
 * say.
 *
 *     stage_init -> stage_submit -> player_init -> player_sync, player_attempt, ... ->
 * stage_release
 *
 * All facts of the stage's life are kept, so a test may look at them or load another core from
 * them in the order of a store.  After every command the state must be sound. */

#include <criterion/criterion.h>

#include "coordinator/core/core.h"
#include "shared/base/limits.h"

struct stage {
    struct core *core;
    struct instant at;
    struct fact_list facts; /* all of them */
    size_t seen;            /* facts before the last command */
    struct arena arena;     /* as long as the stage */
    struct reply reply;
    struct error err;
    int64_t epoch;
    bool is_unchecked; /* soundness is checked by the test itself */
};

void stage_init(struct stage *stage);
void stage_release(struct stage *stage);

enum status stage_handle(struct stage *stage, const struct command *command);
void stage_pass(struct stage *stage, int64_t ms); /* moves the clock; no tick */
void stage_tick(struct stage *stage);             /* one COMMAND_TICK now     */

/* Facts of this kind: in all, and since before the last command. */
size_t stage_count(const struct stage *stage, enum fact_kind kind);
size_t stage_count_new(const struct stage *stage, enum fact_kind kind);
const struct fact *stage_last(const struct stage *stage, enum fact_kind kind);

/* A core made of the facts as a store loads them; the caller frees it. */
struct core *stage_load(const struct stage *stage);

/* The coordinator dies and starts again. */
void stage_restart(struct stage *stage);
/* The same with a backup from the time when so many facts were known. */
void stage_restore(struct stage *stage, size_t facts_count);

/* A submission that a test may still change: 1 retry policy, no limits, everything else empty. */
struct run_submission *stage_submission(struct stage *stage, const char *key);
int64_t stage_submit(struct stage *stage, const struct run_submission *submission,
                     const struct history *history);
const struct run_view *stage_view(struct stage *stage, int64_t run);

/* ---- players -------------------------------------------------------------------- */

#define PLAYER_LEASES_MAX 64
#define PLAYER_EVENTS_MAX 2048

struct player_lease {
    struct lease_grant grant; /* in the stage's arena */
    bool *is_done;
    size_t left;
    int64_t running;
    bool is_forgotten; /* not in `held` any more */
    bool is_over;      /* gone after the next acknowledged sync */
};

struct player {
    struct stage *stage;
    const char *name;
    int64_t incarnation, sync_no, seq;
    int64_t trimmed; /* events up to here it has no more */
    int64_t slots;
    struct slot_report slot_reports[16];
    struct player_lease leases[PLAYER_LEASES_MAX];
    size_t leases_count;
    struct event events[PLAYER_EVENTS_MAX];
    size_t events_count;
    struct label labels[4];
    size_t labels_count;
    bool is_draining, is_leaving, is_recovering;
    bool is_older;               /* a version that does not say which events it has no more */
    struct sync_request request; /* the last one, for repeating */
    struct sync_response *response;
    enum status status;
};

void player_init(struct player *player, struct stage *stage, const char *name, int64_t slots);

/* Syncs, and takes what the reply says; NULL: status is not OK. */
const struct sync_response *player_sync(struct player *player);
/* The same request once more; nothing is taken. */
const struct sync_response *player_repeat(struct player *player);

struct player_lease *player_lease(struct player *player, int64_t token);
/* The last lease it was given. */
struct player_lease *player_last(struct player *player);

void player_add_event(struct player *player, struct event event);
void player_attempt(struct player *player, int64_t lease, int64_t test, enum outcome outcome);
void player_extra(struct player *player, int64_t lease, const char *id, enum outcome outcome);
void player_return(struct player *player, int64_t token);
void player_problem(struct player *player, int64_t lease, const char *stage, const char *text);
/* The whole list in one page, with its count and hash. */
void player_collect(struct player *player, int64_t lease, const struct collected_test *tests,
                    size_t count);

/* Reports `outcome` of all that the player holds. */
void player_finish(struct player *player, enum outcome outcome);

/* Makes the process a new one: higher incarnation, nothing held, nothing to tell. */
void player_reincarnate(struct player *player);

/* Syncs until nothing is held or granted, passing everything; at most `syncs_max`. */
void player_play(struct player *player, int syncs_max);

/* ---- short cuts ----------------------------------------------------------------- */

/* Tests "t1".."tN" in groups of `per_group` ("g1", ...; 0: none), phase 0. */
struct collected_test *stage_tests(struct stage *stage, size_t count, size_t per_group);

/* A run that is collected by `player` and has these tests; answers its number.  The collecting sync
 * and the one that reports it have been made, so the player may hold batches. */
int64_t stage_run(struct stage *stage, struct player *player,
                  const struct run_submission *submission, const struct collected_test *tests,
                  size_t count);

#endif
