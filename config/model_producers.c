/* SPDX-License-Identifier: Apache-2.0
 *
 * Who consumes what: producers that are missing are created, indices are handed to the consumers,
 * and producers are put into an order in which data is there before it is read.
 */
#include "config/model_keys.h"
#include "shm/endpoint_metrics.h"

/* The plugin that produces a key, NULL if there is none. */
static const struct rp_model_plugin *find_producer(const struct rp_model *model, enum rp_key key,
						   struct rp_bytes name)
{
	for (uint32_t i = 0; i < model->plugin_count; i++) {
		if (rp_key_is_produced_by(&model->plugin[i], key, name))
			return &model->plugin[i];
	}
	return NULL;
}

static bool is_needed(const struct rp_model_plugin *plugin, const struct rp_need *need)
{
	if (need->kind == RP_NEED_WANTED)
		return (plugin->names.wanted & (1u << (unsigned)rp_key_info(need->key)->name)) != 0;
	return need->kind == RP_NEED_REQUIRED;
}

static int fail_missing(struct rp_model *model, const struct rp_model_plugin *consumer,
			const struct rp_need *need, struct rp_bytes name)
{
	bool is_metric = rp_bytes_equal_str(name, "core-metrics-extractor");

	return rp_decode_fail(model->diag, consumer->node,
			      "no default producer found for missing data key %s/%.*s, consumed by "
			      "%.*s; %s",
			      rp_key_info(need->key)->data, RP_SHOW(name), RP_SHOW(consumer->name),
			      is_metric ? "set dataLayer.injectDefaults to true, or list a "
					  "metrics-data-source with a core-metrics-extractor"
					: "the part behind the slash is the name of a producer "
					  "under plugins");
}

/* See that a needed key is produced; the default producer is created if it is its own. */
static int supply(struct rp_model *model, uint32_t consumer, const struct rp_need *need)
{
	const struct rp_key_info *info = rp_key_info(need->key);
	struct rp_model_plugin *plugin = &model->plugin[consumer];
	struct rp_bytes name = rp_need_producer(plugin, need);
	uint32_t index;

	if (!is_needed(plugin, need) || find_producer(model, need->key, name) != NULL)
		return RP_OK;
	if (info->creates == RP_PLUGIN_TYPE_COUNT || !rp_bytes_equal_str(name, info->producer))
		return fail_missing(model, plugin, need, name);
	return rp_model_add(model, info->creates, RP_ORIGIN_PRODUCER, &index);
}

/* Created producers stand behind their consumers, so that what they need is supplied on the way. */
static int supply_all(struct rp_model *model)
{
	int r = RP_OK;

	for (uint32_t i = 0; i < model->plugin_count && r == RP_OK; i++) {
		const struct rp_need *need = rp_need_next(&model->plugin[i], NULL);

		for (; need != NULL && r == RP_OK; need = rp_need_next(&model->plugin[i], need))
			r = supply(model, i, need);
	}
	return r;
}

static void warn_missing(struct rp_model *model, const struct rp_model_plugin *plugin,
			 struct rp_bytes data, struct rp_bytes name)
{
	rp_config_warn(model->control,
		       "optional data key %.*s/%.*s has no producer; '%.*s' does without it",
		       RP_SHOW(data), RP_SHOW(name), RP_SHOW(plugin->name));
}

/* Hand out the indices of the producers, and tell of what is optional and missing. */
static void connect(struct rp_model *model, struct rp_model_plugin *plugin)
{
	const struct rp_need *need = rp_need_next(plugin, NULL);

	for (; need != NULL; need = rp_need_next(plugin, need)) {
		struct rp_bytes name = rp_need_producer(plugin, need);
		bool is_read = need->kind != RP_NEED_WANTED || is_needed(plugin, need);
		const struct rp_model_plugin *producer =
			is_read ? find_producer(model, need->key, name) : NULL;

		rp_params_set_index(plugin, need->offset,
				    producer == NULL ? RP_CONFIG_NONE
						     : (uint32_t)(producer - model->plugin));
		if (producer == NULL && need->kind == RP_NEED_OPTIONAL)
			warn_missing(model, plugin, rp_bytes_str(rp_key_info(need->key)->data),
				     name);
	}
}

