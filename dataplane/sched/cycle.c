/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/sched/cycle.h"

#include "dataplane/director.h"
#include "dataplane/sched/sched_plugin.h"

const struct rp_plugin_data *rp_cycle_data(const struct rp_cycle *cycle, uint32_t plugin)
{
	static const struct rp_plugin_data nothing;

	return plugin < RP_PLUGINS_MAX ? &cycle->data[plugin] : &nothing;
}

const void *rp_cycle_prepared(const struct rp_cycle *cycle, uint32_t plugin)
{
	return plugin < cycle->config->plugin_count ? cycle->call[plugin].prepared : NULL;
}

struct rp_bytes rp_cycle_plugin_name(const struct rp_cycle *cycle, uint32_t plugin)
{
	return rp_config_blob_str(cycle->config,
				  rp_config_blob_plugin(cycle->config, plugin)->name);
}

struct rp_bytes rp_cycle_header(const struct rp_cycle *cycle, struct rp_bytes name)
{
	for (uint32_t i = 0; i < cycle->headers->wanted_count; i++) {
		if (rp_bytes_equal(cycle->headers->wanted[i].name, name))
			return cycle->headers->wanted[i].value;
	}
	return rp_bytes("", 0);
}

void rp_cycle_set_header(struct rp_cycle *cycle, const char *name, struct rp_bytes value)
{
	if (cycle->header_count == RP_CYCLE_HEADERS_MAX) {
		rp_counter_add(&cycle->env->counters->unexpected, 1);
		return;
	}
	cycle->header[cycle->header_count++] = (struct rp_header){rp_bytes_str(name), value};
}

bool rp_cycle_label(const struct rp_cycle *cycle, uint32_t table_idx, struct rp_bytes key,
		    struct rp_bytes *ret_value)
{
	return rp_endpoint_table_find_label(cycle->table, table_idx, key, ret_value);
}

struct rp_bytes rp_cycle_identity(const struct rp_cycle *cycle, uint32_t table_idx)
{
	const struct rp_endpoint *endpoint = &cycle->table->endpoint[table_idx];
	struct rp_bytes space = rp_endpoint_table_borrow_str(cycle->table, endpoint->name_space);
	struct rp_bytes name = rp_endpoint_table_borrow_str(cycle->table, endpoint->name);
	size_t bytes = space.len + 1 + name.len;
	struct rp_writer w = rp_writer(rp_arena_alloc(cycle->arena, bytes), bytes);

	if (w.begin == NULL)
		return rp_bytes("", 0);
	rp_write_bytes(&w, space);
	rp_write_u8(&w, '/');
	rp_write_bytes(&w, name);
	return rp_writer_bytes(&w);
}

uint32_t rp_cycle_first_pick(const struct rp_cycle *cycle, uint32_t profile)
{
	return cycle->result[profile].count > 0 ? cycle->result[profile].pick[0] : RP_NO_ENDPOINT;
}

struct rp_bytes rp_cycle_profile_name(const struct rp_cycle *cycle, uint32_t profile)
{
	return rp_config_blob_str(cycle->config,
				  rp_config_blob_profile(cycle->config, profile)->name);
}

uint32_t rp_cycle_find_profile(const struct rp_cycle *cycle, struct rp_bytes name)
{
	for (uint32_t i = 0; i < cycle->config->profile_count; i++) {
		if (rp_bytes_equal(rp_cycle_profile_name(cycle, i), name))
			return i;
	}
	return RP_CONFIG_NONE;
}

int rp_cycle_refuse(struct rp_cycle *cycle, const char *before, struct rp_bytes detail,
		    const char *after)
{
	size_t bytes = strlen(before) + detail.len + strlen(after);
	struct rp_writer w = rp_writer(rp_arena_alloc(cycle->arena, bytes), bytes);

	if (w.begin != NULL) {
		rp_write_str(&w, before);
		rp_write_bytes(&w, detail);
		rp_write_str(&w, after);
		cycle->reason = rp_writer_bytes(&w);
	}
	return RP_EUNSUPPORTED;
}

uint64_t rp_cycle_token_count(const struct rp_cycle *cycle)
{
	return cycle->request->has_prompts ? cycle->request->token_count : 0;
}

bool rp_cycle_decide(struct rp_cycle *cycle, uint32_t decider, uint32_t table_idx)
{
	const struct rp_call *call = &cycle->call[decider];

	return decider < cycle->config->plugin_count && call->ops != NULL &&
	       call->ops->decide != NULL && call->ops->decide(call, table_idx);
}

int rp_filter_prepared(const struct rp_call *call, const struct rp_candidates *in, uint32_t *kept)
{
	const uint8_t *keeps = call->prepared;
	uint32_t count = 0;

	for (uint32_t i = 0; i < in->count; i++) {
		kept[count] = i;
		count += keeps[in->table_idx[i]] != 0;
	}
	return (int)count;
}
