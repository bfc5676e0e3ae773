/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/sched/sched_plugin.h"

#define RP_IMPLEMENTED(id, object) extern const struct rp_plugin_ops object;
#define RP_PARSER(id, object)	   extern const struct rp_parser object;
#include "dataplane/sched/implementations.def"
#undef RP_IMPLEMENTED
#undef RP_PARSER

enum {
#define RP_IMPLEMENTED(id, object) HAS_##id = 1,
#define RP_PARSER(id, object)	   HAS_##id = 1,
#include "dataplane/sched/implementations.def"
#undef RP_IMPLEMENTED
#undef RP_PARSER
};

#define CHECK_BUILT(id) static_assert((int)HAS_##id == 1, "not in implementations.def");
#define CHECK_CONTROL(id)
#define CHECK_INERT(id)
#define CHECK_PENDING(id)
#define CHECK_MISSING(id)
#define RP_PLUGIN(id, type, kinds, stability, state, params, text) CHECK_##state(id)
#include "config/plugins.def"
#undef RP_PLUGIN

static const struct rp_plugin_ops *const all_ops[RP_PLUGIN_TYPE_COUNT] = {
#define RP_IMPLEMENTED(id, object) [RP_PLUGIN_##id] = &(object),
#define RP_PARSER(id, object)
#include "dataplane/sched/implementations.def"
#undef RP_IMPLEMENTED
#undef RP_PARSER
};

static const struct rp_parser *const all_parsers[RP_PLUGIN_TYPE_COUNT] = {
#define RP_IMPLEMENTED(id, object)
#define RP_PARSER(id, object) [RP_PLUGIN_##id] = &(object),
#include "dataplane/sched/implementations.def"
#undef RP_IMPLEMENTED
#undef RP_PARSER
};

const struct rp_plugin_ops *rp_sched_ops(uint32_t type)
{
	return type < RP_PLUGIN_TYPE_COUNT ? all_ops[type] : NULL;
}

const struct rp_parser *rp_sched_parser(uint32_t type)
{
	return type < RP_PLUGIN_TYPE_COUNT ? all_parsers[type] : NULL;
}

struct rp_prompt_shape rp_sched_prompt_shape(const struct rp_config_blob *config,
					     int32_t reported_block_size)
{
	struct rp_prompt_shape all = {0};

	for (uint32_t i = 0; i < config->producer_count; i++) {
		const struct rp_config_plugin *plugin =
			rp_config_blob_plugin(config, rp_config_blob_producer(config, i));
		const struct rp_plugin_ops *ops = rp_sched_ops(plugin->type);
		struct rp_prompt_shape one;

		if (ops == NULL || ops->shape == NULL)
			continue;
		one = ops->shape(rp_config_blob_params(config, plugin), reported_block_size);
		if (all.max_tokens == 0)
			all.block_tokens = one.block_tokens;
		else if (all.block_tokens != one.block_tokens)
			all.block_tokens = 0;
		all.max_tokens = rp_max_size(all.max_tokens, one.max_tokens);
	}
	return all;
}
