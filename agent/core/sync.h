#ifndef AGENT_CORE_SYNC_H
#define AGENT_CORE_SYNC_H

/* The conversation with the coordinator: when to sync, and with what.
 *
 *            due, urgent                     answered
 *   [QUIET] -------------> [UNDER WAY] ----------------> [QUIET]
 *    |   ^                  |      ^                      |   ^
 *    |   |           failed v      | backoff is over      |   | nudged
 *    |   |                 [FAILED]                       v   |
 *    |   '------------------------------------------- [WAITING]  long poll: idle, nothing to do
 *
 * A failed sync is repeated with the same number and the same contents, so it is built once and
 * kept until it is answered.  First the spools of earlier incarnations are sent, under their names.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/foreman.h"
#include "shared/base/memory.h"

/* What one sync carries of events and of the names of warm groups, as JSON at the worst: together
 * with the rest below SYNC_BODY_BYTES_MAX (checked in sync.c).  A sync that is longer could never
 * be sent. */
#define SYNC_EVENTS_BYTES_MAX ((size_t)4 * 1024 * 1024)
#define SYNC_GROUPS_BYTES_MAX ((size_t)512 * 1024)

/* Between two tries of a failed sync: doubles from the first to the second. */
#define SYNC_BACKOFF_MS     200
#define SYNC_BACKOFF_MS_MAX 5000

/* The soonest that an answered sync is followed by one that has nothing urgent to say. */
#define SYNC_PAUSE_MS 100

/* A long poll that never ends is given up this long after the coordinator should have ended it. */
#define WAIT_SLACK_MS 5000

/* An old spool of which so many answers in a row took nothing is given up. */
#define RECOVER_STALLS_MAX 3

enum sync_state { SYNC_QUIET, SYNC_UNDER_WAY, SYNC_FAILED, SYNC_WAITING };

struct old_spool {
    int64_t incarnation;
    struct event **events;
    size_t event_count;
    int64_t acknowledged;
    int64_t sync_no;
    int64_t stalls;
};

struct syncing {
    enum sync_state state;
    int64_t sync_no;
    struct sync_request request; /* UNDER_WAY, FAILED */
    struct arena arena;          /* of the request    */
    int64_t started_ms;          /* of the last try   */
    int64_t retry_ms;
    int64_t backoff_ms;
    int64_t due_ms;
    bool is_urgent;
    bool is_partial; /* the request left events behind */
    bool may_wait;
    int64_t trusted_until_ms; /* INT64_MAX: never answered */

    struct old_spool *old;
    size_t old_count;
    size_t old_next;
};

void sync_init(struct foreman *foreman, const struct foreman_settings *settings);
void sync_release(struct syncing *sync);

/* Sends, repeats or waits, whatever is due. */
void sync_step(struct foreman *foreman);

void sync_on_answered(struct foreman *foreman, const struct sync_response *response);
void sync_on_failed(struct foreman *foreman, enum status status);
void sync_on_nudged(struct foreman *foreman);

/* When sync_step has something to do without an input; INT64_MAX: never. */
int64_t sync_deadline_ms(const struct foreman *foreman);

/* Earlier incarnations' events are still to be sent. */
bool sync_is_recovering(const struct foreman *foreman);

/* The next old spool is done with: acknowledged, or refused for good. */
void sync_drop_old_spool(struct foreman *foreman);

#endif
