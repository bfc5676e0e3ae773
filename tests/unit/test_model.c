/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of the load pipeline (scheduling reference 1.4 to 1.8), one by one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "config/effective.h"

static struct rp_config_control control;
static struct rp_diag diag;
static struct rp_effective *effective;

static int drop(void **state)
{
	(void)state;
	rp_effective_free(effective);
	effective = NULL;
	return 0;
}

static int load(const char *text)
{
	rp_effective_free(effective);
	effective = NULL;
	diag = (struct rp_diag){0};
	return rp_effective_load("epp.yaml", rp_bytes_str(text), true, &effective, &control, &diag);
}

static void must_load(const char *text)
{
	if (load(text) != RP_OK)
		fail_msg("%s\n-> %u:%u: %s", text, diag.line, diag.column, diag.message);
}

static void must_fail(const char *text, uint32_t line, uint32_t column, const char *part)
{
	if (load(text) == RP_OK || diag.line != line || diag.column != column ||
	    strstr(diag.message, part) == NULL)
		fail_msg("%s\n-> %u:%u: %s", text, diag.line, diag.column, diag.message);
}

struct search {
	enum rp_effective_part part;
	const char *text; /* NULL: collect all, with blanks between */
	unsigned count;
	char all[4096];
};

static void look(void *user, enum rp_effective_part part, const char *text)
{
	struct search *search = user;
	size_t len = strlen(search->all);

	if (part != search->part)
		return;
	search->count += search->text == NULL || strcmp(text, search->text) == 0;
	snprintf(search->all + len, sizeof(search->all) - len, "%s%s", len == 0 ? "" : " ", text);
}

static unsigned count_of(enum rp_effective_part part, const char *text)
{
	struct search search = {.part = part, .text = text};

	rp_effective_list(effective, look, &search);
	return search.count;
}

static void must_have(const char *plugin)
{
	if (count_of(RP_EFFECTIVE_PLUGIN, plugin) != 1)
		fail_msg("no plugin %s", plugin);
}

static void must_be(enum rp_effective_part part, const char *all)
{
	struct search search = {.part = part};

	rp_effective_list(effective, look, &search);
	assert_string_equal(search.all, all);
}

static bool is_warned(const char *part)
{
	for (uint32_t i = 0; i < control.warning_count; i++) {
		if (strstr(control.warning[i], part) != NULL)
			return true;
	}
	return false;
}

static void must_refuse(const char *text, uint32_t line, uint32_t column, const char *part)
{
	must_load(text);
	if (rp_effective_check(effective, &diag) == RP_OK || diag.line != line ||
	    diag.column != column || strstr(diag.message, part) == NULL)
		fail_msg("%s\n-> %u:%u: %s", text, diag.line, diag.column, diag.message);
}

static void the_default_profile_has_every_filter_scorer_and_picker(void **state)
{
	(void)state;
	must_load("plugins: [{type: random-picker}, {type: queue-scorer}, {type: openai-parser}, "
		  "{type: utilization-detector}, {type: context-length-aware}]");
	must_be(RP_EFFECTIVE_PROFILE, "default");
	must_be(RP_EFFECTIVE_PROFILE_PLUGIN,
		"random-picker queue-scorer*1 utilization-detector context-length-aware*1");
	must_fail("plugins: [{type: random-picker}, {type: max-score-picker}]", 1, 34,
		  "failed to set 'max-score-picker' as picker, already have a registered picker "
		  "plugin 'random-picker'");
}

static void a_profile_without_a_picker_takes_the_first_configured_one(void **state)
{
	(void)state;
	must_load("plugins: [{type: weighted-random-picker, name: w}, {type: random-picker}]\n"
		  "schedulingProfiles: [{name: d}]");
	must_be(RP_EFFECTIVE_PROFILE_PLUGIN, "w");
	assert_int_equal(count_of(RP_EFFECTIVE_PLUGIN, "max-score-picker (max-score-picker)"), 0);
}

