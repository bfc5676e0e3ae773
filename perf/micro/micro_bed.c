/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/micro/micro_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/rp_config.h"
#include "dataplane/sched.h"
#include "shm/hash.h"

void *rp_micro_alloc(size_t bytes)
{
	void *memory = calloc(1, bytes);

	RP_ASSERT(memory != NULL);
	return memory;
}

uint64_t rp_micro_random(uint64_t n)
{
	uint64_t x = (n + 1) * 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static void load_config(const char *text, struct rp_config_blob *blob)
{
	struct rp_plugin_stat *stats = rp_micro_alloc(RP_PLUGIN_STATS_MAX * sizeof(*stats));
	struct rp_config_control *control = rp_micro_alloc(sizeof(*control));
	struct rp_diag diag = {0};

	if (rp_config_load("micro", rp_bytes_str(text), true, 1, blob, RP_CONFIG_BLOB_BYTES, stats,
			   control, &diag) != RP_OK) {
		fprintf(stderr, "%s\n", diag.message);
		exit(1);
	}
	free(control);
	free(stats);
}

static void fill_table(struct rp_micro_bed *bed, struct rp_endpoint_table *table,
		       uint32_t endpoints)
{
	struct rp_live *live = bed->shared.live;
	uint64_t model = rp_hash64_bytes(RP_BYTES_LIT("reviews-1"));

	rp_endpoint_table_reset(table);
	table->config_generation = 1;
	table->table_generation = 1;
	for (uint32_t i = 0; i < endpoints; i++) {
		uint64_t dice = rp_micro_random(i);
		struct rp_endpoint_figures figures = {
			.waiting = i == bed->best ? 0 : 1 + (int32_t)(dice % 50),
			.running = i == bed->best ? 0 : (int32_t)(dice >> 8 & 15),
			.kv_usage =
				i == bed->best ? 0.001 : 0.01 + (double)(dice >> 16 & 127) / 140,
			.cache_block_size = 16,
			.cache_num_blocks = 31250,
			.lora_max = 4,
			.lora_active_count = 2,
			.lora_active = {dice >> 32 & 15 ? i : model, dice},
			.updated_ns = 1,
		};
		char ip[32], address[48], name[24];
		uint32_t life;

		snprintf(ip, sizeof(ip), "10.%u.%u.%u", 1 + (i >> 16), i >> 8 & 255, i & 255);
		snprintf(address, sizeof(address), "%s:8000", ip);
		snprintf(name, sizeof(name), "model-server-%u", i);
		RP_ASSERT(rp_endpoint_table_add(table, RP_BYTES_LIT("default"), rp_bytes_str(name),
						rp_bytes_str(address), rp_bytes_str(ip), 8000, i,
						1) == RP_OK);
		rp_prefix_index_admit(&live->prefix, i, 1, endpoints);
		rp_endpoint_metrics_write(&live->metrics, i, &figures);
		/* Under way there, if a configuration counts it: its first producer's figures. */
		life = rp_inflight_load_add(&live->inflight, 0, 0, i,
					    i == bed->best ? 0 : 1 + (uint32_t)(dice >> 40 & 7),
					    100);
		RP_ASSERT(life == 0);
	}
	rp_endpoint_metrics_bump(&live->metrics);
}

void rp_micro_bed_init(struct rp_micro_bed *bed, uint32_t endpoints)
{
	/* The built-in one: queue 2, KV cache 2, prefix 3, the highest score wins. */
	rp_micro_bed_init_config(bed, endpoints, "");
}

void rp_micro_bed_init_config(struct rp_micro_bed *bed, uint32_t endpoints, const char *text)
{
	const struct rp_settings settings = {
		.worker_count = 1,
		.endpoints_max = RP_ENDPOINTS_MAX,
		.metric_series_max = RP_METRIC_SERIES_MAX,
		.prefix_index_bytes = RP_PREFIX_INDEX_BYTES,
		.body_bytes_max = RP_BODY_BYTES_MAX,
		.body_memory_bytes = RP_BODY_BYTES_MAX,
		.recv_message_max = RP_GRPC_RECV_MESSAGE_MAX,
	};
	struct rp_env *env = &bed->env;
	struct rp_published pair = {0, 0};

	*bed = (struct rp_micro_bed){.best = endpoints / 2};
	RP_ASSERT(rp_shared_create(&settings, &bed->shared) == RP_OK);
	env->live = bed->shared.live;
	env->tables = bed->shared.tables;
	env->settings = &bed->shared.tables->settings;
	env->counters = &bed->shared.live->worker[0].counters;
	env->series = &bed->shared.live->worker[0].series;
	for (uint32_t i = 0; i < 4; i++)
		env->prng[i] = rp_micro_random(i);
	rp_arena_pool_init(&env->arenas);
	rp_body_pool_init(&env->bodies, RP_BODY_BYTES_MAX);
	load_config(text, (void *)bed->shared.tables->config[0]);
	fill_table(bed, &bed->shared.tables->table[0], endpoints);
	rp_publication_publish(&env->live->publication, pair);
	rp_publication_online(&env->live->publication, 0, 1);
	RP_ASSERT(rp_sched_new(env, &env->sched) == RP_OK);
	RP_ASSERT(rp_sched_refresh(env->sched));
}

void rp_micro_bed_fini(struct rp_micro_bed *bed)
{
	int tables = bed->shared.tables_segment.fd;
	int live = bed->shared.live_segment.fd;

	rp_sched_free(bed->env.sched);
	rp_arena_pool_fini(&bed->env.arenas);
	rp_body_pool_fini(&bed->env.bodies);
	rp_shared_detach(&bed->shared);
	close(tables);
	close(live);
}

static void populate(void *at, size_t bytes)
{
	uintptr_t begin = (uintptr_t)at & ~(uintptr_t)(RP_PAGE - 1);
	uintptr_t end = rp_align_up((uintptr_t)at + bytes, RP_PAGE);

	/* Kernels before 5.14 do not know it; then the first batches pay. */
	(void)madvise((void *)begin, end - begin, MADV_POPULATE_WRITE);
}

void rp_micro_bed_populate_index(struct rp_micro_bed *bed, uint32_t endpoints)
{
	struct rp_prefix_index *index = &bed->shared.live->prefix;
	uint8_t *rings = (uint8_t *)index + index->rings_offset;

	populate(index, index->rings_offset);
	for (uint32_t slot = 0; slot < endpoints; slot++)
		populate(rings + (size_t)slot * RP_PREFIX_RING_MAX * sizeof(uint32_t),
			 atomic_load(&index->ring[slot].ring_size) * sizeof(uint32_t));
}

void rp_micro_bed_fill_index(struct rp_micro_bed *bed, uint32_t endpoints)
{
	struct rp_prefix_index *index = &bed->shared.live->prefix;
	uint64_t hashes[64];
	uint64_t n = UINT64_C(1) << 40;

	for (uint32_t slot = 0; slot < endpoints; slot++) {
		uint32_t before;

		do {
			before = rp_prefix_index_count(index, slot);
			for (size_t i = 0; i < RP_ARRAY_LEN(hashes); i++)
				hashes[i] = rp_micro_random(n++);
			rp_prefix_index_record(index, slot, 1, RP_PREFIX_CAPACITY, hashes,
					       RP_ARRAY_LEN(hashes));
		} while (rp_prefix_index_count(index, slot) > before);
	}
}
