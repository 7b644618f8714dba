#ifndef COORDINATOR_CORE_FACT_H
#define COORDINATOR_CORE_FACT_H

/* A fact is what was decided.  Applying facts is all that ever changes the core;
 * the store writes the same facts to the ledger (canonical bytes, hash chain) and to its tables in
 * one transaction.  Facts of a run stand in the run's ledger, the others (run == 0) in the fleet's.
 *
 * A fact is complete: applied in order to an empty core, the facts give the same state again, and
 * the store needs nothing else to write its tables.  The body belongs to the arena of the list. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/memory.h"
#include "shared/protocol/messages.h"

enum fact_kind {
    FACT_AGENT_JOINED, /* fleet: a new incarnation; an older one of the same name is over */
    FACT_AGENT_SYNCED, /* fleet: its events up to `acknowledged` are in this transaction  */
    FACT_AGENT_GONE, /* fleet: lost, left or replaced; its leases are ended by facts of their own */
    FACT_RUN_SUBMITTED,
    FACT_TESTS_COLLECTED, /* a page; an ended collect lease without RUN_PLANNED undoes them  */
    FACT_RUN_PLANNED,     /* the collection is complete; which tests, in which order         */
    FACT_TEST_ADDED,      /* an extra (a failed tearDownClass): a test of its own            */
    FACT_LEASE_GRANTED,
    FACT_TESTS_RETURNED, /* offered again, uncharged                                        */
    FACT_ATTEMPT_RECORDED,
    FACT_NOTE_RECORDED,
    FACT_PROBLEM_RECORDED,
    FACT_LEASE_ENDED,    /* what it still held is offered again, uncharged                  */
    FACT_RUN_ENDED,      /* undecided tests are not-run, with the reason                    */
    FACT_IMAGE_CLAIMED,  /* fleet: an agent builds the image of a fingerprint, under a lease */
    FACT_IMAGE_DONE,     /* fleet: it is in the blob store                                   */
    FACT_IMAGE_FAILED,   /* fleet: the building ended; its run is told, others may try again */
    FACT_IMAGE_RELEASED, /* fleet: the building ended, nothing is known; the next one builds */
    FACT_IMAGE_DROPPED,  /* fleet: nothing is known of the fingerprint any more              */
    FACT_KIND_COUNT
};

struct fact_agent_joined {
    const char *agent;
    int64_t incarnation;
    struct label *labels;
    size_t labels_count;
};

struct fact_agent_synced {
    const char *agent;
    int64_t incarnation;
    int64_t acknowledged;
    int64_t sync_no;
    int64_t missing; /* events that nobody has any more: they were acknowledged, and a backup put
                        back has forgotten them */
    int64_t dropped; /* results under leases that are not known here: acknowledged, not stored */
};

enum gone_reason { GONE_SILENT, GONE_REPLACED, GONE_LEFT };

struct fact_agent_gone {
    const char *agent;
    int64_t incarnation;
    enum gone_reason reason;
};

struct fact_run_submitted {
    int64_t run;
    int64_t submitted_ms; /* wall clock */
    const struct run_submission *submission;
};

struct fact_tests_collected {
    int64_t lease;
    int64_t first;                /* number of the first test; the others follow */
    struct collected_test *tests; /* ids unique in the run: a repeated id carries "#2" */
    size_t tests_count;
};

struct fact_run_planned {
    int64_t lease;
    int64_t collected; /* how many the driver listed           */
    const char *hash;
    int64_t *order; /* selected tests, in the queue's order; the others are deselected */
    size_t order_count;
    int64_t *estimates_us; /* of the same tests; -1 unknown */
    size_t estimates_us_count;
};

struct fact_test_added {
    int64_t test;
    const char *id;
    const char *group;
};

struct fact_granted {
    int64_t test;
    enum attempt_kind kind;
};

struct fact_lease_granted {
    int64_t lease;
    enum lease_kind kind;
    const char *agent;
    int64_t incarnation;
    int64_t sync_no; /* the sync whose reply carries it */
    int64_t slot;
    struct fact_granted *tests;
    size_t tests_count;
};

