/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters of plugins as the workers see them: fixed-size, defaults filled in, validated.
 * config/params.def says which JSON name fills which member, with default, range and meaning.
 * Section numbers are those of the scheduling reference.
 *
 * Strings and lists lie in the blob's pool: rp_config_blob_str(), rp_config_blob_list(). References
 * to other plugins and to profiles are indices, RP_CONFIG_NONE where there is none. Names of
 * request headers are in lower case. Flags are 0 or 1.
 */
#ifndef RP_CONFIG_PLUGIN_PARAMS_H
#define RP_CONFIG_PLUGIN_PARAMS_H

#include "config/compiled.h"

/* max-score-picker, random-picker, weighted-random-picker (2.3) */
struct rp_params_picker {
	uint32_t endpoints_max; /* >= 1 */
	uint32_t reserved;
};

/* header-profile-handler (2.5) */
struct rp_params_header_profile_handler {
	struct rp_config_str header_name;
	struct rp_config_str default_profile_name;
	uint32_t default_profile; /* RP_CONFIG_NONE: no profile has that name */
	uint32_t reserved;
};

/* data-parallel-profile-handler (2.5) */
struct rp_params_data_parallel_profile_handler {
	uint32_t primary_port; /* 0..65535; 0 is written as "0" */
	uint32_t reserved;
};

enum rp_stage_order { RP_STAGE_DECODE_FIRST, RP_STAGE_PREFILL_FIRST };

/* disagg-profile-handler (6.1) */
struct rp_params_disagg_profile_handler {
	uint32_t stage_order; /* enum rp_stage_order */
	uint32_t decode_profile;
	uint32_t prefill_profile;
	uint32_t encode_profile;
	uint32_t prefill_decider;
	uint32_t encode_decider;
	uint32_t prefix_match_info_producer;
	uint32_t token_producer;
};

/* pd-profile-handler (6.1) */
struct rp_params_pd_profile_handler {
	uint32_t decode_profile;
	uint32_t prefill_profile;
	uint32_t decider;
	uint32_t primary_port; /* 0: no data-parallel header */
	uint32_t prefix_match_info_producer;
	uint32_t token_producer;
};

/* disagg-headers-handler, prefill-header-handler (6.1) */
struct rp_params_disagg_headers_handler {
	uint32_t prefill_profile;
	uint32_t encode_profile;
};

/* prefix-based-pd-decider (6.2): the match info is always the default producer's (5.7) */
struct rp_params_prefix_based_pd_decider {
	int64_t non_cached_tokens; /* 0: never */
	int64_t prompt_tokens;
	uint32_t prefix_match_info_producer;
	uint32_t reserved;
};

/* load-aware-scorer (3.3) */
struct rp_params_load_aware_scorer {
	int64_t threshold; /* > 0 */
};

enum rp_attribute_algorithm { RP_ATTRIBUTE_LOWER_IS_BETTER, RP_ATTRIBUTE_HIGHER_IS_BETTER };

/* endpoint-attribute-scorer (3.3) */
struct rp_params_endpoint_attribute_scorer {
	struct rp_config_str attribute_key;
	struct rp_config_str producer_name; /* empty: an attribute without a producer */
	uint32_t attribute; /* index of the custom metric; RP_CONFIG_NONE: nobody has it */
	uint32_t algorithm; /* enum rp_attribute_algorithm */
	uint32_t has_fixed_range;
	uint32_t has_adaptive_range; /* as written; it is the default too */
	double fixed_range_min;
	double fixed_range_max;
};

enum rp_compare_operator {
	RP_COMPARE_LESS_THAN,
	RP_COMPARE_LESS_THAN_OR_EQUAL,
	RP_COMPARE_GREATER_THAN,
	RP_COMPARE_GREATER_THAN_OR_EQUAL,
	RP_COMPARE_EQUAL,
	RP_COMPARE_NOT_EQUAL,
};

/* endpoint-attribute-filter (3.9) */
struct rp_params_endpoint_attribute_filter {
	struct rp_config_str attribute_name;
	struct rp_config_str producer_name; /* empty: an attribute without a producer */
	uint32_t attribute;	    /* index of the custom metric; RP_CONFIG_NONE: nobody has it */
	uint32_t is_missing_failed; /* onMissing: Fail drops endpoints without it */
	uint32_t fallback_on_empty;
	uint32_t algorithm;	/* always threshold */
	uint32_t has_threshold; /* always 1 */
	uint32_t op;		/* enum rp_compare_operator */
	double value;
};

/* active-request-scorer (3.4) */
struct rp_params_active_request_scorer {
	int64_t idle_threshold; /* >= 0 */
	double max_busy_score;	/* 0..1 */
	uint32_t inflight_load_producer;
	uint32_t reserved;
};

