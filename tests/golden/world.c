/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/golden/world.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/effective.h"
#include "shm/clock.h"
#include "shm/hash.h"
#include "tests/golden/golden.h"

enum { CONFIGS_KEPT = 3000 };

void world_init(struct world *world)
{
	memset(world, 0, sizeof(*world));
	world->settings = (struct rp_settings){
		.worker_count = 1,
		.endpoints_max = WORLD_ENDPOINTS_MAX,
		.metric_series_max = 16,
		.prefix_index_bytes = RP_PREFIX_INDEX_BYTES_MIN,
		.body_bytes_max = RP_BODY_BYTES_MAX,
		.body_memory_bytes = RP_BODY_BYTES_MAX,
		.has_endpoint_scores = 1,
	};
	rp_bed_init(&world->bed, &world->settings);
	world->bed.env.now_ns = 1000000 * RP_NS_PER_S;
	world->force_pick = RP_NO_ENDPOINT;
}

static void drop_configs(struct world *world)
{
	for (size_t i = 0; i < RP_ARRAY_LEN(world->config); i++) {
		while (world->config[i] != NULL) {
			struct world_config *config = world->config[i];

			world->config[i] = config->next;
			free(config->text);
			free(config->blob);
			free(config->attributes);
			free(config);
		}
	}
	world->config_count = 0;
	world->published = NULL;
}

void world_fini(struct world *world)
{
	drop_configs(world);
	free(world->table_text);
	rp_bed_fini(&world->bed);
}

void world_forget(struct world *world)
{
	drop_configs(world);
	free(world->table_text);
	world->table_text = NULL;
	rp_bed_fini(&world->bed);
	rp_bed_init(&world->bed, &world->settings);
	world->bed.env.now_ns = 1000000 * RP_NS_PER_S;
}

/* ---- configurations ---- */

/* As rp_config_load(), but for the refusal of what is not built: cases give what a service from
 * outside would say. */
static int compile(struct world_config *config, struct rp_config_blob *room)
{
	static struct rp_plugin_stat stats[RP_PLUGIN_STATS_MAX];
	static struct rp_config_control control;
	struct rp_effective *effective;
	int err = rp_effective_load("case", rp_bytes(config->text, config->text_bytes), true,
				    &effective, &control, &config->diag);

	if (err != RP_OK)
		return err;
	if (control.attributes.count > 0) {
		config->attributes = malloc(sizeof(*config->attributes));
		RP_ASSERT(config->attributes != NULL);
		*config->attributes = control.attributes;
	}
	err = rp_effective_compile(effective, 1, room, RP_CONFIG_BLOB_BYTES, stats, &config->diag);
	rp_effective_free(effective);
	return err;
}

static struct world_config *load(const char *text, size_t bytes)
{
	static alignas(8) uint8_t room[RP_CONFIG_BLOB_BYTES];
	struct world_config *config = calloc(1, sizeof(*config));
	struct rp_config_blob *blob = (void *)room;

	RP_ASSERT(config != NULL);
	config->text = strdup(text);
	config->text_bytes = bytes;
	config->err = compile(config, blob);
	if (config->err == RP_OK) {
		config->blob = malloc(blob->bytes);
		RP_ASSERT(config->blob != NULL);
		memcpy(config->blob, blob, blob->bytes);
	}
	return config;
}

const struct world_config *world_load(struct world *world, const char *text)
{
	size_t bytes = strlen(text);
	size_t at = rp_hash64(text, bytes) % RP_ARRAY_LEN(world->config);
	struct world_config *config;

	for (config = world->config[at]; config != NULL; config = config->next) {
		if (config->text_bytes == bytes && memcmp(config->text, text, bytes) == 0)
			return config;
	}
	if (world->config_count++ == CONFIGS_KEPT)
		drop_configs(world);
	config = load(text, bytes);
	config->next = world->config[at];
	world->config[at] = config;
	return config;
}

char *world_config_text(const cJSON *plugins, const cJSON *profile_plugins)
{
	char *p = cJSON_PrintUnformatted(plugins);
	char *q = cJSON_PrintUnformatted(profile_plugins);
	char *text = NULL;

	RP_ASSERT(p != NULL && q != NULL);
	RP_ASSERT(
		asprintf(&text,
			 "{\"apiVersion\":\"llm-d.ai/v1alpha1\",\"kind\":\"EndpointPickerConfig\","
			 "\"plugins\":%s,\"schedulingProfiles\":"
			 "[{\"name\":\"default\",\"plugins\":%s}]}",
			 p, q) > 0);
	free(p);
	free(q);
	return text;
}

/* ---- endpoints ---- */

/* The labels from which topology is read, for who is given a topology. */
static const struct {
	const char *level;
	const char *label;
} topology_labels[] = {
	{"host", "kubernetes.io/hostname"},
	{"rack", "topology.kubernetes.io/rack"},
	{"zone", "topology.kubernetes.io/zone"},
	{"region", "topology.kubernetes.io/region"},
};

