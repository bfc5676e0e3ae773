/* SPDX-License-Identifier: Apache-2.0 */
#include "control/request_metrics.h"

#include <stdio.h>

/* Labels in the order of sorting: every twin's labels are a beginning of it. */
enum { MODEL, TARGET, PRIORITY, FAIRNESS, REQUEST_LABELS };
enum { STATUS, ATTEMPT_TARGET, ENDPOINT, NAMESPACE, PORT, ATTEMPT_LABELS };

/* A worker's attempt series as one row: first `other`, then the cells. */
enum { ATTEMPT_MEMBERS = RP_ATTEMPT_STATUS_COUNT + RP_ATTEMPT_CELLS };

static const char *const request_label[REQUEST_LABELS] = {"model_name", "target_model_name",
							  "priority", "fairness_id"};

int rp_request_metrics_init(struct rp_request_metrics *metrics, const struct rp_control *control)
{
	const struct rp_bytes other = RP_BYTES_LIT("other");
	const struct rp_bytes none = rp_bytes(NULL, 0);
	const struct rp_bytes request_other[] = {other, other, RP_BYTES_LIT("0"), other};
	const struct rp_bytes attempt_other[] = {
		/* by enum rp_attempt_status */
		RP_BYTES_LIT("success"), other, none, none, none,
		RP_BYTES_LIT("failure"), other, none, none, none,
	};
	uint32_t worker_count = control->settings->worker_count;
	int err;

	*metrics = (struct rp_request_metrics){.control = control};
	err = rp_series_merge_init(&metrics->requests, REQUEST_LABELS,
				   worker_count * RP_METRIC_SERIES_MAX, RP_METRIC_SERIES_MAX,
				   request_other, 1);
	if (err != RP_OK)
		return err;
	err = rp_series_merge_init(&metrics->attempts, ATTEMPT_LABELS,
				   worker_count * ATTEMPT_MEMBERS, RP_METRIC_SERIES_MAX,
				   attempt_other, RP_ATTEMPT_STATUS_COUNT);
	if (err != RP_OK)
		rp_request_metrics_fini(metrics);
	return err;
}

void rp_request_metrics_fini(struct rp_request_metrics *metrics)
{
	rp_series_merge_fini(&metrics->requests);
	rp_series_merge_fini(&metrics->attempts);
}

/* ---- collecting ---- */

static const struct rp_request_series *request_of(const struct rp_request_metrics *metrics,
						  uint32_t member)
{
	const struct rp_live *live = metrics->control->shared.live;

	return &live->worker[member / RP_METRIC_SERIES_MAX]
			.series.series[member % RP_METRIC_SERIES_MAX];
}

static const struct rp_attempt_series *attempt_of(const struct rp_request_metrics *metrics,
						  uint32_t member)
{
	const struct rp_live *live = metrics->control->shared.live;
	const struct rp_attempt_series_table *table =
		&live->worker[member / ATTEMPT_MEMBERS].attempts;
	uint32_t i = member % ATTEMPT_MEMBERS;

	return i < RP_ATTEMPT_STATUS_COUNT ? &table->other[i]
					   : &table->cell[i - RP_ATTEMPT_STATUS_COUNT];
}

static struct rp_bytes cut(const char *text, size_t len, size_t max)
{
	return rp_bytes(text, rp_min_size(len, max));
}

/* As in the workers: a part is for models that rewrites name, once there are rewrites. Who came
 * before the rewrites stays. */
static void make_room(const struct rp_control *control, struct rp_series_merge *merge,
		      struct rp_bytes model)
{
	const struct rp_rule_rewrite *rewrite = NULL;
	uint32_t max = merge->room;

	if (control->table != NULL && control->table->rules.rewrite_count != 0) {
		rewrite = rp_request_rules_rewrite(&control->table->rules, model);
		if (rewrite == NULL || rewrite->model.len == 0)
			max -= max / RP_RULED_SERIES_PART;
	}
	rp_series_merge_limit(merge, max);
}