/* token-load-scorer (3.4) */
struct rp_params_token_load_scorer {
	int64_t queue_threshold_tokens; /* > 0 */
	uint32_t inflight_load_producer;
	uint32_t reserved;
};

/* inflight-load-producer (3.4) */
struct rp_params_inflight_load_producer {
	uint32_t add_estimated_output_tokens;
	uint32_t sync_cross_replica_state;
	double output_ratio;		     /* >= 0 */
	int64_t max_estimated_output_tokens; /* -1: no cap */
	uint32_t prefix_match_info_producer; /* optional: RP_CONFIG_NONE if nobody produces it */
	uint32_t token_producer;
	uint32_t instance; /* which row of the in-flight stripes it counts in, from 0 */
	uint32_t reserved;
};

/* prefix-cache-scorer, multicluster-prefix-cache-scorer (3.5) */
struct rp_params_prefix_cache_scorer {
	double match_length_weight;	   /* 0..1 */
	int64_t match_length_scale_tokens; /* > 0 when the weight is */
	uint32_t producer; /* index of the producer plugin whose match info it reads */
	uint32_t reserved;
};

/* mm-embeddings-cache-scorer (3.5) */
struct rp_params_mm_embeddings_cache_scorer {
	uint32_t producer;
	uint32_t reserved;
};

/* mm-embeddings-cache-producer (3.5) */
struct rp_params_mm_embeddings_cache_producer {
	int64_t cache_size_in_mb_per_server; /* > 0 */
	uint32_t token_producer;
	uint32_t instance; /* of its type, from 0 */
};

/* no-hit-lru-scorer (3.5) */
struct rp_params_no_hit_lru_scorer {
	int64_t lru_size; /* > 0 */
	uint32_t prefix_match_info_producer;
	uint32_t instance; /* of its type, from 0 */
};

/* context-length-aware (3.6) */
struct rp_params_context_length_aware {
	struct rp_config_str label;
	uint32_t enable_filtering;
	uint32_t token_producer;
};

enum rp_session_strategy { RP_SESSION_ENCODED_ENDPOINT_HEADER, RP_SESSION_ID };

/* Where a session's id is looked for: exactly one of header and attribute is set. */
struct rp_session_source {
	struct rp_config_str header;
	struct rp_config_str attribute;
	struct rp_config_str producer_name;
	uint32_t producer; /* plugin that publishes the attribute; RP_CONFIG_NONE: nobody */
	uint32_t reserved;
};

/* session-affinity-scorer, session-affinity-filter, multicluster-session-affinity-filter (3.7) */
struct rp_params_session_affinity {
	uint32_t strategy; /* enum rp_session_strategy */
	uint32_t instance; /* of these types, from 0: tells bindings apart */
	struct rp_config_str encoded_endpoint_header;
	struct rp_config_list sources; /* struct rp_session_source */
	int64_t eviction_ttl_ns;       /* > 0 */
	int64_t eviction_sweep_ns;     /* > 0 */
	struct rp_config_str profile_name;
	uint32_t profile; /* RP_CONFIG_NONE: primary if profile_name is empty, else nothing */
	uint32_t reserved;
};

/* session-id-producer (3.7): exactly one is set */
struct rp_params_session_id_producer {
	struct rp_config_str header_name;
	struct rp_config_str cookie_name;
};

/* agent-identity (3.7) */
struct rp_params_agent_identity {
	struct rp_config_list headers; /* struct rp_config_str, in order, the built-in ones last */
};

/* header-label-affinity-scorer (3.8) */
struct rp_params_header_label_affinity_scorer {
	struct rp_config_str header_name;
	struct rp_config_str label_key;
};

enum rp_selector_operator {
	RP_SELECTOR_IN,
	RP_SELECTOR_NOT_IN,
	RP_SELECTOR_EXISTS,
	RP_SELECTOR_DOES_NOT_EXIST,
	RP_SELECTOR_GREATER_THAN, /* "key>1" of a selector written as text */
	RP_SELECTOR_LESS_THAN,
};

struct rp_selector_requirement {
	struct rp_config_str key;
	uint32_t op; /* enum rp_selector_operator */
	uint32_t reserved;
	struct rp_config_list values; /* struct rp_config_str */
};

/* label-selector-filter, by-label-selector (3.8): all requirements must hold, none match all */
struct rp_params_label_selector {
	struct rp_config_list requirements; /* struct rp_selector_requirement */
};

