/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters of each plugin type: what they are without any, and what the file may
 * change. Defaults are upstream's (scheduling reference, 2.3 to 6.2).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/params_bed.h"

static void must_read(enum rp_plugin_type type, const char *text)
{
	int r = read_params(type, text);

	if (r != RP_OK)
		print_error("%s %s: %s\n", rp_plugin_type_name(type), text, diag.message);
	assert_int_equal(r, RP_OK);
}

static bool is_str(struct rp_config_str str, const char *text)
{
	return rp_bytes_equal_str(rp_pool_str(&model->pool, str), text);
}

static const void *list_of(struct rp_config_list list)
{
	return rp_pool_list(&model->pool, list);
}

static void every_type_without_parameters_has_its_defaults_or_says_what_it_needs(void **state)
{
	(void)state;
	for (uint32_t type = 0; type < RP_PLUGIN_TYPE_COUNT; type++) {
		size_t count;
		const struct rp_param *param =
			rp_param_set(rp_plugin_type_params((enum rp_plugin_type)type), &count);
		bool is_needy = false;

		for (size_t i = 0; i < count; i++)
			is_needy |= strstr(param[i].name, "[].") == NULL &&
				    (rp_param_is_required(&param[i]) ||
				     (param[i].kind == RP_PARAM_LIST &&
				      rp_param_has_flag(&param[i], '+')));
		is_needy |= type == RP_PLUGIN_SESSION_ID_PRODUCER;
		int r = read_params((enum rp_plugin_type)type, "");

		assert_int_equal(r, is_needy ? RP_ECONFIG : RP_OK);
		if (is_needy)
			assert_non_null(
				strstr(diag.message, "failed to create plugin 'p' (type: "));
	}
	done();
}

static void every_set_has_room_in_the_decoders_mask_and_sound_rules(void **state)
{
	(void)state;
	for (uint32_t set = RP_PARAMS_NONE + 1; set < RP_PARAMS_SETS; set++) {
		size_t count;
		const struct rp_param *param = rp_param_set((enum rp_param_set)set, &count);

		assert_in_range(count, 1, 64);
		for (size_t i = 0; i < count; i++) {
			bool is_word = param[i].kind == RP_PARAM_WORD ||
				       param[i].kind == RP_PARAM_LOOSE_WORD;

			assert_int_equal(
				rp_param_word(&param[i], 0).len > 0,
				is_word || param[i].rule[0] == '[' || param[i].rule[0] == '(' ||
					(param[i].rule[0] != '\0' && param[i].rule[0] != '~'));
			if (param[i].text == NULL)
				continue;
			assert_true(param[i].text[0] != '\0');
			assert_null(strchr(param[i].text, '|')); /* it stands in a table */
		}
	}
}

static void never_read_parameters_may_be_anything(void **state)
{
	static const enum rp_plugin_type types[] = {
		RP_PLUGIN_QUEUE_SCORER,
		RP_PLUGIN_KV_CACHE_UTILIZATION_SCORER,
		RP_PLUGIN_RUNNING_REQUESTS_SIZE_SCORER,
		RP_PLUGIN_LORA_AFFINITY_SCORER,
		RP_PLUGIN_SINGLE_PROFILE_HANDLER,
		RP_PLUGIN_DECODE_FILTER,
		RP_PLUGIN_PREFILL_FILTER,
		RP_PLUGIN_ENCODE_FILTER,
		RP_PLUGIN_ALWAYS_DISAGG_PD_DECIDER,
		RP_PLUGIN_ALWAYS_DISAGG_MULTIMODAL_DECIDER,
		RP_PLUGIN_OPENAI_PARSER,
		RP_PLUGIN_HEADER_BASED_TESTING_FILTER,
		RP_PLUGIN_DESTINATION_ENDPOINT_SERVED_VERIFIER,
	};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(types); i++) {
		must_read(types[i], "{foo: [1, {bar: x}]}");
		must_read(types[i], "[junk]");
	}
	done();
}

