/* SPDX-License-Identifier: Apache-2.0
 *
 * Block hashes of a prompt, and the prefix index: looked up, recorded again, recorded for the first
 * time. With a full index the prompts are many, so that no line of it is in a cache by accident.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/prefix_cache.h"
#include "perf/micro/micro_bed.h"
#include "shm/hash.h"

enum {
	BLOCK_TOKENS = 64,
	BLOCKS = 64,
	ENDPOINTS = 1000,
	PROMPTS_FULL = 4096,
	PROMPTS_SMALL = 1024, /* what three endpoints have room for */
	NEW_RUNS = 256,
};

struct prefix_bed {
	struct rp_micro_bed bed;
	struct rp_prefix_index *index;
	uint32_t endpoints;
	uint32_t holders;
	uint32_t prompt_count;
	uint32_t next;
	uint64_t serial;
	uint64_t (*hashes)[BLOCKS]; /* by prompt */
	uint16_t count[RP_ENDPOINTS_MAX];
	uint16_t touched[RP_ENDPOINTS_MAX];
};

/* The slot that holds a prompt, or the first of several. */
static uint32_t holder_of(const struct prefix_bed *bed, uint32_t prompt)
{
	return bed->holders > 1 ? 0 : prompt % bed->endpoints;
}

static void record(struct prefix_bed *bed, uint32_t slot, uint32_t prompt)
{
	rp_prefix_index_record(bed->index, slot, 1, RP_PREFIX_CAPACITY, bed->hashes[prompt],
			       BLOCKS);
}

static void make_hashes(struct prefix_bed *bed, uint32_t prompt)
{
	for (uint32_t i = 0; i < BLOCKS; i++)
		bed->hashes[prompt][i] = rp_micro_random(bed->serial++);
}

static struct prefix_bed *new_bed(const struct rp_micro_case *c, uint32_t prompt_count)
{
	struct prefix_bed *bed = rp_micro_alloc(sizeof(*bed));

	bed->endpoints = c->arg[2] != 0 ? (uint32_t)c->arg[2] : ENDPOINTS;
	rp_micro_bed_init(&bed->bed, bed->endpoints);
	bed->index = &bed->bed.shared.live->prefix;
	bed->holders = (uint32_t)c->arg[0];
	bed->prompt_count = prompt_count;
	bed->hashes = rp_micro_alloc(prompt_count * sizeof(*bed->hashes));
	rp_micro_bed_populate_index(&bed->bed, bed->endpoints);
	if (c->arg[1] != 0)
		rp_micro_bed_fill_index(&bed->bed, bed->endpoints);
	return bed;
}

static void *setup_known(const struct rp_micro_case *c)
{
	uint32_t prompts = c->arg[2] != 0 ? PROMPTS_SMALL : PROMPTS_FULL;
	struct prefix_bed *bed = new_bed(c, c->arg[1] != 0 ? prompts : 1);

	for (uint32_t prompt = 0; prompt < bed->prompt_count; prompt++) {
		make_hashes(bed, prompt);
		for (uint32_t i = 0; i < bed->holders; i++)
			record(bed, holder_of(bed, prompt) + i, prompt);
	}
	return bed;
}

/* Each block at an endpoint of its own. */
static void *setup_each(const struct rp_micro_case *c)
{
	struct prefix_bed *bed = new_bed(c, 1);

	make_hashes(bed, 0);
	for (uint32_t i = 0; i < BLOCKS; i++)
		rp_prefix_index_record(bed->index, i, 1, RP_PREFIX_CAPACITY, &bed->hashes[0][i], 1);
	return bed;
}

static void *setup_new(const struct rp_micro_case *c)
{
	return new_bed(c, NEW_RUNS);
}

static void prepare_new(void *user)
{
	struct prefix_bed *bed = user;

	bed->next = 0;
	for (uint32_t prompt = 0; prompt < bed->prompt_count; prompt++)
		make_hashes(bed, prompt);
}

static uint32_t next_prompt(struct prefix_bed *bed)
{
	uint32_t prompt = bed->next++;

	if (bed->next == bed->prompt_count)
		bed->next = 0;
	return prompt;
}

