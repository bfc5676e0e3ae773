/* SPDX-License-Identifier: Apache-2.0
 *
 * A request until its pick: what is gathered of it, and the decision about it. Between
 * ext_proc_request.c, which gathers, and ext_proc_decide.c, which decides and answers.
 */
#ifndef RP_DATAPLANE_EXT_PROC_REQUEST_H
#define RP_DATAPLANE_EXT_PROC_REQUEST_H

#include "dataplane/ext_proc_stream.h"
#include "dataplane/header_store.h"

struct rp_waiting_request;

struct rp_exchange_request {
	struct rp_header_store headers;
	struct rp_request_parser *parser; /* NULL: nothing of the body is looked at */
	int parser_error;
	struct rp_body body;
	struct rp_subset header_subset;
	struct rp_subset body_subset;	    /* of the latest body message that had one */
	uint64_t body_subset_hash;	    /* of its encoding: most messages repeat it */
	bool has_body;			    /* a body message came, even an empty one */
	bool has_trailers;		    /* they ended the request */
	struct rp_waiting_request *waiting; /* NULL: it does not wait for others */
};

/** Refuse the request with an immediate answer, and count that. */
void rp_exchange_refuse(struct rp_ext_proc_stream *stream, enum rp_request_error error,
			int http_status, struct rp_bytes text, const char *dropped_reason);

/**
 * Everything the pick may depend on is there: pick and answer, now or when the request's window
 * closes.
 * @param has_body  false: headers alone have to do
 */
void rp_exchange_decide(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn,
			bool has_body);

/** A message of the request was dealt with: does the stream end behind its answer? */
void rp_exchange_note_end(struct rp_ext_proc_stream *stream, enum rp_ext_proc_kind kind,
			  bool is_last);

/** The request goes: it waits no more. */
void rp_exchange_stop_waiting(struct rp_exchange_request *request, struct rp_env *env);

#endif /* RP_DATAPLANE_EXT_PROC_REQUEST_H */
