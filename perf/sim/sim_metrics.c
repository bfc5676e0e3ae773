/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_metrics.h"

#include "shm/clock.h"

struct histogram_info {
	const char *name;
	enum rp_sim_bounds bounds;
	const char *help;
};

static const struct histogram_info histograms[RP_SIM_HISTOGRAM_COUNT] = {
#define X(id, metric, key, set, text) {metric, RP_SIM_BOUNDS_##set, text},
	RP_SIM_HISTOGRAMS(X)
#undef X
};

struct counter_info {
	const char *name;
	const char *help;
};

static const struct counter_info counters[RP_SIM_COUNTER_COUNT] = {
#define X(id, metric, key, text) {metric, text},
	RP_SIM_COUNTERS(X)
#undef X
};

static double seconds(int64_t ns)
{
	return (double)ns / (double)RP_NS_PER_S;
}

void rp_sim_metrics_observe(struct rp_sim_endpoint *endpoint, enum rp_sim_histogram_id id,
			    double value, uint64_t samples)
{
	const double *bounds;
	uint32_t count = rp_sim_histogram_bounds(histograms[id].bounds,
						 endpoint->options->max_model_len, &bounds);

	if (samples == 0)
		return;
	rp_sim_histogram_add(&endpoint->metrics.histograms[id], bounds, count, value, samples);
	endpoint->metrics.is_dirty = true;
}

void rp_sim_metrics_finish(struct rp_sim_endpoint *endpoint, const struct rp_sim_call *call,
			   int64_t now_ns)
{
	struct rp_sim_metrics *metrics = &endpoint->metrics;
	const struct {
		enum rp_sim_histogram_id id;
		int64_t ns;
	} spans[] = {
		{RP_SIM_HISTOGRAM_E2E, now_ns - call->arrived_ns},
		{RP_SIM_HISTOGRAM_QUEUE, call->started_ns - call->arrived_ns},
		{RP_SIM_HISTOGRAM_INFERENCE, now_ns - call->started_ns},
		{RP_SIM_HISTOGRAM_PREFILL, call->first_token_ns - call->started_ns},
		{RP_SIM_HISTOGRAM_DECODE, now_ns - call->first_token_ns},
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(spans); i++)
		rp_sim_metrics_observe(endpoint, spans[i].id, seconds(spans[i].ns), 1);
	for (uint32_t i = 0; i < call->choice_count; i++) {
		const struct rp_sim_choice *choice = &call->choices[i];

		rp_sim_metrics_observe(endpoint, RP_SIM_HISTOGRAM_PROMPT, choice->prompt_tokens, 1);
		rp_sim_metrics_observe(endpoint, RP_SIM_HISTOGRAM_GENERATION, choice->tokens, 1);
		rp_sim_metrics_observe(endpoint, RP_SIM_HISTOGRAM_MAX_GENERATION, choice->tokens,
				       1);
		metrics->success[choice->finish]++;
	}
	if (call->has_limit)
		rp_sim_metrics_observe(endpoint, RP_SIM_HISTOGRAM_MAX_TOKENS, (double)call->limit,
				       1);
	metrics->counters[RP_SIM_COUNTER_PROMPT] += rp_sim_call_prompt_tokens(call);
	metrics->counters[RP_SIM_COUNTER_GENERATION] += rp_sim_call_tokens(call);
}

static void add_head(struct rp_sim_buf *page, const char *name, const char *type, const char *help)
{
	RP_SIM_BUF_LIT(page, "# HELP ");
	rp_sim_buf_add_str(page, name);
	RP_SIM_BUF_LIT(page, " ");
	rp_sim_buf_add_str(page, help);
	RP_SIM_BUF_LIT(page, "\n# TYPE ");
	rp_sim_buf_add_str(page, name);
	RP_SIM_BUF_LIT(page, " ");
	rp_sim_buf_add_str(page, type);
	RP_SIM_BUF_LIT(page, "\n");
}

