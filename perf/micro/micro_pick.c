/* SPDX-License-Identifier: Apache-2.0
 *
 * The pick with the built-in profile: of a parsed request (rp_sched_pick), and from the body's
 * bytes to the answer's address (rp_director_begin, rp_director_pick).
 */
#include <stdlib.h>

#include "dataplane/director.h"
#include "dataplane/request.h"
#include "perf/micro/micro_bed.h"

enum { BODY_BYTES = 8192, REQUESTS = 64, SHARED_BYTES = BODY_BYTES / 2 };

struct exchange {
	struct rp_arena arena;
	struct rp_body body;
	struct rp_request_parser *parser;
	struct rp_request request;
};

struct pick_bed {
	struct rp_micro_bed bed;
	enum rp_micro_prompt prompt;
	struct rp_request_headers headers;
	uint8_t *text[REQUESTS]; /* bodies, one after the other */
	struct exchange exchange[REQUESTS];
	uint32_t next;
	uint64_t serial;
};

/* A filter, eight scorers, a picker; adapters, load and sessions are looked at with each
 * request. */
static const char ten_plugins[] = "plugins:\n"
				  "- type: decode-filter\n"
				  "- type: queue-scorer\n"
				  "- type: running-requests-size-scorer\n"
				  "- type: kv-cache-utilization-scorer\n"
				  "- type: load-aware-scorer\n"
				  "- type: lora-affinity-scorer\n"
				  "- type: prefix-cache-scorer\n"
				  "- type: active-request-scorer\n"
				  "- type: session-affinity-scorer\n"
				  "- type: max-score-picker\n"
				  "schedulingProfiles:\n"
				  "- name: ten\n"
				  "  plugins:\n"
				  "  - {pluginRef: decode-filter}\n"
				  "  - {pluginRef: queue-scorer, weight: 2}\n"
				  "  - {pluginRef: running-requests-size-scorer}\n"
				  "  - {pluginRef: kv-cache-utilization-scorer, weight: 2}\n"
				  "  - {pluginRef: load-aware-scorer}\n"
				  "  - {pluginRef: lora-affinity-scorer}\n"
				  "  - {pluginRef: prefix-cache-scorer, weight: 3}\n"
				  "  - {pluginRef: active-request-scorer}\n"
				  "  - {pluginRef: session-affinity-scorer}\n"
				  "  - {pluginRef: max-score-picker}\n";

static void *setup_with(const struct rp_micro_case *c, const char *config)
{
	struct pick_bed *bed = rp_micro_alloc(sizeof(*bed));

	rp_micro_bed_init_config(&bed->bed, (uint32_t)c->arg[0], config);
	if (c->arg[1] == RP_MICRO_PROMPT_TAILS || c->arg[1] == RP_MICRO_PROMPT_NEW)
		rp_micro_bed_populate_index(&bed->bed, (uint32_t)c->arg[0]);
	if (c->arg[2] != 0)
		rp_micro_bed_fill_index(&bed->bed, (uint32_t)c->arg[0]);
	bed->prompt = (enum rp_micro_prompt)c->arg[1];
	bed->headers.path = RP_BYTES_LIT("/v1/chat/completions");
	for (uint32_t i = 0; i < REQUESTS; i++)
		rp_arena_init(&bed->exchange[i].arena, &bed->bed.env.arenas);
	return bed;
}

static void *setup(const struct rp_micro_case *c)
{
	return setup_with(c, "");
}

static void *setup_ten(const struct rp_micro_case *c)
{
	return setup_with(c, ten_plugins);
}

static void clear(struct pick_bed *bed, uint32_t i)
{
	rp_body_free(&bed->exchange[i].body, &bed->bed.env.bodies);
	rp_arena_reset(&bed->exchange[i].arena);
	free(bed->text[i]);
	bed->text[i] = NULL;
}

static void read_body(struct pick_bed *bed, struct exchange *exchange, const uint8_t *text)
{
	struct rp_bytes bytes = rp_bytes(text, BODY_BYTES);
	const struct rp_config_blob *config = rp_sched_config(bed->bed.env.sched);

	RP_ASSERT(rp_request_parser_new(&exchange->arena, config, bed->headers.path,
					&exchange->parser) == RP_OK);
	RP_ASSERT(rp_body_append(&exchange->body, &bed->bed.env.bodies, bytes) == RP_OK);
	rp_request_parser_feed(exchange->parser, bytes);
}

