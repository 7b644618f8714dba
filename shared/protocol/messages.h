#ifndef SHARED_PROTOCOL_MESSAGES_H
#define SHARED_PROTOCOL_MESSAGES_H

/* Every message between client, coordinator and agent, as plain structs.  How they
 * look on the wire stands in shared/json (tables) and schemas/ (the contract);
 * what they mean, in docs/protocol.md.
 *
 * Strings are NUL-terminated UTF-8, never NULL unless said so; all is owned by the
 * arena of the one who decoded or built the message.  Durations and times carry
 * their unit in the name.  A number "test" is a test's number inside its run, from
 * 1 in the order of collection; 0 is none. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/protocol/suite.h"

/* A fencing token: epoch * 2^32 + counter.  It only grows.  0 is none. */
#define LEASE_TOKEN(epoch, counter) ((int64_t)(((uint64_t)(epoch) << 32) | (uint32_t)(counter)))
#define LEASE_EPOCH(token)          ((int64_t)((uint64_t)(token) >> 32))
#define LEASE_COUNTER(token)        ((int64_t)((uint64_t)(token)&UINT32_MAX))

struct label {
    const char *name;
    const char *value;
};

/* ---- what happened to a test ---------------------------------------------- */

enum outcome {
    OUTCOME_PASSED,
    OUTCOME_FAILED,    /* an assertion                                             */
    OUTCOME_ERROR,     /* any other exception, a failed fixture                    */
    OUTCOME_SKIPPED,   /* `message` is the reason                                  */
    OUTCOME_XFAIL,     /* failed as expected: counts as passed                     */
    OUTCOME_XPASS,     /* passed unexpectedly: counts as failed                    */
    OUTCOME_CRASHED,   /* its worker died while it ran                             */
    OUTCOME_TIMED_OUT, /* killed past its time limit                               */
    OUTCOME_LOST,      /* Muster's own doing or the machine's: charges nothing     */
    OUTCOME_COUNT
};

enum verdict {
    VERDICT_NONE, /* not decided yet */
    VERDICT_PASSED,
    VERDICT_FAILED,
    VERDICT_ERROR,
    VERDICT_SKIPPED,
    VERDICT_FLAKY,
    VERDICT_CRASHED,
    VERDICT_TIMED_OUT,
    VERDICT_NOT_RUN,
    VERDICT_COUNT
};

enum attempt_kind { ATTEMPT_FIRST, ATTEMPT_RETRY, ATTEMPT_COPY };

/* What an attempt printed: both ends, and how much there was in all. */
struct output {
    const char *head;
    const char *tail;    /* "" when head holds everything           */
    int64_t total_bytes; /* as the worker wrote them                */
};

/* One execution of one test, as the agent reports it. */
struct attempt_report {
    int64_t test;    /* 0: `id` is not in the collection (extra)                       */
    const char *id;  /* extra only ("tearDownClass (app.T)"), else ""                  */
    int64_t attempt; /* the attempt's number as granted; 0 for an extra                */
    enum outcome outcome;
    int64_t duration_us;
    int64_t started_ms; /* wall clock of the agent, for people only                       */
    int64_t slot;
    const char *worker;  /* unique in the run: "AGENT.INCARNATION.SLOT.N"                  */
    int64_t order;       /* place in that worker's order, from 1                           */
    const char *message; /* one line                                                       */
    const char *details; /* traceback                                                      */
    const char *file;    /* where it failed; "" unknown                                    */
    int64_t line;
    int64_t subtests; /* failed sub-tests                                               */
    const struct output *output; /* NULL: printed nothing                                  */
};

struct collected_test {
    const char *id;
    const char *group;
    int64_t phase;
    const char *file;
    int64_t line;
};

struct note {
    int64_t test; /* 0: of the run */
    const char *name;
    const char *value;
};

/* ---- sync: the one verb between agent and coordinator --------------------- */

enum event_kind {
    EVENT_COLLECTED,       /* a page of tests, in order             -> tests             */
    EVENT_COLLECTION_DONE, /* the collection is complete            -> count, hash       */
    EVENT_ATTEMPT,         /* an attempt ended                      -> attempt           */
    EVENT_NOTE,            /*                                       -> note              */
    EVENT_RETURNED,        /* these will not be run under the lease -> numbers, text     */
    EVENT_PROBLEM,         /* infrastructure failed; the lease ends -> stage, text       */
};

/* Events are (agent, incarnation, seq), seq from 1 without gaps. */
struct event {
    int64_t seq;
    enum event_kind kind;
    int64_t lease;
    struct collected_test *tests;
    size_t tests_count;
    int64_t count;
    const char *hash; /* SHA-256 of all ids, each followed by '\n', in order */
    const struct attempt_report *attempt;
    const struct note *note;
    int64_t *numbers; /* test numbers */
    size_t numbers_count;
    const char *stage; /* PROBLEM: "source", "prepare", "set-up", "clone", "ready", "collect",
                          "unknown-test" */
    const char *text;
};

/* A lease that the agent holds, and how far it is. */
struct held_lease {
    int64_t lease;
    int64_t position;   /* tests of it that are done                                   */
    int64_t running;    /* number of the test that runs now; 0 none                    */
    int64_t running_ms; /* for how long                                              */
};

