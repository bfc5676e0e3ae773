/* SPDX-License-Identifier: Apache-2.0
 *
 * What every stream says, made once before the first one: the bytes of requests and answers, where
 * they are cut, and the few places at which a stream's own digits stand. Read-only while it runs.
 */
#ifndef RP_PERF_BENCH_PLAN_H
#define RP_PERF_BENCH_PLAN_H

#include "perf/bench/bench_options.h"
#include "shm/bytes.h"

enum {
	RP_BENCH_DIGITS = 24, /* of a stream: 8 of its prefix, then 16 of its own */
	RP_BENCH_PATCHES_MAX = 2,
	RP_BENCH_HEADERS_BYTES = 1024,
	RP_BENCH_SUFFIX_BYTES = RP_BENCH_PICK_MAX * 2 + 128,
};

/* A run of a stream's digits inside bytes that are the same for all streams. */
struct rp_bench_patch {
	uint32_t at;
	uint16_t digit; /* first one */
	uint16_t len;
};

/* Bytes of which few belong to the stream; patches are in rising order. */
struct rp_bench_text {
	uint8_t *bytes;
	uint32_t len;
	uint32_t patch_count;
	struct rp_bench_patch patches[RP_BENCH_PATCHES_MAX];
};

struct rp_bench_plan {
	struct rp_bench_text request_headers;  /* a whole ProcessingRequest */
	struct rp_bench_text response_headers; /* the same, without metadata_context */
	struct rp_bench_text request;	       /* the body */
	struct rp_bench_text answer;
	uint32_t request_chunk_bytes;
	uint32_t request_chunks;
	uint32_t answer_chunk_bytes;
	uint32_t answer_chunks;
	struct rp_bench_text feed_headers; /* response_headers of idle streams */
	struct rp_bench_text feed; /* the chunk that idle streams are sent again and again */
	uint32_t prefixes;
	uint64_t seed;
};

/**
 * @return RP_OK; RP_ENOMEM; RP_ECONFIG: the sizes do not fit each other, see *diag
 */
RP_MUST_CHECK int rp_bench_plan_init(struct rp_bench_plan *plan,
				     const struct rp_bench_options *options, struct rp_diag *diag);
void rp_bench_plan_fini(struct rp_bench_plan *plan);

/** The digits of stream `number`. */
void rp_bench_plan_digits(const struct rp_bench_plan *plan, uint64_t number,
			  uint8_t digits[RP_BENCH_DIGITS]);

/** Copy text[at, at + n) as the stream with these digits has it. */
void rp_bench_text_copy(const struct rp_bench_text *text, const uint8_t *digits, uint32_t at,
			uint32_t n, uint8_t *out);
/** Does the stream have these bytes at `at`? False, too, if they reach beyond the end. */
bool rp_bench_text_equals(const struct rp_bench_text *text, const uint8_t *digits, uint32_t at,
			  struct rp_bytes bytes);

/**
 * metadata_context as a gateway sends it once the pick is known (envoy.lb: the pick, and that it
 * was served): the field with its tag.
 * @return bytes written to out, which holds RP_BENCH_SUFFIX_BYTES
 */
uint32_t rp_bench_plan_metadata(struct rp_bytes pick, uint8_t *out);

#endif /* RP_PERF_BENCH_PLAN_H */