/* Escape a label value: backslash, quote and LF. */
static void add_label(struct rp_sim_buf *page, const char *name, const char *value)
{
	rp_sim_buf_add_str(page, name);
	RP_SIM_BUF_LIT(page, "=\"");
	for (; *value != '\0'; value++) {
		if (*value == '\n')
			RP_SIM_BUF_LIT(page, "\\n");
		else if (*value == '"')
			RP_SIM_BUF_LIT(page, "\\\"");
		else if (*value == '\\')
			RP_SIM_BUF_LIT(page, "\\\\");
		else
			rp_sim_buf_add(page, value, 1);
	}
	RP_SIM_BUF_LIT(page, "\"");
}

/* name and the opening of the labels with model_name; `suffix` as in "_bucket". */
static void add_series(struct rp_sim_buf *page, const struct rp_sim_endpoint *endpoint,
		       const char *name, const char *suffix, const char *first_label,
		       const char *first_value)
{
	rp_sim_buf_add_str(page, name);
	rp_sim_buf_add_str(page, suffix);
	RP_SIM_BUF_LIT(page, "{");
	if (first_label != NULL) {
		add_label(page, first_label, first_value);
		RP_SIM_BUF_LIT(page, ",");
	}
	add_label(page, "model_name", endpoint->options->served[0]);
}

static void add_gauge(struct rp_sim_buf *page, const struct rp_sim_endpoint *endpoint,
		      const char *name, double value, const char *help)
{
	add_head(page, name, "gauge", help);
	add_series(page, endpoint, name, "", NULL, NULL);
	RP_SIM_BUF_LIT(page, "} ");
	rp_sim_buf_add_double(page, value);
	RP_SIM_BUF_LIT(page, "\n");
}

static void add_counter(struct rp_sim_buf *page, const struct rp_sim_endpoint *endpoint,
			enum rp_sim_counter_id id)
{
	const struct rp_sim_fake *fake = endpoint->fake;
	bool is_fake = fake != NULL && fake->has_counter[id];
	uint64_t value = is_fake ? fake->counter[id] : endpoint->metrics.counters[id];

	add_head(page, counters[id].name, "counter", counters[id].help);
	if (value == 0 && !is_fake)
		return;
	add_series(page, endpoint, counters[id].name, "", NULL, NULL);
	RP_SIM_BUF_LIT(page, "} ");
	rp_sim_buf_add_u64(page, value);
	RP_SIM_BUF_LIT(page, "\n");
}

static void add_buckets(struct rp_sim_buf *page, const struct rp_sim_endpoint *endpoint,
			const struct histogram_info *info, const struct rp_sim_histogram *histogram)
{
	const double *bounds;
	uint32_t count =
		rp_sim_histogram_bounds(info->bounds, endpoint->options->max_model_len, &bounds);
	uint64_t total = 0;

	for (uint32_t i = 0; i <= count; i++) {
		total += histogram->buckets[i];
		add_series(page, endpoint, info->name, "_bucket", NULL, NULL);
		RP_SIM_BUF_LIT(page, ",le=\"");
		if (i < count)
			rp_sim_buf_add_double(page, bounds[i]);
		else
			RP_SIM_BUF_LIT(page, "+Inf");
		RP_SIM_BUF_LIT(page, "\"} ");
		rp_sim_buf_add_u64(page, total);
		RP_SIM_BUF_LIT(page, "\n");
	}
	add_series(page, endpoint, info->name, "_sum", NULL, NULL);
	RP_SIM_BUF_LIT(page, "} ");
	rp_sim_buf_add_double(page, histogram->sum);
	RP_SIM_BUF_LIT(page, "\n");
	add_series(page, endpoint, info->name, "_count", NULL, NULL);
	RP_SIM_BUF_LIT(page, "} ");
	rp_sim_buf_add_u64(page, histogram->count);
	RP_SIM_BUF_LIT(page, "\n");
}

