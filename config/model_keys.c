/* SPDX-License-Identifier: Apache-2.0 */
#include "config/model_keys.h"

#include <stddef.h>

/* For types whose parameters hold no index. */
#define NO_OFFSET UINT32_MAX

static const struct rp_key_info keys[RP_KEY_COUNT] = {
#define RP_KEY(id, data, producer, name, type) [RP_KEY_##id] = {data, producer, name, type},
#include "config/data_keys.def"
};

static const struct {
	enum rp_plugin_type type;
	enum rp_key key;
	bool is_own; /* the producer's name is the plugin's */
} produced[] = {
#define RP_NAMING_OWN		       true
#define RP_NAMING_FIXED		       false
#define RP_PRODUCES(type, key, naming) {RP_PLUGIN_##type, RP_KEY_##key, RP_NAMING_##naming},
#include "config/data_keys.def"
};

static const struct rp_need needs[] = {
#define OFFSET_IN(params, member) (uint32_t) offsetof(struct rp_params_##params, member)
#define RP_CONSUMES(type, key, need, params, member)                                               \
	{RP_PLUGIN_##type, RP_KEY_##key, RP_NEED_##need, OFFSET_IN(params, member)},
#define RP_CONSUMES_ONLY(type, key, need)                                                          \
	{RP_PLUGIN_##type, RP_KEY_##key, RP_NEED_##need, NO_OFFSET},
#include "config/data_keys.def"
};

static const struct {
	enum rp_plugin_type type;
	enum rp_decider decider;
	uint32_t offset;
} deciders[] = {
#define RP_DECIDES(type, decider, params, member)                                                  \
	{RP_PLUGIN_##type, decider, OFFSET_IN(params, member)},
#include "config/data_keys.def"
};

enum counter {
	COUNT_MATCH,
	COUNT_BURST,
	COUNT_INFLIGHT,
	COUNT_MEDIA,
	COUNT_LRU,
	COUNT_SESSION,
	COUNTERS
};

static const struct {
	enum rp_plugin_type type;
	enum counter counter;
	uint32_t offset;
} numbers[] = {
#define RP_NUMBERS(type, counter, params, member)                                                  \
	{RP_PLUGIN_##type, COUNT_##counter, OFFSET_IN(params, member)},
#include "config/data_keys.def"
};

const struct rp_key_info *rp_key_info(enum rp_key key)
{
	return &keys[key];
}

void rp_params_set_index(struct rp_model_plugin *plugin, uint32_t offset, uint32_t index)
{
	if (offset != NO_OFFSET)
		memcpy((uint8_t *)&plugin->params + offset, &index, sizeof(index));
}

const struct rp_need *rp_need_next(const struct rp_model_plugin *plugin,
				   const struct rp_need *previous)
{
	const struct rp_need *need = previous == NULL ? needs : previous + 1;

	while (need < needs + RP_ARRAY_LEN(needs) && need->type != plugin->type)
		need++;
	return need < needs + RP_ARRAY_LEN(needs) ? need : NULL;
}

struct rp_bytes rp_need_producer(const struct rp_model_plugin *plugin, const struct rp_need *need)
{
	const struct rp_key_info *info = &keys[need->key];

	if (info->name != RP_DATA_NAME_COUNT && plugin->names.producer[info->name].len > 0)
		return plugin->names.producer[info->name];
	return rp_bytes_str(info->producer);
}

bool rp_key_is_produced_by(const struct rp_model_plugin *plugin, enum rp_key key,
			   struct rp_bytes name)
{
	for (size_t i = 0; i < RP_ARRAY_LEN(produced); i++) {
		if (produced[i].type != plugin->type || produced[i].key != key)
			continue;
		return produced[i].is_own ? rp_bytes_equal(plugin->name, name)
					  : rp_bytes_equal_str(name, keys[key].producer);
	}
	return false;
}

bool rp_attribute_is_produced_by(const struct rp_model_plugin *plugin, struct rp_bytes data,
				 struct rp_bytes name)
{
	for (size_t i = 0; i < RP_KEY_COUNT; i++) {
		if (rp_bytes_equal_str(data, keys[i].data) &&
		    rp_key_is_produced_by(plugin, (enum rp_key)i, name))
			return true;
	}
	return false;
}

uint32_t rp_decider_offset(enum rp_plugin_type type, enum rp_decider decider)
{
	for (size_t i = 0; i < RP_ARRAY_LEN(deciders); i++) {
		if (deciders[i].type == type && deciders[i].decider == decider)
			return deciders[i].offset;
	}
	return NO_OFFSET;
}

int rp_model_number_instances(struct rp_model *model)
{
	uint32_t count[COUNTERS] = {0};

	for (uint32_t p = 0; p < model->plugin_count; p++) {
		struct rp_model_plugin *plugin = &model->plugin[p];

		for (size_t i = 0; i < RP_ARRAY_LEN(numbers); i++) {
			if (numbers[i].type != plugin->type)
				continue;
			rp_params_set_index(plugin, numbers[i].offset, count[numbers[i].counter]++);
			if (count[COUNT_INFLIGHT] > RP_INFLIGHT_PRODUCERS_MAX) {
				rp_decode_fail(model->diag, plugin->node,
					       "more than %u plugins of type "
					       "inflight-load-producer; let plugins share one",
					       RP_INFLIGHT_PRODUCERS_MAX);
				return RP_ETOOBIG;
			}
		}
	}
	model->match_info_count = count[COUNT_MATCH];
	return RP_OK;
}
