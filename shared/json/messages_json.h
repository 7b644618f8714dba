#ifndef SHARED_JSON_MESSAGES_JSON_H
#define SHARED_JSON_MESSAGES_JSON_H

/* How the messages of shared/protocol/messages.h look on the wire: a table each, by the
 * struct's name, and the names of the enums.  schemas/ says the same for everybody else;
 * schemas/examples holds both to it. */

#include "shared/json/codec.h"

/* Names on the wire: "timed-out", "collection-done", "no-agent". */
extern const struct enum_names outcome_names;
extern const struct enum_names verdict_names;
extern const struct enum_names attempt_kind_names;
extern const struct enum_names event_kind_names;
extern const struct enum_names lease_kind_names;
extern const struct enum_names run_order_names;
extern const struct enum_names run_state_names;
extern const struct enum_names run_end_names;
extern const struct enum_names image_state_names;

/* Documents: what stands alone in a request, an answer or a file. */
extern const struct shape sync_request_shape;
extern const struct shape sync_response_shape;
extern const struct shape run_submission_shape;
extern const struct shape run_created_shape;
extern const struct shape run_view_shape;
extern const struct shape run_list_shape;
extern const struct shape attend_request_shape;
extern const struct shape cancel_request_shape;
extern const struct shape attempt_page_shape;
extern const struct shape run_report_shape;
extern const struct shape agent_list_shape;
extern const struct shape run_work_shape;
extern const struct shape image_claim_shape;
extern const struct shape image_answer_shape;
extern const struct shape image_done_shape;
extern const struct shape image_failed_shape;
extern const struct shape image_bad_shape;
extern const struct shape image_list_shape;
extern const struct shape upload_view_shape;
extern const struct shape problem_shape;

/* Parts of them, which facts and stores use too. */
extern const struct shape label_shape;
extern const struct shape output_shape;
extern const struct shape note_shape;
extern const struct shape collected_test_shape;
extern const struct shape attempt_report_shape;
extern const struct shape event_shape;
extern const struct shape held_lease_shape;
extern const struct shape slot_report_shape;
extern const struct shape granted_test_shape;
extern const struct shape lease_grant_shape;
extern const struct shape run_options_shape;
extern const struct shape run_counts_shape;
extern const struct shape running_test_shape;
extern const struct shape attempt_view_shape;
extern const struct shape test_view_shape;
extern const struct shape problem_view_shape;
extern const struct shape agent_view_shape;
extern const struct shape image_view_shape;

/* "AGENT.INCARNATION.SLOT.N": an agent's name and three numbers. */
#define MESSAGE_WORKER_BYTES_MAX 400

/* A path inside a tree: Linux' PATH_MAX. */
#define MESSAGE_PATH_BYTES_MAX 4096

/* Sentences for people: a reason, what an agent is doing. */
#define MESSAGE_SENTENCE_BYTES_MAX 1024

/* Why a template could not be built: the end of what its command printed. */
#define IMAGE_TEXT_BYTES_MAX 8192

#endif