/* Look the next prompt up: who holds part of it holds `blocks` of them. */
static void match(struct prefix_bed *bed, uint32_t blocks)
{
	uint32_t prompt = next_prompt(bed);
	uint32_t touched = 0;

	rp_prefix_index_match(bed->index, bed->hashes[prompt], BLOCKS, bed->count, bed->touched,
			      &touched);
	RP_MICRO_CHECK(touched == bed->holders);
	for (uint32_t i = 0; i < touched; i++) {
		RP_MICRO_CHECK(bed->count[bed->touched[i]] == blocks);
		bed->count[bed->touched[i]] = 0;
	}
}

static void run_match(void *user)
{
	match(user, BLOCKS);
}

static void run_match_each(void *user)
{
	match(user, 1);
}

static void run_record_known(void *user)
{
	struct prefix_bed *bed = user;
	uint32_t prompt = next_prompt(bed);
	uint32_t slot = holder_of(bed, prompt);
	uint32_t before = rp_prefix_index_count(bed->index, slot);

	record(bed, slot, prompt);
	RP_MICRO_CHECK(rp_prefix_index_count(bed->index, slot) == before);
}

static void run_record_new(void *user)
{
	struct prefix_bed *bed = user;
	uint32_t prompt = next_prompt(bed);
	uint32_t slot = holder_of(bed, prompt);
	uint32_t before = rp_prefix_index_count(bed->index, slot);
	uint32_t after;

	record(bed, slot, prompt);
	after = rp_prefix_index_count(bed->index, slot);
	/* At its capacity it grows no further. */
	RP_MICRO_CHECK(after == before + BLOCKS || (after == before && before > 1000));
}

static void teardown(void *user)
{
	struct prefix_bed *bed = user;

	free(bed->hashes);
	rp_micro_bed_fini(&bed->bed);
	free(bed);
}

const struct rp_micro_ops rp_micro_match_each = {setup_each, NULL, run_match_each, teardown, 0};
const struct rp_micro_ops rp_micro_match = {setup_known, NULL, run_match, teardown, 0};
const struct rp_micro_ops rp_micro_record_known = {setup_known, NULL, run_record_known, teardown,
						   0};
const struct rp_micro_ops rp_micro_record_new = {setup_new, prepare_new, run_record_new, teardown,
						 NEW_RUNS};

struct hash_bed {
	struct rp_prompt prompt;
	uint64_t last; /* hash of the last block */
	uint64_t hashes[RP_PREFIX_BLOCKS_MAX];
};

static void *setup_hash(const struct rp_micro_case *c)
{
	struct hash_bed *bed = rp_micro_alloc(sizeof(*bed));
	uint8_t *text = rp_micro_body(RP_MICRO_CHAT, c->arg[0], 0, 0);

	bed->prompt = (struct rp_prompt){.token_bytes = text, .token_count = c->arg[0] / 4};
	bed->last = 1;
	for (size_t at = 0; at < c->arg[0]; at += 4 * BLOCK_TOKENS) {
		uint64_t pair[2] = {rp_hash64(text + at, 4 * BLOCK_TOKENS), bed->last};

		bed->last = rp_hash64(pair, sizeof(pair)); /* on little-endian machines */
	}
	return bed;
}

static void run_hash(void *user)
{
	struct hash_bed *bed = user;
	size_t count = rp_prefix_hash_blocks(1, &bed->prompt, BLOCK_TOKENS, RP_PREFIX_BLOCKS_MAX,
					     bed->hashes);

	RP_MICRO_CHECK(count == bed->prompt.token_count / BLOCK_TOKENS);
	RP_MICRO_CHECK(bed->hashes[count - 1] == bed->last);
}

static void teardown_hash(void *user)
{
	struct hash_bed *bed = user;

	free((void *)(uintptr_t)bed->prompt.token_bytes);
	free(bed);
}

const struct rp_micro_ops rp_micro_hash = {setup_hash, NULL, run_hash, teardown_hash, 0};
