/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/sched/sched_plugin.h"

/* Kinds of each type as the catalogue has them. */
enum {
#define RP_PLUGIN(id, type, kinds, stability, state, params, text) KINDS_##id = (kinds),
#include "config/plugins.def"
#undef RP_PLUGIN
};

/* Kind of each type as implemented here; 0: in control. */
enum {
#define RP_IMPLEMENTED(id, kind, type, object) IMPLEMENTED_##id = RP_KIND_##kind,
#define RP_ELSEWHERE(id)		       IMPLEMENTED_##id = 0,
#include "dataplane/sched/implementations.def"
#undef RP_IMPLEMENTED
#undef RP_ELSEWHERE
};

enum {
	OUR_KINDS = RP_KIND_FILTER | RP_KIND_SCORER | RP_KIND_PICKER | RP_KIND_PROFILE_HANDLER |
		    RP_KIND_PRODUCER | RP_KIND_PARSER
};

#define CHECK_BUILT(id)                                                                            \
	static_assert(((int)KINDS_##id & (int)OUR_KINDS) == (int)IMPLEMENTED_##id,                 \
		      "implementations.def disagrees with plugins.def");
#define CHECK_CONTROL(id) CHECK_BUILT(id)
#define CHECK_INERT(id)
#define CHECK_PENDING(id)
#define CHECK_MISSING(id)
#define RP_PLUGIN(id, type, kinds, stability, state, params, text) CHECK_##state(id)
#include "config/plugins.def"
#undef RP_PLUGIN

#define RP_IMPLEMENTED(id, kind, type, object)                                                     \
	extern const struct rp_##type object;                                                      \
	static_assert((int)KINDS_##id != 0, "not in plugins.def");
#define RP_ELSEWHERE(id) static_assert((int)KINDS_##id != 0, "not in plugins.def");
#include "dataplane/sched/implementations.def"
#undef RP_IMPLEMENTED
#undef RP_ELSEWHERE

struct entry {
	uint32_t kind;
	const void *object;
};

static const struct entry entries[RP_PLUGIN_TYPE_COUNT] = {
#define RP_IMPLEMENTED(id, kind, type, object) [RP_PLUGIN_##id] = {RP_KIND_##kind, &(object)},
#define RP_ELSEWHERE(id)
#include "dataplane/sched/implementations.def"
#undef RP_IMPLEMENTED
#undef RP_ELSEWHERE
};

static const void *find(uint32_t type, uint32_t kind)
{
	return type < RP_PLUGIN_TYPE_COUNT && entries[type].kind == kind ? entries[type].object
									 : NULL;
}

const struct rp_scorer *rp_sched_scorer(uint32_t type)
{
	return find(type, RP_KIND_SCORER);
}

const struct rp_picker *rp_sched_picker(uint32_t type)
{
	return find(type, RP_KIND_PICKER);
}

const struct rp_profile_handler *rp_sched_profile_handler(uint32_t type)
{
	return find(type, RP_KIND_PROFILE_HANDLER);
}

const struct rp_producer *rp_sched_producer(uint32_t type)
{
	return find(type, RP_KIND_PRODUCER);
}

const struct rp_parser *rp_sched_parser(uint32_t type)
{
	return find(type, RP_KIND_PARSER);
}

struct rp_prompt_shape rp_sched_prompt_shape(const struct rp_config_blob *config,
					     int32_t reported_block_size)
{
	struct rp_prompt_shape all = {0};

	for (uint32_t i = 0; i < config->producer_count; i++) {
		const struct rp_config_plugin *plugin =
			rp_config_blob_plugin(config, rp_config_blob_producer(config, i));
		const struct rp_producer *ops = rp_sched_producer(plugin->type);
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