static void a_weight_is_kept_as_it_is_written(void **state)
{
	(void)state;
	must_load("plugins: [{type: queue-scorer}]\n"
		  "schedulingProfiles: [{name: d, plugins: [{pluginRef: queue-scorer, weight: "
		  "-2.25}, "
		  "{pluginRef: queue-scorer, weight: 0}, {pluginRef: queue-scorer, weight: 0.1}, "
		  "{pluginRef: queue-scorer, weight: 1e30}]}]");
	must_be(RP_EFFECTIVE_PROFILE_PLUGIN, "queue-scorer*-2.25 queue-scorer*0 queue-scorer*0.1 "
					     "queue-scorer*1e+30 max-score-picker");
}

static void policies_are_always_there(void **state)
{
	(void)state;
	must_load("plugins: []");
	must_have("fcfs-ordering-policy (fcfs-ordering-policy)");
	must_have("global-strict-fairness-policy (global-strict-fairness-policy)");
	must_have("static-usage-limit-policy (static-usage-limit-policy-type)");
	must_load("plugins: [{type: edf-ordering-policy, name: fcfs-ordering-policy}]");
	must_have("fcfs-ordering-policy (edf-ordering-policy)");
}

static void parsers_are_four_or_those_of_the_file(void **state)
{
	(void)state;
	must_load("plugins: []");
	must_be(RP_EFFECTIVE_PARSER,
		"openai-parser anthropic-parser vllmhttp-parser passthrough-parser");
	must_load("requestHandler: {parsers: [{pluginRef: sglanghttp-parser}, {pluginRef: mine}]}\n"
		  "plugins: [{type: openai-parser, name: mine}]\nparser: {pluginRef: nope}");
	must_be(RP_EFFECTIVE_PARSER, "sglanghttp-parser mine");
	must_have("sglanghttp-parser (sglanghttp-parser)");
	assert_true(is_warned("the top-level parser is deprecated"));
	must_fail("requestHandler: {parsers: [{pluginRef: queue-scorer}]}", 1, 40,
		  "'queue-scorer' is not a parser");
}

static void the_saturation_detector_is_found_by_name(void **state)
{
	(void)state;
	must_load("plugins: []");
	must_be(RP_EFFECTIVE_DETECTOR, "utilization-detector");
	must_load("flowControl: {saturationDetector: {}}");
	must_be(RP_EFFECTIVE_DETECTOR, "utilization-detector");
	must_load("plugins: [{type: concurrency-detector, name: c}]\n"
		  "flowControl: {saturationDetector: {pluginRef: c}}");
	must_be(RP_EFFECTIVE_DETECTOR, "c");
	must_have("inflight-load-producer (inflight-load-producer)");
	assert_false(is_warned("flowControl"));
	must_load("plugins: [{type: concurrency-detector, name: c}]\n"
		  "saturationDetector: {pluginRef: c}");
	must_be(RP_EFFECTIVE_DETECTOR, "c");
	assert_true(is_warned("top-level saturationDetector is deprecated"));
	must_load("saturationDetector: {pluginRef: nope}\n"
		  "flowControl: {saturationDetector: {pluginRef: utilization-detector}}");
	must_be(RP_EFFECTIVE_DETECTOR, "utilization-detector");
	must_fail("plugins: [{type: queue-scorer, name: utilization-detector}]", 1, 11,
		  "'utilization-detector' is not a SaturationDetector");
	must_fail("flowControl: {saturationDetector: {pluginRef: concurrency-detector}}", 1, 47,
		  "references undefined plugin 'concurrency-detector'");
}

