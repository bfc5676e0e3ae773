/* SPDX-License-Identifier: Apache-2.0 */
#include "config/model.h"

static int fail_missing(struct rp_model *model, const struct rp_model_plugin *consumer,
			const char *key, struct rp_bytes producer, const char *remedy)
{
	return rp_decode_fail(model->diag, consumer->node,
			      "no default producer found for missing data key %s/%.*s, consumed by "
			      "%.*s; %s",
			      key, RP_SHOW(producer), RP_SHOW(consumer->name), remedy);
}

/* Scorers that read scraped figures need the core-metrics-extractor, which nothing creates here. */
static int check_metrics(struct rp_model *model)
{
	static const char remedy[] = "set dataLayer.injectDefaults to true, or list a "
				     "metrics-data-source with a core-metrics-extractor";

	if (model->control->has_metrics_source)
		return RP_OK;
	for (uint32_t i = 0; i < model->plugin_count; i++) {
		const struct rp_model_plugin *plugin = &model->plugin[i];
		struct rp_bytes producer = RP_BYTES_LIT("core-metrics-extractor");

		if (plugin->type == RP_PLUGIN_QUEUE_SCORER)
			return fail_missing(model, plugin, "WaitingQueueSize", producer, remedy);
		if (plugin->type == RP_PLUGIN_KV_CACHE_UTILIZATION_SCORER)
			return fail_missing(model, plugin, "KVCacheUsagePercent", producer, remedy);
	}
	return RP_OK;
}

/* The plugin of that name and type; the default one is created if there is no plugin of its name.
 */
static int find_producer(struct rp_model *model, const struct rp_model_plugin *consumer,
			 struct rp_bytes name, enum rp_plugin_type type, const char *key,
			 uint32_t *ret_index)
{
	const struct rp_model_plugin *producer = rp_model_find(model, name);

	if (producer != NULL && producer->type == type) {
		*ret_index = (uint32_t)(producer - model->plugin);
		return RP_OK;
	}
	if (producer == NULL && rp_bytes_equal_str(name, rp_plugin_type_name(type)))
		return rp_model_add(model, type, ret_index);
	return fail_missing(model, consumer, key, name,
			    "the part behind the slash is the name of a producer under plugins");
}

static int connect_prefix_scorers(struct rp_model *model)
{
	uint32_t count = model->plugin_count; /* those added on the way are producers */
	int r = RP_OK;

	for (uint32_t i = 0; i < count && r == RP_OK; i++) {
		struct rp_model_plugin *plugin = &model->plugin[i];
		struct rp_bytes name = plugin->names.producer[RP_DATA_PREFIX];

		if (plugin->type != RP_PLUGIN_PREFIX_CACHE_SCORER)
			continue;
		if (name.len == 0)
			name = RP_BYTES_LIT("approx-prefix-cache-producer");
		r = find_producer(model, plugin, name, RP_PLUGIN_APPROX_PREFIX_CACHE_PRODUCER,
				  "PrefixCacheMatchInfoDataKey",
				  &plugin->params.prefix_cache_scorer.producer);
	}
	return r;
}

static int connect_prefix_producers(struct rp_model *model)
{
	uint32_t count = model->plugin_count;
	uint32_t tokens;
	int r = RP_OK;

	for (uint32_t i = 0; i < count && r == RP_OK; i++) {
		struct rp_model_plugin *plugin = &model->plugin[i];

		if (plugin->type != RP_PLUGIN_APPROX_PREFIX_CACHE_PRODUCER)
			continue;
		plugin->params.approx_prefix_cache_producer.producer_slot =
			model->match_info_count++;
		r = find_producer(model, plugin, RP_BYTES_LIT("token-producer"),
				  RP_PLUGIN_TOKEN_PRODUCER, "TokenizedPrompt", &tokens);
	}
	return r;
}

/* Tokens first, then what reads them: the dependencies between producers are two levels deep. */
static void order_producers(struct rp_model *model)
{
	for (uint32_t pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < model->plugin_count; i++) {
			enum rp_plugin_type type = model->plugin[i].type;
			bool is_token = type == RP_PLUGIN_TOKEN_PRODUCER;

			if ((rp_plugin_type_kinds(type) & RP_KIND_PRODUCER) != 0 &&
			    is_token == (pass == 0))
				model->producer[model->producer_count++] = i;
		}
	}
}

int rp_model_complete_producers(struct rp_model *model)
{
	int r = check_metrics(model);

	if (r == RP_OK)
		r = connect_prefix_scorers(model);
	if (r == RP_OK)
		r = connect_prefix_producers(model);
	if (r == RP_OK)
		order_producers(model);
	return r;
}