static void pickers_and_handlers_have_upstreams_defaults(void **state)
{
	(void)state;
	must_read(RP_PLUGIN_RANDOM_PICKER, "");
	assert_int_equal(plugin.params.picker.endpoints_max, 1);
	must_read(RP_PLUGIN_WEIGHTED_RANDOM_PICKER, "{maxNumOfEndpoints: -3}");
	assert_int_equal(plugin.params.picker.endpoints_max, 1);
	must_read(RP_PLUGIN_MAX_SCORE_PICKER, "{maxNumOfEndpoints: 99999999999}");
	assert_int_equal(plugin.params.picker.endpoints_max, RP_ENDPOINTS_MAX);
	must_read(RP_PLUGIN_HEADER_PROFILE_HANDLER, "{headerName: \" X-Which \"}");
	assert_true(is_str(plugin.params.header_profile_handler.header_name, "x-which"));
	assert_true(is_str(plugin.params.header_profile_handler.default_profile_name, "decode"));
	assert_int_equal(plugin.params.header_profile_handler.default_profile, 0);
	must_read(RP_PLUGIN_HEADER_PROFILE_HANDLER, "{headerName: \" \", defaultProfile: other}");
	assert_true(is_str(plugin.params.header_profile_handler.header_name, "epp-profile"));
	assert_int_equal(plugin.params.header_profile_handler.default_profile, RP_CONFIG_NONE);
	must_read(RP_PLUGIN_HEADER_PROFILE_HANDLER, "{defaultProfile: \" prefill \"}");
	assert_true(is_str(plugin.params.header_profile_handler.default_profile_name, "prefill"));
	assert_int_equal(plugin.params.header_profile_handler.default_profile, 1);
	must_read(RP_PLUGIN_HEADER_PROFILE_HANDLER, "{defaultProfile: \" \"}");
	assert_true(is_str(plugin.params.header_profile_handler.default_profile_name, "decode"));
	assert_int_equal(plugin.params.header_profile_handler.default_profile, 0);
	must_read(RP_PLUGIN_DATA_PARALLEL_PROFILE_HANDLER, "");
	assert_int_equal(plugin.params.data_parallel_profile_handler.primary_port, 8000);
	must_read(RP_PLUGIN_DATA_PARALLEL_PROFILE_HANDLER, "{primaryPort: 0}");
	assert_int_equal(plugin.params.data_parallel_profile_handler.primary_port, 0);
	must_read(RP_PLUGIN_PREFILL_HEADER_HANDLER, "");
	assert_int_equal(plugin.params.disagg_headers_handler.prefill_profile, 1);
	assert_int_equal(plugin.params.disagg_headers_handler.encode_profile, RP_CONFIG_NONE);
	must_read(RP_PLUGIN_PREFIX_BASED_PD_DECIDER, "{nonCachedTokens: 512}");
	assert_int_equal(plugin.params.prefix_based_pd_decider.non_cached_tokens, 512);
	assert_int_equal(plugin.params.prefix_based_pd_decider.prefix_match_info_producer,
			 RP_CONFIG_NONE);
	done();
}