static void collect_request(struct rp_request_metrics *metrics, uint32_t member)
{
	const struct rp_request_series *series = request_of(metrics, member);
	struct rp_bytes values[REQUEST_LABELS];
	char priority[16];

	/* Acquire: pairs with the worker's release once the key is whole. */
	if (rp_series_merge_has(&metrics->requests, member) ||
	    atomic_load_explicit(&series->key_hash, memory_order_acquire) == 0)
		return;
	snprintf(priority, sizeof(priority), "%d", (int)series->priority);
	values[MODEL] = cut(series->model, series->model_len, RP_METRIC_LABEL_MAX);
	values[TARGET] = cut(series->target, series->target_len, RP_METRIC_LABEL_MAX);
	values[PRIORITY] = rp_bytes_str(priority);
	values[FAIRNESS] = cut(series->fairness, series->fairness_len, RP_METRIC_LABEL_MAX);
	make_room(metrics->control, &metrics->requests, values[MODEL]);
	rp_series_merge_add(&metrics->requests, member, values, 0);
}

/* Series beyond a table's count are not even looked at: reading a hole of a memfd fills it. */
static void collect_requests(struct rp_request_metrics *metrics)
{
	const struct rp_live *live = metrics->control->shared.live;
	uint32_t workers = metrics->requests.member_max / RP_METRIC_SERIES_MAX;

	for (uint32_t w = 0; w < workers; w++) {
		uint32_t count =
			atomic_load_explicit(&live->worker[w].series.count, memory_order_relaxed);

		for (uint32_t i = 0; i <= count && i < RP_METRIC_SERIES_MAX; i++)
			collect_request(metrics, w * RP_METRIC_SERIES_MAX + i);
	}
}

/* Names from the registry, which also knows those that have left; the port from the table. */
static void resolve(const struct rp_control *control, const struct rp_attempt_series *series,
		    char port[16], struct rp_bytes *values)
{
	const struct rp_endpoint_registry *registry = &control->shared.live->registry;
	const struct rp_endpoint_table *table = control->table;
	const struct rp_endpoint_identity *identity;

	values[ENDPOINT] = values[NAMESPACE] = values[PORT] = rp_bytes(NULL, 0);
	if (series->slot >= RP_ENDPOINTS_MAX)
		return;
	identity = &registry->slot[series->slot];
	if (identity->generation != series->generation)
		return;
	values[ENDPOINT] =
		rp_bytes(identity->name, strnlen(identity->name, sizeof(identity->name)));
	values[NAMESPACE] = rp_bytes(identity->name_space,
				     strnlen(identity->name_space, sizeof(identity->name_space)));
	for (uint32_t i = 0; table != NULL && i < table->endpoint_count; i++) {
		if (table->endpoint[i].slot != series->slot)
			continue;
		snprintf(port, 16, "%u", (unsigned)table->endpoint[i].port);
		values[PORT] = rp_bytes_str(port);
		return;
	}
}

static void collect_attempts(struct rp_request_metrics *metrics)
{
	for (uint32_t m = 0; m < metrics->attempts.member_max; m++) {
		const struct rp_attempt_series *series = attempt_of(metrics, m);
		struct rp_bytes values[ATTEMPT_LABELS];
		char port[16] = "";

		/* Acquire: pairs with the worker's release once the key is whole. */
		if (rp_series_merge_has(&metrics->attempts, m) ||
		    atomic_load_explicit(&series->key_hash, memory_order_acquire) == 0)
			continue;
		values[STATUS] = rp_bytes_str(
			rp_attempt_status_name((enum rp_attempt_status)series->status));
		values[ATTEMPT_TARGET] =
			cut(series->target, series->target_len, RP_METRIC_LABEL_MAX);
		resolve(metrics->control, series, port, values);
		rp_series_merge_add(&metrics->attempts, m, values,
				    series->status == RP_ATTEMPT_FAILURE);
	}
}

void rp_request_metrics_collect(struct rp_request_metrics *metrics)
{
	collect_requests(metrics);
	collect_attempts(metrics);
	rp_series_merge_sort(&metrics->requests);
	rp_series_merge_sort(&metrics->attempts);
}

/* ---- request families ---- */

/* Add up a counter of all members of ranks begin to end. */
static uint64_t sum_requests(const struct rp_request_metrics *metrics, uint32_t begin, uint32_t end,
			     size_t offset)
{
	const struct rp_series_merge *merge = &metrics->requests;
	uint64_t sum = 0;

	for (uint32_t rank = begin; rank < end; rank++) {
		for (uint32_t m = rp_series_merge_first(merge, rank); m != RP_MERGE_NONE;
		     m = rp_series_merge_next(merge, m)) {
			const char *series = (const char *)request_of(metrics, m);

			sum += atomic_load_explicit(
				(const _Atomic uint64_t *)(const void *)(series + offset),
				memory_order_relaxed);
		}
	}
	return sum;
}