/* A sample in a bucket counts as its upper bound, one in +Inf as a little more than the last. */
static struct rp_sim_histogram fake_histogram(const struct rp_sim_endpoint *endpoint,
					      enum rp_sim_histogram_id id)
{
	struct rp_sim_histogram histogram = {.count = 0};
	const double *bounds;
	uint32_t count = rp_sim_histogram_bounds(histograms[id].bounds,
						 endpoint->options->max_model_len, &bounds);

	for (uint32_t i = 0; i < RP_SIM_BUCKETS_MAX; i++)
		rp_sim_histogram_add(&histogram, bounds, count,
				     i < count ? bounds[i] : bounds[count - 1] + 1,
				     endpoint->fake->histogram[id][i]);
	return histogram;
}

static bool is_latency(enum rp_sim_histogram_id id)
{
	return histograms[id].bounds != RP_SIM_BOUNDS_TOKENS;
}

static void add_histogram(struct rp_sim_buf *page, const struct rp_sim_endpoint *endpoint,
			  enum rp_sim_histogram_id id)
{
	const struct rp_sim_fake *fake = endpoint->fake;
	const struct rp_sim_histogram *histogram = &endpoint->metrics.histograms[id];
	struct rp_sim_histogram made;

	add_head(page, histograms[id].name, "histogram", histograms[id].help);
	if (fake != NULL && fake->has_histogram[id]) {
		made = fake_histogram(endpoint, id);
		histogram = &made;
	} else if (histogram->count == 0 || (fake != NULL && is_latency(id))) {
		return;
	}
	add_buckets(page, endpoint, &histograms[id], histogram);
}

static void add_lora(struct rp_sim_buf *page, const struct rp_sim_endpoint *endpoint,
		     const char *running, const char *waiting, double timestamp)
{
	RP_SIM_BUF_LIT(page, "vllm:lora_requests_info{max_lora=\"");
	rp_sim_buf_add_u64(page, endpoint->options->max_loras);
	RP_SIM_BUF_LIT(page, "\",");
	add_label(page, "running_lora_adapters", running);
	RP_SIM_BUF_LIT(page, ",");
	add_label(page, "waiting_lora_adapters", waiting);
	RP_SIM_BUF_LIT(page, "} ");
	rp_sim_buf_add_double(page, timestamp);
	RP_SIM_BUF_LIT(page, "\n");
}

static void add_loras(struct rp_sim_buf *page, const struct rp_sim_endpoint *endpoint)
{
	const struct rp_sim_loras *loras = &endpoint->loras;
	const struct rp_sim_fake *fake = endpoint->fake;

	add_head(page, "vllm:lora_requests_info", "gauge", "Running stats on lora requests.");
	if (fake != NULL && fake->lora_count > 0) {
		for (uint32_t i = 0; i < fake->lora_count; i++)
			add_lora(page, endpoint, fake->loras[i].running, fake->loras[i].waiting,
				 fake->loras[i].timestamp);
		return;
	}
	for (uint32_t i = 0; i < loras->series_count; i++) {
		const struct rp_sim_lora_series *series = &loras->series[i];

		/* With fake figures only the series of the start stays. */
		if (fake == NULL ||
		    (series->running_label[0] == '\0' && series->waiting_label[0] == '\0'))
			add_lora(page, endpoint, series->running_label, series->waiting_label,
				 (double)series->wall_s);
	}
}

static void add_cache_config(struct rp_sim_buf *page, const struct rp_sim_endpoint *endpoint)
{
	add_head(page, "vllm:cache_config_info", "gauge",
		 "Information of the LLMEngine CacheConfig.");
	RP_SIM_BUF_LIT(page, "vllm:cache_config_info{block_size=\"");
	rp_sim_buf_add_u64(page, endpoint->options->block_size);
	RP_SIM_BUF_LIT(page, "\",num_gpu_blocks=\"");
	rp_sim_buf_add_u64(page, endpoint->options->kv_cache_blocks);
	RP_SIM_BUF_LIT(page, "\"} 1\n");
}

