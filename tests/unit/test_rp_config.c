/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "config/plugin_params.h"
#include "config/rp_config.h"
#include "shm/clock.h"

static struct rp_config_blob *blob;
static struct rp_plugin_stat stats[RP_PLUGIN_STATS_MAX];
static struct rp_config_control control;
static struct rp_diag diag;

static int set_up(void **state)
{
	(void)state;
	blob = malloc(RP_CONFIG_BLOB_BYTES);
	return blob == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	free(blob);
	return 0;
}

static int load(const char *text)
{
	diag = (struct rp_diag){0};
	return rp_config_load("epp.yaml", rp_bytes_str(text), false, 7, blob, RP_CONFIG_BLOB_BYTES,
			      stats, &control, &diag);
}

static void must_load(const char *text)
{
	if (load(text) != RP_OK)
		fail_msg("%u:%u: %s", diag.line, diag.column, diag.message);
	assert_int_equal(rp_config_blob_check(blob, RP_CONFIG_BLOB_BYTES), RP_OK);
}

static void must_load_file(const char *path)
{
	static char text[1 << 16];
	FILE *file = fopen(path, "rb");

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	must_load(text);
}

static bool is_named(uint32_t plugin, const char *name)
{
	return rp_bytes_equal_str(
		rp_config_blob_str(blob, rp_config_blob_plugin(blob, plugin)->name), name);
}

static uint32_t find(const char *name)
{
	for (uint32_t i = 0; i < blob->plugin_count; i++) {
		if (is_named(i, name))
			return i;
	}
	fail_msg("no plugin %s", name);
	return 0;
}

static const void *params(const char *name)
{
	const void *p = rp_config_blob_params(blob, rp_config_blob_plugin(blob, find(name)));

	assert_non_null(p);
	return p;
}

static void check_howto(void)
{
	const struct rp_config_profile *profile = rp_config_blob_profile(blob, 0);
	static const struct {
		const char *name;
		double weight;
	} scorers[] = {{"queue-scorer", 2},
		       {"kv-cache-utilization-scorer", 2},
		       {"prefix-cache-scorer", 3}};

	assert_int_equal(blob->profile_count, 1);
	assert_int_equal(blob->generation, 7);
	assert_true(rp_bytes_equal_str(rp_config_blob_str(blob, profile->name), "default"));
	assert_int_equal(profile->filter_count, 0);
	assert_int_equal(profile->scorer_count, RP_ARRAY_LEN(scorers));
	for (uint32_t i = 0; i < profile->scorer_count; i++) {
		const struct rp_config_ref *ref =
			rp_config_blob_ref(blob, profile->scorer_first + i);

		assert_true(is_named(ref->plugin, scorers[i].name));
		assert_true(ref->weight == scorers[i].weight);
	}
	assert_true(is_named(profile->picker, "max-score-picker"));
	assert_true(is_named(blob->profile_handler, "single-profile-handler"));
	assert_int_equal(blob->parser_count, 4);
	assert_true(is_named(rp_config_blob_parser(blob, 0), "openai-parser"));
	assert_true(is_named(rp_config_blob_parser(blob, 1), "anthropic-parser"));
	assert_true(is_named(rp_config_blob_parser(blob, 2), "vllmhttp-parser"));
	assert_true(is_named(rp_config_blob_parser(blob, 3), "passthrough-parser"));
	assert_int_equal(blob->producer_count, 2);
	assert_true(is_named(rp_config_blob_producer(blob, 0), "token-producer"));
	assert_true(is_named(rp_config_blob_producer(blob, 1), "approx-prefix-cache-producer"));
	assert_int_equal(blob->match_info_count, 1);
	assert_true(control.has_metrics_source);
	assert_string_equal(control.scrape_scheme, "http");
	assert_string_equal(control.scrape_path, "/metrics");
	assert_string_equal(control.engine_label_key, "llm-d.ai/engine-type");
	assert_string_equal(control.default_engine, "vllm");
	assert_string_equal(control.discovery_path, "");
	assert_int_equal(control.warning_count, 0);
}

static void howto_sample_loads_with_its_weights(void **state)
{
	(void)state;
	must_load_file("config/samples/istio-howto.yaml");
	assert_true(control.uses_deprecated_api);
	check_howto();
}

