/* SPDX-License-Identifier: Apache-2.0
 *
 * What a stream still owes after its pick: load to be given back, headers to be added to the
 * answer. Made by plugins while they schedule, kept by the stream, told of the answer's progress.
 */
#ifndef RP_DATAPLANE_FOLLOWUP_H
#define RP_DATAPLANE_FOLLOWUP_H

#include "dataplane/env.h"
#include "dataplane/ext_proc_codec.h"

enum { RP_HOLDS_MAX = 16, RP_FOLLOWUP_HEADERS_MAX = 8 };

/* When part of a hold is given back before the answer ends. */
enum rp_hold_until {
	RP_HOLD_UNTIL_END,
	RP_HOLD_TOKENS_UNTIL_CHUNK, /* the tokens with the first chunk of the answer */
	RP_HOLD_UNTIL_CHUNK,	    /* all of it */
};

/* One endpoint's load of one producer instance (scheduling reference 3.4). */
struct rp_hold {
	uint32_t slot;
	uint32_t life;	   /* of the slot, set by rp_followup_hold() */
	uint32_t instance; /* of the inflight-load-producer */
	uint32_t until;	   /* enum rp_hold_until */
	uint32_t requests;
	int64_t tokens;
	struct rp_inflight_series_ref series; /* set by rp_followup_hold() */
};

struct rp_followup {
	uint32_t hold_count;
	uint32_t header_count;
	bool wants_usage; /* a reporter reads the answer's usage */
	bool says_served; /* a header tells who the gateway says has served */
	struct rp_hold hold[RP_HOLDS_MAX];
	struct rp_header header[RP_FOLLOWUP_HEADERS_MAX]; /* of the answer; in an arena */
};

static inline bool rp_followup_is_empty(const struct rp_followup *followup)
{
	return followup->hold_count == 0 && followup->header_count == 0 && !followup->wants_usage &&
	       !followup->says_served;
}

/** Count load and remember to give it back; without room for it nothing is counted.
 * @param fairness_id, priority  of the request, for its metrics */
void rp_followup_hold(struct rp_followup *followup, struct rp_env *env, const struct rp_hold *hold,
		      struct rp_bytes fairness_id, int32_t priority);

/** Add a header to the answer; the last of equal names counts. Views are kept. */
void rp_followup_set_header(struct rp_followup *followup, struct rp_bytes name,
			    struct rp_bytes value);

/** A copy in that arena, strings included. @return NULL: no memory */
struct rp_followup *rp_followup_copy(const struct rp_followup *followup, struct rp_arena *arena);

/** The answer's first chunk came. */
void rp_followup_first_chunk(struct rp_followup *followup, struct rp_env *env);
/** The answer ended, or will not come. May be called again. */
void rp_followup_end(struct rp_followup *followup, struct rp_env *env);

#endif /* RP_DATAPLANE_FOLLOWUP_H */