struct fact_tests_returned {
    int64_t lease;
    int64_t *tests;
    size_t tests_count;
    const char *reason;
};

struct fact_attempt_recorded {
    int64_t lease;
    const char *agent;
    enum attempt_kind kind;
    bool counted;
    const char *why_not;                 /* "late", "lost", "superseded by a copy"; "" counted */
    enum verdict verdict;                /* of the test with this attempt; NONE: it runs again */
    const struct attempt_report *report; /* its `attempt` is the number among the test's attempts */
};

struct fact_note_recorded {
    int64_t lease;
    const struct note *note;
};

struct fact_problem_recorded {
    int64_t lease;
    const char *agent;
    const char *stage;
    const char *text;
    int64_t at_ms; /* wall clock */
};

enum lease_end {
    LEASE_END_DONE,
    LEASE_END_LOST,
    LEASE_END_REVOKED,
    LEASE_END_PROBLEM,
    LEASE_END_RETURNED
};

struct fact_lease_ended {
    int64_t lease;
    enum lease_end end;
};

struct fact_run_ended {
    enum run_end end;
    const char *reason; /* a sentence */
    int64_t exit_status;
    int64_t ended_ms; /* wall clock */
    const struct run_counts *counts;
};

struct fact_image_claimed {
    const char *trust;
    const char *fingerprint;
    int64_t lease;
    const char *agent;
    int64_t incarnation;
    int64_t run;   /* for which it is built */
    int64_t at_ms; /* wall clock */
};

struct fact_image_done {
    const char *trust;
    const char *fingerprint;
    int64_t lease;
    const char *hash;
    int64_t bytes;
    int64_t at_ms; /* wall clock */
};

struct fact_image_failed {
    const char *trust;
    const char *fingerprint;
    int64_t lease;
    const char *agent;
    int64_t run;
    const char *text;
    int64_t at_ms; /* wall clock */
};

enum image_release { IMAGE_RELEASE_AGENT_GONE, IMAGE_RELEASE_RUN_ENDED };

struct fact_image_released {
    const char *trust;
    const char *fingerprint;
    int64_t lease;
    enum image_release reason;
};

enum image_drop { IMAGE_DROP_BAD, IMAGE_DROP_DELETED, IMAGE_DROP_FORGOTTEN };

struct fact_image_dropped {
    const char *trust;
    const char *fingerprint;
    enum image_drop reason;
};

struct fact {
    enum fact_kind kind;
    int64_t run; /* 0: the fleet's ledger */
    union {
        const void *body;
        const struct fact_agent_joined *agent_joined;
        const struct fact_agent_synced *agent_synced;
        const struct fact_agent_gone *agent_gone;
        const struct fact_run_submitted *run_submitted;
        const struct fact_tests_collected *tests_collected;
        const struct fact_run_planned *run_planned;
        const struct fact_test_added *test_added;
        const struct fact_lease_granted *lease_granted;
        const struct fact_tests_returned *tests_returned;
        const struct fact_attempt_recorded *attempt_recorded;
        const struct fact_note_recorded *note_recorded;
        const struct fact_problem_recorded *problem_recorded;
        const struct fact_lease_ended *lease_ended;
        const struct fact_run_ended *run_ended;
        const struct fact_image_claimed *image_claimed;
        const struct fact_image_done *image_done;
        const struct fact_image_failed *image_failed;
        const struct fact_image_released *image_released;
        const struct fact_image_dropped *image_dropped;
    };
};

/* The facts of one lap, in order. */
struct fact_list {
    struct fact *at;
    size_t count;
    size_t cap;
    struct arena arena; /* owns the bodies */
};

void fact_list_init(struct fact_list *list);
void fact_list_clear(struct fact_list *list);
void fact_list_release(struct fact_list *list);

/* "agent_joined", ...: as the ledger and the log name it. */
const char *fact_kind_name(enum fact_kind kind);

#endif