static void disaggregation_takes_both_forms_but_not_mixed(void **state)
{
	const struct rp_params_disagg_profile_handler *params =
		&plugin.params.disagg_profile_handler;

	(void)state;
	must_read(RP_PLUGIN_DISAGG_PROFILE_HANDLER, "");
	assert_int_equal(params->stage_order, RP_STAGE_DECODE_FIRST);
	assert_int_equal(params->decode_profile, 0);
	assert_int_equal(params->prefill_profile, 1);
	assert_int_equal(params->encode_profile, RP_CONFIG_NONE);
	assert_int_equal(plugin.names.decider[RP_DECIDER_PREFILL].len, 0);
	must_read(RP_PLUGIN_DISAGG_PROFILE_HANDLER, "{stageOrder: Prefill_First}");
	assert_int_equal(params->stage_order, RP_STAGE_PREFILL_FIRST);
	must_read(RP_PLUGIN_DISAGG_PROFILE_HANDLER, "{stageOrder: prefill}");
	assert_int_equal(params->stage_order, RP_STAGE_PREFILL_FIRST);
	must_read(RP_PLUGIN_DISAGG_PROFILE_HANDLER,
		  "{stageOrder: \"\", profiles: {decode: prefill}, deciders: {prefill: d}}");
	assert_int_equal(params->decode_profile, 1);
	assert_true(rp_bytes_equal_str(plugin.names.decider[RP_DECIDER_PREFILL], "d"));
	must_read(RP_PLUGIN_DISAGG_PROFILE_HANDLER,
		  "{prefillDeciderPluginName: a, deciderPluginName: b, decodeProfile: prefill, "
		  "encodeDeciderPluginName: c}");
	assert_true(rp_bytes_equal_str(plugin.names.decider[RP_DECIDER_PREFILL], "a"));
	assert_true(rp_bytes_equal_str(plugin.names.decider[RP_DECIDER_ENCODE], "c"));
	assert_int_equal(params->decode_profile, 1);
	assert_int_equal(control.warning_count, 4);
	must_read(RP_PLUGIN_PD_PROFILE_HANDLER, "");
	assert_true(rp_bytes_equal_str(plugin.names.decider[RP_DECIDER_PREFILL],
				       "prefix-based-pd-decider"));
	done();
}

static void scorers_have_upstreams_defaults(void **state)
{
	const union rp_params *p = &plugin.params;

	(void)state;
	must_read(RP_PLUGIN_LOAD_AWARE_SCORER, "");
	assert_int_equal(p->load_aware_scorer.threshold, 128);
	must_read(RP_PLUGIN_LOAD_AWARE_SCORER, "{threshold: 0}");
	assert_int_equal(p->load_aware_scorer.threshold, 128);
	must_read(RP_PLUGIN_ACTIVE_REQUEST_SCORER, "");
	assert_int_equal(p->active_request_scorer.idle_threshold, 0);
	assert_true(p->active_request_scorer.max_busy_score == 1.0);
	assert_int_equal(p->active_request_scorer.inflight_load_producer, RP_CONFIG_NONE);
	must_read(RP_PLUGIN_ACTIVE_REQUEST_SCORER,
		  "{idleThreshold: -1, maxBusyScore: 1.5, requestTimeout: 5m, "
		  "inFlightLoadProducerName: mine}");
	assert_int_equal(p->active_request_scorer.idle_threshold, 0);
	assert_true(p->active_request_scorer.max_busy_score == 1.0);
	assert_true(rp_bytes_equal_str(plugin.names.producer[RP_DATA_INFLIGHT], "mine"));
	assert_int_equal(control.warning_count, 1);
	must_read(RP_PLUGIN_TOKEN_LOAD_SCORER, "{queueThresholdTokens: -7}");
	assert_int_equal(p->token_load_scorer.queue_threshold_tokens, 4194304);
	must_read(RP_PLUGIN_MULTICLUSTER_PREFIX_CACHE_SCORER, "");
	assert_true(p->prefix_cache_scorer.match_length_weight == 0.0);
	assert_int_equal(p->prefix_cache_scorer.match_length_scale_tokens, 8192);
	must_read(RP_PLUGIN_NO_HIT_LRU_SCORER, "{lruSize: 0, prefixPluginName: x}");
	assert_int_equal(p->no_hit_lru_scorer.lru_size, 1024);
	must_read(RP_PLUGIN_CONTEXT_LENGTH_AWARE, "");
	assert_true(is_str(p->context_length_aware.label, "llm-d.ai/context-length-range"));
	assert_int_equal(p->context_length_aware.enable_filtering, 0);
	must_read(RP_PLUGIN_LATENCY_SCORER, "{headroomSelectionStrategy: upside-down}");
	assert_true(p->latency_scorer.ttft_weight == 0.8 && p->latency_scorer.tpot_weight == 0.2);
	assert_true(p->latency_scorer.composite_kv_weight == 1.0);
	assert_int_equal(p->latency_scorer.headroom_selection_strategy, RP_HEADROOM_LEAST);
	must_read(RP_PLUGIN_LATENCY_SCORER, "{headroomSelectionStrategy: most}");
	assert_int_equal(p->latency_scorer.headroom_selection_strategy, RP_HEADROOM_MOST);
	must_read(RP_PLUGIN_MM_EMBEDDINGS_CACHE_SCORER, "{producerName: mm}");
	assert_true(rp_bytes_equal_str(plugin.names.producer[RP_DATA_MEDIA], "mm"));
	must_read(RP_PLUGIN_HEADER_LABEL_AFFINITY_SCORER, "{headerName: X-Zone, labelKey: zone}");
	assert_true(is_str(p->header_label_affinity_scorer.header_name, "x-zone"));
	must_read(RP_PLUGIN_TOPOLOGY_AFFINITY_SCORER, "{topologyProducerName: t}");
	assert_true(rp_bytes_equal_str(plugin.names.producer[RP_DATA_TOPOLOGY], "t"));
	done();
}

