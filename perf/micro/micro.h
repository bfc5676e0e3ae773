/* SPDX-License-Identifier: Apache-2.0
 *
 * Micro-benchmarks of the hot parts, on the workers' own objects. A case is a line of the table in
 * micro_cases.c: a name, what it does, and how large.
 */
#ifndef RP_PERF_MICRO_MICRO_H
#define RP_PERF_MICRO_MICRO_H

#include "shm/base.h"

struct rp_micro_case;

struct rp_micro_ops {
	/** Make what the runs work on. */
	void *(*setup)(const struct rp_micro_case *c);
	/** Before each batch of runs, not measured; NULL: nothing to do. */
	void (*prepare)(void *bed);
	/** One operation. It checks its result, so that a broken part cannot look fast. */
	void (*run)(void *bed);
	void (*teardown)(void *bed);
	uint32_t batch_max; /* runs that one prepare() is good for; 0: any number */
};

struct rp_micro_case {
	const char *name;
	const struct rp_micro_ops *ops;
	uint64_t arg[3]; /* what they mean is the ops' business */
};

extern const struct rp_micro_case rp_micro_cases[];
extern const size_t rp_micro_case_count;

/* Cases that differ in how many endpoints there are: what one more costs is told below the table.
 */
struct rp_micro_slope {
	const char *what;
	const char *of[4]; /* cases, fewest endpoints first */
	double endpoints[4];
};

extern const struct rp_micro_slope rp_micro_slopes[];
extern const size_t rp_micro_slope_count;

/* micro_pick.c: {endpoints, enum rp_micro_prompt, index is full} */
extern const struct rp_micro_ops rp_micro_pick;
extern const struct rp_micro_ops rp_micro_pick_ten;	/* a profile of ten plugins */
extern const struct rp_micro_ops rp_micro_pick_scraped; /* figures have moved since the last */
extern const struct rp_micro_ops rp_micro_decide;
enum rp_micro_prompt {
	RP_MICRO_PROMPT_NONE,  /* headers only */
	RP_MICRO_PROMPT_SAME,  /* the same 8 KB each time */
	RP_MICRO_PROMPT_TAILS, /* half of it shared, half of it new */
	RP_MICRO_PROMPT_NEW,
};

/* micro_json.c: {body bytes, enum rp_micro_shape, chunk bytes or 0: whole} */
extern const struct rp_micro_ops rp_micro_json;	   /* tokens only */
extern const struct rp_micro_ops rp_micro_request; /* the parser: model, caps, prompt's place */
extern const struct rp_micro_ops rp_micro_prompt;  /* pseudo-tokens of a parsed body */

/* micro_messages.c: {payload bytes, chunk bytes or 0: whole} */
extern const struct rp_micro_ops rp_micro_frame;
extern const struct rp_micro_ops rp_micro_decode_headers;
extern const struct rp_micro_ops rp_micro_decode_request_body;
extern const struct rp_micro_ops rp_micro_decode_response_body;
extern const struct rp_micro_ops rp_micro_header_store;
extern const struct rp_micro_ops rp_micro_usage; /* {bytes, enum rp_micro_answer} */
enum rp_micro_answer { RP_MICRO_ANSWER_JSON, RP_MICRO_ANSWER_CHUNK, RP_MICRO_ANSWER_LAST_CHUNK };

/* micro_reply.c: {payload bytes}; encoded and framed by a real HTTP/2 session */
extern const struct rp_micro_ops rp_micro_reply_headers;
extern const struct rp_micro_ops rp_micro_reply_body;
extern const struct rp_micro_ops rp_micro_reply_chunk;

/* micro_prefix.c: {prompt bytes} and {holders, index is full} */
extern const struct rp_micro_ops rp_micro_hash;
extern const struct rp_micro_ops rp_micro_match;
extern const struct rp_micro_ops rp_micro_match_each;
extern const struct rp_micro_ops rp_micro_record_known;
extern const struct rp_micro_ops rp_micro_record_new;

/* micro_tables.c: {endpoints} and {page bytes} */
extern const struct rp_micro_ops rp_micro_turn; /* acquire the published pair, report quiescence */
extern const struct rp_micro_ops rp_micro_page;

/** Calls of nothing: what the loop itself costs under callgrind. */
extern const struct rp_micro_ops rp_micro_empty;

/** Say which case has a wrong result, and exit with 1. */
RP_NORETURN void rp_micro_wrong(const char *what, const char *file, int line);

#define RP_MICRO_CHECK(expr)                                                                       \
	do {                                                                                       \
		if (RP_UNLIKELY(!(expr)))                                                          \
			rp_micro_wrong(#expr, __FILE__, __LINE__);                                 \
	} while (0)

/** Memory that must be there; zeroed. */
void *rp_micro_alloc(size_t bytes);

#endif /* RP_PERF_MICRO_MICRO_H */
