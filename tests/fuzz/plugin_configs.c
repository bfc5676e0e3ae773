/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/plugin_configs.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/rp_config.h"

#define HEAD                                                                                       \
	"apiVersion: llm-d.ai/v1alpha1\n"                                                          \
	"kind: EndpointPickerConfig\n"                                                             \
	"plugins:\n"

/* Load counted twice over, sessions both ways, and whatever scores. */
static const char scorers[] = HEAD
	"- {type: queue-scorer}\n"
	"- {type: kv-cache-utilization-scorer}\n"
	"- {type: running-requests-size-scorer}\n"
	"- {type: lora-affinity-scorer}\n"
	"- {type: load-aware-scorer}\n"
	"- {type: inflight-load-producer, parameters: {addEstimatedOutputTokens: true}}\n"
	"- {type: inflight-load-producer, name: second}\n"
	"- {type: active-request-scorer, parameters: {maxBusyScore: 0.5}}\n"
	"- {type: token-load-scorer, parameters: {inFlightLoadProducerName: second}}\n"
	"- {type: no-hit-lru-scorer}\n"
	"- {type: prefix-cache-scorer, parameters: {matchLengthWeight: 0.5}}\n"
	"- {type: context-length-aware}\n"
	"- {type: latency-scorer}\n"
	"- {type: mm-embeddings-cache-scorer}\n"
	"- {type: session-id-producer, parameters: {cookieName: sid}}\n"
	"- {type: session-affinity-scorer, name: named}\n"
	"- {type: session-affinity-scorer, name: by-id, parameters: {strategy: session_id,\n"
	"   sessionIdConfig: {sources: [{header: x-session}, {attribute: SessionID,\n"
	"   producer: session-id-producer}]}}}\n"
	"- {type: header-label-affinity-scorer,\n"
	"   parameters: {headerName: x-zone, labelKey: topology.kubernetes.io/zone}}\n"
	"- {type: topology-extractor}\n"
	"- {type: topology-affinity-scorer}\n"
	"- {type: agent-identity, parameters: {additionalSessionHeaders: [x-agent]}}\n"
	"- {type: destination-endpoint-served-verifier}\n"
	"- {type: request-attribute-reporter, parameters: {attributes: [\n"
	"   {key: {name: cost}, expression: usage.completion_tokens + usage.prompt_tokens}]}}\n"
	"- {type: p2p-source-producer}\n"
	"- {type: weighted-random-picker, parameters: {maxNumOfEndpoints: 2}}\n"
	"schedulingProfiles:\n"
	"- name: default\n"
	"  plugins:\n"
	"  - {pluginRef: queue-scorer, weight: 2}\n"
	"  - {pluginRef: kv-cache-utilization-scorer, weight: 0.5}\n"
	"  - {pluginRef: running-requests-size-scorer}\n"
	"  - {pluginRef: lora-affinity-scorer}\n"
	"  - {pluginRef: load-aware-scorer}\n"
	"  - {pluginRef: active-request-scorer}\n"
	"  - {pluginRef: token-load-scorer}\n"
	"  - {pluginRef: no-hit-lru-scorer}\n"
	"  - {pluginRef: prefix-cache-scorer, weight: 3}\n"
	"  - {pluginRef: context-length-aware}\n"
	"  - {pluginRef: latency-scorer}\n"
	"  - {pluginRef: mm-embeddings-cache-scorer}\n"
	"  - {pluginRef: named}\n"
	"  - {pluginRef: by-id}\n"
	"  - {pluginRef: header-label-affinity-scorer}\n"
	"  - {pluginRef: topology-affinity-scorer}\n"
	"  - {pluginRef: weighted-random-picker}\n";

static const char filters[] = HEAD
	"- {type: decode-filter}\n"
	"- {type: label-selector-filter, parameters: {matchLabels: {app: x}}}\n"
	"- {type: session-affinity-filter, parameters: {strategy: session_id,\n"
	"   sessionIdConfig: {sources: [{header: x-session}]}}}\n"
	"- {type: utilization-filter, parameters: {fallbackOnEmpty: true,\n"
	"   conditions: [{metric: waiting-queue, maxValue: 6}]}}\n"
	"- {type: prefix-cache-affinity-filter, parameters: {explorationProbability: 0.1}}\n"
	"- {type: slo-headroom-tier-filter}\n"
	"- {type: context-length-aware, parameters: {enableFiltering: true}}\n"
	"- {type: concurrency-detector, parameters: {maxConcurrency: 2}}\n"
	"- {type: utilization-detector}\n"
	"- {type: inflight-load-producer}\n"
	"- {type: disaggregatedset-rollout-screener, parameters: {scope: {labelSelector: app},\n"
	"   headerSelectors: [{name: a, headerName: x-rev, mode: prefer,\n"
	"    labelKey: disaggregatedset.x-k8s.io/revision}],\n"
	"   revisionGating: {mode: sum, requireRoles: {values: [decode, prefill]}}}}\n"
	"- {type: queue-scorer}\n"
	"- {type: prefix-cache-scorer}\n"
	"- {type: probabilistic-admitter}\n"
	"- {type: latency-slo-admitter}\n"
	"- {type: random-picker, parameters: {maxNumOfEndpoints: 3}}\n"
	"schedulingProfiles:\n"
	"- name: default\n"
	"  plugins:\n"
	"  - {pluginRef: label-selector-filter}\n"
	"  - {pluginRef: decode-filter}\n"
	"  - {pluginRef: utilization-filter}\n"
	"  - {pluginRef: prefix-cache-affinity-filter}\n"
	"  - {pluginRef: slo-headroom-tier-filter}\n"
	"  - {pluginRef: context-length-aware}\n"
	"  - {pluginRef: session-affinity-filter}\n"
	"  - {pluginRef: queue-scorer}\n"
	"  - {pluginRef: prefix-cache-scorer}\n"
	"  - {pluginRef: random-picker}\n";