static void no_configuration_means_the_same_as_the_howto(void **state)
{
	(void)state;
	must_load("");
	assert_false(control.uses_deprecated_api);
	check_howto();
	must_load("# nothing but a comment\n");
	check_howto();
	must_load("---\n---\nfoo: 1\n");
	check_howto();
}

static void file_discovery_sample_loads(void **state)
{
	const struct rp_params_prefix_cache_scorer *scorer;
	const struct rp_params_approx_prefix_cache_producer *producer;
	const struct rp_params_picker *picker;

	(void)state;
	must_load_file("config/samples/file-discovery.yaml");
	assert_string_equal(control.discovery_path, "endpoints.yaml");
	assert_true(control.has_discovery_watch);
	assert_false(control.uses_deprecated_api);
	scorer = params("prefix-cache-scorer");
	assert_true(scorer->match_length_weight == 0.3);
	assert_int_equal(scorer->match_length_scale_tokens, 8192);
	assert_int_equal(scorer->producer, find("approx-prefix-cache-producer"));
	producer = params("approx-prefix-cache-producer");
	assert_int_equal(producer->has_auto_tune, 1);
	assert_int_equal(producer->block_size_tokens, 16);
	assert_int_equal(producer->max_prefix_tokens, 32768);
	assert_int_equal(producer->max_prefix_blocks, 2048);
	assert_int_equal(producer->lru_capacity_per_server, 31250);
	picker = params("best-two");
	assert_int_equal(picker->endpoints_max, 2);
	assert_int_equal(rp_config_blob_profile(blob, 0)->picker, find("best-two"));
}

static void a_metrics_path_may_lack_its_slash(void **state)
{
	(void)state;
	assert_int_equal(load("plugins: [{type: metrics-data-source, parameters: {path: m}}]"),
			 RP_OK);
	assert_string_equal(control.scrape_path, "/m");
	assert_int_equal(load("plugins: [{type: metrics-data-source, parameters: {path: \"\"}}]"),
			 RP_OK);
	assert_string_equal(control.scrape_path, "/");
}

static void engines_sample_hands_control_its_entries(void **state)
{
	(void)state;
	must_load_file("config/samples/engines.yaml");
	assert_int_equal(control.scrape_interval_ns, 200 * RP_NS_PER_MS);
	assert_string_equal(control.engine_label_key, "example.com/engine");
	assert_string_equal(control.default_engine, "lmdeploy");
	assert_int_equal(control.engine_count, 1);
	assert_string_equal(control.engine[0].name, "lmdeploy");
	assert_string_equal(control.engine[0].spec[RP_ENGINE_KV_USAGE],
			    "lmdeploy:gpu_cache_usage_perc");
	assert_string_equal(control.engine[0].spec[RP_ENGINE_LORA], "");
	assert_int_equal(blob->parser_count, 1);
}

struct error_case {
	const char *text;
	uint32_t line;
	uint32_t column;
	const char *part;
};

static void check_errors(const struct error_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int r = load(cases[i].text);

		if (r == RP_OK || diag.line != cases[i].line || diag.column != cases[i].column ||
		    strstr(diag.message, cases[i].part) == NULL)
			fail_msg("%s\n-> %d %u:%u: %s", cases[i].text, r, diag.line, diag.column,
				 diag.message);
	}
}

