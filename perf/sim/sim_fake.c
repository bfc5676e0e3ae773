/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_fake.h"

struct key {
	const char *key;
	uint32_t idx;
};

static const struct key histogram_keys[] = {
#define X(id, name, key, bounds, help) {key, RP_SIM_HISTOGRAM_##id},
	RP_SIM_HISTOGRAMS(X)
#undef X
};

static const struct key counter_keys[] = {
#define X(id, name, key, help) {key, RP_SIM_COUNTER_##id},
	RP_SIM_COUNTERS(X)
#undef X
};

static bool find(const struct key *keys, size_t count, struct rp_bytes key, uint32_t *ret_idx)
{
	for (size_t i = 0; i < count; i++) {
		if (key.len > 0 && rp_bytes_equal_str(key, keys[i].key)) {
			*ret_idx = keys[i].idx;
			return true;
		}
	}
	return false;
}

static uint64_t read_count(struct rp_sim_json *json)
{
	int64_t value = rp_sim_json_integer(json);

	if (value < 0)
		rp_sim_json_fail(json, "a count is negative");
	return value < 0 ? 0 : (uint64_t)value;
}

static void read_names(struct rp_sim_json *json, char *out)
{
	struct rp_bytes names = rp_sim_json_string(json);

	if (names.len >= RP_SIM_FAKE_NAMES_MAX) {
		rp_sim_json_fail(json, "a list of adapters is too long");
		return;
	}
	memcpy(out, names.ptr, names.len);
	out[names.len] = '\0';
}

static void read_loras(struct rp_sim_fake *fake, struct rp_sim_json *json)
{
	struct rp_bytes key;

	fake->lora_count = 0;
	rp_sim_json_enter(json, RP_SIM_JSON_ARRAY);
	while (rp_sim_json_item(json)) {
		struct rp_sim_fake_lora *lora = &fake->loras[fake->lora_count];

		if (fake->lora_count == RP_SIM_FAKE_LORAS_MAX) {
			rp_sim_json_fail(json, "too many entries in loras");
			return;
		}
		*lora = (struct rp_sim_fake_lora){.timestamp = 0};
		rp_sim_json_enter(json, RP_SIM_JSON_OBJECT);
		while (rp_sim_json_member(json, &key)) {
			if (rp_bytes_equal_str(key, "running"))
				read_names(json, lora->running);
			else if (rp_bytes_equal_str(key, "waiting"))
				read_names(json, lora->waiting);
			else if (rp_bytes_equal_str(key, "timestamp"))
				lora->timestamp = rp_sim_json_double(json);
			else
				rp_sim_json_fail(json, "unknown key in loras");
		}
		fake->lora_count++;
	}
}

static void read_buckets(struct rp_sim_fake *fake, struct rp_sim_json *json, uint32_t id)
{
	uint64_t *buckets = fake->histogram[id];
	uint32_t count = 0;

	memset(buckets, 0, sizeof(fake->histogram[id]));
	rp_sim_json_enter(json, RP_SIM_JSON_ARRAY);
	while (rp_sim_json_item(json)) {
		if (count == RP_SIM_BUCKETS_MAX) {
			rp_sim_json_fail(json, "too many buckets");
			return;
		}
		buckets[count++] = read_count(json);
	}
	fake->has_histogram[id] = true;
	/* One key stands for both metrics of the time between tokens. */
	if (id == RP_SIM_HISTOGRAM_PER_TOKEN) {
		memcpy(fake->histogram[RP_SIM_HISTOGRAM_INTER_TOKEN], buckets,
		       sizeof(fake->histogram[id]));
		fake->has_histogram[RP_SIM_HISTOGRAM_INTER_TOKEN] = true;
	}
}

static void read_success(struct rp_sim_fake *fake, struct rp_sim_json *json)
{
	struct rp_bytes key;

	memset(fake->success, 0, sizeof(fake->success));
	rp_sim_json_enter(json, RP_SIM_JSON_OBJECT);
	while (rp_sim_json_member(json, &key)) {
		uint32_t i = 0;

		while (i < RP_SIM_FINISH_COUNT && !rp_bytes_equal_str(key, rp_sim_finish_name(i)))
			i++;
		if (i == RP_SIM_FINISH_COUNT)
			rp_sim_json_fail(json, "unknown finish reason in request-success-total");
		else
			fake->success[i] = read_count(json);
	}
	fake->has_success = true;
}

void rp_sim_fake_read(struct rp_sim_fake *fake, struct rp_sim_json *json)
{
	struct rp_bytes key;
	uint32_t idx;

	rp_sim_json_enter(json, RP_SIM_JSON_OBJECT);
	while (rp_sim_json_member(json, &key)) {
		if (rp_bytes_equal_str(key, "running-requests")) {
			fake->running = read_count(json);
		} else if (rp_bytes_equal_str(key, "waiting-requests")) {
			fake->waiting = read_count(json);
		} else if (rp_bytes_equal_str(key, "kv-cache-usage")) {
			fake->kv_cache_usage = rp_sim_json_double(json);
			if (fake->kv_cache_usage < 0 || fake->kv_cache_usage > 1)
				rp_sim_json_fail(json, "kv-cache-usage is not within 0 and 1");
		} else if (rp_bytes_equal_str(key, "loras")) {
			read_loras(fake, json);
		} else if (rp_bytes_equal_str(key, "request-success-total")) {
			read_success(fake, json);
		} else if (find(histogram_keys, RP_ARRAY_LEN(histogram_keys), key, &idx)) {
			read_buckets(fake, json, idx);
		} else if (find(counter_keys, RP_ARRAY_LEN(counter_keys), key, &idx)) {
			fake->counter[idx] = read_count(json);
			fake->has_counter[idx] = true;
		} else {
			rp_sim_json_fail(json, "unknown key of the fake metrics");
		}
	}
}
