/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/sched_bed.h"

#include <stdio.h>
#include <unistd.h>

void rp_bed_init(struct rp_bed *bed, const struct rp_settings *settings)
{
	struct rp_settings usual = {
		.worker_count = 1,
		.endpoints_max = 64,
		.metric_series_max = 16,
		.prefix_index_bytes = RP_PREFIX_INDEX_BYTES_MIN,
		.body_bytes_max = RP_BODY_BYTES_MAX,
		.body_memory_bytes = RP_BODY_BYTES_MAX,
	};

	memset(bed, 0, sizeof(*bed));
	RP_ASSERT(rp_shared_create(settings != NULL ? settings : &usual, &bed->shared) == RP_OK);
	bed->env.live = bed->shared.live;
	bed->env.tables = bed->shared.tables;
	bed->env.settings = &bed->shared.tables->settings;
	bed->env.counters = &bed->shared.live->worker[0].counters;
	bed->env.series = &bed->shared.live->worker[0].series;
	for (uint32_t i = 0; i < 4; i++)
		bed->env.prng[i] = 0x9e3779b97f4a7c15u * (i + 1);
	rp_arena_pool_init(&bed->env.arenas);
	rp_body_pool_init(&bed->env.bodies, RP_BODY_BYTES_MAX);
	rp_arena_init(&bed->arena, &bed->env.arenas);
	RP_ASSERT(rp_sched_new(&bed->env, &bed->env.sched) == RP_OK);
}

void rp_bed_fini(struct rp_bed *bed)
{
	int tables = bed->shared.tables_segment.fd;
	int live = bed->shared.live_segment.fd;

	rp_sched_free(bed->env.sched);
	rp_arena_reset(&bed->arena);
	rp_arena_pool_fini(&bed->env.arenas);
	rp_body_pool_fini(&bed->env.bodies);
	rp_shared_detach(&bed->shared);
	close(tables);
	close(live);
}

uint32_t rp_bed_add(struct rp_bed_config *config, enum rp_plugin_type type, const void *params,
		    size_t params_bytes, double weight)
{
	uint32_t i = config->plugin_count++;

	RP_ASSERT(i < RP_BED_PLUGINS_MAX);
	config->plugin[i].type = type;
	config->plugin[i].params = params;
	config->plugin[i].params_bytes = (uint32_t)params_bytes;
	config->plugin[i].weight = weight;
	return i;
}

const struct rp_params_token_producer rp_bed_token_params = {
	.image_factor = 1024,
	.image_width = 640,
	.image_height = 360,
	.image_static_tokens = 1,
	.frame_factor = 1024,
	.frame_static_tokens = 1,
	.frame_width = 640,
	.frame_height = 360,
	.frame_stride = 1,
	.sample_fps = 2,
	.source_fps = 24,
	.duration_s = 10,
};

struct rp_bed_config rp_bed_default_config(void)
{
	static const struct rp_params_approx_prefix_cache_producer approx = {
		.has_auto_tune = 1,
		.block_size_tokens = 16,
		.max_prefix_tokens = 131072,
		.max_prefix_blocks = 2048,
		.lru_capacity_per_server = RP_PREFIX_CAPACITY,
	};
	static const struct rp_params_picker picker = {.endpoints_max = 1};
	static struct rp_params_prefix_cache_scorer prefix = {.match_length_scale_tokens = 8192};
	struct rp_bed_config config = {0};