static void errors_of_the_text_say_where_and_why(void **state)
{
	static const struct error_case cases[] = {
		{"plugins: [\n", 2, 1, "not valid YAML"},
		{"plugins: []\nplugins: []\n", 2, 1, "duplicate key \"plugins\""},
		{"- a\n", 1, 1, "this must be a mapping, not list"},
		{"foo: 1\n", 1, 1, "unknown field \"foo\"; known here: apiVersion, kind"},
		{"Plugins: []\n", 1, 1, "unknown field \"Plugins\""},
		{"kind: 7\n", 1, 7, "kind must be a string, not 7; put it in quotes"},
		{"apiVersion: llm-d.ai/v2\n", 1, 13, "no kind"},
		{"plugins:\n\t- type: queue-scorer\n", 2, 1, "indent with blanks, not with tabs"},
		{"apiVersion: v1\n", 1, 13, "no kind \"EndpointPickerConfig\" is registered"},
		{"featureGates: [null]\n", 1, 16, "featureGates[0] must be a string, not null"},
		{"dataLayer: {injectDefaults: \"no\"}\n", 1, 29,
		 "must be true or false, not \"no\"; leave the quotes out"},
		{"plugins: [{type: queue-scorer, name: utilization-detector}]\n", 1, 11,
		 "is not a SaturationDetector"},
		{"plugins: {}\n", 1, 10, "plugins must be a list, not mapping"},
		{"plugins:\n- type: queue-scorer\n  name: y\n", 3, 9,
		 "plugins[0].name must be a string, not y; put it in quotes"},
		{"plugins:\n- queue-scorer\n", 2, 3,
		 "plugins[0] must be a mapping, not \"queue-scorer\""},
		{"schedulingProfiles:\n- name: d\n  plugins:\n  - {pluginRef: q, weight: \"2\"}\n",
		 4, 28,
		 "schedulingProfiles[0].plugins[0].weight must be a number, not \"2\"; leave the "
		 "quotes out"},
		{"schedulingProfiles:\n- name: d\n  plugins:\n  - {pluginRef: q, wait: 2}\n", 4, 20,
		 "unknown field \"schedulingProfiles[0].plugins[0].wait\"; known here: pluginRef, "
		 "weight"},
		{"dataLayer: {sources: [{pluginRef: a, extractors: [{ref: b}]}]}", 1, 52,
		 "unknown field \"dataLayer.sources[0].extractors[0].ref\""},
		{"dataLayer: {crossReplicaSyncInterval: 5}", 1, 39, "must be a duration"},
		{"flowControl: {maxBytes: lots}", 1, 25, "flowControl.maxBytes must be a quantity"},
		{"flowControl: {priorityBands: [{priority: high}]}", 1, 42,
		 "flowControl.priorityBands[0].priority must be a whole number"},
		{"featureGates: [1]", 1, 16, "featureGates[0] must be a string"},
		{"plugins: [{type: \"a\\0b\"}]", 1, 18, "free of NUL bytes"},
	};

	(void)state;
	check_errors(cases, RP_ARRAY_LEN(cases));
}

