/* SPDX-License-Identifier: Apache-2.0
 *
 * Kinds "scorer" and "profile": scores and totals by their bits, pick counts by a chi-square test.
 */
#include <math.h>
#include <stdio.h>

#include "dataplane/sched/totals.h"
#include "tests/golden/golden.h"

/* A pool as the scorers see it. */
struct board {
	struct golden_pool pool;
	uint32_t idx[GOLDEN_ENDPOINTS_MAX];
	int32_t waiting[GOLDEN_ENDPOINTS_MAX];
	double kv_usage[GOLDEN_ENDPOINTS_MAX];
	struct rp_candidates candidates;
	struct rp_plugin_data data[RP_PLUGINS_MAX];
	struct rp_cycle cycle;
};

static void board_init(struct board *board, const cJSON *endpoints)
{
	memset(board, 0, sizeof(*board));
	golden_read_pool(endpoints, &board->pool);
	for (uint32_t i = 0; i < board->pool.count; i++) {
		board->idx[i] = i;
		board->waiting[i] = board->pool.endpoint[i].waiting;
		board->kv_usage[i] = board->pool.endpoint[i].kv_usage;
	}
	board->cycle.data = board->data;
	board->candidates = (struct rp_candidates){
		.count = board->pool.count,
		.table_idx = board->idx,
		.slot = board->idx,
		.waiting = board->waiting,
		.kv_usage = board->kv_usage,
	};
}

static void board_match_of(struct board *board, uint32_t i)
{
	board->data[0].match = (struct rp_match_info){
		.total_blocks = board->pool.total[i],
		.block_tokens = board->pool.block_tokens[i],
		.match_blocks = board->pool.match,
	};
}

enum golden_verdict golden_scorer(struct golden_case *c)
{
	const cJSON *plugin = golden_get(c->json, "plugin");
	enum rp_plugin_type type = golden_type(c, golden_string(plugin, "type"));
	struct rp_params_prefix_cache_scorer params =
		golden_prefix_params(golden_get(plugin, "parameters"));
	const cJSON *bits = golden_get(c->expect, "bits");
	static struct board board;
	const struct rp_call call = {
		.cycle = &board.cycle, .ops = rp_sched_ops(type), .params = &params};
	double score[GOLDEN_ENDPOINTS_MAX];

	if (type == RP_PLUGIN_TYPE_COUNT)
		return GOLDEN_UNSUPPORTED;
	board_init(&board, golden_get(c->json, "endpoints"));
	if ((uint32_t)cJSON_GetArraySize(bits) != board.pool.count)
		return golden_fail(c, "an endpoint without score");
	if (board.pool.count > 0)
		call.ops->score(&call, &board.candidates, score);
	for (uint32_t i = 0; i < board.pool.count; i++) {
		/* Here each endpoint may have a match total of its own. */
		if (type == RP_PLUGIN_PREFIX_CACHE_SCORER) {
			double all[GOLDEN_ENDPOINTS_MAX];

			board_match_of(&board, i);
			call.ops->score(&call, &board.candidates, all);
			score[i] = all[i];
		}
		if (!golden_same_bits(score[i], bits, board.pool.name[i]))
			return golden_fail(c, "%s scores %.17g", board.pool.name[i], score[i]);
	}
	return GOLDEN_OK;
}

/*
 * Do two samples of one distribution look like that? Upper 0.1 % points of chi-square by degrees of
 * freedom; more than eight classes do not occur.
 */
static bool is_same_distribution(const uint32_t *ours, uint32_t our_runs, const double *theirs,
				 double their_runs, uint32_t classes)
{
	static const double limit[] = {0, 10.828, 13.816, 16.266, 18.467, 20.515, 22.458, 24.322};
	double a = sqrt(their_runs / our_runs);
	double sum = 0;
	uint32_t used = 0;

	for (uint32_t i = 0; i < classes; i++) {
		double o = ours[i];
		double d = a * o - theirs[i] / a;

		if (o + theirs[i] == 0)
			continue;
		used++;
		sum += d * d / (o + theirs[i]);
	}
	RP_ASSERT(used >= 1 && used <= RP_ARRAY_LEN(limit));
	return used == 1 || sum <= limit[used - 1];
}

static enum golden_verdict check_counts(struct golden_case *c, const struct golden_pool *pool,
					const char *name, const uint32_t *ours, uint32_t runs)
{
	const cJSON *expect = golden_get(c->expect, name);
	double theirs[GOLDEN_ENDPOINTS_MAX];

	for (uint32_t i = 0; i < pool->count; i++) {
		theirs[i] = golden_number(expect, pool->name[i], 0);
		if (theirs[i] == 0 && ours[i] > 0)
			return golden_fail(c, "%s: picked %s", name, pool->name[i]);
	}
	if (!is_same_distribution(ours, runs, theirs, golden_number(c->expect, "runs", 0),
				  pool->count))
		return golden_fail(c, "%s: another distribution", name);
	return GOLDEN_OK;
}