	rp_bed_add(&config, RP_PLUGIN_TOKEN_PRODUCER, &rp_bed_token_params,
		   sizeof(rp_bed_token_params), 0);
	prefix.producer = rp_bed_add(&config, RP_PLUGIN_APPROX_PREFIX_CACHE_PRODUCER, &approx,
				     sizeof(approx), 0);
	rp_bed_add(&config, RP_PLUGIN_QUEUE_SCORER, NULL, 0, 2);
	rp_bed_add(&config, RP_PLUGIN_KV_CACHE_UTILIZATION_SCORER, NULL, 0, 2);
	rp_bed_add(&config, RP_PLUGIN_PREFIX_CACHE_SCORER, &prefix, sizeof(prefix), 3);
	rp_bed_add(&config, RP_PLUGIN_MAX_SCORE_PICKER, &picker, sizeof(picker), 0);
	rp_bed_add(&config, RP_PLUGIN_SINGLE_PROFILE_HANDLER, NULL, 0, 0);
	rp_bed_add(&config, RP_PLUGIN_OPENAI_PARSER, NULL, 0, 0);
	rp_bed_add(&config, RP_PLUGIN_ANTHROPIC_PARSER, NULL, 0, 0);
	rp_bed_add(&config, RP_PLUGIN_VLLMHTTP_PARSER, NULL, 0, 0);
	rp_bed_add(&config, RP_PLUGIN_SGLANGHTTP_PARSER, NULL, 0, 0);
	rp_bed_add(&config, RP_PLUGIN_PASSTHROUGH_PARSER, NULL, 0, 0);
	return config;
}

static uint32_t kinds_of(enum rp_plugin_type type)
{
	static const uint32_t kinds[] = {
#define RP_PLUGIN(id, name, kind, stability, state, params, text) [RP_PLUGIN_##id] = (kind),
#include "config/plugins.def"
#undef RP_PLUGIN
	};

	return kinds[type];
}

static uint32_t points_of(uint32_t kinds)
{
	static const struct {
		uint32_t kind;
		enum rp_extension_point point;
	} map[] = {
		{RP_KIND_SCORER, RP_EXT_SCORER},
		{RP_KIND_PICKER, RP_EXT_PICKER},
		{RP_KIND_PRODUCER, RP_EXT_DATA_PRODUCER},
		{RP_KIND_PARSER, RP_EXT_REQUEST_PARSING},
		{RP_KIND_PROFILE_HANDLER, RP_EXT_PROFILE_PICKER},
	};
	uint32_t points = 0;

	for (size_t i = 0; i < RP_ARRAY_LEN(map); i++)
		points |= (kinds & map[i].kind) != 0 ? 1u << (unsigned)map[i].point : 0;
	return points;
}

/* The blob while it is written: 8-aligned room, one piece after the other. */
struct blob_writer {
	struct rp_config_blob *blob;
	uint32_t at;
};

static void *take_room(struct blob_writer *w, size_t bytes, uint32_t *ret_offset)
{
	void *room = (uint8_t *)w->blob + w->at;

	*ret_offset = w->at;
	w->at += (uint32_t)rp_align_up(bytes, 8);
	RP_ASSERT(w->at <= RP_CONFIG_BLOB_BYTES);
	return room;
}

static void compile(const struct rp_bed_config *config, uint64_t generation,
		    struct rp_config_blob *blob)
{
	struct blob_writer w = {blob, (uint32_t)rp_align_up(sizeof(*blob), 8)};
	uint32_t n = config->plugin_count;
	struct rp_config_plugin *plugin;
	struct rp_config_ref *ref;
	struct rp_config_profile *profile;
	uint32_t *parser;
	uint32_t *producer;

	memset(blob, 0, RP_CONFIG_BLOB_BYTES);
	blob->magic = RP_CONFIG_MAGIC;
	blob->generation = generation;
	blob->plugin_count = n;
	blob->profile_count = 1;
	blob->detector = RP_CONFIG_NONE;
	plugin = take_room(&w, n * sizeof(*plugin), &blob->plugins_offset);
	ref = take_room(&w, n * sizeof(*ref), &blob->refs_offset);
	profile = take_room(&w, sizeof(*profile), &blob->profiles_offset);
	parser = take_room(&w, n * sizeof(*parser), &blob->parsers_offset);
	producer = take_room(&w, n * sizeof(*producer), &blob->producers_offset);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t kinds = kinds_of(config->plugin[i].type);