static void the_default_source_goes_by_the_reference_not_the_type(void **state)
{
	(void)state;
	must_load("plugins: [{type: metrics-data-source, name: mine}, {type: "
		  "core-metrics-extractor}]\ndataLayer: {sources: [{pluginRef: mine, extractors: "
		  "[{pluginRef: core-metrics-extractor}]}]}");
	must_be(RP_EFFECTIVE_SOURCE, "mine metrics-data-source");
	must_load("plugins: [{type: metrics-data-source}, {type: core-metrics-extractor}]\n"
		  "dataLayer: {sources: [{pluginRef: metrics-data-source}]}");
	must_be(RP_EFFECTIVE_SOURCE, "metrics-data-source");
	must_load("dataLayer: {injectDefaults: false}");
	must_be(RP_EFFECTIVE_SOURCE, "");
	must_fail("dataLayer: {sources: [{pluginRef: metrics-data-source}]}", 1, 23,
		  "the plugin 'metrics-data-source' is not registered");
	must_fail("plugins: [{type: metrics-data-source}]\ndataLayer: {sources: [{pluginRef: "
		  "metrics-data-source, extractors: [{pluginRef: x}]}]}",
		  2, 81, "the plugin 'x' is not registered");
}

static void an_extractor_that_is_listed_is_enough_for_its_keys(void **state)
{
	(void)state;
	must_load("plugins: [{type: queue-scorer}, {type: core-metrics-extractor, name: e}]\n"
		  "dataLayer: {injectDefaults: false}");
	assert_true(is_warned("'e' belongs to no metrics-data-source"));
	must_fail("plugins: [{type: lora-affinity-scorer}]\ndataLayer: {injectDefaults: false}", 1,
		  11, "ActiveModels/core-metrics-extractor, consumed by lora-affinity-scorer");
	must_fail("plugins: [{type: running-requests-size-scorer}]\n"
		  "dataLayer: {injectDefaults: false}",
		  1, 11, "RunningRequestsSize/core-metrics-extractor");
	must_load("plugins: [{type: load-aware-scorer}]\ndataLayer: {injectDefaults: false}");
}

static void producers_are_created_until_nothing_is_missing(void **state)
{
	(void)state;
	must_load("plugins: [{type: latency-scorer}]");
	must_have("predicted-latency-producer (predicted-latency-producer)");
	must_have("inflight-load-producer (inflight-load-producer)");
	must_have("approx-prefix-cache-producer (approx-prefix-cache-producer)");
	must_have("token-producer (token-producer)");
	must_load("plugins: [{type: mm-embeddings-cache-scorer}]");
	must_have("mm-embeddings-cache-producer (mm-embeddings-cache-producer)");
	must_have("token-producer (token-producer)");
	must_load("plugins: [{type: token-load-scorer}]");
	must_have("inflight-load-producer (inflight-load-producer)");
	must_load("plugins: [{type: topology-affinity-scorer}]");
	assert_true(is_warned("optional data key Topology/topology-extractor has no producer"));
	must_load("plugins: [{type: topology-affinity-scorer}, {type: topology-extractor}]");
	assert_false(is_warned("has no producer"));
}

static void a_renamed_producer_is_another_one(void **state)
{
	(void)state;
	must_load("plugins: [{type: approx-prefix-cache-producer, name: long}, {type: "
		  "prefix-cache-scorer}]");
	must_have("long (approx-prefix-cache-producer)");
	must_have("approx-prefix-cache-producer (approx-prefix-cache-producer)");
	must_load("plugins: [{type: tokenizer, name: token-producer}, {type: "
		  "context-length-aware}]");
	must_have("token-producer (token-producer)");
	must_load("plugins: [{type: tokenizer}, {type: context-length-aware}]");
	must_have("tokenizer (token-producer)");
	must_have("token-producer (token-producer)");
	must_load("plugins: [{type: burst-prefix-cache-producer, name: "
		  "approx-prefix-cache-producer}, {type: prefix-cache-scorer}]");
	must_have("approx-prefix-cache-producer (burst-prefix-cache-producer)");
}

static void sessions_are_read_from_who_finds_them(void **state)
{
	(void)state;
	must_load("plugins: [{type: session-affinity-scorer, parameters: {strategy: session_id, "
		  "sessionIdConfig: {sources: [{attribute: SessionIDDataKey, producer: "
		  "session-id-producer}, {attribute: agent-identity}]}}}, {type: "
		  "session-id-producer, parameters: {headerName: x-s}}, {type: agent-identity}]");
	assert_false(is_warned("has no producer"));
	must_load("plugins: [{type: session-affinity-scorer, parameters: {strategy: session_id, "
		  "sessionIdConfig: {sources: [{attribute: SessionIDDataKey, producer: other}]}}}, "
		  "{type: session-id-producer, parameters: {headerName: x-s}}]");
	assert_true(is_warned("optional data key SessionIDDataKey/other has no producer"));
}