static void add_endpoint(struct rp_endpoint_table *table, struct world_pool *pool, uint32_t i,
			 const cJSON *json)
{
	const cJSON *topology = golden_get(golden_get(json, "attributes"), "topology");
	const char *ip = golden_string(json, "address");
	const char *port = golden_string(json, "port");
	const cJSON *label;

	snprintf(pool->address[i], sizeof(pool->address[i]), "%s:%s", ip, port);
	RP_ASSERT(rp_endpoint_table_add(table, RP_BYTES_LIT("ns"),
					rp_bytes_str(golden_string(json, "name")),
					rp_bytes_str(pool->address[i]), rp_bytes_str(ip),
					(uint16_t)strtol(port, NULL, 10), i, 1) == RP_OK);
	cJSON_ArrayForEach(label, golden_get(json, "labels"))
	{
		RP_ASSERT(rp_endpoint_table_add_label(table, rp_bytes_str(label->string),
						      rp_bytes_str(label->valuestring)) == RP_OK);
	}
	for (size_t k = 0; k < RP_ARRAY_LEN(topology_labels); k++) {
		const char *value = golden_string(topology, topology_labels[k].level);

		if (value[0] != '\0')
			RP_ASSERT(rp_endpoint_table_add_label(
					  table, rp_bytes_str(topology_labels[k].label),
					  rp_bytes_str(value)) == RP_OK);
	}
}

static void fill_table(struct world *world, struct rp_endpoint_table *table, const cJSON *endpoints,
		       const cJSON *peer)
{
	uint32_t i = 0;
	const cJSON *json;

	rp_endpoint_table_reset(table);
	table->config_generation = world->bed.generation;
	table->table_generation = world->bed.generation;
	cJSON_ArrayForEach(json, endpoints)
	{
		add_endpoint(table, &world->pool, i++, json);
	}
	if (peer != NULL)
		add_endpoint(table, &world->pool, i, peer);
}

static void read_models(const cJSON *list, uint32_t *ret_count, uint64_t *ret_hash)
{
	const cJSON *name;

	cJSON_ArrayForEach(name, list)
	{
		RP_ASSERT(*ret_count < RP_LORA_NAMES_MAX);
		ret_hash[(*ret_count)++] = rp_hash64_bytes(rp_bytes_str(name->valuestring));
	}
}

/* Index of a figure by the name that cases give it, UINT32_MAX: nobody reads it. */
static uint32_t figure_index(const struct rp_engine_attributes *attributes, const char *name)
{
	if (strcmp(name, "llm-d.ai/multicluster-queue-size") == 0)
		return RP_CUSTOM_MULTICLUSTER_QUEUE;
	if (strcmp(name, "llm-d.ai/multicluster-kv-cache-utilization") == 0)
		return RP_CUSTOM_MULTICLUSTER_KV_USAGE;
	return attributes != NULL ? rp_engine_attribute_index(attributes, rp_bytes_str(name))
				  : UINT32_MAX;
}

static void read_scalars(const struct rp_engine_attributes *attributes, const cJSON *scalars,
			 struct rp_endpoint_figures *figures)
{
	const cJSON *scalar;

	cJSON_ArrayForEach(scalar, scalars)
	{
		uint32_t at = figure_index(attributes, scalar->string);

		if (at == UINT32_MAX)
			continue;
		figures->custom[at] = scalar->valuedouble;
		figures->custom_present |= 1u << at;
	}
}

static void write_figures(struct world *world, const struct world_config *config, uint32_t i,
			  const cJSON *endpoint)
{
	const cJSON *metrics = golden_get(endpoint, "metrics");
	double age_ms = golden_number(metrics, "ageMs", 0);
	struct rp_endpoint_figures figures = {
		.waiting = (int32_t)golden_number(metrics, "waiting", 0),
		.running = (int32_t)golden_number(metrics, "running", 0),
		.kv_usage = golden_number(metrics, "kv", 0),
		.cache_block_size = (int32_t)golden_number(metrics, "blockSize", 0),
		.cache_num_blocks = (int32_t)golden_number(metrics, "numBlocks", 0),
		.lora_max = (int32_t)golden_number(metrics, "maxActiveModels", 0),
		.updated_ns = world->bed.env.now_ns - (int64_t)(age_ms * 1e6),
	};

	read_models(golden_get(metrics, "activeModels"), &figures.lora_active_count,
		    figures.lora_active);
	read_models(golden_get(metrics, "waitingModels"), &figures.lora_waiting_count,
		    figures.lora_waiting);
	read_scalars(config->attributes, golden_get(golden_get(endpoint, "attributes"), "scalars"),
		     &figures);
	rp_endpoint_metrics_write(&world->bed.shared.live->metrics, i, &figures);
}

/* ---- publication ---- */