static void errors_of_plugins_say_where_and_why(void **state)
{
	static const struct error_case cases[] = {
		{"plugins:\n- name: a\n", 2, 3, "plugin 'a' is missing a type"},
		{"plugins:\n- null\n", 2, 3, "plugin '' is missing a type"},
		{"plugins:\n- type: quew-scorer\n", 2, 9,
		 "plugin type 'quew-scorer' is not registered"},
		{"plugins:\n- type: vllmgrpc-parser\n", 2, 9,
		 "plugin type 'vllmgrpc-parser' is known but not built yet: it reads gRPC"},
		{"plugins:\n- type: queue-scorer\n- type: queue-scorer\n", 3, 3,
		 "duplicate plugin name 'queue-scorer', first used on line 2"},
		{"plugins:\n- type: queue-scorer\n- {type: openai-parser, name: queue-scorer}\n", 3,
		 31, "duplicate plugin name 'queue-scorer'"},
		{"plugins:\n- type: max-score-picker\n  parameters: {max: 1}\n", 3, 16,
		 "failed to create plugin 'max-score-picker' (type: max-score-picker): unknown "
		 "field "
		 "\"plugins[0].parameters.max\"; known here: maxNumOfEndpoints"},
		{"plugins:\n- type: max-score-picker\n  parameters: [1]\n", 3, 15,
		 "plugins[0].parameters must be a mapping, not list"},
		{"plugins:\n- type: prefix-cache-scorer\n  parameters: {matchLengthWeight: -1}\n",
		 3, 35, "must be between 0 and 1"},
		{"plugins:\n- type: prefix-cache-scorer\n"
		 "  parameters: {matchLengthWeight: 1, matchLengthScaleTokens: 0}\n",
		 3, 62, "must be above 0"},
		{"plugins:\n- type: approx-prefix-cache-producer\n"
		 "  parameters: {maxPrefixTokensToMatch: -1}\n",
		 3, 40, "must not be negative"},
		{"plugins:\n- type: approx-prefix-cache-producer\n"
		 "  parameters: {autoTune: false, blockSizeTokens: 0}\n",
		 3, 50, "must be above 0 when autoTune is off"},
		{"plugins: [{type: token-producer, parameters: {modelName: m}}]", 1, 58,
		 "asks for a tokenizer outside, and this build talks to none yet"},
		{"plugins: [{type: token-producer, parameters: {estimate: {audio: {}}}}]", 1, 58,
		 "parameters.estimate.audio\"; known here: image, video"},
		{"plugins: [{type: metrics-data-source, parameters: {scheme: https}}]", 1, 60,
		 "scheme https of metrics-data-source is known but not built yet"},
		{"plugins: [{type: metrics-data-source, parameters: {scheme: ftp}}]", 1, 60,
		 "scheme must be \"http\""},
		{"plugins: [{type: metrics-data-source, parameters: {path: \"/a b\"}}]", 1, 58,
		 "contain no blanks"},
		{"plugins: [{type: metrics-data-source, parameters: {port: 0}}]", 1, 58,
		 "port must be between 1 and 65535"},
		{"plugins: [{type: metrics-data-source, parameters: {interval: soon}}]", 1, 62,
		 "interval must be a duration"},
		{"plugins: [{type: file-discovery}]", 1, 11, "'path' must be set"},
		{"plugins: [{type: core-metrics-extractor, parameters: {engineConfigs: [{}]}}]", 1,
		 71, "'name' must be set"},
		{"plugins: [{type: core-metrics-extractor, parameters: {engineConfigs: [{name: "
		 "default}]}}]",
		 1, 78, "reserved"},
		{"plugins: [{type: core-metrics-extractor, parameters: {engineConfigs: [{name: a}, "
		 "{name: a}]}}]",
		 1, 89, "engine 'a' is configured twice"},
		{"plugins: [{type: core-metrics-extractor, parameters: {engineConfigs: [{name: a, "
		 "loraSpec: \"a{b!=c}\"}]}}]",
		 1, 91, "loraSpec:"},
		{"plugins: [{type: core-metrics-extractor, parameters: {engineConfigs: [{name: a, "
		 "customMetrics: [{attributeKey: k, metricSpec: m}, {attributeKey: k, metricSpec: "
		 "o}]}]}}]",
		 1, 131, "attributeKey 'k' is used twice"},
		{"plugins: [{type: core-metrics-extractor, parameters: {engineConfigs: [{name: a, "
		 "customMetrics: [{attributeKey: k, metricSpec: \" \"}]}]}}]",
		 1, 97, "a custom metric needs attributeKey and metricSpec"},
		{"plugins: [{type: core-metrics-extractor, parameters: {engineConfigs: [{name: a, "
		 "customMetrics: [{attributeKey: k, metricSpec: \"m{\"}]}]}}]",
		 1, 127, "metricSpec:"},
	};

	(void)state;
	check_errors(cases, RP_ARRAY_LEN(cases));
}

static void errors_between_sections_say_where_and_why(void **state)
{
	static const struct error_case cases[] = {
		{"schedulingProfiles:\n- plugins: []\n", 2, 3,
		 "schedulingProfiles[0] is missing a name"},
		{"schedulingProfiles:\n- name: a\n- name: a\n", 3, 9,
		 "schedulingProfiles[1] has duplicate name 'a'"},
		{"schedulingProfiles:\n- name: a\n  plugins: [{}]\n", 3, 13,
		 "schedulingProfiles[a].plugins[0] is missing a 'pluginRef'"},
		{"schedulingProfiles:\n- name: a\n  plugins: [{pluginRef: q}]\n", 3, 25,
		 "schedulingProfiles[a] references undefined plugin 'q'"},
		{"schedulingProfiles:\n- name: a\n- name: b\n", 3, 3,
		 "no profile handler configured"},
		{"plugins: [{type: single-profile-handler}]\nschedulingProfiles:\n- name: a\n"
		 "- name: b\n",
		 4, 3, "SingleProfileHandler cannot support multiple"},
		{"plugins:\n- type: single-profile-handler\n- {type: single-profile-handler, name: "
		 "x}\n",
		 3, 3, "multiple profile handlers found"},
		{"plugins:\n- type: max-score-picker\n- {type: max-score-picker, name: x}\n", 3, 3,
		 "failed to set 'x' as picker, already have a registered picker plugin "
		 "'max-score-picker'"},
		{"plugins:\n- {type: queue-scorer, name: max-score-picker}\n", 2, 3,
		 "the name 'max-score-picker' is needed"},
		{"requestHandler: {parsers: [{pluginRef: vertexai-parser}]}", 1, 40,
		 "known but not built yet"},
		{"requestHandler: {parsers: [{pluginRef: queue-scorer}]}", 1, 40,
		 "is not a parser"},
		{"requestHandler: {parsers: [{}]}", 1, 28, "missing its 'pluginRef'"},
		{"parser: {pluginRef: nope}", 1, 21, "'nope' not found in registry"},
		{"dataLayer: {sources: [{pluginRef: x}]}", 1, 23,
		 "the plugin 'x' is not registered"},
		{"dataLayer: {discovery: {pluginRef: x}}", 1, 36,
		 "references undefined plugin 'x'"},
		{"plugins: [{type: queue-scorer}]\ndataLayer: {discovery: {pluginRef: "
		 "queue-scorer}}",
		 2, 36, "is not a discovery plugin"},
		{"dataLayer: {peerDiscovery: {pluginRef: x}}", 1, 28, "not built yet"},
		{"dataLayer: {crossReplicaSyncerPluginRef: x}", 1, 42,
		 "'x' is not a CrossReplicaSyncer"},
		{"plugins:\n- type: kv-cache-utilization-scorer\ndataLayer: {injectDefaults: "
		 "false}",
		 2, 3, "missing data key KVCacheUsagePercent/core-metrics-extractor"},
		{"featureGates: [flowControl]", 1, 15, "flowControl is known but not built yet"},
		{"featureGates: [\"flowControl=TRUE\"]", 1, 15, "not built yet"},
		{"featureGates: [\" flowControl=false\"]", 1, 16, "is unknown or unregistered"},
		{"featureGates: [\"flowControl=maybe\"]", 1, 16, "must be set to true or false"},
		{"featureGates: [dataLayer]", 1, 16, "feature gate 'dataLayer' is unknown"},
	};

	(void)state;
	check_errors(cases, RP_ARRAY_LEN(cases));
	assert_string_equal(diag.file, "epp.yaml");
}

