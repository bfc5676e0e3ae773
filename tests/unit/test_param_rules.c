/* SPDX-License-Identifier: Apache-2.0
 *
 * What parameters are refused for, each with its name, place and reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/params_bed.h"

static void what_is_out_of_range_is_refused_with_its_name(void **state)
{
	static const struct {
		enum rp_plugin_type type;
		const char *text;
		const char *message;
	} cases[] = {
		{RP_PLUGIN_RANDOM_PICKER, "{maxEndpoints: 2}", "unknown field"},
		{RP_PLUGIN_DISAGGREGATEDSET_ROLLOUT_SCREENER,
		 "{scope: {labelSelector: a}, revisionGating: {mode: sum, requireRoles: {values: "
		 "[a, b, c, d, e, f, g, h, i]}}}",
		 "must be at most 8 roles"},
		{RP_PLUGIN_DISAGGREGATEDSET_ROLLOUT_SCREENER,
		 "{scope: {labelSelector: a}, revisionGating: {mode: disabled}, headerSelectors: ["
		 "{name: a, headerName: a, labelKey: a, mode: strict}, {name: b, headerName: b, "
		 "labelKey: a, mode: strict}, {name: c, headerName: c, labelKey: a, mode: strict}, "
		 "{name: d, headerName: d, labelKey: a, mode: strict}, {name: e, headerName: e, "
		 "labelKey: a, mode: strict}, {name: f, headerName: f, labelKey: a, mode: strict}, "
		 "{name: g, headerName: g, labelKey: a, mode: strict}]}",
		 "headerSelectors must be at most 6"},
		{RP_PLUGIN_DATA_PARALLEL_PROFILE_HANDLER, "{primaryPort: 70000}",
		 "primaryPort must be between 0 and 65535, got 70000"},
		{RP_PLUGIN_PD_PROFILE_HANDLER, "{primaryPort: -1}", "primaryPort must be between"},
		{RP_PLUGIN_PD_PROFILE_HANDLER, "{deciderPluginName: \"\"}", "not defined"},
		{RP_PLUGIN_DISAGG_PROFILE_HANDLER, "{stageOrder: sideways}",
		 "stageOrder must be \"decode-first\""},
		{RP_PLUGIN_DISAGG_PROFILE_HANDLER, "{profiles: {}, decodeProfile: a}",
		 "use one format exclusively"},
		{RP_PLUGIN_DISAGG_PROFILE_HANDLER,
		 "{stageOrder: prefill-first, deciders: {prefill: d}}",
		 "prefill decider is not supported"},
		{RP_PLUGIN_PREFIX_BASED_PD_DECIDER, "{nonCachedTokens: -1}",
		 "nonCachedTokens must not be negative"},
		{RP_PLUGIN_PREFIX_BASED_PD_DECIDER, "{promptTokens: -1}", "promptTokens must not"},
		{RP_PLUGIN_LOAD_AWARE_SCORER, "{queueThreshold: 2}", "known here: threshold"},
		{RP_PLUGIN_LOAD_AWARE_SCORER, "{threshold: \"2\"}", "leave the quotes out"},
		{RP_PLUGIN_PREFIX_CACHE_SCORER, "{matchLengthWeight: 1.5}",
		 "matchLengthWeight must be between 0 and 1, got 1.5"},
		{RP_PLUGIN_PREFIX_CACHE_SCORER, "{hashBlockSize: 64}",
		 "approx-prefix-cache-producer"},
		{RP_PLUGIN_PREFIX_CACHE_SCORER, "{autoTune: null}", "approx-prefix-cache-producer"},
		{RP_PLUGIN_ENDPOINT_ATTRIBUTE_SCORER, "{attributeKey: a}",
		 "'algorithm.type' must be set"},
		{RP_PLUGIN_ENDPOINT_ATTRIBUTE_SCORER,
		 "{attributeKey: a/b, algorithm: {type: linear_lower_is_better}}",
		 "attributeKey: \"a\" and producer: \"b\""},
		{RP_PLUGIN_ENDPOINT_ATTRIBUTE_SCORER,
		 "{attributeKey: a, algorithm: {type: linear_lower_is_better, normalization: "
		 "{fixedRange: {min: 1, max: 1}}}}",
		 "requires min < max"},
		{RP_PLUGIN_ENDPOINT_ATTRIBUTE_SCORER,
		 "{attributeKey: a, algorithm: {type: linear_lower_is_better, normalization: "
		 "{fixedRange: {max: 1}, adaptiveRange: {}}}}",
		 "at most one"},
		{RP_PLUGIN_ENDPOINT_ATTRIBUTE_SCORER,
		 "{attributeKey: a, algorithm: {type: linear_lower_is_better, normalization: "
		 "{adaptiveRange: {x: 1}}}}",
		 "unknown field"},
		{RP_PLUGIN_ENDPOINT_ATTRIBUTE_FILTER, "{attribute: a, algorithm: {type: topK}}",
		 "algorithm.type must be \"threshold\", got \"topK\""},
		{RP_PLUGIN_ENDPOINT_ATTRIBUTE_FILTER,
		 "{attribute: a, algorithm: {type: threshold}}",
		 "'algorithm.threshold' must be set"},
		{RP_PLUGIN_ENDPOINT_ATTRIBUTE_FILTER,
		 "{attribute: a, onMissing: Maybe, algorithm: {type: threshold}}",
		 "onMissing must be \"Pass\" or \"Fail\", got \"Maybe\""},
		{RP_PLUGIN_ENDPOINT_ATTRIBUTE_FILTER,
		 "{attribute: a, algorithm: {type: threshold, threshold: {operator: Less}}}",
		 "operator must be \"LessThan\""},
		{RP_PLUGIN_CONTEXT_LENGTH_AWARE, "{label: \"\"}", "label must not be empty"},
		{RP_PLUGIN_UTILIZATION_FILTER, "{conditions: []}", "at least one element"},
		{RP_PLUGIN_UTILIZATION_FILTER, "{conditions: [{metric: waiting-queue}]}",
		 "'maxValue' must be set"},
		{RP_PLUGIN_UTILIZATION_FILTER, "{conditions: [{metric: x, maxValue: 1}]}",
		 "conditions[0].metric must be \"active-requests\""},
		{RP_PLUGIN_UTILIZATION_FILTER,
		 "{conditions: [{metric: waiting-queue, maxValue: -1}]}",
		 "conditions[0].maxValue must not be negative"},
		{RP_PLUGIN_UTILIZATION_FILTER,
		 "{conditions: [{metric: kv-cache-utilization, maxValue: 2}]}",
		 "must be at most 1, got 2"},
		{RP_PLUGIN_PREFIX_CACHE_AFFINITY_FILTER, "{affinityThreshold: 1.1}",
		 "affinityThreshold must be at most 1, got 1.1"},
		{RP_PLUGIN_PREFIX_CACHE_AFFINITY_FILTER, "{explorationProbability: -0.1}",
		 "explorationProbability must be between 0 and 1"},
		{RP_PLUGIN_PREFIX_CACHE_AFFINITY_FILTER, "{maxTTFTPenaltyMs: -1}",
		 "maxTTFTPenaltyMs must not be negative"},
		{RP_PLUGIN_PREFIX_CACHE_AFFINITY_FILTER, "{peakPrefillThroughput: 0}",
		 "peakPrefillThroughput must be > 0"},
		{RP_PLUGIN_PREFIX_CACHE_AFFINITY_FILTER, "{ttftSource: x}",
		 "ttftSource must be \"prefillThroughput\" or \"latencyPredictor\", got \"x\""},
		{RP_PLUGIN_SLO_HEADROOM_TIER_FILTER, "{epsilonExploreNeg: 2}",
		 "epsilonExploreNeg must be between 0 and 1, got 2"},
		{RP_PLUGIN_TOPOLOGY_AFFINITY_FILTER, "{minAffinity: planet}",
		 "\"host\", \"rack\", \"zone\" or \"region\", got \"planet\""},
		{RP_PLUGIN_LABEL_SELECTOR_FILTER, "{matchExpressions: [{key: a, operator: In}]}",
		 "values must be non-empty"},
		{RP_PLUGIN_LABEL_SELECTOR_FILTER,
		 "{matchExpressions: [{key: a, operator: Exists, values: [b]}]}",
		 "values must be empty"},
		{RP_PLUGIN_LABEL_SELECTOR_FILTER,
		 "{matchExpressions: [{key: -a, operator: Exists}]}", "is no key of a label"},
		{RP_PLUGIN_LABEL_SELECTOR_FILTER, "{matchLabels: {a: \"b c\"}}", "is no label"},
		{RP_PLUGIN_LABEL_SELECTOR_FILTER, "{matchLabels: {a: 1}}", "put it in quotes"},
		{RP_PLUGIN_BY_LABEL, "{label: x}", "either 'validValues' must be non-empty"},
		{RP_PLUGIN_SESSION_AFFINITY_SCORER, "{strategy: cookie}",
		 "strategy must be \"encoded_endpoint_header\" or \"session_id\", got \"cookie\""},
		{RP_PLUGIN_SESSION_AFFINITY_FILTER,
		 "{strategy: session_id, sessionIdConfig: {sources: [{header: a, attribute: b}]}}",
		 "sources[0]: exactly one of header or attribute"},
		{RP_PLUGIN_SESSION_AFFINITY_FILTER,
		 "{strategy: session_id, sessionIdConfig: {evictionTtlSeconds: -1}}",
		 "evictionTtlSeconds must be above 0"},
		{RP_PLUGIN_SESSION_ID_PRODUCER, "{headerName: a, cookieName: b}", "not both"},
		{RP_PLUGIN_HEADER_LABEL_AFFINITY_SCORER, "{headerName: a}",
		 "'labelKey' must be set"},
		{RP_PLUGIN_INFLIGHT_LOAD_PRODUCER, "{outputRatio: -1}",
		 "outputRatio must not be negative, got -1"},
		{RP_PLUGIN_INFLIGHT_LOAD_PRODUCER, "{maxEstimatedOutputTokens: -1}",
		 "maxEstimatedOutputTokens must not be negative"},
		{RP_PLUGIN_MM_EMBEDDINGS_CACHE_PRODUCER, "{cacheSizeInMB: 1}",
		 "cacheSizeInMBPerServer"},
		{RP_PLUGIN_BURST_PREFIX_CACHE_PRODUCER, "{windowDurationMs: 20000}",
		 "windowDurationMs must be above 0 and at most 10000, got 20000"},
		{RP_PLUGIN_BURST_PREFIX_CACHE_PRODUCER, "{windowDurationMs: 0}",
		 "windowDurationMs must be above 0"},
		{RP_PLUGIN_BURST_PREFIX_CACHE_PRODUCER, "{maxPerReplica: 0}", "maxPerReplica"},
		{RP_PLUGIN_BURST_PREFIX_CACHE_PRODUCER, "{maxBatchSize: -2}", "maxBatchSize"},
		{RP_PLUGIN_BURST_PREFIX_CACHE_PRODUCER, "{maxPrefixTokensToMatch: 63}",
		 ">= blockSizeTokens (64)"},
		{RP_PLUGIN_BURST_PREFIX_CACHE_PRODUCER, "{balanceBy: luck}",
		 "balanceBy must be \"requests\" or \"tokens\""},
		{RP_PLUGIN_P2P_SOURCE_PRODUCER, "{minCachedTokenDelta: 0}",
		 "minCachedTokenDelta must be at least 1"},
		{RP_PLUGIN_APPROX_PREFIX_CACHE_PRODUCER, "{autoTune: false, blockSizeTokens: 0}",
		 "blockSizeTokens must be above 0"},
		{RP_PLUGIN_TOKEN_PRODUCER, "{estimate: {}, modelName: m}", "only one of"},
		{RP_PLUGIN_TOKEN_PRODUCER, "{estimate: {image: {mode: x}}}",
		 "estimate.image.mode must be \"dynamic\" or \"static\""},
		{RP_PLUGIN_UTILIZATION_DETECTOR, "{queueDepthThreshold: 0}",
		 "queueDepthThreshold must be above 0"},
		{RP_PLUGIN_UTILIZATION_DETECTOR, "{kvCacheUtilThreshold: 1.01}",
		 "kvCacheUtilThreshold must be above 0 and at most 1"},
		{RP_PLUGIN_UTILIZATION_DETECTOR, "{metricsStalenessThreshold: 0s}",
		 "metricsStalenessThreshold must be above 0"},
		{RP_PLUGIN_UTILIZATION_DETECTOR, "{metricsStalenessThreshold: 5}",
		 "must be a duration"},
		{RP_PLUGIN_UTILIZATION_DETECTOR, "{headroom: -0.1}", "headroom must not be"},
		{RP_PLUGIN_CONCURRENCY_DETECTOR, "{maxConcurrency: 0}", "maxConcurrency"},
		{RP_PLUGIN_CONCURRENCY_DETECTOR, "{maxTokenConcurrency: -5}",
		 "maxTokenConcurrency"},
		{RP_PLUGIN_CONCURRENCY_DETECTOR, "{concurrencyMode: x}",
		 "\"requests\", \"tokens\" or \"hybrid\""},
		{RP_PLUGIN_PROBABILISTIC_ADMITTER, "{k: 0}", "k must be above 0, got 0"},
		{RP_PLUGIN_PROBABILISTIC_ADMITTER, "{power: 0}", "power must be above 0"},
		{RP_PLUGIN_REQUEST_ATTRIBUTE_REPORTER, "{attributes: []}", "at least one element"},
		{RP_PLUGIN_REQUEST_ATTRIBUTE_REPORTER,
		 "{attributes: [{key: {name: a}, expression: \"1 +\"}]}",
		 "failed to compile expression: "},
		{RP_PLUGIN_REQUEST_ATTRIBUTE_REPORTER,
		 "{attributes: [{key: {}, expression: \"1\"}]}", "'key.name' must be set"},
		{RP_PLUGIN_DISAGGREGATEDSET_ROLLOUT_SCREENER,
		 "{scope: {labelSelector: \"a in b\"}, revisionGating: {mode: disabled}}",
		 "not a valid label selector"},
		{RP_PLUGIN_DISAGGREGATEDSET_ROLLOUT_SCREENER,
		 "{scope: {labelSelector: a}, revisionGating: {mode: sum}}",
		 "requireRoles is required"},
		{RP_PLUGIN_DISAGGREGATEDSET_ROLLOUT_SCREENER,
		 "{scope: {labelSelector: a}, revisionGating: {mode: sum, requireRoles: {values: "
		 "[b, b]}}}",
		 "duplicate role \"b\""},
		{RP_PLUGIN_DISAGGREGATEDSET_ROLLOUT_SCREENER, "{scope: {labelSelector: a}}",
		 "'revisionGating' must be set"},
		{RP_PLUGIN_FILE_DISCOVERY, "{path: \"\"}", "path must not be empty"},
	};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		int r = read_params(cases[i].type, cases[i].text);

		if (r != RP_ECONFIG || strstr(diag.message, cases[i].message) == NULL)
			print_error("%s %s\n  -> %d %s\n", rp_plugin_type_name(cases[i].type),
				    cases[i].text, r, diag.message);
		assert_int_equal(r, RP_ECONFIG);
		assert_non_null(strstr(diag.message, cases[i].message));
		assert_int_equal(diag.line, 1);
	}
	done();
}

static void only_whole_names_are_known(void **state)
{
	static const struct {
		enum rp_plugin_type type;
		const char *text;
	} cases[] = {
		{RP_PLUGIN_TOKEN_PRODUCER, "{e: {}}"},
		{RP_PLUGIN_TOKEN_PRODUCER, "{\"\": {}}"},
		{RP_PLUGIN_TOKEN_PRODUCER, "{estimate.image: {mode: static}}"},
		{RP_PLUGIN_TOKEN_PRODUCER, "{estimate.image.mode: static}"},
		{RP_PLUGIN_TOKEN_PRODUCER, "{estimate: {image.mode: static}}"},
		{RP_PLUGIN_TOKEN_PRODUCER, "{\"estimate\\0\": {}}"},
		{RP_PLUGIN_SESSION_AFFINITY_SCORER, "{\"sessionIdConfig.sources[].header\": a}"},
		{RP_PLUGIN_ENDPOINT_ATTRIBUTE_SCORER,
		 "{attributeKey: a, algorithm: {type: linear_lower_is_better, normalization: "
		 "{fixed: {}}}}"},
	};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		assert_int_equal(read_params(cases[i].type, cases[i].text), RP_ECONFIG);
		assert_non_null(strstr(diag.message, "unknown field"));
	}
	done();
}

static void names_are_known_in_any_case(void **state)
{
	(void)state;
	assert_int_equal(read_params(RP_PLUGIN_MAX_SCORE_PICKER, "{MaxNumOfEndpoints: 2}"), RP_OK);
	assert_int_equal(plugin.params.picker.endpoints_max, 2);
	assert_int_equal(read_params(RP_PLUGIN_TOKEN_PRODUCER,
				     "{Estimate: {IMAGE: {dynamic: {Factor: 7}}}}"),
			 RP_OK);
	assert_int_equal(plugin.params.token_producer.image_factor, 7);
	assert_int_equal(read_params(RP_PLUGIN_UTILIZATION_FILTER,
				     "{Conditions: [{METRIC: waiting-queue, maxvalue: 3}]}"),
			 RP_OK);
	assert_int_equal(plugin.params.utilization_filter.conditions.count, 1);
	/* Also where the rules look for them. */
	assert_int_equal(read_params(RP_PLUGIN_TOKEN_PRODUCER, "{Estimate: {}, MODELNAME: m}"),
			 RP_ECONFIG);
	assert_int_equal(
		read_params(RP_PLUGIN_DISAGG_PROFILE_HANDLER, "{Profiles: {}, DecodeProfile: a}"),
		RP_ECONFIG);
	done();
}

static void parameters_beyond_the_pool_are_refused(void **state)
{
	static const char begin[] = "{additionalSessionHeaders: [";
	size_t bytes = RP_CONFIG_BLOB_BYTES + 1024;
	char *text = malloc(bytes + 64);

	(void)state;
	assert_non_null(text);
	memset(text, 'x', bytes);
	memcpy(text, begin, sizeof(begin) - 1);
	memcpy(text + bytes, "]}", 3);
	assert_int_equal(read_params(RP_PLUGIN_AGENT_IDENTITY, text), RP_ETOOBIG);
	free(text);
	done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_out_of_range_is_refused_with_its_name),
		cmocka_unit_test(only_whole_names_are_known),
		cmocka_unit_test(names_are_known_in_any_case),
		cmocka_unit_test(parameters_beyond_the_pool_are_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
