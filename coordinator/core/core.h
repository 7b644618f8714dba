#ifndef COORDINATOR_CORE_CORE_H
#define COORDINATOR_CORE_CORE_H

/* The scheduler as a pure state machine: no I/O, no clock, no dice, no threads, no log.
 *
 *     command + time --core_handle--> facts (already applied) + reply
 *
 * core_handle decides, appends each fact to the list and applies it at once, so a later
 * decision of the same command sees the earlier one.  The engine then commits the list; when the
 * commit fails, this core is thrown away and a new one is made from the store: that is the way of a
 * restart.  Nothing of a reply may leave the process before the commit.
 *
 * "Pencil" is what the core knows without a fact and a restart forgets: when an agent was heard
 * last, how far a lease is, what is warm in a slot, who watches a run, history for estimates, which
 * images a run has asked for. After a restart every open lease and every watched run gets its time
 * anew, and every image counts as asked for by every open run.
 *
 * Owned by one thread (the engine's). */

#include "coordinator/core/command.h"
#include "coordinator/core/fact.h"
#include "shared/base/status.h"

struct core;

struct core_settings {
    const char *pool;
    int64_t epoch;    /* raised durably by the store at this start; part of every token */
    int64_t next_run; /* least number no run has used */
};

/* Both clocks at the moment a command is handled. */
struct instant {
    int64_t now_ms;  /* monotonic: deadlines */
    int64_t wall_ms; /* for people: goes into facts */
};

struct core *core_new(const struct core_settings *settings);
void core_free(struct core *core);

/* Applies one fact of the store while a core is rebuilt (see store_load in
 * coordinator/store/store.h for the order), or of a ledger that is verified.  A fact that does not
 * fit the state is our own error (CHECK). */
void core_apply(struct core *core, const struct fact *fact);

/* The number of the last entry of a loaded run's ledger: more than the facts that were loaded. */
void core_give_last_seq(struct core *core, int64_t run, int64_t last_seq);

/* Ends the rebuilding: gives every lease, agent and run its time anew. */
void core_restart(struct core *core, struct instant instant);

/* Durations for a run that is still collecting (after a restart). */
void core_give_history(struct core *core, int64_t run, const struct history *history);

/* Runs that still want history: fills at most `max`, answers how many there are. */
size_t core_runs_without_history(const struct core *core, int64_t *out_runs,
                                 const char **out_suite_names, size_t max);

/* Handles one command.  Facts are appended to `facts`; everything the reply points to is in `arena`
 * or in the command.  On a status other than OK no fact was added and the state is unchanged.
 *
 * STATUS_NOT_FOUND: no such run here (it may be in the store: ended long ago).
 * STATUS_SUPERSEDED: sync of an incarnation that a newer one has replaced (unless it is
 * recovering). STATUS_CONFLICT: sync number or seq that cannot be. */
enum status core_handle(struct core *core, struct instant instant, const struct command *command,
                        struct fact_list *facts, struct arena *arena, struct reply *out_reply,
                        struct error *err) MUST_USE;

/* When COMMAND_TICK is due at the latest; INT64_MAX: never. */
int64_t core_next_deadline_ms(const struct core *core);

/* Would a sync of this idle agent bring it anything (work, a cancel)?  Also true for an agent that
 * is not known or not of this incarnation: it should sync. */
bool core_has_news(const struct core *core, const char *agent, int64_t incarnation);

/* Would the claim be answered with anything but "wait"? */
bool core_image_has_news(const struct core *core, const char *fingerprint,
                         const struct image_claim *claim);

/* SHA-256 over the durable state in a fixed order: two cores with equal digests decide alike once
 * pencil is equal.  For tests and the simulation. */
void core_digest(const struct core *core, char out_hex[65]);

/* Checks the invariants 1, 3, 4 and 8 of docs/guarantees.md on the state; returns false and a
 * sentence for the first that does not hold.  For tests and the simulation. */
bool core_is_sound(const struct core *core, struct error *err);

#endif