static void attributes_are_named_with_or_without_a_producer(void **state)
{
	const struct rp_params_endpoint_attribute_scorer *scorer =
		&plugin.params.endpoint_attribute_scorer;
	const struct rp_params_endpoint_attribute_filter *filter =
		&plugin.params.endpoint_attribute_filter;

	(void)state;
	must_read(RP_PLUGIN_ENDPOINT_ATTRIBUTE_SCORER,
		  "{attributeKey: depth, algorithm: {type: linear_higher_is_better}}");
	assert_int_equal(scorer->algorithm, RP_ATTRIBUTE_HIGHER_IS_BETTER);
	assert_int_equal(scorer->has_fixed_range, 0);
	assert_int_equal(scorer->attribute, RP_CONFIG_NONE);
	assert_true(rp_bytes_equal_str(plugin.names.attribute, "depth"));
	assert_true(rp_bytes_equal_str(plugin.names.attribute_producer, "core-metrics-extractor"));
	must_read(RP_PLUGIN_ENDPOINT_ATTRIBUTE_SCORER,
		  "{attributeKey: a/b, producer: \"\", algorithm: {type: linear_lower_is_better, "
		  "normalization: {fixedRange: {min: -1, max: 2.5}}}}");
	assert_int_equal(plugin.names.attribute_producer.len, 0);
	assert_true(scorer->has_fixed_range && scorer->fixed_range_min == -1.0 &&
		    scorer->fixed_range_max == 2.5);
	must_read(RP_PLUGIN_ENDPOINT_ATTRIBUTE_FILTER,
		  "{attribute: depth, onMissing: Fail, algorithm: {type: threshold, threshold: "
		  "{operator: NotEqual, value: 3}}}");
	assert_int_equal(filter->is_missing_failed, 1);
	assert_int_equal(filter->op, RP_COMPARE_NOT_EQUAL);
	assert_true(filter->value == 3.0);
	must_read(RP_PLUGIN_ENDPOINT_ATTRIBUTE_FILTER,
		  "{attribute: depth, onMissing: \"\", algorithm: {type: threshold, threshold: "
		  "{operator: LessThan}}}");
	assert_int_equal(filter->is_missing_failed, 0);
	assert_true(filter->value == 0.0);
	done();
}