/* A slot as the coordinator needs it to choose work: what is warm. */
struct slot_report {
    int64_t slot;
    int64_t run;       /* whose worker lives there; 0 none                           */
    const char *group; /* the last test's group; "" none                             */
    int64_t phase;     /* lowest phase that needs no new clone                       */
};

struct sync_request {
    int64_t protocol;
    const char *agent;
    int64_t incarnation;
    int64_t sync_no; /* from 1 in each incarnation; a repeated number gets the same answer */
    struct held_lease *held;
    size_t held_count;
    struct event *events;
    size_t events_count;
    struct slot_report *slots; /* every slot the agent has                              */
    size_t slots_count;
    struct label *labels;
    size_t labels_count;
    bool draining;      /* takes no more work                                            */
    bool leaving;       /* last sync: everything is returned or reported                 */
    bool recovering;    /* carries the old incarnation's spool; nothing may be granted   */
    const char *doing;  /* for people: "preparing", "building template default"; "" */
    int64_t oldest_seq; /* the agent has no event before it: they were acknowledged; 0 unsaid   */
};

enum lease_kind { LEASE_COLLECT, LEASE_BATCH };

struct granted_test {
    int64_t test;
    const char *id;
    int64_t attempt;
    enum attempt_kind kind;
    const char *group;
    int64_t phase;
};

struct lease_grant {
    int64_t lease;
    enum lease_kind kind;
    int64_t run;
    int64_t slot;
    struct granted_test *tests; /* BATCH: in the order in which to run them */
    size_t tests_count;
};

struct sync_response {
    int64_t acknowledged; /* all events up to this seq are durable                            */
    bool resync;          /* there was a gap: send again from acknowledged + 1                */
    struct lease_grant *leases;
    size_t leases_count;
    int64_t *cancel; /* leases to stop at once: kill what runs, report nothing more           */
    size_t cancel_count;
    int64_t *return_leases; /* leases whose unstarted tests are wanted back                   */
    size_t return_leases_count;
    int64_t *forget_runs; /* runs that have ended: their trees' locks and clones may go       */
    size_t forget_runs_count;
    int64_t next_sync_ms; /* call again after this at the latest                              */
    bool may_wait;        /* nothing to do: park on the long poll instead                     */
};

/* ---- runs ------------------------------------------------------------------ */

enum run_order { ORDER_HISTORY, ORDER_LISTED, ORDER_REVERSE, ORDER_SHUFFLE };

struct run_options {
    const char **selection; /* paths or ids, handed to the driver's collect; empty: everything */
    size_t selection_count;
    const char **filters; /* globs over ids, kept when any matches; empty: all               */
    size_t filters_count;
    const char **only; /* exact ids (rerun of failures); empty: all                          */
    size_t only_count;
    enum run_order order;
    int64_t seed;
    const char *start_at;   /* id; "" from the first                                          */
    int64_t workers;        /* most slots at once; 0 no bound                                 */
    int64_t fail_fast;      /* stop after so many failures; 0 never                           */
    int64_t wait_agents_ms; /* no agent that can serve it for so long: the run ends; 0 never */
    bool detached;
    bool debug_sql;
};

struct run_submission {
    int64_t protocol;
    const char *key; /* made by the client; the same key gives the same run */
    struct suite *suite;
    struct run_options *options;
    struct label *labels; /* shown, not matched: commit, branch, dirty, url */
    size_t labels_count;
    struct label *requirements; /* every one must be a label of the agent */
    size_t requirements_count;
};

struct run_created {
    int64_t run;
    bool existed;
};

enum run_state { RUN_COLLECTING, RUN_RUNNING, RUN_ENDED };

enum run_end { /* why a run ended; RUN_END_NONE while it lives */
               RUN_END_NONE,
               RUN_END_DONE, /* every test has a verdict by its attempts            */
               RUN_END_FAIL_FAST,
               RUN_END_CANCELLED,
               RUN_END_TIME_LIMIT,
               RUN_END_CLIENT_GONE,
               RUN_END_NO_AGENT, /* none within wait_agents                             */
               RUN_END_INFRASTRUCTURE,
               RUN_END_NOTHING,    /* nothing collected or selected                       */
               RUN_END_BAD_FILTER, /* a filter or --start-at that matches nothing it could */
};

struct run_counts {
    int64_t collected, passed, failed, error, skipped, flaky, crashed, timed_out, not_run;
    int64_t attempts, retries, lost, late, problems;
};

struct running_test {
    int64_t test;
    const char *id;
    const char *agent;
    int64_t slot;
    int64_t running_ms;
};

/* The live view of a run: what a client shows while it waits. */
struct run_view {
    int64_t run;
    const char *key;
    const char *name;
    enum run_state state;
    enum run_end end;
    const char *reason;  /* for people, "" none: why it ended, or what it waits for */
    int64_t exit_status; /* of section 7 of the design; -1 while it lives           */
    struct run_counts *counts;
    struct running_test *running;
    size_t running_count;
    int64_t agents, slots_busy, slots;
    int64_t estimate_ms;            /* until the end; -1 unknown                               */
    int64_t submitted_ms, ended_ms; /* wall clock; ended_ms 0 while it lives        */
    int64_t last_seq;               /* of the run's ledger                                     */
    struct label *labels;
    size_t labels_count;
};