/* Stages, requests that wait for each other, sessions and load. */
static const char stages[] = HEAD
	"- {type: prefill-filter}\n"
	"- {type: decode-filter}\n"
	"- {type: encode-filter}\n"
	"- {type: burst-prefix-cache-producer, parameters: {windowDurationMs: 5,\n"
	"   blockSizeTokens: 2, minColocateBlocks: 1, maxPerReplica: 1, balanceBy: tokens}}\n"
	"- {type: prefix-cache-scorer,\n"
	"   parameters: {prefixMatchInfoProducerName: burst-prefix-cache-producer}}\n"
	"- {type: inflight-load-producer}\n"
	"- {type: active-request-scorer}\n"
	"- {type: session-affinity-scorer}\n"
	"- {type: always-disagg-pd-decider}\n"
	"- {type: always-disagg-multimodal-decider}\n"
	"- {type: disagg-profile-handler, parameters: {deciders: {\n"
	"   prefill: always-disagg-pd-decider, encode: always-disagg-multimodal-decider}}}\n"
	"- {type: max-score-picker, parameters: {maxNumOfEndpoints: 2}}\n"
	"schedulingProfiles:\n"
	"- name: prefill\n"
	"  plugins: [{pluginRef: prefill-filter}, {pluginRef: prefix-cache-scorer},\n"
	"    {pluginRef: max-score-picker}]\n"
	"- name: decode\n"
	"  plugins: [{pluginRef: decode-filter}, {pluginRef: active-request-scorer},\n"
	"    {pluginRef: session-affinity-scorer}, {pluginRef: prefix-cache-scorer, weight: 3}]\n"
	"- name: encode\n"
	"  plugins: [{pluginRef: encode-filter}, {pluginRef: active-request-scorer}]\n";

static const char burst[] = HEAD
	"- {type: burst-prefix-cache-producer, parameters: {windowDurationMs: 20,\n"
	"   blockSizeTokens: 2, maxBatchSize: 2}}\n"
	"- {type: prefix-cache-scorer,\n"
	"   parameters: {prefixMatchInfoProducerName: burst-prefix-cache-producer}}\n"
	"- {type: inflight-load-producer}\n"
	"- {type: mm-embeddings-cache-scorer}\n"
	"schedulingProfiles:\n"
	"- name: default\n"
	"  plugins: [{pluginRef: prefix-cache-scorer}, {pluginRef: mm-embeddings-cache-scorer}]\n";

static const char by_header[] =
	HEAD "- {type: header-profile-handler, parameters: {defaultProfile: one}}\n"
	     "- {type: header-based-testing-filter}\n"
	     "- {type: prefix-cache-scorer}\n"
	     "- {type: inflight-load-producer}\n"
	     "- {type: disagg-headers-handler}\n"
	     "schedulingProfiles:\n"
	     "- {name: one, plugins: [{pluginRef: prefix-cache-scorer}]}\n"
	     "- {name: prefill, plugins: [{pluginRef: header-based-testing-filter}]}\n";

static const char ranks[] = HEAD
	"- {type: data-parallel-profile-handler}\n"
	"- {type: queue-scorer}\n"
	"- {type: by-label, parameters: {label: app, validValues: [other], allowsNoLabel: false}}\n"
	"schedulingProfiles:\n"
	"- {name: default, plugins: [{pluginRef: by-label}, {pluginRef: queue-scorer}]}\n";

static const char *const texts[PLUGIN_CONFIGS] = {scorers, filters,   stages,
						  burst,   by_header, ranks};

static struct rp_config_blob *load(const char *text)
{
	static struct rp_plugin_stat stats[RP_PLUGIN_STATS_MAX];
	static struct rp_config_control control;
	struct rp_config_blob *blob = aligned_alloc(8, RP_CONFIG_BLOB_BYTES);
	struct rp_diag diag = {0};

	RP_ASSERT(blob != NULL);
	if (rp_config_load("config", rp_bytes_str(text), true, 1, blob, RP_CONFIG_BLOB_BYTES, stats,
			   &control, &diag) != RP_OK) {
		fprintf(stderr, "%u:%u %s\n", diag.line, diag.column, diag.message);
		abort();
	}
	return blob;
}

const struct rp_config_blob *plugin_config(uint32_t i)
{
	static struct rp_config_blob *blob[PLUGIN_CONFIGS];

	if (blob[i] == NULL)
		blob[i] = load(texts[i]);
	return blob[i];
}
