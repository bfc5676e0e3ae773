/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "config/rp_config.h"
#include "dataplane/grpc_call.h"
#include "dataplane/sched.h"

static const char config_text[] =
	"apiVersion: inference.networking.x-k8s.io/v1alpha1\n"
	"kind: EndpointPickerConfig\n"
	"plugins:\n"
	"- type: queue-scorer\n"
	"schedulingProfiles:\n"
	"- name: default\n"
	"  plugins:\n"
	"  - pluginRef: queue-scorer\n";

static const char openai_only[] =
	"apiVersion: llm-d.ai/v1alpha1\n"
	"kind: EndpointPickerConfig\n"
	"plugins:\n"
	"- type: queue-scorer\n"
	"- type: openai-parser\n"
	"requestHandler:\n"
	"  parsers:\n"
	"  - pluginRef: openai-parser\n"
	"schedulingProfiles:\n"
	"- name: default\n"
	"  plugins:\n"
	"  - pluginRef: queue-scorer\n";

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

void world_init(struct world *world)
{
	struct world_options options;

	*world = (struct world){0};
	world_options_default(&options);
	rp_log_init(RP_LOG_ERROR - 1, NULL); /* rows that fail on purpose would fill the output */
	assert_int_equal(rp_shared_create(&options.settings, &world->shared), RP_OK);
}

void world_fini(struct world *world)
{
	rp_shared_detach(&world->shared);
}

static void publish_config(struct world *world, const struct world_options *options)
{
	static struct rp_plugin_stat stats[RP_PLUGIN_STATS_MAX];
	struct rp_config_control control;
	struct rp_diag diag = {0};
	struct rp_bytes text = options->has_openai_only ? RP_BYTES_LIT(openai_only)
							: RP_BYTES_LIT(config_text);
	int err = rp_config_load("row", text, true, world->generation,
				 (struct rp_config_blob *)(void *)world->shared.tables
					 ->config[world->next_slot],
				 RP_CONFIG_BLOB_BYTES, stats, &control, &diag);

	if (err != RP_OK)
		fail_msg("config: %s", diag.message);
}

static void publish_endpoints(struct world *world, const struct world_options *options)
{
	struct rp_endpoint_table *table = &world->shared.tables->table[world->next_slot];
	struct rp_endpoint_figures figures;
	char address[32], ip[32], name[8];

	rp_endpoint_table_reset(table);
	table->config_generation = world->generation;
	table->table_generation = world->generation;
	for (uint32_t i = 0; !options->is_empty && i < WORLD_ENDPOINTS; i++) {
		snprintf(ip, sizeof(ip), "10.2.0.%u", 6 + i);
		snprintf(address, sizeof(address), "%s:8000", ip);
		snprintf(name, sizeof(name), "%c", (int)('a' + i));
		assert_int_equal(rp_endpoint_table_add(table, RP_BYTES_LIT("default"),
						       rp_bytes_str(name), rp_bytes_str(address),
						       rp_bytes_str(ip), 8000, i, 1),
				 RP_OK);
		figures = (struct rp_endpoint_figures){.waiting = options->waiting[i],
						       .updated_ns = 1};
		rp_endpoint_metrics_write(&world->shared.live->metrics, i, &figures);
	}
	rp_endpoint_metrics_bump(&world->shared.live->metrics);
}

void world_begin(struct world *world, const struct world_options *options)
{
	struct rp_live *live = world->shared.live;
	struct rp_worker_region *region = &live->worker[0];

	world->generation++;
	world->next_slot = (uint32_t)(world->generation % RP_PUBLICATION_SLOTS);
	memset(&region->counters, 0, sizeof(region->counters));
	memset(&region->series, 0, sizeof(region->series));
	world->shared.tables->settings = options->settings;
	publish_config(world, options);
	publish_endpoints(world, options);
	rp_publication_publish(&live->publication,
			       (struct rp_published){world->next_slot, world->next_slot});
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

void world_end(struct world *world)
{
	for (uint32_t i = 0; i < WORLD_ENDPOINTS; i++)
		assert_int_equal(rp_inflight_sum(&world->env.live->inflight, 1, i), 0);
	assert_int_equal(world->env.bodies.bytes_used, 0);
	assert_int_equal(atomic_load(&world->env.counters->streams_inflight), 0);
	rp_grpc_fini(&world->env);
	rp_h2_env_fini(&world->h2);
	rp_sched_free(world->env.sched);
	rp_publication_offline(&world->env.live->publication, 0);
	rp_body_pool_fini(&world->env.bodies);
	rp_arena_pool_fini(&world->env.arenas);
}