static void set_labels(const struct rp_series_merge *merge, uint32_t rank, uint32_t count,
		       struct rp_metric_label *label)
{
	for (uint32_t i = 0; i < count; i++)
		label[i] = (struct rp_metric_label){request_label[i],
						    rp_series_merge_value(merge, rank, i)};
}

static void write_requests(const struct rp_request_metrics *metrics, struct rp_prom *prom,
			   uint32_t label_count, const char *name, const char *help)
{
	const struct rp_series_merge *merge = &metrics->requests;
	uint32_t end;

	rp_prom_family(prom, name, "counter", help);
	for (uint32_t begin = 0; begin < merge->count; begin = end) {
		struct rp_metric_label label[REQUEST_LABELS];
		uint64_t sum;

		end = rp_series_merge_run(merge, begin, label_count);
		sum = sum_requests(metrics, begin, end,
				   offsetof(struct rp_request_series, requests));
		if (sum == 0)
			continue;
		set_labels(merge, begin, label_count, label);
		rp_prom_u64(prom, (struct rp_metric_labels){label, label_count}, sum);
	}
}

/* Not kept for requests without a model. */
static void write_running(const struct rp_request_metrics *metrics, struct rp_prom *prom,
			  uint32_t label_count, const char *name, const char *help)
{
	const struct rp_series_merge *merge = &metrics->requests;
	uint32_t end;

	rp_prom_family(prom, name, "gauge", help);
	for (uint32_t begin = 0; begin < merge->count; begin = end) {
		struct rp_metric_label label[REQUEST_LABELS];
		uint64_t running;

		end = rp_series_merge_run(merge, begin, label_count);
		running = sum_requests(metrics, begin, end,
				       offsetof(struct rp_request_series, running));
		if (rp_series_merge_value(merge, begin, MODEL).len == 0 ||
		    (running == 0 &&
		     sum_requests(metrics, begin, end,
				  offsetof(struct rp_request_series, requests)) == 0))
			continue;
		set_labels(merge, begin, label_count, label);
		rp_prom_u64(prom, (struct rp_metric_labels){label, label_count}, running);
	}
}

static void write_errors(const struct rp_request_metrics *metrics, struct rp_prom *prom,
			 uint32_t label_count, const char *name, const char *help)
{
	const struct rp_series_merge *merge = &metrics->requests;
	uint32_t end;

	rp_prom_family(prom, name, "counter", help);
	for (uint32_t begin = 0; begin < merge->count; begin = end) {
		end = rp_series_merge_run(merge, begin, label_count);
		for (size_t code = 0; code < RP_REQUEST_ERROR_COUNT; code++) {
			struct rp_metric_label label[REQUEST_LABELS + 1];
			uint64_t sum = sum_requests(metrics, begin, end,
						    offsetof(struct rp_request_series, errors) +
							    code * sizeof(_Atomic uint64_t));

			if (sum == 0)
				continue;
			set_labels(merge, begin, label_count, label);
			label[label_count] = (struct rp_metric_label){
				"error_code",
				rp_bytes_str(rp_request_error_name((enum rp_request_error)code))};
			rp_prom_u64(prom, (struct rp_metric_labels){label, label_count + 1}, sum);
		}
	}
}

struct family {
	enum rp_series_histogram which;
	enum rp_bucket_set set;
	const char *name;
	const char *help;
	const char *streaming; /* value of that label; NULL: none */
	const char *twin;      /* NULL: none */
};

static void write_histogram(const struct rp_request_metrics *metrics, struct rp_prom *prom,
			    uint32_t label_count, const struct family *family)
{
	const struct rp_series_merge *merge = &metrics->requests;
	uint32_t end;

	for (uint32_t begin = 0; begin < merge->count; begin = end) {
		struct rp_histogram_total total = {.count = 0};
		struct rp_metric_label label[REQUEST_LABELS + 1];
		uint32_t n = label_count;

		end = rp_series_merge_run(merge, begin, label_count);
		for (uint32_t rank = begin; rank < end; rank++) {
			for (uint32_t m = rp_series_merge_first(merge, rank); m != RP_MERGE_NONE;
			     m = rp_series_merge_next(merge, m))
				rp_histogram_total_add(
					&total, &request_of(metrics, m)->histogram[family->which],
					family->set);
		}
		if (total.count == 0)
			continue;
		set_labels(merge, begin, label_count, label);
		if (family->streaming != NULL)
			label[n++] = (struct rp_metric_label){"streaming",
							      rp_bytes_str(family->streaming)};
		rp_prom_histogram(prom, (struct rp_metric_labels){label, n}, family->set, &total);
	}
}