/* Is it one of the customMetrics that an extractor's engineConfigs name? */
static bool is_custom_metric(const struct rp_model_plugin *plugin, struct rp_bytes data)
{
	const struct rp_yaml_node *engines = rp_yaml_get(plugin->parameters, "engineConfigs");
	const struct rp_yaml_node *engine = engines == NULL ? NULL : rp_yaml_first(engines);

	for (; engine != NULL; engine = rp_yaml_next(engines, engine)) {
		const struct rp_yaml_node *customs = rp_yaml_get(engine, "customMetrics");
		const struct rp_yaml_node *custom = customs == NULL ? NULL : rp_yaml_first(customs);

		for (; custom != NULL; custom = rp_yaml_next(customs, custom)) {
			const struct rp_yaml_node *key = rp_yaml_get(custom, "attributeKey");

			if (key != NULL && rp_bytes_equal(key->text, data))
				return true;
		}
	}
	return false;
}

/* Where the figure stands in struct rp_endpoint_metrics; RP_CONFIG_NONE: no scrape finds it. */
static uint32_t attribute_index(const struct rp_model *model, const struct rp_model_names *names)
{
	if (rp_bytes_equal_str(names->attribute_producer, "core-metrics-extractor"))
		return rp_engine_attribute_index(&model->control->attributes, names->attribute);
	if (rp_bytes_equal_str(names->attribute, "llm-d.ai/multicluster-queue-size"))
		return RP_CUSTOM_MULTICLUSTER_QUEUE;
	if (rp_bytes_equal_str(names->attribute, "llm-d.ai/multicluster-kv-cache-utilization"))
		return RP_CUSTOM_MULTICLUSTER_KV_USAGE;
	return RP_CONFIG_NONE;
}

/* endpoint-attribute-…: the attribute is a metric of some extractor's, by a name of the file. */
static void find_attribute(struct rp_model *model, struct rp_model_plugin *plugin)
{
	struct rp_bytes data = plugin->names.attribute;
	struct rp_bytes name = plugin->names.attribute_producer;
	uint32_t index = attribute_index(model, &plugin->names);

	if (data.len == 0)
		return;
	if (plugin->type == RP_PLUGIN_ENDPOINT_ATTRIBUTE_SCORER)
		plugin->params.endpoint_attribute_scorer.attribute = index;
	else
		plugin->params.endpoint_attribute_filter.attribute = index;
	for (uint32_t i = 0; i < model->plugin_count; i++) {
		const struct rp_model_plugin *other = &model->plugin[i];

		if (rp_attribute_is_produced_by(other, data, name) ||
		    (other->type == RP_PLUGIN_CORE_METRICS_EXTRACTOR &&
		     rp_bytes_equal_str(name, "core-metrics-extractor") &&
		     is_custom_metric(other, data)))
			return;
	}
	warn_missing(model, plugin, data, name);
}

static bool has_session_sources(enum rp_plugin_type type)
{
	return type == RP_PLUGIN_SESSION_AFFINITY_SCORER ||
	       type == RP_PLUGIN_SESSION_AFFINITY_FILTER ||
	       type == RP_PLUGIN_MULTICLUSTER_SESSION_AFFINITY_FILTER;
}

/* session-affinity-…: ids that other plugins find are read by their attributes' names. Nobody is
 * created for them. */
static void connect_sessions(struct rp_model *model, const struct rp_model_plugin *plugin)
{
	const struct rp_params_session_affinity *params = &plugin->params.session_affinity;
	struct rp_session_source *source;

	if (!has_session_sources(plugin->type))
		return;
	source = rp_pool_list(&model->pool, params->sources);
	for (uint32_t s = 0; s < params->sources.count; s++) {
		struct rp_bytes data = rp_pool_str(&model->pool, source[s].attribute);
		struct rp_bytes name = rp_pool_str(&model->pool, source[s].producer_name);

		source[s].producer = RP_CONFIG_NONE;
		for (uint32_t i = 0; i < model->plugin_count && data.len > 0; i++) {
			if (source[s].producer == RP_CONFIG_NONE &&
			    rp_attribute_is_produced_by(&model->plugin[i], data, name))
				source[s].producer = i;
		}
		if (data.len > 0 && source[s].producer == RP_CONFIG_NONE)
			warn_missing(model, plugin, data, name);
	}
}