static void parameters_of_unbuilt_types_count_where_others_depend_on_them(void **state)
{
	(void)state;
	must_fail("plugins: [{type: predicted-latency-producer, parameters: "
		  "{prefixMatchInfoProducerName: x}}]",
		  1, 11, "missing data key PrefixCacheMatchInfoDataKey/x, consumed by predicted");
	must_load("plugins: [{type: predicted-latency-producer, parameters: "
		  "{useEncoderCacheFeatures: true}}]");
	must_have("mm-embeddings-cache-producer (mm-embeddings-cache-producer)");
	must_load("plugins: [{type: precise-prefix-cache-scorer, name: s}]");
	must_have("s (precise-prefix-cache-scorer)");
	must_have("token-producer (token-producer)");
	must_load("plugins: [{type: precise-prefix-cache-scorer, name: s}, {type: "
		  "precise-prefix-cache-producer}]");
	must_have("s (prefix-cache-scorer)");
	must_fail("plugins: [{type: precise-prefix-cache-scorer}, {type: "
		  "precise-prefix-cache-producer, name: a}, {type: "
		  "precise-prefix-cache-producer, name: b}]",
		  1, 11, "multiple precise-prefix-cache-producer instances configured ('a', 'b')");
}

static void predictions_that_a_default_asks_for_are_only_warned_of(void **state)
{
	(void)state;
	must_load("plugins: [{type: slo-headroom-tier-filter}]");
	assert_true(
		is_warned("'slo-headroom-tier-filter' reads latency predictions, and this build "
			  "has no predictor"));
	must_refuse("plugins:\n- {type: predicted-latency-producer}\n", 2, 10,
		    "plugin type 'predicted-latency-producer' is known but not built yet");
}

static void what_is_missing_is_refused_at_the_end_with_its_place(void **state)
{
	(void)state;
	must_refuse("plugins:\n- type: precise-prefix-cache-producer\n", 2, 9,
		    "plugin type 'precise-prefix-cache-producer' is known but not built yet: it "
		    "needs KV cache events");
	must_refuse("requestHandler: {parsers: [{pluginRef: vllmgrpc-parser}]}", 1, 40,
		    "plugin type 'vllmgrpc-parser' is known but not built yet");
	must_refuse("featureGates: [flowControl]", 1, 15, "it needs the queueing layer");
	must_refuse("dataLayer: {peerDiscovery: {pluginRef: x}}", 1, 28, "leave it out");
	must_refuse("dataLayer: {discovery: {pluginRef: x}}", 1, 36,
		    "references undefined plugin 'x'");
	must_fail("plugins: [{type: precise-prefix-cache-producer, parameters: {indexerConfig: "
		  "{tokenizersPoolConfig: {}}}}]",
		  1, 100, "tokenizersPoolConfig is not supported");
}

static void experimental_plugins_are_named_all_at_once(void **state)
{
	(void)state;
	assert_int_equal(rp_effective_load("x",
					   RP_BYTES_LIT("plugins:\n"
							"- type: topology-affinity-scorer\n"
							"- type: queue-scorer\n"
							"- {type: topology-extractor, name: t}\n"),
					   false, &effective, &control, &diag),
			 RP_ECONFIG);
	assert_int_equal(diag.line, 2);
	assert_non_null(strstr(diag.message, "'topology-affinity-scorer' (type: "
					     "topology-affinity-scorer), 't' (type: "
					     "topology-extractor); start with "
					     "--allow-experimental-plugins"));
}

