/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/layout.h"

#include <unistd.h>

#include "shm/hash.h"

static_assert(sizeof(struct rp_worker_state) == 2 * RP_CACHE_LINE, "shared and own line");
static_assert(offsetof(struct rp_live, prefix) % RP_PAGE == 0, "regions start on a page");
static_assert(sizeof(struct rp_inflight_row) % RP_CACHE_LINE == 0, "a row shares no line");

/* One field, or one whole type (empty field name), as it enters the hash. */
struct item {
	const char *name;
	uint64_t offset;
	uint64_t bytes;
};

#define TYPE(type) {#type, 0, sizeof(struct type)},
#define FIELD(type, field)                                                                         \
	{#type "." #field, offsetof(struct type, field), sizeof(((struct type *)NULL)->field)},

static const struct item items[] = {
	/* clang-format off */
	TYPE(rp_segment_head) FIELD(rp_segment_head, magic) FIELD(rp_segment_head, version)
	FIELD(rp_segment_head, kind) FIELD(rp_segment_head, layout_hash) FIELD(rp_segment_head, bytes)

	TYPE(rp_tables) FIELD(rp_tables, head) FIELD(rp_tables, settings) FIELD(rp_tables, config)
	FIELD(rp_tables, table)

	TYPE(rp_settings) FIELD(rp_settings, worker_count) FIELD(rp_settings, io_backend)
	FIELD(rp_settings, endpoints_max) FIELD(rp_settings, metric_series_max)
	FIELD(rp_settings, prefix_index_bytes) FIELD(rp_settings, body_bytes_max)
	FIELD(rp_settings, body_memory_bytes) FIELD(rp_settings, recv_message_max)
	FIELD(rp_settings, send_message_max) FIELD(rp_settings, streams_max)
	FIELD(rp_settings, verbosity) FIELD(rp_settings, is_secure)
	FIELD(rp_settings, has_grpc_stream_metrics) FIELD(rp_settings, has_header_echo)
	FIELD(rp_settings, has_endpoint_scores) FIELD(rp_settings, is_subset_filter_off)
	FIELD(rp_settings, is_pinned) FIELD(rp_settings, grpc_port) FIELD(rp_settings, health_port)
	FIELD(rp_settings, metrics_port) FIELD(rp_settings, busy_poll_us) FIELD(rp_settings, has_huge_pages)
	FIELD(rp_settings, started_wall_ns)

	TYPE(rp_endpoint_table) FIELD(rp_endpoint_table, config_generation)
	FIELD(rp_endpoint_table, table_generation) FIELD(rp_endpoint_table, pool_name)
	FIELD(rp_endpoint_table, pool_namespace) FIELD(rp_endpoint_table, endpoint_count)
	FIELD(rp_endpoint_table, label_count) FIELD(rp_endpoint_table, pool_bytes)
	FIELD(rp_endpoint_table, endpoint) FIELD(rp_endpoint_table, label)
	FIELD(rp_endpoint_table, pool) FIELD(rp_endpoint_table, rules)
	TYPE(rp_endpoint) FIELD(rp_endpoint, slot) FIELD(rp_endpoint, generation)
	FIELD(rp_endpoint, port) FIELD(rp_endpoint, address_len) FIELD(rp_endpoint, ip_len)
	FIELD(rp_endpoint, rank) FIELD(rp_endpoint, address) FIELD(rp_endpoint, name)
	FIELD(rp_endpoint, name_space) FIELD(rp_endpoint, label_first)
	FIELD(rp_endpoint, label_count)
	TYPE(rp_table_str) FIELD(rp_table_str, offset) FIELD(rp_table_str, len)
	TYPE(rp_endpoint_label) FIELD(rp_endpoint_label, key) FIELD(rp_endpoint_label, value)

	TYPE(rp_rule_str) FIELD(rp_rule_str, offset) FIELD(rp_rule_str, len)
	TYPE(rp_rule_objective) FIELD(rp_rule_objective, name)
	FIELD(rp_rule_objective, priority)
	TYPE(rp_rule_target) FIELD(rp_rule_target, model) FIELD(rp_rule_target, weight)
	TYPE(rp_rule_rewrite) FIELD(rp_rule_rewrite, model) FIELD(rp_rule_rewrite, object)
	FIELD(rp_rule_rewrite, target_first) FIELD(rp_rule_rewrite, target_count)
	FIELD(rp_rule_rewrite, weight_sum)
	TYPE(rp_request_rules) FIELD(rp_request_rules, objective_count)
	FIELD(rp_request_rules, rewrite_count) FIELD(rp_request_rules, target_count)
	FIELD(rp_request_rules, pool_bytes) FIELD(rp_request_rules, generic)
	FIELD(rp_request_rules, objective_bucket) FIELD(rp_request_rules, rewrite_bucket)
	FIELD(rp_request_rules, objective) FIELD(rp_request_rules, rewrite)
	FIELD(rp_request_rules, target) FIELD(rp_request_rules, pool)

	TYPE(rp_live) FIELD(rp_live, head) FIELD(rp_live, process) FIELD(rp_live, publication)
	FIELD(rp_live, registry) FIELD(rp_live, plugin_stat) FIELD(rp_live, metrics)
	FIELD(rp_live, inflight) FIELD(rp_live, keyed) FIELD(rp_live, cold)
	FIELD(rp_live, detector) FIELD(rp_live, worker) FIELD(rp_live, items) FIELD(rp_live, prefix)

	TYPE(rp_process_state) FIELD(rp_process_state, phase) FIELD(rp_process_state, is_pool_live)
	FIELD(rp_process_state, control_generation) FIELD(rp_process_state, worker_restarts)
	FIELD(rp_process_state, worker)
	TYPE(rp_worker_state) FIELD(rp_worker_state, connections) FIELD(rp_worker_state, generation)
	FIELD(rp_worker_state, pid) FIELD(rp_worker_state, is_ready)
	FIELD(rp_worker_state, io_backend) FIELD(rp_worker_state, streams)
	FIELD(rp_worker_state, accepted)

	TYPE(rp_publication) FIELD(rp_publication, epoch) FIELD(rp_publication, current)
	FIELD(rp_publication, config_retired_at) FIELD(rp_publication, table_retired_at)
	FIELD(rp_publication, reader)
	TYPE(rp_publication_reader) FIELD(rp_publication_reader, seen)
	FIELD(rp_publication_reader, turn_ns)

	TYPE(rp_endpoint_registry) FIELD(rp_endpoint_registry, slot_count)
	FIELD(rp_endpoint_registry, identity_hash) FIELD(rp_endpoint_registry, slot)
	TYPE(rp_endpoint_identity) FIELD(rp_endpoint_identity, generation)
	FIELD(rp_endpoint_identity, is_used) FIELD(rp_endpoint_identity, freed_ns)
	FIELD(rp_endpoint_identity, name_space) FIELD(rp_endpoint_identity, name)

	TYPE(rp_plugin_stat) FIELD(rp_plugin_stat, extension_point)
	FIELD(rp_plugin_stat, plugin_type) FIELD(rp_plugin_stat, plugin_name)

	TYPE(rp_endpoint_metrics) FIELD(rp_endpoint_metrics, epoch)
	FIELD(rp_endpoint_metrics, waiting) FIELD(rp_endpoint_metrics, running)
	FIELD(rp_endpoint_metrics, kv_usage_bits) FIELD(rp_endpoint_metrics, cache_block_size)
	FIELD(rp_endpoint_metrics, cache_num_blocks) FIELD(rp_endpoint_metrics, updated_ns)
	FIELD(rp_endpoint_metrics, lora_bits)
	FIELD(rp_endpoint_metrics, lora_max) FIELD(rp_endpoint_metrics, lora_active_count)
	FIELD(rp_endpoint_metrics, lora_waiting_count) FIELD(rp_endpoint_metrics, lora_active)
	FIELD(rp_endpoint_metrics, lora_waiting) FIELD(rp_endpoint_metrics, custom_present)
	FIELD(rp_endpoint_metrics, custom_bits)

	TYPE(rp_inflight) FIELD(rp_inflight, life) FIELD(rp_inflight, row)
	TYPE(rp_inflight_row) FIELD(rp_inflight_row, requests)
	FIELD(rp_inflight_row, stripe_end) FIELD(rp_inflight_row, stripe)
	TYPE(rp_inflight_stripe) FIELD(rp_inflight_stripe, requests)
	FIELD(rp_inflight_stripe, tokens)

	TYPE(rp_keyed_table) FIELD(rp_keyed_table, bucket) TYPE(rp_keyed_bucket)
	FIELD(rp_keyed_bucket, word) FIELD(rp_keyed_bucket, stamp)

	TYPE(rp_cold_order) FIELD(rp_cold_order, account)
	TYPE(rp_cold_account) FIELD(rp_cold_account, newest)
	FIELD(rp_cold_account, slot_end) FIELD(rp_cold_account, picked)

	TYPE(rp_detector_state) FIELD(rp_detector_state, told_ns)
	FIELD(rp_detector_state, worker) TYPE(rp_detector_line)
	FIELD(rp_detector_line, taken_ns) FIELD(rp_detector_line, config_generation)
	FIELD(rp_detector_line, stale)

	TYPE(rp_worker_region) FIELD(rp_worker_region, counters) FIELD(rp_worker_region, series)
	FIELD(rp_worker_region, attempts) FIELD(rp_worker_region, decisions)
	FIELD(rp_worker_region, rewrites)
	FIELD(rp_worker_region, encoder) FIELD(rp_worker_region, inflight_series)
	FIELD(rp_worker_region, log)

	TYPE(rp_histogram) FIELD(rp_histogram, sum_bits) FIELD(rp_histogram, count)
	FIELD(rp_histogram, bucket)
	TYPE(rp_counters) FIELD(rp_counters, plugin_duration)
#define RP_COUNTER(id, name, labels, help) FIELD(rp_counters, id)
#define RP_GAUGE(id, name, labels, help) FIELD(rp_counters, id)
#define RP_HISTOGRAM(id, name, labels, set, help) FIELD(rp_counters, id)
#include "shm/counters.def"
#undef RP_COUNTER
#undef RP_GAUGE
#undef RP_HISTOGRAM

	TYPE(rp_request_series_table) FIELD(rp_request_series_table, count)
	FIELD(rp_request_series_table, cell) FIELD(rp_request_series_table, series)
	TYPE(rp_request_series) FIELD(rp_request_series, key_hash)
	FIELD(rp_request_series, priority) FIELD(rp_request_series, model_len)
	FIELD(rp_request_series, target_len) FIELD(rp_request_series, fairness_len)
	FIELD(rp_request_series, model) FIELD(rp_request_series, target)
	FIELD(rp_request_series, fairness) FIELD(rp_request_series, requests)
	FIELD(rp_request_series, running) FIELD(rp_request_series, errors)
	FIELD(rp_request_series, histogram)

	TYPE(rp_attempt_series_table) FIELD(rp_attempt_series_table, count)
	FIELD(rp_attempt_series_table, other) FIELD(rp_attempt_series_table, cell)
	TYPE(rp_attempt_series) FIELD(rp_attempt_series, key_hash)
	FIELD(rp_attempt_series, attempts) FIELD(rp_attempt_series, slot)
	FIELD(rp_attempt_series, generation) FIELD(rp_attempt_series, status)
	FIELD(rp_attempt_series, target_len) FIELD(rp_attempt_series, target)

	TYPE(rp_decision_series_table) FIELD(rp_decision_series_table, count)
	FIELD(rp_decision_series_table, other) FIELD(rp_decision_series_table, cell)
	TYPE(rp_decision_series) FIELD(rp_decision_series, is_used)
	FIELD(rp_decision_series, family) FIELD(rp_decision_series, plugin_len)
	FIELD(rp_decision_series, subject_len) FIELD(rp_decision_series, plugin)
	FIELD(rp_decision_series, subject) FIELD(rp_decision_series, decisions)

	TYPE(rp_rewrite_series_table) FIELD(rp_rewrite_series_table, count)
	FIELD(rp_rewrite_series_table, other) FIELD(rp_rewrite_series_table, cell)
	TYPE(rp_rewrite_series) FIELD(rp_rewrite_series, key_hash)
	FIELD(rp_rewrite_series, decisions) FIELD(rp_rewrite_series, object_len)
	FIELD(rp_rewrite_series, model_len) FIELD(rp_rewrite_series, target_len)
	FIELD(rp_rewrite_series, object) FIELD(rp_rewrite_series, model)
	FIELD(rp_rewrite_series, target)

	TYPE(rp_encoder_series_table) FIELD(rp_encoder_series_table, series)
	FIELD(rp_encoder_series_table, endpoint)
	TYPE(rp_encoder_series) FIELD(rp_encoder_series, is_used)
	FIELD(rp_encoder_series, plugin_len) FIELD(rp_encoder_series, plugin)
	FIELD(rp_encoder_series, queries) FIELD(rp_encoder_series, hit_ratio)
	TYPE(rp_encoder_hits) FIELD(rp_encoder_hits, generation)
	FIELD(rp_encoder_hits, hits)

	TYPE(rp_inflight_series_table) FIELD(rp_inflight_series_table, used)
	FIELD(rp_inflight_series_table, spilled) FIELD(rp_inflight_series_table, bucket)
	TYPE(rp_inflight_bucket) FIELD(rp_inflight_bucket, hash)
	FIELD(rp_inflight_bucket, cell)
	TYPE(rp_inflight_series) FIELD(rp_inflight_series, version)
	FIELD(rp_inflight_series, requests) FIELD(rp_inflight_series, tokens)
	FIELD(rp_inflight_series, key)

	TYPE(rp_spsc_ring) FIELD(rp_spsc_ring, head) FIELD(rp_spsc_ring, dropped)
	FIELD(rp_spsc_ring, tail) FIELD(rp_spsc_ring, data)

	TYPE(rp_prefix_index) FIELD(rp_prefix_index, bucket_count)
	FIELD(rp_prefix_index, ring_budget) FIELD(rp_prefix_index, ring_entries_given)
	FIELD(rp_prefix_index, drops) FIELD(rp_prefix_index, buckets_offset)
	FIELD(rp_prefix_index, rings_offset) FIELD(rp_prefix_index, slot_end) FIELD(rp_prefix_index, ring_max)
	FIELD(rp_prefix_index, pass_steps) TYPE(rp_item_index) TYPE(rp_prefix_bucket)
	FIELD(rp_prefix_bucket, word) FIELD(rp_prefix_bucket, stamp)
	FIELD(rp_prefix_bucket, reach)
	FIELD(rp_prefix_index, ring)
	TYPE(rp_prefix_ring) FIELD(rp_prefix_ring, head) FIELD(rp_prefix_ring, tail)
	FIELD(rp_prefix_ring, pass_end)
	FIELD(rp_prefix_ring, count) FIELD(rp_prefix_ring, ring_size)
	FIELD(rp_prefix_ring, generation)
	/* clang-format on */
	{"ring entries of an endpoint", RP_PREFIX_RING_MAX, 0},
	{"arrays", RP_LORA_NAMES_MAX, RP_METRIC_LABEL_MAX},
};

uint64_t rp_layout_hash(void)
{
	uint64_t h = RP_LAYOUT_VERSION;

	for (size_t i = 0; i < RP_ARRAY_LEN(items); i++) {
		const uint64_t numbers[] = {items[i].offset, items[i].bytes};

		h = XXH64(items[i].name, strlen(items[i].name), h);
		h = XXH64(numbers, sizeof(numbers), h);
	}
	return h != 0 ? h : 1;
}

size_t rp_live_bytes(uint64_t prefix_index_bytes)
{
	return offsetof(struct rp_live, prefix) +
	       rp_align_up(rp_prefix_index_bytes(prefix_index_bytes), RP_PAGE);
}

int rp_shared_create(const struct rp_settings *settings, struct rp_shared *ret_shared)
{
	uint64_t hash = rp_layout_hash();
	struct rp_shared shared = {0};
	int err;

	RP_ASSERT(settings->worker_count >= 1 && settings->worker_count <= RP_WORKERS_MAX);
	RP_ASSERT(settings->endpoints_max <= RP_ENDPOINTS_MAX);
	err = rp_segment_create("ringpick-tables", RP_SEGMENT_TABLES, sizeof(struct rp_tables),
				hash, &shared.tables_segment);
	if (err != RP_OK)
		return err;
	err = rp_segment_create("ringpick-live", RP_SEGMENT_LIVE,
				rp_live_bytes(settings->prefix_index_bytes), hash,
				&shared.live_segment);
	if (err != RP_OK) {
		rp_segment_detach(&shared.tables_segment);
		close(shared.tables_segment.fd);
		return err;
	}
	shared.tables = shared.tables_segment.base;
	shared.live = shared.live_segment.base;
	shared.tables->settings = *settings;
	rp_publication_init(&shared.live->publication);
	rp_prefix_index_init_items(&shared.live->items);
	rp_prefix_index_init(&shared.live->prefix, settings->prefix_index_bytes);
	if (settings->has_huge_pages != 0)
		rp_prefix_index_use_huge_pages(&shared.live->prefix);
	*ret_shared = shared;
	return RP_OK;
}

int rp_shared_attach(bool may_write_tables, struct rp_shared *ret_shared, struct rp_diag *reterr)
{
	uint64_t hash = rp_layout_hash();
	struct rp_shared shared = {0};
	int err;

	err = rp_segment_attach(RP_FD_TABLES, RP_SEGMENT_TABLES, may_write_tables, hash,
				&shared.tables_segment, reterr);
	if (err != RP_OK)
		return err;
	shared.tables = shared.tables_segment.base;
	err = rp_segment_attach(RP_FD_LIVE, RP_SEGMENT_LIVE, true, hash, &shared.live_segment,
				reterr);
	if (err != RP_OK)
		goto out;
	shared.live = shared.live_segment.base;
	if (shared.tables_segment.bytes != sizeof(struct rp_tables) ||
	    shared.live_segment.bytes !=
		    rp_live_bytes(shared.tables->settings.prefix_index_bytes)) {
		err = rp_diag_set(reterr, RP_EMISMATCH, 0, 0,
				  "segment sizes do not fit the settings: %zu and %zu bytes",
				  shared.tables_segment.bytes, shared.live_segment.bytes);
		goto out;
	}
	if (shared.tables->settings.has_huge_pages != 0)
		rp_prefix_index_use_huge_pages(&shared.live->prefix);
	*ret_shared = shared;
	return RP_OK;
out:
	rp_shared_detach(&shared);
	return err;
}

void rp_shared_detach(struct rp_shared *shared)
{
	rp_segment_detach(&shared->tables_segment);
	rp_segment_detach(&shared->live_segment);
	shared->tables = NULL;
	shared->live = NULL;
}
