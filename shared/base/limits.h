#ifndef SHARED_BASE_LIMITS_H
#define SHARED_BASE_LIMITS_H

/* Every bound that two programs must agree on, with its reason.  A bound that
 * concerns one file stands in that file. */

#include <assert.h>

/* The version of the wire; agents and coordinator one apart work together. */
#define PROTOCOL_VERSION     1
#define PROTOCOL_VERSION_MIN 1

/* An agent that holds work syncs three times before it counts as lost, so two
 * lost packets are survivable. */
#define SYNC_INTERVAL_MS 5000
#define AGENT_LOST_MS    15000
static_assert(3 * SYNC_INTERVAL_MS <= AGENT_LOST_MS, "an agent outlives two missed syncs");

/* What a lease lasts from the start of the agent's last answered request, by the
 * agent's own monotonic clock; then it has killed its workers.  It is the same
 * span as AGENT_LOST_MS: the coordinator counts from a later moment. */
#define LEASE_TTL_MS AGENT_LOST_MS

/* How long after AGENT_LOST_MS the coordinator still keeps exclusive things
 * back, for a clock that drifts and a kill that takes time. */
#define LEASE_MARGIN_MS 5000

/* Proxies cut idle requests at 30 s. */
#define LONG_POLL_MS_MAX 25000

/* A run whose client is gone ends after this, unless it is detached. */
#define CLIENT_GONE_MS 120000

/* A user sees "waiting because" within this. */
#define WAIT_REASON_MS 10000

/* Ids of tests are paths, parameters included; Django's longest is 170 bytes. */
#define TEST_ID_BYTES_MAX    4096
#define TEST_GROUP_BYTES_MAX 4096
#define NAME_BYTES_MAX       200
#define LABELS_MAX           64
#define TESTS_PER_RUN_MAX    1000000

/* One sync carries at most so many events, and one reply so many leases. */
#define EVENTS_PER_SYNC_MAX 1000
#define COLLECTED_PER_EVENT 500
#define SLOTS_PER_AGENT_MAX 1024
#define LEASES_PER_SYNC_MAX (2 * SLOTS_PER_AGENT_MAX)
#define TESTS_PER_LEASE_MAX 1000

/* Head and tail of an attempt's output that travel inline. */
#define OUTPUT_PART_BYTES_MAX 8192
#define ATTEMPT_MESSAGE_BYTES 1024
#define ATTEMPT_DETAILS_BYTES 65536
#define NOTE_VALUE_BYTES_MAX  4096
#define NOTES_PER_TEST_MAX    32

/* A sync with a full set of attempts that all failed loudly still fits. */
#define BODY_BYTES_MAX      (1 << 20)
#define SYNC_BODY_BYTES_MAX (8 << 20)
#define REPLY_BYTES_MAX     (64 << 20)

/* JSON documents nest no deeper: the suite file needs 6. */
#define JSON_DEPTH_MAX 32

/* Lost on so many agents, a test is called crashed: it kills machines. */
#define LOST_AGENTS_MAX 3

/* Infrastructure problems of one run on one agent before the run's work is
 * offered to others only. */
#define PROBLEMS_PER_AGENT_MAX 3

#endif