/* by-label (3.8) */
struct rp_params_by_label {
	struct rp_config_str label;
	struct rp_config_list valid_values; /* struct rp_config_str */
	uint32_t allows_no_label;
	uint32_t reserved;
};

enum rp_utilization_metric {
	RP_UTILIZATION_ACTIVE_REQUESTS,
	RP_UTILIZATION_RUNNING_REQUESTS,
	RP_UTILIZATION_WAITING_QUEUE,
	RP_UTILIZATION_KV_CACHE,
};

struct rp_utilization_condition {
	uint32_t metric; /* enum rp_utilization_metric */
	uint32_t reserved;
	double max_value;
};

/* utilization-filter (3.9) */
struct rp_params_utilization_filter {
	struct rp_config_list conditions; /* struct rp_utilization_condition, at least one */
	uint32_t fallback_on_empty;
	uint32_t inflight_load_producer; /* RP_CONFIG_NONE: no condition is on active requests */
};

enum rp_ttft_source { RP_TTFT_PREFILL_THROUGHPUT, RP_TTFT_LATENCY_PREDICTOR };

/* prefix-cache-affinity-filter (3.9) */
struct rp_params_prefix_cache_affinity_filter {
	double affinity_threshold;	/* <= 1; <= 0 disables */
	double exploration_probability; /* 0..1 */
	double max_ttft_penalty_ms;	/* >= 0 */
	double peak_prefill_throughput; /* tokens a second */
	uint32_t ttft_source;		/* enum rp_ttft_source */
	uint32_t prefix_match_info_producer;
	uint32_t latency_prediction_info_producer; /* RP_CONFIG_NONE: not needed */
	uint32_t inflight_load_producer;	   /* RP_CONFIG_NONE: not needed */
};

/* slo-headroom-tier-filter (3.9) */
struct rp_params_slo_headroom_tier_filter {
	double epsilon_explore_neg; /* 0..1 */
	uint32_t latency_prediction_info_producer;
	uint32_t reserved;
};

enum rp_topology_level {
	RP_TOPOLOGY_HOST,
	RP_TOPOLOGY_RACK,
	RP_TOPOLOGY_ZONE,
	RP_TOPOLOGY_REGION,
	RP_TOPOLOGY_LEVELS,
};

/* topology-affinity-filter (3.9) */
struct rp_params_topology_affinity_filter {
	uint32_t min_affinity; /* enum rp_topology_level */
	uint32_t topology_producer;
};

/* topology-affinity-scorer (3.9) */
struct rp_params_topology_affinity_scorer {
	uint32_t topology_producer;
	uint32_t reserved;
};

/* topology-extractor (3.9) */
struct rp_params_topology_extractor {
	struct rp_config_str label[RP_TOPOLOGY_LEVELS]; /* by enum rp_topology_level */
};

enum rp_headroom_strategy { RP_HEADROOM_LEAST, RP_HEADROOM_MOST };

/* latency-scorer (3.10) */
struct rp_params_latency_scorer {
	double ttft_weight;
	double tpot_weight;
	double composite_kv_weight;
	double composite_queue_weight;
	double composite_prefix_weight;
	uint32_t headroom_selection_strategy; /* enum rp_headroom_strategy */
	uint32_t latency_prediction_info_producer;
	uint32_t prefix_match_info_producer;
	uint32_t reserved;
};

enum rp_rollout_selector_mode { RP_ROLLOUT_STRICT, RP_ROLLOUT_PREFER };
enum rp_rollout_gating { RP_ROLLOUT_SUM, RP_ROLLOUT_MAX_ROLE, RP_ROLLOUT_DISABLED };

struct rp_rollout_selector {
	struct rp_config_str name;
	struct rp_config_str header_name;
	struct rp_config_str label_key;
	uint32_t mode; /* enum rp_rollout_selector_mode */
	uint32_t reserved;
};

/* disaggregatedset-rollout-screener (3.11) */
struct rp_params_disaggregatedset_rollout_screener {
	struct rp_config_str scope_selector;	  /* as written */
	struct rp_config_list scope_requirements; /* the same as struct rp_selector_requirement */
	struct rp_config_list header_selectors;	  /* struct rp_rollout_selector */
	struct rp_config_str revision_label_key;
	struct rp_config_str role_label_key;
	struct rp_config_list require_roles; /* struct rp_config_str */
	uint32_t has_revision_gating;	     /* always 1 */
	uint32_t has_require_roles;
	uint32_t gating; /* enum rp_rollout_gating */
	uint32_t reserved;
};

/* probabilistic-admitter (3.11); all > 0 */
struct rp_params_probabilistic_admitter {
	int64_t queue_depth_threshold;
	double kv_cache_util_threshold;
	double power;
	double k;
};

