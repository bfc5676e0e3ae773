/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plugin_bed.h"

#include <stdio.h>
#include <stdlib.h>

static void add_endpoint(struct plugin_bed *bed, uint32_t i)
{
	char name[16], ip[24], address[32];

	bed->table_idx[i] = i;
	bed->slot[i] = 2 * i + 1;
	snprintf(name, sizeof(name), "p%u", i + 1);
	snprintf(ip, sizeof(ip), "10.0.0.%u", i + 1);
	snprintf(address, sizeof(address), "%s:8000", ip);
	RP_ASSERT(rp_endpoint_table_add(bed->table, RP_BYTES_LIT("ns"), rp_bytes_str(name),
					rp_bytes_str(address), rp_bytes_str(ip), 8000, bed->slot[i],
					1) == RP_OK);
}

struct plugin_bed *plugin_bed_new(uint32_t count)
{
	struct plugin_bed *bed = calloc(1, sizeof(*bed));

	RP_ASSERT(bed != NULL && count <= PLUGIN_BED_ENDPOINTS);
	rp_bed_init(&bed->bed, NULL);
	bed->bed.env.now_ns = INT64_C(1000000000000);
	bed->table = calloc(1, sizeof(*bed->table));
	RP_ASSERT(bed->table != NULL);
	rp_endpoint_table_reset(bed->table);
	for (uint32_t i = 0; i < count; i++)
		add_endpoint(bed, i);
	bed->config.head.plugin_count = RP_ARRAY_LEN(bed->config.plugin);
	bed->config.head.plugins_offset =
		offsetof(struct plugin_bed, config.plugin) - offsetof(struct plugin_bed, config);
	bed->config.head.pool_offset =
		offsetof(struct plugin_bed, config.pool) - offsetof(struct plugin_bed, config);
	bed->candidates = (struct rp_candidates){
		.count = count,
		.table_idx = bed->table_idx,
		.slot = bed->slot,
		.waiting = bed->waiting,
		.running = bed->running,
		.kv_usage = bed->kv_usage,
		.updated_ns = bed->updated_ns,
	};
	bed->headers.wanted = bed->header;
	bed->cycle = (struct rp_cycle){
		.env = &bed->bed.env,
		.arena = &bed->bed.arena,
		.config = &bed->config.head,
		.table = bed->table,
		.endpoint_count = count,
		.call = bed->call,
		.data = bed->data,
		.request = &bed->request,
		.headers = &bed->headers,
		.candidates = &bed->candidates,
		.peer = RP_NO_ENDPOINT,
	};
	return bed;
}

void plugin_bed_free(struct plugin_bed *bed)
{
	rp_bed_fini(&bed->bed);
	for (uint32_t i = 0; i < RP_ARRAY_LEN(bed->state); i++)
		free(bed->state[i]);
	free(bed->table);
	free(bed);
}

void plugin_bed_label(struct plugin_bed *bed, uint32_t table_idx, const char *key,
		      const char *value)
{
	struct rp_endpoint *endpoint = &bed->table->endpoint[table_idx];
	uint32_t i = bed->table->label_count++;

	if (endpoint->label_count++ == 0)
		endpoint->label_first = i;
	RP_ASSERT(endpoint->label_first + endpoint->label_count == i + 1);
	RP_ASSERT(rp_endpoint_table_add_str(bed->table, rp_bytes_str(key),
					    &bed->table->label[i].key) == RP_OK);
	RP_ASSERT(rp_endpoint_table_add_str(bed->table, rp_bytes_str(value),
					    &bed->table->label[i].value) == RP_OK);
}

static uint32_t take_pool(struct plugin_bed *bed, const void *bytes, size_t count)
{
	struct rp_config_blob *head = &bed->config.head;
	uint32_t at = (uint32_t)rp_align_up(head->pool_bytes, 8);

	RP_ASSERT(at + count <= sizeof(bed->config.pool));
	memcpy(&bed->config.pool[at], bytes, count);
	head->pool_bytes = at + (uint32_t)count;
	return at;
}