static void defaults_apply_where_something_is_missing(void **state)
{
	(void)state;
	must_load("plugins: []");
	assert_int_equal(blob->profile_count, 1);
	assert_int_equal(rp_config_blob_profile(blob, 0)->scorer_count, 0);
	assert_int_equal(blob->producer_count, 0);
	must_load("plugins: [{type: queue-scorer, parameters: {junk: 1}}]");
	assert_true(rp_config_blob_ref(blob, 0)->weight == 1.0);
	must_load("plugins: [{type: queue-scorer}]\nschedulingProfiles:\n"
		  "- {name: a, plugins: [{pluginRef: queue-scorer, weight: 0}, {pluginRef: "
		  "queue-scorer, weight: null}]}");
	assert_true(rp_config_blob_ref(blob, 0)->weight == 0.0);
	assert_true(rp_config_blob_ref(blob, 1)->weight == 1.0);
	must_load("plugins: [{type: max-score-picker, name: p, parameters: {maxNumOfEndpoints: "
		  "-3}}]\n"
		  "schedulingProfiles: [{name: a}]");
	assert_true(is_named(rp_config_blob_profile(blob, 0)->picker, "p"));
	assert_int_equal(((const struct rp_params_picker *)params("p"))->endpoints_max, 1);
	must_load("saturationDetector: {pluginRef: utilization-detector}");
	must_load("parser: {pluginRef: openai-parser}");
	assert_int_equal(blob->parser_count, 1);
	must_load("parser: {pluginRef: nope}\nrequestHandler: {parsers: [{pluginRef: "
		  "passthrough-parser}]}");
	assert_true(is_named(rp_config_blob_parser(blob, 0), "passthrough-parser"));
	must_load("featureGates: [flowControl, \"flowControl= False \", "
		  "haPopulateNonLeaderDatastore=0]");
}

static void deprecated_block_size_is_carried_over(void **state)
{
	const struct rp_params_approx_prefix_cache_producer *producer;

	(void)state;
	must_load("plugins: [{type: approx-prefix-cache-producer, parameters: {blockSize: 64, "
		  "maxPrefixBlocksToMatch: -5, lruCapacityPerServer: 0}}]");
	producer = params("approx-prefix-cache-producer");
	assert_int_equal(producer->block_size_tokens, 64);
	assert_int_equal(producer->max_prefix_blocks, 0);
	assert_int_equal(producer->lru_capacity_per_server, 31250);
	assert_int_equal(control.warning_count, 1);
	must_load("plugins: [{type: approx-prefix-cache-producer, parameters: {blockSize: 64, "
		  "blockSizeTokens: 32}}]");
	producer = params("approx-prefix-cache-producer");
	assert_int_equal(producer->block_size_tokens, 32);
}

