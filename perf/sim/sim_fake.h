/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures that /metrics shows instead of the real ones: `--fake-metrics` and POST /admin/config.
 */
#ifndef RP_PERF_SIM_FAKE_H
#define RP_PERF_SIM_FAKE_H

#include "perf/sim/sim_histogram.h"
#include "perf/sim/sim_json.h"

enum {
	RP_SIM_FAKE_LORAS_MAX = 16,
	RP_SIM_FAKE_NAMES_MAX = 512, /* bytes of one list of adapters, terminated */
};

struct rp_sim_fake_lora {
	char running[RP_SIM_FAKE_NAMES_MAX];
	char waiting[RP_SIM_FAKE_NAMES_MAX];
	double timestamp;
};

struct rp_sim_fake {
	uint64_t running;
	uint64_t waiting;
	double kv_cache_usage;
	struct rp_sim_fake_lora loras[RP_SIM_FAKE_LORAS_MAX];
	uint32_t lora_count;
	bool has_histogram[RP_SIM_HISTOGRAM_COUNT];
	uint64_t histogram[RP_SIM_HISTOGRAM_COUNT][RP_SIM_BUCKETS_MAX]; /* samples a bucket */
	bool has_success;
	uint64_t success[RP_SIM_FINISH_COUNT];
	bool has_counter[RP_SIM_COUNTER_COUNT];
	uint64_t counter[RP_SIM_COUNTER_COUNT];
};

/**
 * Merge the members of a JSON object into *fake; members that are absent stay as they are.
 *
 * @param json  in front of the object; json->error tells what was wrong
 * *fake may be half changed after an error: merge into a copy.
 */
void rp_sim_fake_read(struct rp_sim_fake *fake, struct rp_sim_json *json);

#endif /* RP_PERF_SIM_FAKE_H */