static void write_bodies(struct pick_bed *bed)
{
	size_t from = bed->prompt == RP_MICRO_PROMPT_TAILS ? SHARED_BYTES : 0;

	bed->next = 0;
	if (bed->prompt == RP_MICRO_PROMPT_NONE)
		return;
	for (uint32_t i = 0; i < REQUESTS; i++) {
		clear(bed, i);
		if (bed->prompt != RP_MICRO_PROMPT_SAME)
			bed->serial++;
		bed->text[i] = rp_micro_body(RP_MICRO_CHAT, BODY_BYTES, bed->serial, from);
	}
}

static void prepare_pick(void *user)
{
	struct pick_bed *bed = user;

	write_bodies(bed);
	for (uint32_t i = 0; i < REQUESTS; i++) {
		struct exchange *exchange = &bed->exchange[i];
		struct rp_bytes error;

		exchange->request.target_model = RP_BYTES_LIT("reviews-1");
		if (bed->prompt == RP_MICRO_PROMPT_NONE)
			continue;
		read_body(bed, exchange, bed->text[i]);
		RP_ASSERT(rp_request_parser_finish(exchange->parser, &exchange->body,
						   &exchange->request, &error) == RP_OK);
		exchange->request.target_model = exchange->request.incoming_model;
	}
}

static void prepare_decide(void *user)
{
	write_bodies(user);
}

static void run_pick(void *user)
{
	struct pick_bed *bed = user;
	struct exchange *exchange = &bed->exchange[bed->next++];
	const struct rp_sched_input input = {
		.arena = &exchange->arena,
		.parser = exchange->parser,
		.body = &exchange->body,
		.headers = &bed->headers,
		.request = &exchange->request,
	};
	struct rp_pick pick;

	(void)rp_sched_begin(bed->bed.env.sched, &input);
	RP_MICRO_CHECK(rp_sched_pick(bed->bed.env.sched, &pick) == RP_SCHED_OK);
	RP_MICRO_CHECK(pick.target_count == 1 && pick.target[0].slot == bed->bed.best);
	rp_followup_end(pick.followup, &bed->bed.env);
}

static void run_pick_scraped(void *user)
{
	struct pick_bed *bed = user;

	rp_endpoint_metrics_bump(&bed->bed.env.live->metrics);
	RP_MICRO_CHECK(rp_sched_refresh(bed->bed.env.sched));
	run_pick(bed);
}

static void run_decide(void *user)
{
	struct pick_bed *bed = user;
	struct exchange *exchange = &bed->exchange[bed->next];
	struct rp_decision decision;
	struct rp_decision_input input = {.headers = &bed->headers};

	read_body(bed, exchange, bed->text[bed->next++]);
	input.parser = exchange->parser;
	input.body = &exchange->body;
	rp_director_begin(&bed->bed.env, &exchange->arena, &input, &exchange->request, &decision);
	RP_MICRO_CHECK(decision.http_status == 0);
	rp_director_pick(&bed->bed.env, &exchange->arena, &input, true, &exchange->request,
			 &decision);
	RP_MICRO_CHECK(decision.http_status == 200 && decision.pick.target_count == 1);
	RP_MICRO_CHECK(decision.pick.target[0].slot == bed->bed.best);
	RP_MICRO_CHECK(rp_bytes_starts_with(decision.destination, RP_BYTES_LIT("10.")));
}

static void teardown(void *user)
{
	struct pick_bed *bed = user;

	for (uint32_t i = 0; i < REQUESTS; i++)
		clear(bed, i);
	rp_micro_bed_fini(&bed->bed);
	free(bed);
}

const struct rp_micro_ops rp_micro_pick = {setup, prepare_pick, run_pick, teardown, REQUESTS};
const struct rp_micro_ops rp_micro_pick_ten = {setup_ten, prepare_pick, run_pick, teardown,
					       REQUESTS};
const struct rp_micro_ops rp_micro_pick_scraped = {setup, prepare_pick, run_pick_scraped, teardown,
						   REQUESTS};
const struct rp_micro_ops rp_micro_decide = {setup, prepare_decide, run_decide, teardown, REQUESTS};
