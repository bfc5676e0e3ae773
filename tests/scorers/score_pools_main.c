/* SPDX-License-Identifier: Apache-2.0
 *
 * score-pools: reads one pool a line, prints the bits of its scores, for reference.py to compare.
 *
 *   queue N waiting…
 *   kv N usage-bits…
 *   prefix N weight-bits scale block-tokens total-blocks match…
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/sched/sched_plugin.h"

enum { POOL_MAX = 1024 };

static uint32_t slot[POOL_MAX];
static int32_t waiting[POOL_MAX];
static double kv_usage[POOL_MAX];
static uint16_t match[POOL_MAX];
static double score[POOL_MAX];

static double read_bits(void)
{
	uint64_t bits;
	double value;

	RP_ASSERT(scanf("%" SCNx64, &bits) == 1);
	memcpy(&value, &bits, sizeof(value));
	return value;
}

static int64_t read_int(void)
{
	int64_t value;

	RP_ASSERT(scanf("%" SCNd64, &value) == 1);
	return value;
}

int main(void)
{
	struct rp_candidates candidates = {
		.table_idx = slot, .slot = slot, .waiting = waiting, .kv_usage = kv_usage};
	struct rp_params_prefix_cache_scorer params = {0};
	struct rp_match_info info = {.match_blocks = match};
	struct rp_score_input in = {
		.candidates = &candidates, .params = &params, .match_by_plugin = &info};
	char kind[16];

	for (uint32_t i = 0; i < POOL_MAX; i++)
		slot[i] = i;
	while (scanf("%15s", kind) == 1) {
		enum rp_plugin_type type = RP_PLUGIN_QUEUE_SCORER;

		candidates.count = (uint32_t)read_int();
		RP_ASSERT(candidates.count >= 1 && candidates.count <= POOL_MAX);
		if (strcmp(kind, "prefix") == 0) {
			type = RP_PLUGIN_PREFIX_CACHE_SCORER;
			params.match_length_weight = read_bits();
			params.match_length_scale_tokens = read_int();
			info.block_tokens = read_int();
			info.total_blocks = (uint64_t)read_int();
		} else if (strcmp(kind, "kv") == 0) {
			type = RP_PLUGIN_KV_CACHE_UTILIZATION_SCORER;
		}
		for (uint32_t i = 0; i < candidates.count; i++) {
			if (type == RP_PLUGIN_QUEUE_SCORER)
				waiting[i] = (int32_t)read_int();
			else if (type == RP_PLUGIN_PREFIX_CACHE_SCORER)
				match[i] = (uint16_t)read_int();
			else
				kv_usage[i] = read_bits();
		}
		rp_sched_scorer(type)->score(&in, score);
		for (uint32_t i = 0; i < candidates.count; i++) {
			uint64_t bits;

			memcpy(&bits, &score[i], sizeof(bits));
			printf("%016" PRIx64 "%c", bits, i + 1 == candidates.count ? '\n' : ' ');
		}
	}
	return 0;
}
