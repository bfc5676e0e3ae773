/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "config/compiled.h"
#include "config/expression.h"
#include "config/plugin_params.h"
#include "dataplane/grpc_call.h"
#include "dataplane/sched.h"
#include "shm/log.h"

/* One profile with a queue scorer, put together by hand: rows must not depend on the compiler. */
struct small_config {
	struct rp_config_blob blob;
	struct rp_config_plugin plugin[9];
	struct rp_config_ref scorer;
	struct rp_config_profile profile;
	uint32_t parser[5];
	alignas(8) struct rp_params_picker picker;
	alignas(8) struct rp_params_request_attribute_reporter reporter;
	alignas(8) struct rp_params_utilization_detector detector;
	/* the pool */
	alignas(8) struct rp_reported_attribute attribute;
	char names[32];
	uint8_t code[128];
};

enum { QUEUE, PICKER, HANDLER, OPENAI, ANTHROPIC, VLLMHTTP, SGLANGHTTP, PASSTHROUGH, EXTRA };

/* Offsets in the pool. */
enum {
	NAMES = offsetof(struct small_config, names) - offsetof(struct small_config, attribute),
	CODE = offsetof(struct small_config, code) - offsetof(struct small_config, attribute),
};

void world_options_default(struct world_options *options)
{
	*options = (struct world_options){
		.settings = {.worker_count = 1,
			     .endpoints_max = 64,
			     .metric_series_max = 64,
			     .prefix_index_bytes = RP_PREFIX_INDEX_BYTES_MIN,
			     .body_bytes_max = 8 << 20,
			     .body_memory_bytes = 64 << 20,
			     .recv_message_max = RP_GRPC_RECV_MESSAGE_MAX,
			     .streams_max = 1000,
			     .verbosity = 0,
			     .has_grpc_stream_metrics = 1},
		.waiting = {5, 0, 9},
	};
}

const struct rp_request_rules *world_some_rules(void)
{
	static const char *const rewrite[][3] = {
		{"m", "m-t", "m"}, {"n", NULL, NULL}, {"", "any-model-of-any-length", "n"}};
	static struct rp_request_rules rules;

	if (rules.rewrite_count != 0)
		return &rules;
	assert_int_equal(rp_request_rules_add_objective(&rules, RP_BYTES_LIT("low"), -1), RP_OK);
	assert_int_equal(rp_request_rules_add_objective(&rules, RP_BYTES_LIT("gold"), 9), RP_OK);
	for (size_t i = 0; i < RP_ARRAY_LEN(rewrite); i++) {
		assert_int_equal(rp_request_rules_add_rewrite(&rules, RP_BYTES_LIT("r"),
							      rp_bytes_str(rewrite[i][0])),
				 RP_OK);
		for (uint32_t k = 1; k < 3 && rewrite[i][k] != NULL; k++)
			assert_int_equal(rp_request_rules_add_target(
						 &rules, rp_bytes_str(rewrite[i][k]), 3 - k),
					 RP_OK);
	}
	return &rules;
}

void world_init(struct world *world)
{
	struct world_options options;

	*world = (struct world){0};
	world_options_default(&options);
	assert_int_equal(rp_shared_create(&options.settings, &world->shared), RP_OK);
	rp_log_init(RP_V5, &world->shared.live->worker[0].log);
}

void world_fini(struct world *world)
{
	rp_shared_detach(&world->shared);
}

static void add_reporter(struct small_config *config)
{
	struct rp_expression_error error;
	size_t bytes;

	config->plugin[EXTRA] = (struct rp_config_plugin){
		.type = RP_PLUGIN_REQUEST_ATTRIBUTE_REPORTER,
		.params_offset = offsetof(struct small_config, reporter),
		.params_bytes = sizeof(config->reporter),
	};
	assert_int_equal(rp_expression_compile(RP_BYTES_LIT(WORLD_COST), config->code,
					       sizeof(config->code), &bytes, &error),
			 RP_OK);
	config->attribute.expression_code = (struct rp_config_str){CODE, (uint32_t)bytes};
}

static void add_detector(struct small_config *config)
{
	config->blob.detector = EXTRA;
	config->plugin[EXTRA] = (struct rp_config_plugin){
		.type = RP_PLUGIN_UTILIZATION_DETECTOR,
		.params_offset = offsetof(struct small_config, detector),
		.params_bytes = sizeof(config->detector),
	};
	config->detector = (struct rp_params_utilization_detector){
		.queue_depth_threshold = 5,
		.kv_cache_util_threshold = 0.8,
		.metrics_staleness_threshold_ns = INT64_MAX / 2,
	};
}

static void publish_given(struct world *world, const struct rp_config_blob *config)
{
	struct rp_config_blob *to = (void *)world->shared.tables->config[world->next_slot];

	memcpy(to, config, config->bytes);
	to->generation = world->generation;
	assert_int_equal(rp_config_blob_check(to, RP_CONFIG_BLOB_BYTES), RP_OK);
}