static void add_success(struct rp_sim_buf *page, const struct rp_sim_endpoint *endpoint)
{
	static const char name[] = "vllm:request_success_total";
	const struct rp_sim_fake *fake = endpoint->fake;
	bool is_fake = fake != NULL && fake->has_success;

	add_head(page, name, "counter", "Count of successfully processed requests.");
	for (uint32_t i = 0; i < RP_SIM_FINISH_COUNT; i++) {
		uint64_t value = is_fake ? fake->success[i] : endpoint->metrics.success[i];

		if (value == 0)
			continue;
		add_series(page, endpoint, name, "", "finish_reason",
			   rp_sim_finish_name((enum rp_sim_finish)i));
		RP_SIM_BUF_LIT(page, "} ");
		rp_sim_buf_add_u64(page, value);
		RP_SIM_BUF_LIT(page, "\n");
	}
}

/* Families in the order of their names. */
static void render(struct rp_sim_buf *page, const struct rp_sim_endpoint *endpoint)
{
	const struct rp_sim_fake *fake = endpoint->fake;
	double kv_use = fake != NULL ? fake->kv_cache_usage : 0;
	double running = (double)(fake != NULL ? fake->running : endpoint->running);
	double waiting = (double)(fake != NULL ? fake->waiting : endpoint->waiting);

	add_cache_config(page, endpoint);
	add_histogram(page, endpoint, RP_SIM_HISTOGRAM_E2E);
	add_counter(page, endpoint, RP_SIM_COUNTER_GENERATION);
	if (endpoint->options->has_legacy_kv_metric)
		add_gauge(page, endpoint, "vllm:gpu_cache_usage_perc", kv_use,
			  "GPU KV-cache usage. 1 means 100 percent usage.");
	add_histogram(page, endpoint, RP_SIM_HISTOGRAM_INTER_TOKEN);
	add_gauge(page, endpoint, "vllm:kv_cache_usage_perc", kv_use,
		  "The fraction of KV-cache blocks currently in use (from 0 to 1).");
	add_loras(page, endpoint);
	add_histogram(page, endpoint, RP_SIM_HISTOGRAM_MAX_GENERATION);
	add_gauge(page, endpoint, "vllm:num_requests_running", running,
		  "Number of requests currently running on GPU.");
	add_gauge(page, endpoint, "vllm:num_requests_waiting", waiting,
		  "Number of requests waiting to be processed.");
	add_counter(page, endpoint, RP_SIM_COUNTER_PREFIX_HITS);
	add_counter(page, endpoint, RP_SIM_COUNTER_PREFIX_QUERIES);
	add_counter(page, endpoint, RP_SIM_COUNTER_PROMPT);
	add_histogram(page, endpoint, RP_SIM_HISTOGRAM_DECODE);
	add_histogram(page, endpoint, RP_SIM_HISTOGRAM_GENERATION);
	add_histogram(page, endpoint, RP_SIM_HISTOGRAM_INFERENCE);
	add_histogram(page, endpoint, RP_SIM_HISTOGRAM_MAX_TOKENS);
	add_histogram(page, endpoint, RP_SIM_HISTOGRAM_PREFILL);
	add_histogram(page, endpoint, RP_SIM_HISTOGRAM_PROMPT);
	add_histogram(page, endpoint, RP_SIM_HISTOGRAM_QUEUE);
	add_success(page, endpoint);
	add_histogram(page, endpoint, RP_SIM_HISTOGRAM_PER_TOKEN);
	add_histogram(page, endpoint, RP_SIM_HISTOGRAM_FIRST_TOKEN);
}

struct rp_bytes rp_sim_metrics_page(struct rp_sim_endpoint *endpoint)
{
	struct rp_sim_metrics *metrics = &endpoint->metrics;

	if (metrics->is_dirty) {
		metrics->page.len = 0;
		metrics->page.is_failed = false;
		render(&metrics->page, endpoint);
		metrics->is_dirty = metrics->page.is_failed;
	}
	return metrics->page.is_failed ? (struct rp_bytes){0} : rp_sim_buf_bytes(&metrics->page);
}