static void filters_have_upstreams_defaults(void **state)
{
	const struct rp_params_prefix_cache_affinity_filter *affinity =
		&plugin.params.prefix_cache_affinity_filter;
	const struct rp_utilization_condition *condition;

	(void)state;
	must_read(RP_PLUGIN_PREFIX_CACHE_AFFINITY_FILTER, "");
	assert_true(affinity->affinity_threshold == 0.80 &&
		    affinity->exploration_probability == 0.0 &&
		    affinity->max_ttft_penalty_ms == 18000.0 &&
		    affinity->peak_prefill_throughput == 15928.0);
	assert_int_equal(affinity->ttft_source, RP_TTFT_PREFILL_THROUGHPUT);
	assert_int_equal(plugin.names.wanted, 1u << RP_DATA_INFLIGHT);
	must_read(RP_PLUGIN_PREFIX_CACHE_AFFINITY_FILTER,
		  "{ttftSource: latencyPredictor, affinityThreshold: -2}");
	assert_int_equal(plugin.names.wanted, 1u << RP_DATA_LATENCY);
	must_read(RP_PLUGIN_PREFIX_CACHE_AFFINITY_FILTER,
		  "{maxTTFTPenaltyMs: 0, peakPrefillThroughput: 0}");
	assert_int_equal(plugin.names.wanted, 0);
	must_read(RP_PLUGIN_SLO_HEADROOM_TIER_FILTER, "");
	assert_true(plugin.params.slo_headroom_tier_filter.epsilon_explore_neg == 0.01);
	must_read(RP_PLUGIN_TOPOLOGY_AFFINITY_FILTER, "{minAffinity: region}");
	assert_int_equal(plugin.params.topology_affinity_filter.min_affinity, RP_TOPOLOGY_REGION);
	must_read(RP_PLUGIN_TOPOLOGY_AFFINITY_FILTER, "{minAffinity: \"\"}");
	assert_int_equal(plugin.params.topology_affinity_filter.min_affinity, RP_TOPOLOGY_HOST);
	must_read(RP_PLUGIN_TOPOLOGY_EXTRACTOR, "{rack: my/rack, zone: \"\"}");
	assert_true(is_str(plugin.params.topology_extractor.label[RP_TOPOLOGY_RACK], "my/rack"));
	assert_true(is_str(plugin.params.topology_extractor.label[RP_TOPOLOGY_ZONE],
			   "topology.kubernetes.io/zone"));
	must_read(RP_PLUGIN_UTILIZATION_FILTER,
		  "{conditions: [{metric: waiting-queue, maxValue: 20}, "
		  "{metric: kv-cache-utilization, maxValue: 0.5}], fallbackOnEmpty: true}");
	assert_int_equal(plugin.params.utilization_filter.conditions.count, 2);
	assert_int_equal(plugin.params.utilization_filter.fallback_on_empty, 1);
	assert_int_equal(plugin.names.wanted, 0);
	condition = list_of(plugin.params.utilization_filter.conditions);
	assert_int_equal(condition[0].metric, RP_UTILIZATION_WAITING_QUEUE);
	assert_true(condition[0].max_value == 20.0);
	assert_int_equal(condition[1].metric, RP_UTILIZATION_KV_CACHE);
	assert_true(condition[1].max_value == 0.5);
	must_read(RP_PLUGIN_UTILIZATION_FILTER,
		  "{conditions: [{metric: active-requests, maxValue: 0}]}");
	assert_int_equal(plugin.names.wanted, 1u << RP_DATA_INFLIGHT);
	done();
}

static void labels_become_requirements(void **state)
{
	const struct rp_selector_requirement *requirement;
	const struct rp_config_str *value;

	(void)state;
	must_read(RP_PLUGIN_LABEL_SELECTOR_FILTER, "");
	assert_int_equal(plugin.params.label_selector.requirements.count, 0);
	must_read(RP_PLUGIN_BY_LABEL_SELECTOR,
		  "{matchLabels: {app: llama, tier: \"\"}, matchExpressions: "
		  "[{key: x/y, operator: NotIn, values: [a, b]}, {key: z, operator: Exists}]}");
	assert_int_equal(plugin.params.label_selector.requirements.count, 4);
	requirement = list_of(plugin.params.label_selector.requirements);
	assert_true(is_str(requirement[0].key, "app"));
	assert_int_equal(requirement[0].op, RP_SELECTOR_IN);
	value = list_of(requirement[0].values);
	assert_true(is_str(value[0], "llama"));
	assert_int_equal(requirement[2].op, RP_SELECTOR_NOT_IN);
	assert_int_equal(requirement[2].values.count, 2);
	value = list_of(requirement[2].values);
	assert_true(is_str(value[1], "b"));
	assert_int_equal(requirement[3].op, RP_SELECTOR_EXISTS);
	must_read(RP_PLUGIN_BY_LABEL, "{label: role, validValues: [a, \"\"]}");
	assert_true(is_str(plugin.params.by_label.label, "role"));
	assert_int_equal(plugin.params.by_label.valid_values.count, 2);
	assert_int_equal(plugin.params.by_label.allows_no_label, 0);
	done();
}