static void publish_config(struct world *world, const struct world_options *options)
{
	struct small_config *config =
		(struct small_config *)(void *)world->shared.tables->config[world->next_slot];
	struct rp_config_str name = {NAMES, 1};

	*config = (struct small_config){
		.blob = {.magic = RP_CONFIG_MAGIC,
			 .bytes = sizeof(*config),
			 .generation = world->generation,
			 .plugin_count = options->has_verifier || options->has_reporter ||
							 options->has_detector
						 ? EXTRA + 1
						 : EXTRA,
			 .plugins_offset = offsetof(struct small_config, plugin),
			 .ref_count = 1,
			 .refs_offset = offsetof(struct small_config, scorer),
			 .profile_count = 1,
			 .profiles_offset = offsetof(struct small_config, profile),
			 .parser_count =
				 options->has_openai_only ? 1 : RP_ARRAY_LEN(config->parser),
			 .parsers_offset = offsetof(struct small_config, parser),
			 .pool_offset = offsetof(struct small_config, attribute),
			 .pool_bytes = sizeof(*config) - offsetof(struct small_config, attribute),
			 .detector = RP_CONFIG_NONE,
			 .profile_handler = HANDLER,
			 .is_response_skipped = options->is_response_skipped},
		.plugin = {[QUEUE] = {.type = RP_PLUGIN_QUEUE_SCORER},
			   [PICKER] = {.type = RP_PLUGIN_MAX_SCORE_PICKER,
				       .params_offset = offsetof(struct small_config, picker),
				       .params_bytes = sizeof(config->picker)},
			   [HANDLER] = {.type = RP_PLUGIN_SINGLE_PROFILE_HANDLER},
			   [OPENAI] = {.type = RP_PLUGIN_OPENAI_PARSER},
			   [ANTHROPIC] = {.type = RP_PLUGIN_ANTHROPIC_PARSER},
			   [VLLMHTTP] = {.type = RP_PLUGIN_VLLMHTTP_PARSER},
			   [SGLANGHTTP] = {.type = RP_PLUGIN_SGLANGHTTP_PARSER},
			   [PASSTHROUGH] = {.type = RP_PLUGIN_PASSTHROUGH_PARSER},
			   [EXTRA] = {.type = RP_PLUGIN_DESTINATION_ENDPOINT_SERVED_VERIFIER}},
		.scorer = {.plugin = QUEUE, .weight = 1},
		.profile = {.name = name, .scorer_count = 1, .picker = PICKER},
		.parser = {OPENAI, ANTHROPIC, VLLMHTTP, SGLANGHTTP, PASSTHROUGH},
		.picker = {.endpoints_max = 1},
		.reporter = {.attributes = {.offset = 0, .count = 1}},
		.attribute = {.key_namespace = {NAMES + 1, 8}, .key_name = {NAMES + 9, 4}},
		.names = "xenvoy.lbcost",
	};
	if (options->has_reporter)
		add_reporter(config);
	if (options->has_detector)
		add_detector(config);
	for (unsigned i = 0; i < RP_ARRAY_LEN(config->plugin); i++)
		config->plugin[i].name = name;
	assert_int_equal(rp_config_blob_check(&config->blob, RP_CONFIG_BLOB_BYTES), RP_OK);
}

static void add_labels(struct rp_endpoint_table *table, uint32_t i)
{
	static const char *const label[][1 + WORLD_ENDPOINTS] = {
		{"llm-d.ai/role", "decode", "encode-prefill", "both"},
		{"kubernetes.io/hostname", "host-1", "host-1", "host-2"},
		{"topology.kubernetes.io/zone", "zone-1", "zone-1", "zone-1"},
		{"llm-d.ai/context-length-range", "0-10", "11-100000", "5-50"},
		{"disaggregatedset.x-k8s.io/revision", "r1", "r2", "r1"},
		{"disaggregatedset.x-k8s.io/role", "decode", "prefill", "prefill"},
		{"app", "x", "x", "x"},
	};

	for (size_t k = 0; k < RP_ARRAY_LEN(label); k++)
		assert_int_equal(rp_endpoint_table_add_label(table, rp_bytes_str(label[k][0]),
							     rp_bytes_str(label[k][1 + i])),
				 RP_OK);
}

static void publish_endpoints(struct world *world, const struct world_options *options)
{
	struct rp_endpoint_table *table = &world->shared.tables->table[world->next_slot];
	struct rp_endpoint_figures figures;
	char address[48], ip[32], name[8];

	rp_endpoint_table_reset(table);
	if (options->rules != NULL)
		rp_request_rules_copy(&table->rules, options->rules);
	table->config_generation = world->generation;
	table->table_generation = world->generation;
	for (uint32_t i = 0; !options->is_empty && i < WORLD_ENDPOINTS; i++) {
		if ((options->left_out >> i & 1) != 0)
			continue;
		snprintf(ip, sizeof(ip), "10.2.0.%u", 6 + i);
		snprintf(address, sizeof(address), "%s:8000", ip);
		snprintf(name, sizeof(name), "%c", (int)('a' + i));
		assert_int_equal(rp_endpoint_table_add(table, RP_BYTES_LIT("default"),
						       rp_bytes_str(name), rp_bytes_str(address),
						       rp_bytes_str(ip), 8000, i, 1),
				 RP_OK);
		if (options->config != NULL)
			add_labels(table, i);
		figures = (struct rp_endpoint_figures){.waiting = options->waiting[i],
						       .updated_ns = 1};
		rp_endpoint_metrics_write(&world->shared.live->metrics, i, &figures);
	}
	rp_endpoint_metrics_bump(&world->shared.live->metrics);
}

