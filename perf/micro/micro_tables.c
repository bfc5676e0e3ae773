/* SPDX-License-Identifier: Apache-2.0
 *
 * What is read of the tables each turn, and what control reads of a metrics page.
 */
#include <stdlib.h>

#include "control/engine_metrics.h"
#include "dataplane/sched.h"
#include "perf/micro/micro_bed.h"

enum { PIECE_BYTES = 16384 }; /* of a page, as a socket hands it over */

static void *setup_turn(const struct rp_micro_case *c)
{
	struct rp_micro_bed *bed = rp_micro_alloc(sizeof(*bed));

	rp_micro_bed_init(bed, (uint32_t)c->arg[0]);
	return bed;
}

static void run_turn(void *user)
{
	struct rp_micro_bed *bed = user;

	RP_MICRO_CHECK(rp_sched_refresh(bed->env.sched));
	rp_publication_quiescent(&bed->env.live->publication, 0, ++bed->env.now_ns);
}

static void teardown_turn(void *user)
{
	rp_micro_bed_fini(user);
	free(user);
}

const struct rp_micro_ops rp_micro_turn = {setup_turn, NULL, run_turn, teardown_turn, 0};

struct page_bed {
	struct rp_engines *engines;
	const struct rp_engine *engine;
	struct rp_prom_parse parse;
	struct rp_bytes page;
};

static void *setup_page(const struct rp_micro_case *c)
{
	struct page_bed *bed = rp_micro_alloc(sizeof(*bed));
	struct rp_diag diag;

	RP_ASSERT(rp_engines_new(NULL, 0, "vllm", &bed->engines, &diag) == RP_OK);
	bed->engine = rp_engines_borrow(bed->engines, RP_BYTES_LIT("vllm"));
	bed->page = rp_bytes(rp_micro_page_text(c->arg[0]), c->arg[0]);
	rp_prom_parse_init(&bed->parse);
	return bed;
}

static void run_page(void *user)
{
	struct page_bed *bed = user;
	struct rp_endpoint_figures figures = {0};
	struct rp_extraction extraction;
	bool has_error;

	rp_extraction_begin(&extraction, bed->engine);
	rp_prom_parse_begin(&bed->parse, &bed->engine->names, rp_extraction_on_sample, &extraction);
	for (size_t at = 0; at < bed->page.len; at += PIECE_BYTES)
		RP_MICRO_CHECK(rp_prom_parse_feed(&bed->parse,
						  rp_bytes_slice(bed->page, at, PIECE_BYTES)) ==
			       RP_OK);
	RP_MICRO_CHECK(rp_prom_parse_end(&bed->parse) == RP_OK);
	RP_MICRO_CHECK(rp_extraction_apply(&extraction, 1, &figures, &has_error) && !has_error);
	RP_MICRO_CHECK(figures.waiting == 3 && figures.running == 5 &&
		       figures.cache_num_blocks == 27000 && figures.lora_active_count == 2);
}

static void teardown_page(void *user)
{
	struct page_bed *bed = user;

	rp_prom_parse_fini(&bed->parse);
	rp_engines_free(bed->engines);
	free((void *)(uintptr_t)bed->page.ptr);
	free(bed);
}

const struct rp_micro_ops rp_micro_page = {setup_page, NULL, run_page, teardown_page, 0};