static void each_prefix_scorer_reads_the_producer_it_names(void **state)
{
	const struct rp_params_prefix_cache_scorer *scorer;
	const struct rp_params_approx_prefix_cache_producer *producer;

	(void)state;
	must_load(
		"plugins:\n"
		"- {type: prefix-cache-scorer, name: a, parameters: {prefixMatchInfoProducerName: "
		"long}}\n"
		"- {type: prefix-cache-scorer, name: b}\n"
		"- {type: approx-prefix-cache-producer, name: long}\n");
	scorer = params("a");
	assert_int_equal(scorer->producer, find("long"));
	scorer = params("b");
	assert_int_equal(scorer->producer, find("approx-prefix-cache-producer"));
	assert_int_equal(blob->match_info_count, 2);
	assert_int_equal(blob->producer_count, 3);
	assert_true(is_named(rp_config_blob_producer(blob, 0), "token-producer"));
	producer = params("long");
	assert_int_equal(producer->producer_slot, 0);
	producer = params("approx-prefix-cache-producer");
	assert_int_equal(producer->producer_slot, 1);
}

static void plugin_statistics_are_named_by_extension_point(void **state)
{
	(void)state;
	must_load("");
	for (uint32_t i = 0; i < blob->plugin_count; i++) {
		const struct rp_config_plugin *plugin = rp_config_blob_plugin(blob, i);
		const struct rp_plugin_stat *stat;

		if (plugin->stat_first == RP_CONFIG_NONE) {
			assert_true(plugin->type == RP_PLUGIN_METRICS_DATA_SOURCE ||
				    plugin->type == RP_PLUGIN_CORE_METRICS_EXTRACTOR ||
				    plugin->type == RP_PLUGIN_FCFS_ORDERING_POLICY ||
				    plugin->type == RP_PLUGIN_GLOBAL_STRICT_FAIRNESS_POLICY ||
				    plugin->type == RP_PLUGIN_STATIC_USAGE_LIMIT_POLICY);
			continue;
		}
		stat = &stats[plugin->stat_first];
		if (plugin->type == RP_PLUGIN_APPROX_PREFIX_CACHE_PRODUCER) {
			assert_int_equal(stat[0].extension_point, RP_EXT_DATA_PRODUCER);
			assert_int_equal(stat[1].extension_point, RP_EXT_PRE_REQUEST);
			assert_string_equal(stat[1].plugin_name, "approx-prefix-cache-producer");
		} else if (plugin->type == RP_PLUGIN_SINGLE_PROFILE_HANDLER) {
			assert_int_equal(stat[0].extension_point, RP_EXT_PROFILE_PICKER);
			assert_int_equal(stat[1].extension_point, RP_EXT_PROCESS_RESULTS);
		} else if (plugin->type == RP_PLUGIN_QUEUE_SCORER) {
			assert_int_equal(stat[0].extension_point, RP_EXT_SCORER);
			assert_string_equal(stat[0].plugin_type, "queue-scorer");
		}
	}
}

static void expect_point(const char *plugin, enum rp_extension_point point)
{
	for (uint32_t i = 0; i < blob->plugin_count; i++) {
		const struct rp_config_plugin *record = rp_config_blob_plugin(blob, i);

		if (!rp_bytes_equal_str(rp_config_blob_str(blob, record->name), plugin))
			continue;
		assert_int_equal(record->stat_points, 1u << (unsigned)point);
		assert_int_equal(stats[record->stat_first].extension_point, point);
		return;
	}
	fail_msg("there is no %s", plugin);
}

static void what_comes_before_scheduling_has_its_statistics(void **state)
{
	static const char text[] =
		"plugins:\n"
		"- type: probabilistic-admitter\n"
		"- type: agent-identity\n"
		"- type: disaggregatedset-rollout-screener\n"
		"  parameters: {scope: {labelSelector: a}, revisionGating: {mode: disabled},\n"
		"    headerSelectors: [{name: a, headerName: x-a, labelKey: a, mode: strict}]}\n";

	(void)state;
	diag = (struct rp_diag){0};
	assert_int_equal(rp_config_load("epp.yaml", rp_bytes_str(text), true, 7, blob,
					RP_CONFIG_BLOB_BYTES, stats, &control, &diag),
			 RP_OK);
	expect_point("probabilistic-admitter", RP_EXT_ADMISSION);
	expect_point("agent-identity", RP_EXT_REQUEST_HEADER);
	expect_point("disaggregatedset-rollout-screener", RP_EXT_SCREENER);
	assert_string_equal(rp_extension_point_name(RP_EXT_ADMISSION), "Admission");
	assert_string_equal(rp_extension_point_name(RP_EXT_REQUEST_HEADER), "RequestHeader");
	assert_string_equal(rp_extension_point_name(RP_EXT_SCREENER), "Screener");
}