#define RP_TWIN_DURATION       "inference_objective_request_duration_seconds"
#define RP_TWIN_REQUEST_SIZE   "inference_objective_request_sizes"
#define RP_TWIN_RESPONSE_SIZE  "inference_objective_response_sizes"
#define RP_TWIN_INPUT_TOKENS   "inference_objective_input_tokens"
#define RP_TWIN_OUTPUT_TOKENS  "inference_objective_output_tokens"
#define RP_TWIN_CACHED_TOKENS  "inference_objective_prompt_cached_tokens"
#define RP_TWIN_NTPOT	       "inference_objective_normalized_time_per_output_token_seconds"
#define RP_TWIN_TTFT_JSON      NULL
#define RP_TWIN_TTFT_STREAMING NULL
#define RP_TWIN_TPOT	       NULL
#define RP_TWIN_ITL	       NULL

static const struct family families[] = {
#define FAMILY(id, name, set, help)                                                                \
	{RP_SERIES_##id, RP_BUCKETS_##set, name, help, NULL, RP_TWIN_##id},
	RP_SERIES_HISTOGRAMS(FAMILY)
#undef FAMILY
};

static void write_histograms(const struct rp_request_metrics *metrics, struct rp_prom *prom)
{
	for (size_t i = 0; i < RP_ARRAY_LEN(families); i++) {
		struct family family = families[i];

		if (family.which == RP_SERIES_TTFT_JSON)
			family.streaming = "false";
		if (family.which == RP_SERIES_TTFT_STREAMING)
			family.streaming = "true";
		rp_prom_family(prom, family.name, "histogram", family.help);
		write_histogram(metrics, prom, REQUEST_LABELS, &family);
	}
	for (size_t i = 0; i < RP_ARRAY_LEN(families); i++) {
		if (families[i].twin == NULL)
			continue;
		rp_prom_family(prom, families[i].twin, "histogram", families[i].help);
		write_histogram(metrics, prom, TARGET + 1, &families[i]);
	}
}

/* ---- attempts ---- */

static void write_attempts(const struct rp_request_metrics *metrics, struct rp_prom *prom,
			   const char *name, const char *endpoint_label)
{
	const struct rp_series_merge *merge = &metrics->attempts;
	const char *const label_name[ATTEMPT_LABELS] = {"status", "target_model_name",
							endpoint_label, "namespace", "port"};

	rp_prom_family(prom, name, "counter", "[ALPHA] Attempts to schedule a request.");
	for (uint32_t rank = 0; rank < merge->count; rank++) {
		struct rp_metric_label label[ATTEMPT_LABELS];
		uint64_t sum = 0;

		for (uint32_t m = rp_series_merge_first(merge, rank); m != RP_MERGE_NONE;
		     m = rp_series_merge_next(merge, m))
			sum += atomic_load_explicit(&attempt_of(metrics, m)->attempts,
						    memory_order_relaxed);
		if (sum == 0)
			continue;
		for (uint32_t i = 0; i < ATTEMPT_LABELS; i++)
			label[i] = (struct rp_metric_label){label_name[i],
							    rp_series_merge_value(merge, rank, i)};
		rp_prom_u64(prom, RP_METRIC_LABELS(label), sum);
	}
}

void rp_request_metrics_write(struct rp_request_metrics *metrics, struct rp_prom *prom)
{
	const char *requests = "[ALPHA] Inference requests.";
	const char *errors = "[ALPHA] Inference requests that ended with an error.";
	const char *running = "[ALPHA] Inference requests under way.";

	write_requests(metrics, prom, REQUEST_LABELS, "llm_d_epp_request_total", requests);
	write_requests(metrics, prom, PRIORITY + 1, "inference_objective_request_total", requests);
	write_errors(metrics, prom, REQUEST_LABELS, "llm_d_epp_request_error_total", errors);
	write_errors(metrics, prom, TARGET + 1, "inference_objective_request_error_total", errors);
	write_running(metrics, prom, REQUEST_LABELS, "llm_d_epp_request_running", running);
	write_running(metrics, prom, MODEL + 1, "inference_objective_running_requests", running);
	write_histograms(metrics, prom);
	write_attempts(metrics, prom, "llm_d_epp_scheduler_attempts_total", "endpoint_name");
	write_attempts(metrics, prom, "inference_extension_scheduler_attempts_total", "pod_name");
}