static void sessions_are_found_where_the_parameters_say(void **state)
{
	const struct rp_params_session_affinity *params = &plugin.params.session_affinity;
	const struct rp_session_source *source;
	const struct rp_config_str *header;

	(void)state;
	must_read(RP_PLUGIN_SESSION_AFFINITY_SCORER, "");
	assert_int_equal(params->strategy, RP_SESSION_ENCODED_ENDPOINT_HEADER);
	assert_true(is_str(params->encoded_endpoint_header, "x-session-token"));
	assert_int_equal(params->eviction_ttl_ns, INT64_C(300000000000));
	assert_int_equal(params->eviction_sweep_ns, INT64_C(10000000000));
	assert_int_equal(params->profile, RP_CONFIG_NONE);
	assert_int_equal(params->sources.count, 1);
	source = list_of(params->sources);
	assert_true(is_str(source->header, "x-session-id"));
	must_read(RP_PLUGIN_MULTICLUSTER_SESSION_AFFINITY_FILTER,
		  "{strategy: session_id, sessionIdConfig: {sources: [{header: X-Chat}, "
		  "{attribute: SessionIDDataKey, producer: s}], evictionTtlSeconds: 0.5, "
		  "evictionSweepSeconds: 0}, profileName: prefill}");
	assert_int_equal(params->strategy, RP_SESSION_ID);
	assert_int_equal(params->sources.count, 2);
	source = list_of(params->sources);
	assert_true(is_str(source[0].header, "x-chat"));
	assert_true(is_str(source[1].attribute, "SessionIDDataKey"));
	assert_true(is_str(source[1].producer_name, "s"));
	assert_int_equal(source[1].producer, RP_CONFIG_NONE);
	assert_int_equal(params->eviction_ttl_ns, INT64_C(500000000));
	assert_int_equal(params->eviction_sweep_ns, INT64_C(10000000000));
	assert_int_equal(params->profile, 1);
	must_read(RP_PLUGIN_SESSION_ID_PRODUCER, "{cookieName: \" sid \"}");
	assert_true(is_str(plugin.params.session_id_producer.cookie_name, "sid"));
	must_read(RP_PLUGIN_AGENT_IDENTITY, "{additionalSessionHeaders: [X-Agent]}");
	assert_int_equal(plugin.params.agent_identity.headers.count, 5);
	header = list_of(plugin.params.agent_identity.headers);
	assert_true(is_str(header[0], "x-agent"));
	assert_true(is_str(header[1], "x-claude-code-session-id"));
	assert_true(is_str(header[4], "session_id"));
	done();
}