struct run_list {
    struct run_view *runs; /* newest first */
    size_t runs_count;
};

struct attend_request {
    const char *client; /* made by the client, unique */
    bool leaving;
};

struct cancel_request {
    const char *reason;
};

/* An attempt as it is shown: what the agent reported and what it counted for. */
struct attempt_view {
    int64_t seq; /* in the run's ledger */
    int64_t test;
    const char *id;
    int64_t attempt;
    enum attempt_kind kind;
    enum outcome outcome;
    bool counted;
    const char *why_not;  /* "late", "lost"; "" counted */
    enum verdict verdict; /* of the test after this attempt */
    int64_t duration_us;
    int64_t started_ms;
    const char *agent;
    int64_t slot;
    const char *worker;
    int64_t order;
    const char *message;
    const char *details;
    const char *file;
    int64_t line;
    int64_t subtests;
    const struct output *output;
};

struct attempt_page {
    struct attempt_view *attempts; /* ascending seq */
    size_t attempts_count;
    int64_t next_after; /* give this as `after` for the next page */
};

struct test_view {
    int64_t test;
    const char *id;
    const char *group;
    const char *file;
    int64_t line;
    enum verdict verdict;
    const char *reason; /* not-run: why */
    struct attempt_view *attempts;
    size_t attempts_count;
    struct note *notes;
    size_t notes_count;
};

struct problem_view {
    const char *agent;
    const char *stage;
    const char *text;
    int64_t at_ms;
};

/* A whole run: the JSON report, and what JUnit and text are made of. */
struct run_report {
    int64_t format; /* 1 */
    struct run_view *run;
    struct test_view *tests;
    size_t tests_count;
    struct problem_view *problems;
    size_t problems_count;
    struct note *notes; /* of the run */
    size_t notes_count;
};

struct agent_view {
    const char *agent;
    int64_t incarnation;
    const char *state; /* "idle", "busy", "draining", "lost", "left" */
    struct slot_report *slots;
    size_t slots_count;
    struct label *labels;
    size_t labels_count;
    int64_t silent_ms; /* since the last sync; -1 unknown */
    int64_t leases;
    const char *doing;
};

struct agent_list {
    struct agent_view *agents;
    size_t agents_count;
};

/* What an agent needs to serve a run (GET /v1/runs/{run}/work). */
struct run_work {
    int64_t run;
    struct suite *suite;
    struct run_options *options;
};

/* ---- images: finished database templates, packed ------------------------------ */

/* The trust label of those who say none. */
#define IMAGE_TRUST_DEFAULT "default"

enum image_state {
    IMAGE_READY,  /* take it from the blob store           -> hash, bytes           */
    IMAGE_BUILD,  /* the one who asks builds it            -> lease                 */
    IMAGE_WAIT,   /* another agent builds it               -> agent, since_ms, doing */
    IMAGE_FAILED, /* its building failed for this run      -> agent, text           */
};

/* An agent needs the image of a fingerprint (the path's) for a run. */
struct image_claim {
    const char *agent;
    int64_t incarnation;
    int64_t run;
    const char *trust; /* whose images these are; others never see them */
    bool wait;         /* answer only when there is more to say than "wait" */
};

struct image_answer {
    enum image_state state;
    const char *hash; /* SHA-256 of the packed image: the blob's name */
    int64_t bytes;
    int64_t lease;     /* a fencing token */
    const char *agent; /* who builds it, or failed to */
    int64_t since_ms;  /* it has been building for so long */
    const char *doing; /* what that agent says of itself */
    const char *text;  /* why it failed */
};

/* The blob is there; under the lease of the claim. */
struct image_done {
    int64_t lease;
    const char *trust;
    const char *hash;
    int64_t bytes;
};

struct image_failed {
    int64_t lease;
    const char *trust;
    const char *text;
};

/* The blob is not what its name says, or cannot be unpacked. */
struct image_bad {
    const char *trust;
    const char *hash;
};

struct image_view {
    const char *fingerprint;
    const char *trust;
    const char *state; /* "ready", "building", "failed" */
    const char *hash;  /* ready */
    int64_t bytes;     /* ready */
    const char *agent; /* who builds, built or failed to */
    int64_t run;       /* for which it was built         */
    int64_t at_ms;     /* since when it is so; wall clock */
    bool needed;       /* by a run that is open          */
};

struct image_list {
    struct image_view *images;
    size_t images_count;
};

/* How much of a blob has arrived (GET /v1/blobs/{hash}/upload, and the answer to a PUT). */
struct upload_view {
    int64_t received;
    bool whole; /* all of it, and its hash was right */
};

/* RFC 9457 problem details, with our extensions. */
struct problem {
    const char *type; /* "urn:muster:problem:" + name */
    const char *title;
    int64_t status;
    const char *detail;
    const char *name; /* the status' wire name */
    bool retryable;
};

#endif