/* Does one producer read what the other produces? */
static bool is_behind(const struct rp_model_plugin *consumer,
		      const struct rp_model_plugin *producer)
{
	const struct rp_need *need = rp_need_next(consumer, NULL);

	for (; need != NULL && consumer != producer; need = rp_need_next(consumer, need)) {
		if ((need->kind == RP_NEED_OPTIONAL || is_needed(consumer, need)) &&
		    rp_key_is_produced_by(producer, need->key, rp_need_producer(consumer, need)))
			return true;
	}
	return false;
}

/* Is everything that this producer reads produced by those in order? */
static bool is_ready(const struct rp_model *model, uint32_t plugin, const bool *is_ordered)
{
	for (uint32_t i = 0; i < model->plugin_count; i++) {
		if (!is_ordered[i] &&
		    (rp_plugin_type_kinds(model->plugin[i].type) & RP_KIND_PRODUCER) != 0 &&
		    is_behind(&model->plugin[plugin], &model->plugin[i]))
			return false;
	}
	return true;
}

/* Topological, and of those that may be next the first of the file. */
static int order_producers(struct rp_model *model)
{
	bool is_ordered[RP_PLUGINS_MAX] = {false};
	uint32_t left = 0;

	for (uint32_t i = 0; i < model->plugin_count; i++)
		left += (rp_plugin_type_kinds(model->plugin[i].type) & RP_KIND_PRODUCER) != 0;
	while (left > 0) {
		uint32_t next = 0;

		while (next < model->plugin_count &&
		       (is_ordered[next] ||
			(rp_plugin_type_kinds(model->plugin[next].type) & RP_KIND_PRODUCER) == 0 ||
			!is_ready(model, next, is_ordered)))
			next++;
		if (next == model->plugin_count)
			return rp_decode_fail(model->diag, NULL,
					      "data producers wait for each other in a cycle; let "
					      "one of them read another's data");
		is_ordered[next] = true;
		left--;
		/* One that is not built has nothing to run. */
		if (rp_plugin_type_state(model->plugin[next].type) == RP_STATE_BUILT)
			model->producer[model->producer_count++] = next;
	}
	return RP_OK;
}

/* Metrics that nobody scrapes: upstream takes the extractor's existence for enough, and so do we.
 */
static void warn_unscraped(struct rp_model *model)
{
	for (uint32_t i = 0; i < model->plugin_count && !model->control->has_metrics_source; i++) {
		if (model->plugin[i].type == RP_PLUGIN_CORE_METRICS_EXTRACTOR)
			rp_config_warn(model->control,
				       "'%.*s' belongs to no metrics-data-source in "
				       "dataLayer.sources: no figures are scraped",
				       RP_SHOW(model->plugin[i].name));
	}
}

static void warn_unpredicted(struct rp_model *model)
{
	for (uint32_t i = 0; i < model->plugin_count; i++) {
		const struct rp_model_plugin *plugin = &model->plugin[i];
		const struct rp_need *need = rp_need_next(plugin, NULL);

		for (; need != NULL; need = rp_need_next(plugin, need)) {
			if (need->key == RP_KEY_LATENCY && is_needed(plugin, need))
				rp_config_warn(
					model->control,
					"'%.*s' reads latency predictions, and this build has no "
					"predictor: it falls back to what it does without them",
					RP_SHOW(plugin->name));
		}
	}
}

int rp_model_complete_producers(struct rp_model *model)
{
	int r = supply_all(model);

	for (uint32_t i = 0; i < model->plugin_count && r == RP_OK; i++) {
		connect(model, &model->plugin[i]);
		find_attribute(model, &model->plugin[i]);
		connect_sessions(model, &model->plugin[i]);
	}
	if (r == RP_OK)
		r = rp_model_number_instances(model);
	if (r == RP_OK)
		r = order_producers(model);
	if (r != RP_OK)
		return r;
	warn_unscraped(model);
	warn_unpredicted(model);
	return RP_OK;
}