static void deprecated_plugins_are_named_with_what_to_use(void **state)
{
	(void)state;
	must_load("plugins: [{type: tokenizer, name: t}]");
	assert_true(is_warned("plugin 't': type tokenizer is deprecated; use token-producer"));
	must_load("plugins: [{type: data-parallel-profile-handler}]");
	assert_true(is_warned("data-parallel-profile-handler is deprecated"));
}

static void deciders_are_found_wherever_they_stand(void **state)
{
	(void)state;
	must_load("plugins: [{type: pd-profile-handler}, {type: prefix-based-pd-decider}]");
	must_fail("plugins: [{type: pd-profile-handler}]", 1, 11,
		  "a plugin has a dependency on the unregistered plugin prefix-based-pd-decider");
	must_fail("plugins: [{type: disagg-profile-handler, parameters: {deciders: {prefill: "
		  "nope}}}]",
		  1, 75, "a plugin has a dependency on the unregistered plugin nope");
	must_fail("plugins: [{type: queue-scorer}, {type: disagg-profile-handler, parameters: "
		  "{deciders: {encode: queue-scorer}}}]",
		  1, 96, "is no decider");
	must_fail("plugins: [{type: disagg-profile-handler, name: a, parameters: {deciders: "
		  "{prefill: a}}}]",
		  1, 84, "is no decider");
}

static void flow_control_is_checked_with_its_gate_only(void **state)
{
	static const struct {
		const char *section;
		uint32_t column;
		const char *part;
	} cases[] = {
		{"maxBytes: \"-1\"", 25, "maxBytes must be non-negative, got -1"},
		{"maxRequests: -5", 28, "maxRequests must be non-negative"},
		{"defaultRequestTTL: \"-1s\"", 34, "defaultRequestTTL must be non-negative"},
		{"noEndpointRequestTTL: \"-1s\"", 37, "noEndpointRequestTTL must be"},
		{"usageLimitPolicyPluginRef: nope", 42, "plugin \"nope\" not found"},
		{"usageLimitPolicyPluginRef: fcfs-ordering-policy", 42, "is no usage limit policy"},
		{"priorityBands: [{priority: 1}, {priority: 1}]", 57, "duplicate priority level 1"},
		{"priorityBands: [{}, {maxBytes: 1}]", 35, "duplicate priority level 0"},
		{"priorityBands: [{maxBytes: -1}]", 42, "maxBytes must be non-negative"},
		{"priorityBands: [{orderingPolicyRef: x}]", 51, "plugin \"x\" not found"},
		{"defaultPriorityBand: {fairnessPolicyRef: fcfs-ordering-policy}", 56,
		 "is no fairness policy"},
		{"defaultNegativePriorityBand: {maxRequests: -1}", 58, "maxRequests must be"},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		snprintf(text, sizeof(text), "featureGates: [flowControl]\nflowControl: {%s}",
			 cases[i].section);
		must_fail(text, 2, cases[i].column, cases[i].part);
		snprintf(text, sizeof(text), "flowControl: {%s}", cases[i].section);
		must_load(text);
		assert_true(is_warned("flowControl is ignored, but for its saturationDetector"));
	}
	must_load("featureGates: [flowControl]\n"
		  "plugins: [{type: round-robin-fairness-policy}, {type: edf-ordering-policy}]\n"
		  "flowControl: {maxBytes: 1Gi, defaultRequestTTL: 0s, priorityBands: [{priority: "
		  "-1, "
		  "fairnessPolicyRef: round-robin-fairness-policy, orderingPolicyRef: "
		  "edf-ordering-policy}, {priority: 1}], usageLimitPolicyPluginRef: "
		  "static-usage-limit-policy}");
	must_be(RP_EFFECTIVE_GATE, "flowControl=true haPopulateNonLeaderDatastore=true");
	assert_int_equal(control.warning_count, 0);
}

