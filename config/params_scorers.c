/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of filters', scorers', pickers' and producers' parameters that params.def cannot say.
 */
#include "config/param_decode.h"
#include "shm/clock.h"

int rp_params_check_picker(const struct rp_param_reader *reader)
{
	struct rp_params_picker *params = reader->params;

	if (params->endpoints_max > RP_ENDPOINTS_MAX)
		params->endpoints_max = RP_ENDPOINTS_MAX;
	return RP_OK;
}

/* The name of an attribute and that of its producer are two parameters. */
static int check_attribute(const struct rp_param_reader *reader, const char *field,
			   struct rp_config_str attribute, struct rp_config_str producer)
{
	struct rp_model_names *names = &reader->plugin->names;
	struct rp_bytes text = rp_param_str(reader, attribute);
	size_t slash = text.len;

	names->attribute = text;
	names->attribute_producer = rp_param_str(reader, producer);
	if (rp_param_is_given(reader, "producer"))
		return RP_OK;
	while (slash > 0 && text.ptr[slash - 1] != '/')
		slash--;
	if (slash == 0)
		return RP_OK;
	return rp_param_fail(
		reader, field,
		"%s: attribute \"%.*s\" contains \"/\" but no producer is set; if it was meant as "
		"\"Attribute/Producer\", write %s: \"%.*s\" and producer: \"%.*s\"; if the slash "
		"belongs to its name, set producer",
		field, RP_SHOW(text), field, (int)rp_min_size(slash - 1, 200),
		(const char *)text.ptr, RP_SHOW(rp_bytes(text.ptr + slash, text.len - slash)));
}

int rp_params_check_attribute_scorer(const struct rp_param_reader *reader)
{
	const struct rp_params_endpoint_attribute_scorer *params = reader->params;

	if (params->has_fixed_range && params->has_adaptive_range)
		return rp_param_fail(reader, "algorithm.normalization",
				     "at most one normalization strategy is allowed, got both "
				     "fixedRange and adaptiveRange");
	if (params->has_fixed_range && params->fixed_range_min >= params->fixed_range_max)
		return rp_param_fail(reader, "algorithm.normalization.fixedRange",
				     "normalization.fixedRange requires min < max, got min %g, "
				     "max %g",
				     params->fixed_range_min, params->fixed_range_max);
	return check_attribute(reader, "attributeKey", params->attribute_key,
			       params->producer_name);
}

int rp_params_check_attribute_filter(const struct rp_param_reader *reader)
{
	const struct rp_params_endpoint_attribute_filter *params = reader->params;

	return check_attribute(reader, "attribute", params->attribute_name, params->producer_name);
}

int rp_params_check_utilization(const struct rp_param_reader *reader)
{
	const struct rp_params_utilization_filter *params = reader->params;
	const struct rp_utilization_condition *condition =
		rp_pool_list(&reader->model->pool, params->conditions);

	for (uint32_t i = 0; i < params->conditions.count; i++) {
		if (condition[i].metric == RP_UTILIZATION_ACTIVE_REQUESTS)
			reader->plugin->names.wanted |= 1u << RP_DATA_INFLIGHT;
		if (condition[i].metric == RP_UTILIZATION_KV_CACHE && condition[i].max_value > 1)
			return rp_decode_fail(
				reader->model->diag,
				rp_param_element(rp_param_node(reader, "conditions"), i),
				"maxValue for \"kv-cache-utilization\" is a fraction and must be "
				"at most 1, got %g",
				condition[i].max_value);
	}
	return RP_OK;
}

int rp_params_check_prefix_scorer(const struct rp_param_reader *reader)
{
	const struct rp_params_prefix_cache_scorer *params = reader->params;

	if (params->match_length_weight > 0.0 && params->match_length_scale_tokens <= 0)
		return rp_param_fail(reader, "matchLengthScaleTokens",
				     "matchLengthScaleTokens must be above 0 when "
				     "matchLengthWeight is");
	return RP_OK;
}

int rp_params_check_prefix_affinity(const struct rp_param_reader *reader)
{
	const struct rp_params_prefix_cache_affinity_filter *params = reader->params;
	bool is_predicted = params->ttft_source == RP_TTFT_LATENCY_PREDICTOR;

	if (params->max_ttft_penalty_ms <= 0)
		return RP_OK;
	reader->plugin->names.wanted |= 1u << (is_predicted ? RP_DATA_LATENCY : RP_DATA_INFLIGHT);
	if (!is_predicted && params->peak_prefill_throughput <= 0)
		return rp_param_fail(reader, "peakPrefillThroughput",
				     "peakPrefillThroughput must be > 0 when ttftSource is "
				     "prefillThroughput");
	return RP_OK;
}

int rp_params_check_approx_producer(const struct rp_param_reader *reader)
{
	struct rp_params_approx_prefix_cache_producer *params = reader->params;

	if (params->old_block_size > 0) {
		rp_config_warn(reader->model->control,
			       "blockSize of plugin '%.*s' is deprecated; write blockSizeTokens",
			       RP_SHOW(reader->plugin->name));
		if (params->block_size_tokens == 16)
			params->block_size_tokens = params->old_block_size;
	}
	if (!params->has_auto_tune && params->block_size_tokens <= 0)
		return rp_param_fail(reader, "blockSizeTokens",
				     "blockSizeTokens must be above 0 when autoTune is off");
	if (params->max_prefix_blocks < 0)
		params->max_prefix_blocks = 0;
	return RP_OK;
}

int rp_params_check_burst(const struct rp_param_reader *reader)
{
	const struct rp_params_burst_prefix_cache_producer *params = reader->params;

	if (params->max_per_replica == 0)
		return rp_param_fail(reader, "maxPerReplica",
				     "maxPerReplica must be -1 (unlimited) or >= 1, got 0");
	if (params->max_batch_size == 0)
		return rp_param_fail(reader, "maxBatchSize",
				     "maxBatchSize must be -1 (unlimited) or >= 1, got 0");
	if (params->max_prefix_tokens > 0 && params->max_prefix_tokens < params->block_size_tokens)
		return rp_param_fail(
			reader, "maxPrefixTokensToMatch",
			"maxPrefixTokensToMatch must be 0 or >= blockSizeTokens (%lld)",
			(long long)params->block_size_tokens);
	return RP_OK;
}

int rp_params_check_inflight(const struct rp_param_reader *reader)
{
	struct rp_params_inflight_load_producer *params = reader->params;

	if (!rp_param_is_given(reader, "maxEstimatedOutputTokens"))
		params->max_estimated_output_tokens = -1;
	return RP_OK;
}