static void data_sources_are_chosen_as_listed(void **state)
{
	(void)state;
	must_load("plugins:\n"
		  "- {type: metrics-data-source, name: mine, parameters: {port: 9400, path: /m}}\n"
		  "- type: core-metrics-extractor\n"
		  "dataLayer: {sources: [{pluginRef: mine, extractors: [{pluginRef: "
		  "core-metrics-extractor}]}]}\n");
	assert_int_equal(control.scrape_port, 9400);
	assert_string_equal(control.scrape_path, "/m");
	assert_int_equal(control.warning_count, 1);
	assert_non_null(strstr(control.warning[0], "'metrics-data-source' is ignored"));
	must_load("plugins: [{type: metrics-data-source, parameters: {port: 9401}}]");
	assert_int_equal(control.scrape_port, 9401);
	must_load("dataLayer: {injectDefaults: false}");
	assert_false(control.has_metrics_source);
}

/* The index is where control writes the figure and where a plugin reads it. */
static void attributes_are_numbered_as_the_engines_name_them_first(void **state)
{
	char text[4096];
	int n;

	(void)state;
	must_load("plugins: [{type: core-metrics-extractor, parameters: {engineConfigs: ["
		  "{name: a, customMetrics: [{attributeKey: x, metricSpec: m}, "
		  "{attributeKey: y/z, metricSpec: 'n{a=b}'}]}, {name: b}, "
		  "{name: c, customMetrics: [{attributeKey: w, metricSpec: o}, "
		  "{attributeKey: x, metricSpec: p}]}]}}]");
	assert_int_equal(control.attributes.count, 3);
	assert_int_equal(rp_engine_attribute_index(&control.attributes, RP_BYTES_LIT("x")), 0);
	assert_int_equal(rp_engine_attribute_index(&control.attributes, RP_BYTES_LIT("y/z")), 1);
	assert_int_equal(rp_engine_attribute_index(&control.attributes, RP_BYTES_LIT("w")), 2);
	assert_true(rp_engine_attribute_index(&control.attributes, RP_BYTES_LIT("")) == UINT32_MAX);
	assert_string_equal(control.engine[0].custom_spec[0], "m");
	assert_string_equal(control.engine[0].custom_spec[1], "n{a=b}");
	assert_string_equal(control.engine[0].custom_spec[2], "");
	assert_string_equal(control.engine[1].custom_spec[0], "");
	assert_string_equal(control.engine[2].custom_spec[0], "p");
	assert_string_equal(control.engine[2].custom_spec[2], "o");

	for (uint32_t count = RP_CUSTOM_FIGURES_MAX; count <= RP_CUSTOM_FIGURES_MAX + 1; count++) {
		n = snprintf(text, sizeof(text),
			     "plugins: [{type: core-metrics-extractor, parameters: "
			     "{engineConfigs: [{name: a, customMetrics: [");
		for (uint32_t i = 0; i < count; i++)
			n += snprintf(text + n, sizeof(text) - (size_t)n,
				      "{attributeKey: k%u, metricSpec: m}, ", i);
		snprintf(text + n, sizeof(text) - (size_t)n, "]}]}}]");
		if (count <= RP_CUSTOM_FIGURES_MAX) {
			must_load(text);
			continue;
		}
		assert_int_equal(load(text), RP_ECONFIG);
		assert_non_null(strstr(diag.message, "at most 16 different attributeKeys"));
	}
	must_load("");
	assert_int_equal(control.attributes.count, 0);
}