static void flow_control_without_settings_is_not_warned_of(void **state)
{
	static const char *const sections[] = {
		"{}",
		"null",
		"{enableEviction: true}",
		"{saturationDetector: {pluginRef: utilization-detector}, enableEviction: true}",
		"{maxBytes: null, priorityBands: [], usageLimitPolicyPluginRef: \"\"}",
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(sections); i++) {
		snprintf(text, sizeof(text), "flowControl: %s", sections[i]);
		must_load(text);
		assert_int_equal(control.warning_count, 0);
	}
	must_load("flowControl: {defaultPriorityBand: {}}");
	assert_int_equal(control.warning_count, 1);
}

static void more_bands_than_fit_are_refused(void **state)
{
	char text[4096] = "flowControl: {priorityBands: [";
	size_t len = strlen(text);

	(void)state;
	for (unsigned i = 0; i <= RP_PRIORITY_BANDS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "{priority: %u},", i);
	snprintf(text + len, sizeof(text) - len, "]}");
	assert_int_not_equal(load(text), RP_OK);
	assert_non_null(strstr(diag.message, "priority bands"));
}

static void gates_are_read_as_upstream_does(void **state)
{
	(void)state;
	must_load("featureGates: [flowControl, \"flowControl=F\", "
		  "\"haPopulateNonLeaderDatastore= FALSE =x\"]");
	must_be(RP_EFFECTIVE_GATE, "flowControl=false haPopulateNonLeaderDatastore=false");
	must_load("featureGates: [\"flowControl=1=0\"]");
	must_be(RP_EFFECTIVE_GATE, "flowControl=true haPopulateNonLeaderDatastore=true");
	must_fail("featureGates: [\"flowControl=maybe\"]", 1, 16, "got 'maybe'");
	must_fail("featureGates: [\"flowControl=\"]", 1, 16, "must be set to true or false");
	must_fail("featureGates: [\"flowControl =true\"]", 1, 16, "is unknown");
	must_fail("featureGates: [prepareDataPlugins]", 1, 16,
		  "feature gate 'prepareDataPlugins' is unknown or unregistered");
}

static void too_many_load_producers_are_refused(void **state)
{
	(void)state;
	assert_int_equal(load("plugins: [{type: inflight-load-producer, name: a}, "
			      "{type: inflight-load-producer, name: b}, "
			      "{type: inflight-load-producer, name: c}, "
			      "{type: inflight-load-producer, name: d}, "
			      "{type: inflight-load-producer, name: e}]"),
			 RP_ETOOBIG);
	assert_non_null(strstr(diag.message, "more than 4 plugins of type inflight-load-producer"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_profile_has_every_filter_scorer_and_picker),
		cmocka_unit_test(a_profile_without_a_picker_takes_the_first_configured_one),
		cmocka_unit_test(a_weight_is_kept_as_it_is_written),
		cmocka_unit_test(policies_are_always_there),
		cmocka_unit_test(parsers_are_four_or_those_of_the_file),
		cmocka_unit_test(the_saturation_detector_is_found_by_name),
		cmocka_unit_test(the_default_source_goes_by_the_reference_not_the_type),
		cmocka_unit_test(an_extractor_that_is_listed_is_enough_for_its_keys),
		cmocka_unit_test(producers_are_created_until_nothing_is_missing),
		cmocka_unit_test(a_renamed_producer_is_another_one),
		cmocka_unit_test(sessions_are_read_from_who_finds_them),
		cmocka_unit_test(parameters_of_unbuilt_types_count_where_others_depend_on_them),
		cmocka_unit_test(predictions_that_a_default_asks_for_are_only_warned_of),
		cmocka_unit_test(what_is_missing_is_refused_at_the_end_with_its_place),
		cmocka_unit_test(experimental_plugins_are_named_all_at_once),
		cmocka_unit_test(deprecated_plugins_are_named_with_what_to_use),
		cmocka_unit_test(deciders_are_found_wherever_they_stand),
		cmocka_unit_test(flow_control_is_checked_with_its_gate_only),
		cmocka_unit_test(flow_control_without_settings_is_not_warned_of),
		cmocka_unit_test(more_bands_than_fit_are_refused),
		cmocka_unit_test(gates_are_read_as_upstream_does),
		cmocka_unit_test(too_many_load_producers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, drop);
}