/* latency-slo-admitter (3.11) */
struct rp_params_latency_slo_admitter {
	uint32_t latency_prediction_info_producer;
	uint32_t reserved;
};

struct rp_reported_attribute {
	struct rp_config_str key_namespace;
	struct rp_config_str key_name;
	struct rp_config_str expression; /* CEL over usage */
	struct rp_config_str condition;	 /* CEL; empty: always */
	/* Both compiled, for config/expression_run.h. */
	struct rp_config_str expression_code;
	struct rp_config_str condition_code;
};

/* request-attribute-reporter (3.11) */
struct rp_params_request_attribute_reporter {
	struct rp_config_list attributes; /* struct rp_reported_attribute, exactly one */
};

/* utilization-detector (3.12) */
struct rp_params_utilization_detector {
	int64_t queue_depth_threshold;	/* > 0 */
	double kv_cache_util_threshold; /* (0, 1] */
	int64_t metrics_staleness_threshold_ns;
	double headroom; /* >= 0 */
};

enum rp_concurrency_mode { RP_CONCURRENCY_REQUESTS, RP_CONCURRENCY_TOKENS, RP_CONCURRENCY_HYBRID };

/* concurrency-detector (3.12) */
struct rp_params_concurrency_detector {
	int64_t max_concurrency;       /* > 0 */
	int64_t max_token_concurrency; /* > 0 */
	double headroom;	       /* >= 0 */
	uint32_t concurrency_mode;     /* enum rp_concurrency_mode */
	uint32_t inflight_load_producer;
};

enum rp_burst_balance { RP_BURST_REQUESTS, RP_BURST_TOKENS };

/* burst-prefix-cache-producer (3.13) */
struct rp_params_burst_prefix_cache_producer {
	int64_t window_ns;
	int64_t max_per_replica; /* -1: no limit */
	int64_t block_size_tokens;
	int64_t max_prefix_tokens; /* 0: 2048 blocks */
	int64_t min_colocate_blocks;
	int64_t max_batch_size; /* -1: no limit */
	uint32_t balance_by;	/* enum rp_burst_balance */
	uint32_t token_producer;
	uint32_t producer_slot; /* which of the request's match results it fills, from 0 */
	uint32_t instance;	/* of its type, from 0 */
};

/* p2p-source-producer (3.13) */
struct rp_params_p2p_source_producer {
	int64_t min_cached_token_delta; /* >= 1 */
	uint32_t prefix_match_info_producer;
	uint32_t prefill_profile; /* RP_CONFIG_NONE: no profile has that name */
};

/* approx-prefix-cache-producer, multicluster-approx-prefix-cache-producer (4.1) */
struct rp_params_approx_prefix_cache_producer {
	uint32_t has_auto_tune;
	uint32_t producer_slot;	   /* which of the request's match results it fills, from 0 */
	int64_t block_size_tokens; /* as configured; the floor of 64 is applied at use */
	int64_t max_prefix_tokens; /* wins when > 0 */
	int64_t max_prefix_blocks; /* when the token cap is 0; 0: unlimited */
	int64_t lru_capacity_per_server;
	int64_t old_block_size; /* blockSize, taken over into block_size_tokens already */
	uint32_t token_producer;
	uint32_t reserved;
};

/* token-producer, tokenizer: the estimate backend (4.2): how many pseudo-tokens stand for an image
 * or a video */
struct rp_params_token_producer {
	uint32_t is_image_static; /* image.mode */
	uint32_t is_frame_static; /* video.tokensPerFrame.mode */
	uint32_t is_strided;	  /* video.frames.mode */
	uint32_t reserved;
	int64_t image_factor; /* pixels per token */
	int64_t image_width;  /* where an image does not tell */
	int64_t image_height;
	int64_t image_static_tokens; /* >= 1 */
	int64_t frame_factor;
	int64_t frame_static_tokens; /* >= 1 */
	int64_t frame_width;
	int64_t frame_height;
	int64_t frames_min; /* 0: none */
	int64_t frames_max; /* 0: none */
	int64_t temporal_patch_size;
	int64_t frame_stride;	  /* >= 1 */
	int64_t video_tokens_max; /* 0: none */
	double sample_fps;
	double source_fps;
	double duration_s;
};

/* static-usage-limit-policy: nothing reads it while there is no queueing layer */
struct rp_params_static_usage_limit_policy {
	double threshold;
};

/* Of each set of parameters that workers see, by its name. */
union rp_params {
#define RP_PARAM_SET(id, name) struct rp_params_##name name;
#include "config/params.def"
};

#endif /* RP_CONFIG_PLUGIN_PARAMS_H */
