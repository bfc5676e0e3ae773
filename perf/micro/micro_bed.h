/* SPDX-License-Identifier: Apache-2.0
 *
 * What the cases work on: segments with the default configuration and endpoints, and bodies, pages
 * and messages of a given size.
 */
#ifndef RP_PERF_MICRO_MICRO_BED_H
#define RP_PERF_MICRO_MICRO_BED_H

#include "dataplane/env.h"
#include "perf/micro/micro.h"

struct rp_micro_bed {
	struct rp_shared shared;
	struct rp_env env;
	uint32_t best; /* the endpoint with the shortest queue and the emptiest cache */
};

/** Segments, a scheduler, the built-in configuration, `endpoints` endpoints with figures. */
void rp_micro_bed_init(struct rp_micro_bed *bed, uint32_t endpoints);
/** The same with the text of a configuration. */
void rp_micro_bed_init_config(struct rp_micro_bed *bed, uint32_t endpoints, const char *text);
void rp_micro_bed_fini(struct rp_micro_bed *bed);

/**
 * Touch the memory of the prefix index, so that no case measures page faults: each page costs one,
 * once in the life of a segment.
 */
void rp_micro_bed_populate_index(struct rp_micro_bed *bed, uint32_t endpoints);

/** Fill every endpoint's part of the prefix index up to its capacity, with blocks nobody asks for.
 */
void rp_micro_bed_fill_index(struct rp_micro_bed *bed, uint32_t endpoints);

/** The n-th of a row of numbers that look random (SplitMix64). */
uint64_t rp_micro_random(uint64_t n);

enum rp_micro_shape {
	RP_MICRO_COMPLETION,
	RP_MICRO_CHAT,
	RP_MICRO_ESCAPED,   /* chat, an escape every 32 bytes */
	RP_MICRO_NON_ASCII, /* chat, two bytes of three are not ASCII */
	RP_MICRO_PROSE,	    /* completion, an escape every 16 words */
};

/**
 * A valid request body of exactly `bytes` bytes (160 at least), of model "reviews-1".
 * @param serial  makes the prompt another one, from `serial_at` bytes of it on
 * @return memory to be freed
 */
uint8_t *rp_micro_body(enum rp_micro_shape shape, size_t bytes, uint64_t serial, size_t serial_at);

/** A vLLM metrics page of exactly `bytes` bytes (1,200 at least), 3 waiting. To be freed. */
char *rp_micro_page_text(size_t bytes);

#endif /* RP_PERF_MICRO_MICRO_BED_H */
