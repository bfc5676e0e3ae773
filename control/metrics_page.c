/* SPDX-License-Identifier: Apache-2.0 */
#include "control/metrics_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "control/decision_metrics.h"
#include "control/detector_metrics.h"
#include "control/encoder_metrics.h"
#include "control/inflight_metrics.h"
#include "control/pool_gauges.h"
#include "control/process_stats.h"
#include "control/request_metrics.h"
#include "control/rewrite_metrics.h"
#include "control/rollout_metrics.h"
#include "control/scrape.h"
#include "shm/clock.h"

enum { REFRESH_MIN_MS = 50 };

struct rp_metrics_page {
	struct rp_control *control;
	struct rp_request_metrics requests;
	struct rp_decision_metrics decisions;
	struct rp_rewrite_metrics rewrites;
	struct rp_inflight_metrics *inflight;
	struct rp_pool_gauges pool;
	struct rp_events_timer refresh;
	uint32_t order[RP_ENDPOINTS_MAX]; /* endpoints by name, while a page is written */
};

/* A label with a number for its value. */
struct number_label {
	struct rp_metric_label label;
	char text[12];
};

static struct rp_metric_labels set_number(struct number_label *number, const char *name,
					  uint32_t value)
{
	snprintf(number->text, sizeof(number->text), "%u", (unsigned)value);
	number->label = (struct rp_metric_label){name, rp_bytes_str(number->text)};
	return (struct rp_metric_labels){&number->label, 1};
}

static uint32_t worker_count(const struct rp_metrics_page *page)
{
	return page->control->settings->worker_count;
}

static struct rp_bytes array_text(const char *text, size_t bytes)
{
	return rp_bytes(text, strnlen(text, bytes));
}

/* ---- counters.def ---- */

enum kind { COUNTER, GAUGE, HISTOGRAM };

struct plain {
	enum kind kind;
	enum rp_bucket_set set;
	size_t offset; /* in struct rp_counters */
	const char *name;
	const char *labels;
	const char *help;
};