static void what_is_ignored_is_told(void **state)
{
	(void)state;
	must_load("flowControl: {maxRequests: \"2k\", defaultRequestTTL: 5s}");
	assert_int_equal(control.warning_count, 1);
	assert_non_null(strstr(control.warning[0], "flowControl is ignored"));
	must_load("flowControl: {saturationDetector: {pluginRef: utilization-detector}}");
	assert_int_equal(control.warning_count, 0);
	must_load("plugins: [{type: core-metrics-extractor, parameters: {engineConfigs: [{name: a, "
		  "customMetrics: [{attributeKey: k, metricSpec: m}]}]}}]");
	assert_int_equal(control.warning_count, 0);
	must_load("plugins: [{type: token-producer, parameters: {estimate: {image: {mode: "
		  "static}}}}]");
	assert_int_equal(control.warning_count, 0);
	assert_int_equal(((const struct rp_params_token_producer *)params("token-producer"))
				 ->is_image_static,
			 1);
	must_load("plugins: [{type: token-producer, parameters: {estimate: {image: {mode: "
		  "dynamic}}}}]");
	assert_int_equal(control.warning_count, 0);
}

static void more_than_fits_is_refused(void **state)
{
	char *text = test_malloc(1 << 20);
	size_t len = (size_t)snprintf(text, 1 << 20, "plugins:\n");

	(void)state;
	for (unsigned i = 0; i <= RP_PLUGINS_MAX; i++)
		len += (size_t)snprintf(text + len, (1 << 20) - len,
					"- {type: queue-scorer, name: s%u}\n", i);
	assert_int_equal(load(text), RP_ETOOBIG);
	assert_int_equal(diag.line, RP_PLUGINS_MAX + 2);
	len = (size_t)snprintf(text, 1 << 20, "plugins:\n");
	for (unsigned i = 0; i < RP_PLUGINS_MAX - 1; i++)
		len += (size_t)snprintf(text + len, (1 << 20) - len,
					"- {type: openai-parser, name: s%u}\n", i);
	assert_int_equal(load(text), RP_ETOOBIG);
	snprintf(text, 1 << 20, "plugins: [{type: queue-scorer, name: %0300d}]", 1);
	assert_int_equal(load(text), RP_ECONFIG);
	test_free(text);
	assert_int_equal(
		rp_config_load("x", RP_BYTES_LIT(""), false, 1, blob, 512, stats, &control, &diag),
		RP_ETOOBIG);
	assert_int_equal(
		rp_config_load("x", RP_BYTES_LIT(""), false, 1, blob, 8, stats, &control, NULL),
		RP_ETOOBIG);
}

/* Cut at each offset: an answer with a message, never a crash or a leak. */
static void every_prefix_of_a_sample_is_safe(void **state)
{
	static char text[1 << 16];
	FILE *file = fopen("config/samples/file-discovery.yaml", "rb");

	(void)state;
	assert_non_null(file);
	size_t bytes = fread(text, 1, sizeof(text), file);

	fclose(file);
	for (size_t len = 0; len < bytes; len++) {
		char *copy = test_malloc(len + 1);

		memcpy(copy, text, len);
		diag.message[0] = '\0';
		if (rp_config_load("x", rp_bytes(copy, len), false, 1, blob, RP_CONFIG_BLOB_BYTES,
				   stats, &control, &diag) != RP_OK)
			assert_true(diag.message[0] != '\0');
		test_free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(howto_sample_loads_with_its_weights),
		cmocka_unit_test(no_configuration_means_the_same_as_the_howto),
		cmocka_unit_test(file_discovery_sample_loads),
		cmocka_unit_test(a_metrics_path_may_lack_its_slash),
		cmocka_unit_test(engines_sample_hands_control_its_entries),
		cmocka_unit_test(errors_of_the_text_say_where_and_why),
		cmocka_unit_test(errors_of_plugins_say_where_and_why),
		cmocka_unit_test(errors_between_sections_say_where_and_why),
		cmocka_unit_test(defaults_apply_where_something_is_missing),
		cmocka_unit_test(deprecated_block_size_is_carried_over),
		cmocka_unit_test(each_prefix_scorer_reads_the_producer_it_names),
		cmocka_unit_test(plugin_statistics_are_named_by_extension_point),
		cmocka_unit_test(what_comes_before_scheduling_has_its_statistics),
		cmocka_unit_test(data_sources_are_chosen_as_listed),
		cmocka_unit_test(attributes_are_numbered_as_the_engines_name_them_first),
		cmocka_unit_test(what_is_ignored_is_told),
		cmocka_unit_test(more_than_fits_is_refused),
		cmocka_unit_test(every_prefix_of_a_sample_is_safe),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