static void producers_have_upstreams_defaults(void **state)
{
	const union rp_params *p = &plugin.params;

	(void)state;
	must_read(RP_PLUGIN_INFLIGHT_LOAD_PRODUCER, "");
	assert_int_equal(p->inflight_load_producer.add_estimated_output_tokens, 0);
	assert_int_equal(p->inflight_load_producer.sync_cross_replica_state, 1);
	assert_true(p->inflight_load_producer.output_ratio == 1.5);
	assert_int_equal(p->inflight_load_producer.max_estimated_output_tokens, -1);
	must_read(RP_PLUGIN_INFLIGHT_LOAD_PRODUCER, "{maxEstimatedOutputTokens: 0}");
	assert_int_equal(p->inflight_load_producer.max_estimated_output_tokens, 0);
	must_read(RP_PLUGIN_MM_EMBEDDINGS_CACHE_PRODUCER, "{cacheSizeInMBPerServer: 0}");
	assert_int_equal(p->mm_embeddings_cache_producer.cache_size_in_mb_per_server, 4096);
	must_read(RP_PLUGIN_BURST_PREFIX_CACHE_PRODUCER, "");
	assert_int_equal(p->burst_prefix_cache_producer.window_ns, 100000000);
	assert_int_equal(p->burst_prefix_cache_producer.max_per_replica, -1);
	assert_int_equal(p->burst_prefix_cache_producer.block_size_tokens, 64);
	assert_int_equal(p->burst_prefix_cache_producer.max_batch_size, 1000);
	assert_int_equal(p->burst_prefix_cache_producer.balance_by, RP_BURST_REQUESTS);
	must_read(RP_PLUGIN_P2P_SOURCE_PRODUCER, "{prefillProfileName: \"\"}");
	assert_int_equal(p->p2p_source_producer.min_cached_token_delta, 1);
	assert_int_equal(p->p2p_source_producer.prefill_profile, 1);
	must_read(RP_PLUGIN_MULTICLUSTER_APPROX_PREFIX_CACHE_PRODUCER, "{blockSize: 32}");
	assert_int_equal(p->approx_prefix_cache_producer.has_auto_tune, 1);
	assert_int_equal(p->approx_prefix_cache_producer.block_size_tokens, 32);
	assert_int_equal(p->approx_prefix_cache_producer.max_prefix_tokens, 131072);
	assert_int_equal(p->approx_prefix_cache_producer.lru_capacity_per_server, 31250);
	must_read(RP_PLUGIN_TOKENIZER, "{estimate: {image: {mode: static, static: {staticToken: "
				       "0}}, video: {frames: {mode: strided}}}}");
	assert_int_equal(p->token_producer.is_image_static, 1);
	assert_int_equal(p->token_producer.image_static_tokens, 1);
	assert_int_equal(p->token_producer.image_factor, 1024);
	assert_int_equal(p->token_producer.is_strided, 1);
	assert_int_equal(p->token_producer.frame_stride, 1);
	assert_true(p->token_producer.sample_fps == 2.0 && p->token_producer.source_fps == 24.0 &&
		    p->token_producer.duration_s == 10.0);
	must_read(RP_PLUGIN_TOKEN_PRODUCER, "{estimate: {image: {static: {staticToken: -1}, "
					    "dynamic: {factor: 5000000}}, video: "
					    "{maxVideoTokens: -1, defaultDuration: -1}}}");
	assert_int_equal(p->token_producer.image_static_tokens, 1);
	assert_int_equal(p->token_producer.image_factor, 5000000);
	assert_int_equal(p->token_producer.video_tokens_max, 0);
	assert_true(p->token_producer.duration_s == 10.0);
	must_read(RP_PLUGIN_SESSION_ID_PRODUCER, "{cookieName: \"\\t id \"}");
	assert_true(is_str(p->session_id_producer.cookie_name, "id"));
	done();
}

static void admission_has_upstreams_defaults(void **state)
{
	const union rp_params *p = &plugin.params;

	(void)state;
	must_read(RP_PLUGIN_UTILIZATION_DETECTOR, "");
	assert_int_equal(p->utilization_detector.queue_depth_threshold, 5);
	assert_true(p->utilization_detector.kv_cache_util_threshold == 0.8);
	assert_int_equal(p->utilization_detector.metrics_staleness_threshold_ns, 200000000);
	assert_true(p->utilization_detector.headroom == 0.0);
	must_read(RP_PLUGIN_CONCURRENCY_DETECTOR, "{concurrencyMode: hybrid}");
	assert_int_equal(p->concurrency_detector.max_concurrency, 100);
	assert_int_equal(p->concurrency_detector.max_token_concurrency, 1000000);
	assert_int_equal(p->concurrency_detector.concurrency_mode, RP_CONCURRENCY_HYBRID);
	must_read(RP_PLUGIN_PROBABILISTIC_ADMITTER, "{k: 2.5}");
	assert_int_equal(p->probabilistic_admitter.queue_depth_threshold, 5);
	assert_true(p->probabilistic_admitter.kv_cache_util_threshold == 0.8 &&
		    p->probabilistic_admitter.power == 5.0 && p->probabilistic_admitter.k == 2.5);
	must_read(RP_PLUGIN_LATENCY_SLO_ADMITTER, "{latencyPredictionInfoProducerName: l}");
	assert_true(rp_bytes_equal_str(plugin.names.producer[RP_DATA_LATENCY], "l"));
	must_read(RP_PLUGIN_STATIC_USAGE_LIMIT_POLICY, "");
	assert_true(p->static_usage_limit_policy.threshold == 1.0);
	done();
}