static const struct plain plains[] = {
#define RP_COUNTER(id, name, labels, help)                                                         \
	{COUNTER, RP_BUCKETS_LAT, offsetof(struct rp_counters, id), name, labels, help},
#define RP_GAUGE(id, name, labels, help)                                                           \
	{GAUGE, RP_BUCKETS_LAT, offsetof(struct rp_counters, id), name, labels, help},
#define RP_HISTOGRAM(id, name, labels, set, help)                                                  \
	{HISTOGRAM, RP_BUCKETS_##set, offsetof(struct rp_counters, id), name, labels, help},
#include "shm/counters.def"
#undef RP_COUNTER
#undef RP_GAUGE
#undef RP_HISTOGRAM
};

/* Deprecated names of histograms without request labels; none of them has labels. */
static const char *const twins[][2] = {
	{"llm_d_epp_scheduler_e2e_duration_seconds",
	 "inference_extension_scheduler_e2e_duration_seconds"},
	{"llm_d_epp_prefix_indexer_hit_ratio", "inference_extension_prefix_indexer_hit_ratio"},
	{"llm_d_epp_prefix_indexer_hit_bytes", "inference_extension_prefix_indexer_hit_bytes"},
};

static const void *field_at(const struct rp_metrics_page *page, uint32_t worker, size_t offset)
{
	return (const char *)&page->control->shared.live->worker[worker].counters + offset;
}

static uint64_t read_counter(const struct rp_metrics_page *page, uint32_t worker, size_t offset)
{
	const _Atomic uint64_t *counter = field_at(page, worker, offset);

	return atomic_load_explicit(counter, memory_order_relaxed);
}

static uint64_t sum_counter(const struct rp_metrics_page *page, size_t offset)
{
	uint64_t sum = 0;

	for (uint32_t w = 0; w < worker_count(page); w++)
		sum += read_counter(page, w, offset);
	return sum;
}

static void sum_histogram(const struct rp_metrics_page *page, size_t offset, enum rp_bucket_set set,
			  struct rp_histogram_total *total)
{
	for (uint32_t w = 0; w < worker_count(page); w++)
		rp_histogram_total_add(total, field_at(page, w, offset), set);
}

/* The approximate prefix cache's instance, by which its series are labelled; NULL: not configured.
 */
static const struct rp_plugin_stat *find_prefix_plugin(const struct rp_metrics_page *page)
{
	const struct rp_plugin_stat *stat = page->control->shared.live->plugin_stat;

	for (size_t i = 0; i < RP_PLUGIN_STATS_MAX; i++) {
		if (strncmp(stat[i].plugin_type,
			    rp_plugin_type_name(RP_PLUGIN_APPROX_PREFIX_CACHE_PRODUCER),
			    sizeof(stat[i].plugin_type)) == 0)
			return &stat[i];
	}
	return NULL;
}

static void set_plugin(const struct rp_plugin_stat *stat, struct rp_metric_label label[2])
{
	label[0] = (struct rp_metric_label){
		"plugin_name", array_text(stat->plugin_name, sizeof(stat->plugin_name))};
	label[1] = (struct rp_metric_label){
		"plugin_type", array_text(stat->plugin_type, sizeof(stat->plugin_type))};
}

static void write_plain_histogram(const struct rp_metrics_page *page, struct rp_prom *prom,
				  const struct plain *plain, struct rp_metric_labels labels)
{
	struct rp_histogram_total total = {.count = 0};

	sum_histogram(page, plain->offset, plain->set, &total);
	rp_prom_histogram(prom, labels, plain->set, &total);
	for (size_t i = 0; i < RP_ARRAY_LEN(twins); i++) {
		if (strcmp(twins[i][0], plain->name) != 0)
			continue;
		rp_prom_family(prom, twins[i][1], "histogram", plain->help);
		rp_prom_histogram(prom, RP_METRIC_NO_LABELS, plain->set, &total);
	}
}

static bool is_wanted(const struct rp_metrics_page *page, const struct plain *plain)
{
	struct rp_bytes name = rp_bytes_str(plain->name);

	/* By worker: see write_workers(). */
	if (plain->offset == offsetof(struct rp_counters, allocated_bytes))
		return false;
	if (rp_bytes_starts_with(name, RP_BYTES_LIT("llm_d_epp_extproc_")))
		return page->control->settings->has_grpc_stream_metrics != 0;
	if (rp_bytes_starts_with(name, RP_BYTES_LIT("llm_d_epp_prefix_indexer_")))
		return find_prefix_plugin(page) != NULL;
	return true;
}

static void write_plains(const struct rp_metrics_page *page, struct rp_prom *prom)
{
	static const char *const type[] = {"counter", "gauge", "histogram"};

	for (size_t i = 0; i < RP_ARRAY_LEN(plains); i++) {
		const struct plain *plain = &plains[i];
		struct rp_metric_label label[2] = {{NULL, rp_bytes_str(plain->labels)}};
		struct rp_metric_labels labels = {label, plain->labels[0] != '\0'};

		if (!is_wanted(page, plain))
			continue;
		rp_prom_family(prom, plain->name, type[plain->kind], plain->help);
		if (rp_bytes_starts_with(rp_bytes_str(plain->name),
					 RP_BYTES_LIT("llm_d_epp_prefix_indexer_"))) {
			set_plugin(find_prefix_plugin(page), label);
			labels = RP_METRIC_LABELS(label);
		}
		if (plain->kind == HISTOGRAM)
			write_plain_histogram(page, prom, plain, labels);
		else
			rp_prom_u64(prom, labels, sum_counter(page, plain->offset));
	}
}

/* ---- plugins ---- */

static void write_plugin_durations(const struct rp_metrics_page *page, struct rp_prom *prom,
				   const char *name)
{
	const struct rp_plugin_stat *stat = page->control->shared.live->plugin_stat;

	rp_prom_family(prom, name, "histogram",
		       "[ALPHA] Time spent in calls of a plugin in seconds.");
	for (size_t i = 0; i < RP_PLUGIN_STATS_MAX; i++) {
		struct rp_histogram_total total = {.count = 0};
		struct rp_metric_label label[3];

		sum_histogram(page,
			      offsetof(struct rp_counters, plugin_duration) +
				      i * sizeof(struct rp_histogram),
			      RP_BUCKETS_FAST, &total);
		if (stat[i].plugin_type[0] == '\0' || total.count == 0)
			continue;
		set_plugin(&stat[i], label);
		label[2] = (struct rp_metric_label){
			"extension_point",
			rp_bytes_str(rp_extension_point_name(
				(enum rp_extension_point)stat[i].extension_point))};
		rp_prom_histogram(prom, RP_METRIC_LABELS(label), RP_BUCKETS_FAST, &total);
	}
}

static void write_prefix_size(const struct rp_metrics_page *page, struct rp_prom *prom)
{
	const struct rp_live *live = page->control->shared.live;
	const struct rp_plugin_stat *stat = find_prefix_plugin(page);
	const char *help = "[ALPHA] Prompt blocks that the prefix index holds.";
	struct rp_metric_label label[2];
	uint64_t size = 0;

	if (stat == NULL)
		return;
	for (uint32_t slot = 0; slot < live->registry.slot_count; slot++)
		size += rp_prefix_index_count(&live->prefix, slot);
	set_plugin(stat, label);
	rp_prom_family(prom, "llm_d_epp_prefix_indexer_size", "gauge", help);
	rp_prom_u64(prom, RP_METRIC_LABELS(label), size);
	rp_prom_family(prom, "inference_extension_prefix_indexer_size", "gauge", help);
	rp_prom_u64(prom, RP_METRIC_NO_LABELS, size);
}

static void write_datalayer(const struct rp_metrics_page *page, struct rp_prom *prom)
{
	static const char *const poll[] = {"llm_d_epp_datalayer_poll_errors_total",
					   "llm_d_inference_scheduler_datalayer_poll_errors_total"};
	static const char *const extract[] = {
		"llm_d_epp_datalayer_extract_errors_total",
		"llm_d_inference_scheduler_datalayer_extract_errors_total"};
	const struct rp_metric_label label[] = {
		{"source_type", RP_BYTES_LIT("metrics-data-source")},
		{"extractor_type", RP_BYTES_LIT("core-metrics-extractor")},
	};
	const struct rp_scrape_stats *stats;

	if (page->control->scrape == NULL)
		return;
	stats = rp_scrape_stats(page->control->scrape);
	for (size_t i = 0; i < 2; i++) {
		rp_prom_family(prom, poll[i], "counter", "[ALPHA] Failed polls of a data source.");
		rp_prom_u64(prom, (struct rp_metric_labels){label, 1}, stats->poll_errors);
		rp_prom_family(prom, extract[i], "counter",
			       "[ALPHA] Answers of a data source that an extractor could not use.");
		rp_prom_u64(prom, RP_METRIC_LABELS(label), stats->extract_errors);
	}
}

/* ---- pool ---- */

static void refresh_pool(struct rp_metrics_page *page)
{
	struct rp_control *c = page->control;

	if (c->table != NULL)
		rp_pool_gauges_refresh(&page->pool, c->table, &c->shared.live->metrics,
				       rp_clock_monotonic_ns(),
				       c->flags.metrics_staleness_threshold);
}

static void write_averages(const struct rp_metrics_page *page, struct rp_prom *prom,
			   struct rp_metric_labels labels)
{
	static const struct {
		const char *name;
		const char *help;
	} text[3][RP_POOL_FIGURES] = {
		{
			{"llm_d_epp_average_kv_cache_utilization",
			 "[ALPHA] Average KV-cache utilization of the pool's endpoints."},
			{"llm_d_epp_average_queue_size",
			 "[ALPHA] Average number of waiting requests of the pool's endpoints."},
			{"llm_d_epp_average_running_requests",
			 "[ALPHA] Average number of running requests of the pool's endpoints."},
		},
		{
			{"inference_pool_average_kv_cache_utilization",
			 "[ALPHA] Average KV-cache utilization of the pool's endpoints."},
			{"inference_pool_average_queue_size",
			 "[ALPHA] Average number of waiting requests of the pool's endpoints."},
			{"inference_pool_average_running_requests",
			 "[ALPHA] Average number of running requests of the pool's endpoints."},
		},
		{
			{"llm_d_epp_std_dev_kv_cache_utilization",
			 "[ALPHA] Standard deviation of the endpoints' KV-cache utilization."},
			{"llm_d_epp_std_dev_queue_size",
			 "[ALPHA] Standard deviation of the endpoints' waiting requests."},
			{"llm_d_epp_std_dev_running_requests",
			 "[ALPHA] Standard deviation of the endpoints' running requests."},
		},
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(text); i++) {
		for (size_t f = 0; f < RP_POOL_FIGURES; f++) {
			rp_prom_family(prom, text[i][f].name, "gauge", text[i][f].help);
			rp_prom_double(prom, labels,
				       i < 2 ? page->pool.average[f] : page->pool.std_deviation[f]);
		}
	}
}

static int compare_endpoints(const void *left, const void *right, void *user)
{
	const struct rp_endpoint_table *table = user;
	const struct rp_endpoint *a = &table->endpoint[*(const uint32_t *)left];
	const struct rp_endpoint *b = &table->endpoint[*(const uint32_t *)right];
	struct rp_bytes a_name = rp_endpoint_table_borrow_str(table, a->name);
	struct rp_bytes b_name = rp_endpoint_table_borrow_str(table, b->name);
	size_t n = rp_min_size(a_name.len, b_name.len);
	int order = n == 0 ? 0 : memcmp(a_name.ptr, b_name.ptr, n);

	if (order == 0)
		order = a_name.len < b_name.len ? -1 : a_name.len > b_name.len;
	if (order == 0)
		order = a->rank < b->rank ? -1 : a->rank > b->rank;
	return order;
}

/* Endpoints of one name in two namespaces share their series, which a page must not have twice:
 * their queues are added up. */
static void write_queues(struct rp_metrics_page *page, struct rp_prom *prom, const char *family,
			 const char *endpoint_label, uint32_t count)
{
	const struct rp_control *c = page->control;
	const struct rp_endpoint_table *table = c->table;
	struct rp_metric_label label[2] = {{"name", rp_bytes_str(c->pool_name)},
					   {.name = endpoint_label}};

	rp_prom_family(prom, family, "gauge", "[ALPHA] Waiting requests of an endpoint.");
	for (uint32_t i = 0; i < count;) {
		uint32_t first = i;
		const struct rp_endpoint *endpoint = &table->endpoint[page->order[first]];
		struct rp_bytes name = rp_endpoint_table_borrow_str(table, endpoint->name);
		char text[RP_ENDPOINT_NAME_MAX + 32];
		double waiting = 0;
		int n;

		do {
			uint32_t slot = table->endpoint[page->order[i]].slot;

			RP_ASSERT(slot < RP_ENDPOINTS_MAX);
			waiting += atomic_load_explicit(&c->shared.live->metrics.waiting[slot],
							memory_order_relaxed);
			i++;
		} while (i < count && compare_endpoints(&page->order[first], &page->order[i],
							(void *)(uintptr_t)table) == 0);
		n = snprintf(text, sizeof(text), "%.*s-rank-%u",
			     (int)rp_min_size(name.len, RP_ENDPOINT_NAME_MAX),
			     (const char *)name.ptr, (unsigned)endpoint->rank);
		rp_prom_clean(text, (size_t)n);
		label[1].value = rp_bytes(text, (size_t)n);
		rp_prom_double(prom, RP_METRIC_LABELS(label), waiting);
	}
}

static void write_pool(struct rp_metrics_page *page, struct rp_prom *prom)
{
	static const char *const ready[] = {"llm_d_epp_ready_endpoints",
					    "inference_pool_ready_pods"};
	struct rp_control *c = page->control;
	const struct rp_metric_label name = {"name", rp_bytes_str(c->pool_name)};
	const struct rp_metric_labels labels = {&name, 1};
	uint32_t count;

	if (c->table == NULL)
		return;
	if (!page->pool.has_averages) /* the first figures need not wait for the interval */
		refresh_pool(page);
	for (size_t i = 0; i < RP_ARRAY_LEN(ready); i++) {
		rp_prom_family(prom, ready[i], "gauge",
			       "[ALPHA] Endpoints of the pool with fresh figures.");
		rp_prom_u64(prom, labels, page->pool.ready_count);
	}
	if (page->pool.has_averages)
		write_averages(page, prom, labels);
	count = (uint32_t)rp_min_size(c->table->endpoint_count, RP_ENDPOINTS_MAX);
	for (uint32_t i = 0; i < count; i++)
		page->order[i] = i;
	qsort_r(page->order, count, sizeof(*page->order), compare_endpoints,
		(void *)(uintptr_t)c->table);
	write_queues(page, prom, "llm_d_epp_per_endpoint_queue_size", "model_server_endpoint",
		     count);
	write_queues(page, prom, "inference_pool_per_pod_queue_size", "model_server_pod", count);
}

/* ---- processes ---- */

static const struct rp_worker_state *state_of(const struct rp_metrics_page *page, uint32_t worker)
{
	return &page->control->shared.live->process.worker[worker];
}

static uint64_t read_connections(const struct rp_metrics_page *page, uint32_t w)
{
	return atomic_load_explicit(&state_of(page, w)->connections, memory_order_relaxed);
}

static uint64_t read_streams(const struct rp_metrics_page *page, uint32_t w)
{
	return atomic_load_explicit(&state_of(page, w)->streams, memory_order_relaxed);
}

static uint64_t read_ready(const struct rp_metrics_page *page, uint32_t w)
{
	return atomic_load_explicit(&state_of(page, w)->pid, memory_order_relaxed) != 0 &&
	       atomic_load_explicit(&state_of(page, w)->is_ready, memory_order_relaxed) != 0;
}

static uint64_t read_accepted(const struct rp_metrics_page *page, uint32_t w)
{
	return atomic_load_explicit(&state_of(page, w)->accepted, memory_order_relaxed);
}

static uint64_t read_requests(const struct rp_metrics_page *page, uint32_t w)
{
	const struct rp_request_series_table *table = &page->control->shared.live->worker[w].series;
	uint32_t count = atomic_load_explicit(&table->count, memory_order_relaxed);
	uint64_t sum = 0;

	for (uint32_t i = 0; i <= count && i < RP_METRIC_SERIES_MAX; i++)
		sum += atomic_load_explicit(&table->series[i].requests, memory_order_relaxed);
	return sum;
}

static uint64_t read_allocated(const struct rp_metrics_page *page, uint32_t w)
{
	return read_counter(page, w, offsetof(struct rp_counters, allocated_bytes));
}

static void write_workers(const struct rp_metrics_page *page, struct rp_prom *prom)
{
	static const struct {
		uint64_t (*read)(const struct rp_metrics_page *page, uint32_t worker);
		const char *name;
		const char *type;
		const char *help;
	} by_worker[] = {
		{read_connections, "ringpick_worker_connections", "gauge",
		 "Open ext_proc connections."},
		{read_streams, "ringpick_worker_streams", "gauge", "Open ext_proc streams."},
		{read_ready, "ringpick_worker_ready", "gauge", "1 if the worker takes requests."},
		{read_accepted, "ringpick_worker_accepted_connections_total", "counter",
		 "ext_proc connections that the worker has served."},
		{read_requests, "ringpick_worker_requests_total", "counter",
		 "Requests that the worker has scheduled."},
		{read_allocated, "ringpick_worker_allocated_bytes_total", "counter",
		 "Bytes that the worker has asked the allocator for since its start."},
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(by_worker); i++) {
		rp_prom_family(prom, by_worker[i].name, by_worker[i].type, by_worker[i].help);
		for (uint32_t w = 0; w < worker_count(page); w++) {
			struct number_label label;

			rp_prom_u64(prom, set_number(&label, "worker", w),
				    by_worker[i].read(page, w));
		}
	}
}

static void write_backends(const struct rp_metrics_page *page, struct rp_prom *prom)
{
	static const struct {
		enum rp_io_choice choice;
		const char *name;
	} backend[] = {{RP_IO_URING, "io_uring"}, {RP_IO_EPOLL, "epoll"}};

	rp_prom_family(prom, "ringpick_io_backend", "gauge", "Workers that use this back end.");
	for (size_t i = 0; i < RP_ARRAY_LEN(backend); i++) {
		const struct rp_metric_label label = {"backend", rp_bytes_str(backend[i].name)};
		uint64_t count = 0;

		for (uint32_t w = 0; w < worker_count(page); w++)
			count += read_ready(page, w) != 0 &&
				 atomic_load_explicit(&state_of(page, w)->io_backend,
						      memory_order_relaxed) == backend[i].choice;
		rp_prom_u64(prom, (struct rp_metric_labels){&label, 1}, count);
	}
}

static void write_single(struct rp_prom *prom, const char *name, const char *type, const char *help,
			 double value)
{
	rp_prom_family(prom, name, type, help);
	rp_prom_double(prom, RP_METRIC_NO_LABELS, value);
}

static void write_ours(const struct rp_metrics_page *page, struct rp_prom *prom)
{
	const struct rp_live *live = page->control->shared.live;
	uint32_t starts =
		atomic_load_explicit(&live->process.control_generation, memory_order_relaxed);
	uint64_t dropped = 0;

	for (uint32_t w = 0; w < worker_count(page); w++)
		dropped += atomic_load_explicit(&live->worker[w].log.dropped, memory_order_relaxed);
	write_single(prom, "ringpick_worker_restarts_total", "counter",
		     "Workers started again after their death.",
		     atomic_load_explicit(&live->process.worker_restarts, memory_order_relaxed));
	write_single(prom, "ringpick_control_restarts_total", "counter",
		     "Starts of the control process after the first.", starts > 1 ? starts - 1 : 0);
	write_single(prom, "ringpick_log_records_dropped_total", "counter",
		     "Log records of workers that found no room.", (double)dropped);
	write_single(prom, "ringpick_prefix_index_drops_total", "counter",
		     "Prompt blocks that the prefix index had no room for.",
		     (double)atomic_load_explicit(&live->prefix.drops, memory_order_relaxed));
}

/* All our processes as one. What dead children used is in the supervisor's account of them. */
static void write_processes(const struct rp_metrics_page *page, struct rp_prom *prom)
{
	struct rp_process_stats stats = {0};

	rp_process_stats_add(&stats, getppid(), true);
	rp_process_stats_add(&stats, getpid(), false);
	for (uint32_t w = 0; w < worker_count(page); w++) {
		uint32_t pid = atomic_load_explicit(&state_of(page, w)->pid, memory_order_relaxed);

		if (pid != 0)
			rp_process_stats_add(&stats, (pid_t)pid, false);
	}
	write_single(prom, "process_cpu_seconds_total", "counter",
		     "Processor time of all processes in seconds.", stats.cpu_seconds);
	write_single(prom, "process_resident_memory_bytes", "gauge",
		     "Resident memory of all processes; shared memory counts once.",
		     (double)stats.resident_bytes);
	write_single(prom, "process_virtual_memory_bytes", "gauge",
		     "Virtual memory of all processes.", (double)stats.virtual_bytes);
	write_single(prom, "process_open_fds", "gauge", "Open descriptors of all processes.",
		     (double)stats.open_fds);
	write_single(prom, "process_start_time_seconds", "gauge",
		     "Start of the program since the Unix epoch in seconds.",
		     (double)page->control->settings->started_wall_ns / (double)RP_NS_PER_S);
}

static void write_info(struct rp_prom *prom)
{
	static const char *const info[] = {"llm_d_epp_info", "inference_extension_info"};
	const struct rp_metric_label label[] = {{"commit", rp_bytes_str(RP_COMMIT)},
						{"build_ref", rp_bytes_str(RP_VERSION)}};

	for (size_t i = 0; i < RP_ARRAY_LEN(info); i++) {
		rp_prom_family(prom, info[i], "gauge", "[ALPHA] Build of this program.");
		rp_prom_u64(prom, RP_METRIC_LABELS(label), 1);
	}
}

/* ---- the whole ---- */

void rp_metrics_page_write(struct rp_metrics_page *page, struct rp_prom *prom)
{
	rp_prom_reset(prom);
	rp_request_metrics_collect(&page->requests);
	rp_request_metrics_write(&page->requests, prom);
	write_plains(page, prom);
	write_plugin_durations(page, prom, "llm_d_epp_plugin_duration_seconds");
	write_plugin_durations(page, prom, "inference_extension_plugin_duration_seconds");
	write_prefix_size(page, prom);
	rp_decision_metrics_write(&page->decisions, prom);
	rp_rewrite_metrics_write(&page->rewrites, prom);
	rp_encoder_metrics_write(page->control, prom);
	rp_rollout_metrics_write(page->control, prom);
	rp_detector_metrics_write(page->control, prom);
	rp_inflight_metrics_write(page->inflight, prom);
	write_datalayer(page, prom);
	write_pool(page, prom);
	write_info(prom);
	write_workers(page, prom);
	write_backends(page, prom);
	write_ours(page, prom);
	write_processes(page, prom);
}

static void on_refresh(struct rp_events_timer *timer)
{
	struct rp_metrics_page *page = timer->user;
	struct rp_control *c = page->control;
	int64_t interval_ns = c->flags.refresh_prometheus_metrics_interval;

	if (interval_ns < REFRESH_MIN_MS * RP_NS_PER_MS)
		interval_ns = REFRESH_MIN_MS * RP_NS_PER_MS;
	refresh_pool(page);
	rp_request_metrics_collect(&page->requests);
	rp_events_timer_set(c->loop, timer, rp_events_now_ns(c->loop) + interval_ns);
}

int rp_metrics_page_new(struct rp_control *control, struct rp_metrics_page **ret_page)
{
	struct rp_metrics_page *page = calloc(1, sizeof(*page));
	int err;

	if (page == NULL)
		return RP_ENOMEM;
	page->control = control;
	err = rp_inflight_metrics_new(control, &page->inflight);
	if (err != RP_OK)
		goto out_page;
	err = rp_request_metrics_init(&page->requests, control);
	if (err != RP_OK)
		goto out_inflight;
	err = rp_decision_metrics_init(&page->decisions, control);
	if (err != RP_OK)
		goto out_requests;
	err = rp_rewrite_metrics_init(&page->rewrites, control);
	if (err != RP_OK)
		goto out_decisions;
	rp_events_timer_init(&page->refresh, on_refresh, page);
	on_refresh(&page->refresh);
	*ret_page = page;
	return RP_OK;
out_decisions:
	rp_decision_metrics_fini(&page->decisions);
out_requests:
	rp_request_metrics_fini(&page->requests);
out_inflight:
	rp_inflight_metrics_free(page->inflight);
out_page:
	free(page);
	return err;
}

void rp_metrics_page_free(struct rp_metrics_page *page)
{
	if (page == NULL)
		return;
	rp_events_timer_cancel(page->control->loop, &page->refresh);
	rp_rewrite_metrics_fini(&page->rewrites);
	rp_decision_metrics_fini(&page->decisions);
	rp_request_metrics_fini(&page->requests);
	rp_inflight_metrics_free(page->inflight);
	free(page);
}