		plugin[i].type = config->plugin[i].type;
		plugin[i].params_bytes = config->plugin[i].params_bytes;
		plugin[i].stat_first = 2 * i;
		plugin[i].stat_points = points_of(kinds);
		if (config->plugin[i].params_bytes > 0)
			memcpy(take_room(&w, plugin[i].params_bytes, &plugin[i].params_offset),
			       config->plugin[i].params, plugin[i].params_bytes);
		if ((kinds & RP_KIND_SCORER) != 0)
			ref[blob->ref_count++] = (struct rp_config_ref){
				.plugin = i, .weight = config->plugin[i].weight};
		if ((kinds & RP_KIND_PARSER) != 0)
			parser[blob->parser_count++] = i;
		if ((kinds & RP_KIND_PRODUCER) != 0)
			producer[blob->producer_count++] = i;
		if ((kinds & RP_KIND_PICKER) != 0)
			profile->picker = i;
		if ((kinds & RP_KIND_PROFILE_HANDLER) != 0)
			blob->profile_handler = i;
		if ((kinds & RP_KIND_DETECTOR) != 0)
			blob->detector = i;
	}
	profile->scorer_count = blob->ref_count;
	if (config->profile_name != NULL) {
		blob->pool_bytes = (uint32_t)strlen(config->profile_name);
		memcpy(take_room(&w, blob->pool_bytes, &blob->pool_offset), config->profile_name,
		       blob->pool_bytes);
		profile->name = (struct rp_config_str){.offset = 0, .len = blob->pool_bytes};
	}
	blob->bytes = w.at;
	RP_ASSERT(rp_config_blob_check(blob, RP_CONFIG_BLOB_BYTES) == RP_OK);
}

static void fill_table(struct rp_bed *bed, struct rp_endpoint_table *table,
		       const struct rp_bed_endpoint *endpoint, uint32_t count)
{
	rp_endpoint_table_reset(table);
	if (bed->rules != NULL)
		rp_request_rules_copy(&table->rules, bed->rules);
	table->config_generation = bed->generation;
	table->table_generation = bed->generation;
	for (uint32_t i = 0; i < count; i++) {
		struct rp_endpoint_figures figures = {
			.waiting = endpoint[i].waiting,
			.kv_usage = endpoint[i].kv_usage,
			.cache_block_size = endpoint[i].block_size,
			.cache_num_blocks = endpoint[i].num_blocks,
			.updated_ns = 1,
		};
		char address[RP_ENDPOINT_ADDRESS_MAX];
		char name[16];

		snprintf(name, sizeof(name), "p%u", i);
		snprintf(address, sizeof(address), "%s:%u", endpoint[i].ip, endpoint[i].port);
		RP_ASSERT(rp_endpoint_table_add(table, RP_BYTES_LIT("ns"), rp_bytes_str(name),
						rp_bytes_str(address), rp_bytes_str(endpoint[i].ip),
						endpoint[i].port, i, 1) == RP_OK);
		rp_prefix_index_admit(&bed->shared.live->prefix, i, 1, count);
		rp_endpoint_metrics_write(&bed->shared.live->metrics, i, &figures);
	}
	rp_endpoint_metrics_bump(&bed->shared.live->metrics);
}

void rp_bed_publish(struct rp_bed *bed, const struct rp_bed_config *config,
		    const struct rp_bed_endpoint *endpoint, uint32_t endpoint_count)
{
	struct rp_publication *publication = &bed->shared.live->publication;
	struct rp_published pair;

	bed->generation++;
	RP_ASSERT(rp_publication_begin_config(publication, &pair.config_slot) == RP_OK);
	RP_ASSERT(rp_publication_begin_table(publication, &pair.table_slot) == RP_OK);
	compile(config, bed->generation, (void *)bed->shared.tables->config[pair.config_slot]);
	fill_table(bed, &bed->shared.tables->table[pair.table_slot], endpoint, endpoint_count);
	rp_publication_publish(publication, pair);
	RP_ASSERT(rp_sched_refresh(bed->env.sched));
}

enum rp_sched_result rp_bed_pick(struct rp_bed *bed, struct rp_request_parser *parser,
				 const struct rp_body *body, const struct rp_subset *subset,
				 struct rp_request *request, struct rp_pick *ret_pick)
{
	static const struct rp_request_headers no_headers;
	const struct rp_sched_input input = {
		.arena = &bed->arena,
		.parser = parser,
		.body = body,
		.headers = &no_headers,
		.subset = subset,
		.request = request,
	};

	(void)rp_sched_begin(bed->env.sched, &input);
	return rp_sched_pick(bed->env.sched, ret_pick);
}