static enum golden_verdict check_picks(struct golden_case *c, const struct golden_pool *pool,
				       enum rp_plugin_type type,
				       const struct rp_params_picker *params, const double *total)
{
	enum { RUNS = 20000 };
	struct rp_env env = {.prng = {11, 22, 33, 44}};
	struct rp_cycle cycle = {.env = &env};
	const struct rp_call picker = {
		.cycle = &cycle, .ops = rp_sched_ops(type), .params = params};
	uint32_t first[GOLDEN_ENDPOINTS_MAX] = {0};
	uint32_t second[GOLDEN_ENDPOINTS_MAX] = {0};
	uint32_t wanted = (uint32_t)golden_number(c->expect, "targets", 0);
	enum golden_verdict verdict;

	for (uint32_t run = 0; run < RUNS; run++) {
		uint32_t picked[RP_PICKS_MAX];
		uint32_t count = picker.ops->pick(&picker, total, pool->count, picked);

		if (count != wanted)
			return golden_fail(c, "%u targets", count);
		first[picked[0]]++;
		if (count > 1)
			second[picked[1]]++;
	}
	verdict = check_counts(c, pool, "firstPickCounts", first, RUNS);
	if (verdict == GOLDEN_OK && golden_get(c->expect, "secondPickCounts") != NULL)
		verdict = check_counts(c, pool, "secondPickCounts", second, RUNS);
	return verdict;
}

enum golden_verdict golden_profile(struct golden_case *c)
{
	const cJSON *picker_json = golden_get(c->json, "picker");
	enum rp_plugin_type picker = golden_type(c, golden_string(picker_json, "type"));
	int64_t targets = (int64_t)golden_number(golden_get(picker_json, "parameters"),
						 "maxNumOfEndpoints", 1);
	struct rp_params_picker params = {.endpoints_max = targets > 0 ? (uint32_t)targets : 1};
	struct rp_params_prefix_cache_scorer prefix[RP_BED_PLUGINS_MAX];
	struct rp_bed_config config = {0};
	const cJSON *bits = golden_get(c->expect, "bits");
	double score[GOLDEN_ENDPOINTS_MAX];
	double total[GOLDEN_ENDPOINTS_MAX];
	static struct board board;
	struct rp_bed bed;
	struct rp_call call[RP_BED_PLUGINS_MAX];
	struct rp_weighted scorer[RP_BED_PLUGINS_MAX];
	const struct rp_config_blob *blob;
	const cJSON *json;

	if (picker == RP_PLUGIN_TYPE_COUNT)
		return GOLDEN_UNSUPPORTED;
	cJSON_ArrayForEach(json, golden_get(c->json, "filters"))
	{
		if (golden_type(c, golden_string(json, "type")) == RP_PLUGIN_TYPE_COUNT)
			return GOLDEN_UNSUPPORTED;
	}
	cJSON_ArrayForEach(json, golden_get(c->json, "scorers"))
	{
		enum rp_plugin_type type = golden_type(c, golden_string(json, "type"));
		bool is_prefix = type == RP_PLUGIN_PREFIX_CACHE_SCORER;
		uint32_t i = config.plugin_count;

		if (type == RP_PLUGIN_TYPE_COUNT)
			return GOLDEN_UNSUPPORTED;
		prefix[i] = golden_prefix_params(golden_get(json, "parameters"));
		rp_bed_add(&config, type, is_prefix ? &prefix[i] : NULL,
			   is_prefix ? sizeof(prefix[i]) : 0, golden_number(json, "weight", 1));
	}
	rp_bed_add(&config, picker, &params, sizeof(params), 0);
	rp_bed_add(&config, RP_PLUGIN_SINGLE_PROFILE_HANDLER, NULL, 0, 0);
	board_init(&board, golden_get(c->json, "endpoints"));
	board_match_of(&board, 0);
	for (uint32_t i = 1; i < board.pool.count; i++) {
		if (board.pool.total[i] != board.pool.total[0])
			return golden_fail(c, "endpoints with different match totals");
	}
	rp_bed_init(&bed, NULL);
	rp_bed_publish(&bed, &config, board.pool.endpoint, board.pool.count);
	blob = rp_sched_config(bed.env.sched);
	for (uint32_t i = 0; i < blob->ref_count; i++) {
		uint32_t plugin = rp_config_blob_ref(blob, i)->plugin;
		const struct rp_config_plugin *record = rp_config_blob_plugin(blob, plugin);

		call[i] = (struct rp_call){.cycle = &board.cycle,
					   .ops = rp_sched_ops(record->type),
					   .params = rp_config_blob_params(blob, record),
					   .plugin = plugin};
		scorer[i] = (struct rp_weighted){&call[i], rp_config_blob_ref(blob, i)->weight};
	}
	rp_sched_total(scorer, blob->ref_count, &board.candidates, score, total, NULL, NULL);
	rp_bed_fini(&bed);
	for (uint32_t i = 0; i < board.pool.count; i++) {
		if (!golden_same_bits(total[i], bits, board.pool.name[i]))
			return golden_fail(c, "%s has total %.17g", board.pool.name[i], total[i]);
	}
	return check_picks(c, &board.pool, picker, &params, total);
}