static void screeners_and_reporters_keep_what_they_are_told(void **state)
{
	const struct rp_params_disaggregatedset_rollout_screener *params =
		&plugin.params.disaggregatedset_rollout_screener;
	const struct rp_selector_requirement *requirement;
	const struct rp_rollout_selector *selector;
	const struct rp_reported_attribute *attribute;

	(void)state;
	must_read(RP_PLUGIN_DISAGGREGATEDSET_ROLLOUT_SCREENER,
		  "{scope: {labelSelector: \"app=llama,tier in (a, b),!old\"}, headerSelectors: "
		  "[{name: rev, headerName: X-Rev, labelKey: rev, mode: strict}], revisionGating: "
		  "{mode: max-role, requireRoles: {values: [prefill, decode]}}}");
	assert_int_equal(params->scope_requirements.count, 3);
	requirement = list_of(params->scope_requirements);
	assert_int_equal(requirement[1].op, RP_SELECTOR_IN);
	assert_int_equal(requirement[1].values.count, 2);
	assert_true(is_str(((const struct rp_config_str *)list_of(requirement[1].values))[1], "b"));
	assert_int_equal(requirement[2].op, RP_SELECTOR_DOES_NOT_EXIST);
	selector = list_of(params->header_selectors);
	assert_true(is_str(selector->header_name, "x-rev"));
	assert_int_equal(selector->mode, RP_ROLLOUT_STRICT);
	assert_int_equal(params->gating, RP_ROLLOUT_MAX_ROLE);
	assert_int_equal(params->require_roles.count, 2);
	assert_true(is_str(params->role_label_key, "disaggregatedset.x-k8s.io/role"));
	must_read(RP_PLUGIN_REQUEST_ATTRIBUTE_REPORTER,
		  "{attributes: [{key: {name: cost}, expression: \"usage.prompt_tokens\"}]}");
	attribute = list_of(plugin.params.request_attribute_reporter.attributes);
	assert_true(is_str(attribute->key_namespace, "envoy.lb"));
	assert_true(is_str(attribute->key_name, "cost"));
	assert_true(attribute->expression_code.len > 0);
	assert_int_equal(attribute->condition_code.len, 0);
	done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			every_type_without_parameters_has_its_defaults_or_says_what_it_needs),
		cmocka_unit_test(every_set_has_room_in_the_decoders_mask_and_sound_rules),
		cmocka_unit_test(never_read_parameters_may_be_anything),
		cmocka_unit_test(pickers_and_handlers_have_upstreams_defaults),
		cmocka_unit_test(disaggregation_takes_both_forms_but_not_mixed),
		cmocka_unit_test(scorers_have_upstreams_defaults),
		cmocka_unit_test(attributes_are_named_with_or_without_a_producer),
		cmocka_unit_test(filters_have_upstreams_defaults),
		cmocka_unit_test(labels_become_requirements),
		cmocka_unit_test(sessions_are_found_where_the_parameters_say),
		cmocka_unit_test(producers_have_upstreams_defaults),
		cmocka_unit_test(admission_has_upstreams_defaults),
		cmocka_unit_test(screeners_and_reporters_keep_what_they_are_told),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