void world_republish(struct world *world, const struct world_options *options)
{
	world->generation++;
	world->next_slot = (uint32_t)(world->generation % RP_PUBLICATION_SLOTS);
	if (options->config != NULL)
		publish_given(world, options->config);
	else
		publish_config(world, options);
	publish_endpoints(world, options);
	rp_publication_publish(&world->shared.live->publication,
			       (struct rp_published){world->next_slot, world->next_slot});
}

void world_spoil(struct world *world)
{
	for (uint32_t i = 0; i < RP_PUBLICATION_SLOTS; i++) {
		if (i == world->next_slot)
			continue;
		memset(world->shared.tables->config[i], 0xa5, 4096);
		memset(&world->shared.tables->table[i], 0xa5, 4096);
		memset(&world->shared.tables->table[i].rules, 0xa5, 4096);
	}
}

void world_begin(struct world *world, const struct world_options *options)
{
	struct rp_live *live = world->shared.live;
	struct rp_worker_region *region = &live->worker[0];

	rp_inflight_clear_row(&live->inflight, 0); /* of a row that failed */
	memset(&region->counters, 0, sizeof(region->counters));
	/* Those that were used: the whole table takes longer than a row. */
	memset(&region->series, 0,
	       offsetof(struct rp_request_series_table, series) +
		       (atomic_load(&region->series.count) + 1) * sizeof(region->series.series[0]));
	world->shared.tables->settings = options->settings;
	world_republish(world, options);
	atomic_store(&live->process.phase, RP_PHASE_SERVING);
	atomic_store(&live->process.is_pool_live, 1);

	world->env = (struct rp_env){.live = live,
				     .tables = world->shared.tables,
				     .settings = &world->shared.tables->settings,
				     .counters = &region->counters,
				     .series = &region->series,
				     .prng = {1, 2, 3, 4},
				     .now_ns = 1000000000};
	rp_arena_pool_init(&world->env.arenas);
	rp_body_pool_init(&world->env.bodies, options->settings.body_memory_bytes);
	assert_int_equal(rp_sched_new(&world->env, &world->env.sched), RP_OK);
	rp_publication_online(&live->publication, 0, world->env.now_ns);
	rp_sched_refresh(world->env.sched);
	world->h2 = (struct rp_h2_env){.arenas = &world->env.arenas,
				       .bodies = &world->env.bodies,
				       .stream_ops = &rp_grpc_stream_ops,
				       .worker = &world->env,
				       .streams_max = options->settings.streams_max};
}

/* Of all producers, and nothing was given back twice. */
static void assert_no_load(const struct rp_live *live, uint32_t slot)
{
	struct rp_inflight_load load;

	assert_int_equal(rp_inflight_sum(&live->inflight, 1, slot), 0);
	for (uint32_t p = 0; p < RP_INFLIGHT_PRODUCERS_MAX; p++) {
		rp_inflight_load_sum(&live->inflight, 1, p, slot, &load);
		assert_int_equal(load.requests, 0);
		assert_int_equal(load.tokens, 0);
	}
}

static void assert_no_series(const struct rp_inflight_series_table *table)
{
	struct rp_inflight_sample sample;

	assert_int_equal(atomic_load(&table->spilled), 0);
	for (uint32_t i = 0; i < RP_INFLIGHT_SERIES_MAX && atomic_load(&table->used) > 0; i++) {
		if (!rp_inflight_series_read(table, i, &sample))
			continue;
		assert_int_equal(sample.requests, 0);
		assert_int_equal(sample.tokens, 0);
	}
}

void world_end(struct world *world)
{
	for (uint32_t i = 0; i < WORLD_ENDPOINTS; i++)
		assert_no_load(world->env.live, i);
	assert_no_series(&world->env.live->worker[0].inflight_series);
	assert_int_equal(world->env.burst.count, 0);
	assert_int_equal(atomic_load(&world->env.counters->unexpected), 0);
	assert_int_equal(world->env.bodies.bytes_used, 0);
	assert_int_equal(atomic_load(&world->env.counters->streams_inflight), 0);
	for (uint32_t i = 0; i <= atomic_load(&world->env.series->count); i++)
		assert_int_equal(atomic_load(&world->env.series->series[i].running), 0);
	rp_grpc_fini(&world->env);
	rp_h2_env_fini(&world->h2);
	rp_sched_free(world->env.sched);
	rp_publication_offline(&world->env.live->publication, 0);
	rp_body_pool_fini(&world->env.bodies);
	rp_arena_pool_fini(&world->env.arenas);
}