/* What of an endpoint stands in the table, as text: equal texts, equal tables. */
static void append_identity(char **at, const char *end, const cJSON *json)
{
	const cJSON *topology = golden_get(golden_get(json, "attributes"), "topology");
	const cJSON *label;

#define APPEND(...)                                                                                \
	do {                                                                                       \
		*at += snprintf(*at, (size_t)(end - *at), __VA_ARGS__);                            \
		RP_ASSERT(*at < end);                                                              \
	} while (0)
	APPEND("%s %s %s\n", golden_string(json, "name"), golden_string(json, "address"),
	       golden_string(json, "port"));
	cJSON_ArrayForEach(label, golden_get(json, "labels"))
	{
		APPEND("%s=%s\n", label->string, label->valuestring);
	}
	cJSON_ArrayForEach(label, topology)
	{
		APPEND("/%s=%s\n", label->string, label->valuestring);
	}
#undef APPEND
}

static bool is_same_table(struct world *world, const cJSON *endpoints, const cJSON *peer)
{
	static char text[64 << 10];
	char *at = text;
	const cJSON *json;

	text[0] = '\0';
	cJSON_ArrayForEach(json, endpoints)
	{
		append_identity(&at, text + sizeof(text), json);
	}
	if (peer != NULL)
		append_identity(&at, text + sizeof(text), peer);
	if (world->table_text != NULL && strcmp(text, world->table_text) == 0)
		return true;
	free(world->table_text);
	world->table_text = strdup(text);
	return false;
}

static void publish(struct world *world, const struct world_config *config, const cJSON *endpoints,
		    const cJSON *peer)
{
	struct rp_bed *bed = &world->bed;
	struct rp_publication *publication = &bed->shared.live->publication;
	bool is_same = is_same_table(world, endpoints, peer);
	struct rp_published pair;

	if (is_same && world->published == config)
		return;
	bed->generation++;
	if (!rp_publication_current(publication, &pair) || world->published != config) {
		struct rp_config_blob *blob;

		RP_ASSERT(rp_publication_begin_config(publication, &pair.config_slot) == RP_OK);
		blob = (void *)bed->shared.tables->config[pair.config_slot];
		memcpy(blob, config->blob, config->blob->bytes);
		blob->generation = bed->generation;
		world->published = config;
	}
	RP_ASSERT(rp_publication_begin_table(publication, &pair.table_slot) == RP_OK);
	fill_table(world, &bed->shared.tables->table[pair.table_slot], endpoints, peer);
	rp_publication_publish(publication, pair);
}

void world_set_pool(struct world *world, const struct world_config *config, const cJSON *endpoints,
		    const cJSON *peer)
{
	struct world_pool *pool = &world->pool;
	const cJSON *json;

	RP_ASSERT(cJSON_GetArraySize(endpoints) < WORLD_ENDPOINTS_MAX);
	pool->count = (uint32_t)cJSON_GetArraySize(endpoints);
	pool->peer = peer != NULL ? pool->count : RP_NO_ENDPOINT;
	world->given.data = (struct rp_plugin_data){0};
	publish(world, config, endpoints, peer);
	pool->count = 0;
	cJSON_ArrayForEach(json, endpoints)
	{
		uint32_t i = pool->count++;

		pool->name[i] = golden_string(json, "name");
		write_figures(world, config, i, json);
		world_give(world, i, golden_get(json, "attributes"));
	}
	rp_endpoint_metrics_bump(&world->bed.shared.live->metrics);
}

enum rp_sched_result world_pick(struct world *world, const cJSON *among, struct rp_pick *ret_pick)
{
	struct rp_sched_input input = {
		.arena = &world->bed.arena,
		.headers = &world->headers,
		.subset = &world->subset,
		.request = &world->request,
	};
	struct world_pool *pool = &world->pool;
	enum rp_sched_result result;

	world->seen = (struct world_seen){
		.watched = world->seen.watched,
		.is_scorer_watched = world->seen.is_scorer_watched,
	};
	world->subset = (struct rp_subset){.entry = world->subset_entry};
	world->subset.is_given = among != NULL || pool->peer != RP_NO_ENDPOINT;
	for (uint32_t i = 0; i < pool->count && world->subset.is_given; i++) {
		if (among == NULL || cJSON_HasObjectItem(among, pool->name[i]))
			world->subset_entry[world->subset.count++] = rp_bytes_str(pool->address[i]);
	}
	rp_arena_reset(&world->bed.arena);
	*ret_pick = (struct rp_pick){0};
	world_current = world;
	RP_ASSERT(rp_sched_refresh(world->bed.env.sched));
	(void)rp_sched_begin(world->bed.env.sched, &input);
	result = rp_sched_pick(world->bed.env.sched, ret_pick);
	world_current = NULL;
	return result;
}

enum rp_sched_result world_look(struct world *world, struct rp_pick *ret_pick)
{
	enum rp_sched_result result;

	world->is_dry = true;
	result = world_pick(world, NULL, ret_pick);
	world->is_dry = false;
	return result;
}
