/* SPDX-License-Identifier: Apache-2.0
 *
 * The histograms and counters of /metrics, as one X-macro list each, and how a sample is counted.
 */
#ifndef RP_PERF_SIM_HISTOGRAM_H
#define RP_PERF_SIM_HISTOGRAM_H

#include "shm/bytes.h"

/* The three sets of bounds in seconds, and powers 1-2-5 up to --max-model-len for tokens. */
enum rp_sim_bounds {
	RP_SIM_BOUNDS_FIRST_TOKEN,
	RP_SIM_BOUNDS_PER_TOKEN,
	RP_SIM_BOUNDS_REQUEST,
	RP_SIM_BOUNDS_TOKENS,
};

/* id, metric name, key in --fake-metrics, bounds, help; in the order of the exposition. */
#define RP_SIM_HISTOGRAMS(X)                                                                       \
	X(E2E, "vllm:e2e_request_latency_seconds", "e2erl-buckets-values", REQUEST,                \
	  "Histogram of end to end request latency in seconds.")                                   \
	X(INTER_TOKEN, "vllm:inter_token_latency_seconds", "", PER_TOKEN,                          \
	  "Histogram of inter-token latency in seconds.")                                          \
	X(MAX_GENERATION, "vllm:max_num_generation_tokens", "request-max-generation-tokens",       \
	  TOKENS, "Histogram of maximum number of requested generation tokens.")                   \
	X(DECODE, "vllm:request_decode_time_seconds", "decode-time-buckets-values", REQUEST,       \
	  "Histogram of time spent in DECODE phase for request.")                                  \
	X(GENERATION, "vllm:request_generation_tokens", "request-generation-tokens", TOKENS,       \
	  "Number of generation tokens processed.")                                                \
	X(INFERENCE, "vllm:request_inference_time_seconds", "inf-time-buckets-values", REQUEST,    \
	  "Histogram of time spent in RUNNING phase for request.")                                 \
	X(MAX_TOKENS, "vllm:request_params_max_tokens", "request-params-max-tokens", TOKENS,       \
	  "Histogram of the max_tokens request parameter.")                                        \
	X(PREFILL, "vllm:request_prefill_time_seconds", "prefill-time-buckets-values", REQUEST,    \
	  "Histogram of time spent in PREFILL phase for request.")                                 \
	X(PROMPT, "vllm:request_prompt_tokens", "request-prompt-tokens", TOKENS,                   \
	  "Number of prefill tokens processed.")                                                   \
	X(QUEUE, "vllm:request_queue_time_seconds", "queue-time-buckets-values", REQUEST,          \
	  "Histogram of time spent in WAITING phase for request.")                                 \
	X(PER_TOKEN, "vllm:time_per_output_token_seconds", "tpot-buckets-values", PER_TOKEN,       \
	  "Histogram of time per output token in seconds.")                                        \
	X(FIRST_TOKEN, "vllm:time_to_first_token_seconds", "ttft-buckets-values", FIRST_TOKEN,     \
	  "Histogram of time to first token in seconds.")

enum rp_sim_histogram_id {
#define X(id, name, key, bounds, help) RP_SIM_HISTOGRAM_##id,
	RP_SIM_HISTOGRAMS(X)
#undef X
		RP_SIM_HISTOGRAM_COUNT,
};

/* id, metric name, key in --fake-metrics, help */
#define RP_SIM_COUNTERS(X)                                                                         \
	X(GENERATION, "vllm:generation_tokens_total", "total-generation-tokens",                   \
	  "Total number of generated tokens.")                                                     \
	X(PREFIX_HITS, "vllm:prefix_cache_hits_total", "prefix-cache-hits",                        \
	  "Prefix cache hits, in terms of number of cached tokens.")                               \
	X(PREFIX_QUERIES, "vllm:prefix_cache_queries_total", "prefix-cache-queries",               \
	  "Prefix cache queries, in terms of number of queried tokens.")                           \
	X(PROMPT, "vllm:prompt_tokens_total", "total-prompt-tokens",                               \
	  "Total number of prompt tokens processed.")

enum rp_sim_counter_id {
#define X(id, name, key, help) RP_SIM_COUNTER_##id,
	RP_SIM_COUNTERS(X)
#undef X
		RP_SIM_COUNTER_COUNT,
};

/* Why an answer ended, in the order of the exposition. */
enum rp_sim_finish {
	RP_SIM_FINISH_CACHE_THRESHOLD,
	RP_SIM_FINISH_LENGTH,
	RP_SIM_FINISH_REMOTE_DECODE,
	RP_SIM_FINISH_STOP,
	RP_SIM_FINISH_TOOL_CALLS,
	RP_SIM_FINISH_COUNT,
};

enum { RP_SIM_BUCKETS_MAX = 32 }; /* with +Inf */

struct rp_sim_histogram {
	uint64_t buckets[RP_SIM_BUCKETS_MAX]; /* not cumulative; the last used one is +Inf */
	uint64_t count;
	double sum;
};

/** Upper bounds of a histogram, without +Inf. The storage is static. */
uint32_t rp_sim_histogram_bounds(enum rp_sim_bounds bounds, uint32_t max_model_len,
				 const double **ret_bounds);
/** Count `samples` samples of the same value. */
void rp_sim_histogram_add(struct rp_sim_histogram *histogram, const double *bounds,
			  uint32_t bound_count, double value, uint64_t samples);
const char *rp_sim_finish_name(enum rp_sim_finish finish);

#endif /* RP_PERF_SIM_HISTOGRAM_H */