struct rp_config_str plugin_bed_str(struct plugin_bed *bed, const char *text)
{
	return (struct rp_config_str){take_pool(bed, text, strlen(text)), (uint32_t)strlen(text)};
}

struct rp_config_list plugin_bed_list(struct plugin_bed *bed, const void *elements, uint32_t count,
				      size_t element_bytes)
{
	return (struct rp_config_list){take_pool(bed, elements, count * element_bytes), count};
}

const struct rp_call *plugin_bed_set(struct plugin_bed *bed, uint32_t i, const char *name,
				     const struct rp_plugin_ops *ops, const void *params)
{
	RP_ASSERT(i < RP_ARRAY_LEN(bed->call));
	RP_ASSERT(ops == NULL || ops->prepared_bytes <= 64);
	bed->config.plugin[i].name = plugin_bed_str(bed, name);
	bed->call[i] = (struct rp_call){
		.cycle = &bed->cycle,
		.ops = ops,
		.params = params,
		.plugin = i,
		.data = &bed->data[i],
		.prepared = bed->prepared[i],
	};
	if (ops != NULL && ops->state_bytes > 0) {
		free(bed->state[i]); /* set before */
		bed->state[i] = calloc(1, ops->state_bytes);
		RP_ASSERT(bed->state[i] != NULL);
		bed->call[i].state = bed->state[i];
	}
	for (uint32_t k = 0; ops != NULL && ops->prepare != NULL && k < bed->cycle.endpoint_count;
	     k++)
		ops->prepare(&bed->call[i], k, &bed->prepared[i][k * ops->prepared_bytes]);
	return &bed->call[i];
}

void plugin_bed_header(struct plugin_bed *bed, const char *name, const char *value)
{
	uint32_t i = 0;

	while (i < bed->headers.wanted_count && !rp_bytes_equal_str(bed->header[i].name, name))
		i++;
	RP_ASSERT(i < PLUGIN_BED_HEADERS);
	bed->header[i] = (struct rp_header){rp_bytes_str(name), rp_bytes_str(value)};
	if (i == bed->headers.wanted_count)
		bed->headers.wanted_count++;
}

void plugin_bed_next_request(struct plugin_bed *bed)
{
	for (uint32_t i = 0; i < RP_ARRAY_LEN(bed->data); i++)
		bed->data[i].note = 0;
	memset(bed->cycle.result, 0, sizeof(bed->cycle.result));
	memset(&bed->cycle.followup, 0, sizeof(bed->cycle.followup));
	rp_arena_reset(&bed->bed.arena);
}

static bool is_listed(const int *list, uint32_t i)
{
	for (; *list >= 0; list++) {
		if ((uint32_t)*list == i)
			return true;
	}
	return false;
}

void plugin_bed_leave_out(struct plugin_bed *bed, const int *table_idx)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < bed->cycle.endpoint_count; i++) {
		if (is_listed(table_idx, i))
			continue;
		bed->table_idx[count] = i;
		bed->slot[count++] = 2 * i + 1;
	}
	bed->candidates.count = count;
}

static void check_few(const struct plugin_bed *bed, const struct rp_call *call, const double *score)
{
	const uint16_t *slot = NULL;
	uint32_t count = call->ops->few(call, &slot);

	for (uint32_t i = 0; i < bed->candidates.count; i++) {
		double few = 0;

		for (uint32_t k = 0; k < count; k++) {
			if (slot[k] == bed->slot[i])
				few = call->ops->score_slot(call, slot[k]);
		}
		RP_ASSERT(few == score[i]);
		RP_ASSERT(call->ops->score_slot(call, bed->slot[i]) == score[i]);
	}
}

const double *plugin_bed_score(struct plugin_bed *bed, const struct rp_call *call)
{
	static double score[PLUGIN_BED_ENDPOINTS];

	call->ops->score(call, &bed->candidates, score);
	if (call->ops->few != NULL)
		check_few(bed, call, score);
	return score;
}

void plugin_bed_pick(struct plugin_bed *bed, uint32_t profile, uint32_t table_idx)
{
	bed->cycle.result[profile] =
		(struct rp_profile_result){.has_run = true, .count = 1, .pick = {table_idx}};
}
