/* SPDX-License-Identifier: Apache-2.0 */
#include "control/inflight_metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/plugin_params.h"

#define NOT_LISTED UINT32_MAX

/* A sample to be written. */
struct row {
	uint32_t instance;
	uint32_t endpoint; /* index in the table */
	int32_t priority;
	bool is_other; /* fairness id and priority are not told apart */
	uint32_t fairness_len;
	char fairness[RP_METRIC_LABEL_MAX];
	uint64_t requests;
	int64_t tokens;
};

struct rp_inflight_metrics {
	const struct rp_control *control;
	uint32_t endpoint_of[RP_ENDPOINTS_MAX];		     /* by slot; NOT_LISTED */
	struct rp_bytes producer[RP_INFLIGHT_PRODUCERS_MAX]; /* names; NULL: no such instance */
	struct row *row;
	size_t count;
	size_t capacity;
};

int rp_inflight_metrics_new(const struct rp_control *control,
			    struct rp_inflight_metrics **ret_metrics)
{
	struct rp_inflight_metrics *metrics = calloc(1, sizeof(*metrics));

	if (metrics == NULL)
		return RP_ENOMEM;
	metrics->control = control;
	*ret_metrics = metrics;
	return RP_OK;
}

void rp_inflight_metrics_free(struct rp_inflight_metrics *metrics)
{
	if (metrics == NULL)
		return;
	free(metrics->row);
	free(metrics);
}

/* @return false: no producer is configured, or nothing is published */
static bool find_producers(struct rp_inflight_metrics *metrics)
{
	const struct rp_shared *shared = &metrics->control->shared;
	const struct rp_config_blob *config;
	struct rp_published pair;
	bool has_any = false;

	memset(metrics->producer, 0, sizeof(metrics->producer));
	if (!rp_publication_current(&shared->live->publication, &pair))
		return false;
	config = (const void *)shared->tables->config[pair.config_slot];
	for (uint32_t i = 0; i < config->plugin_count; i++) {
		const struct rp_config_plugin *plugin = rp_config_blob_plugin(config, i);
		const struct rp_params_inflight_load_producer *params;

		if (plugin->type != RP_PLUGIN_INFLIGHT_LOAD_PRODUCER)
			continue;
		params = rp_config_blob_params(config, plugin);
		RP_ASSERT(params->instance < RP_INFLIGHT_PRODUCERS_MAX);
		metrics->producer[params->instance] = rp_config_blob_str(config, plugin->name);
		has_any = true;
	}
	return has_any;
}

static void find_endpoints(struct rp_inflight_metrics *metrics)
{
	const struct rp_endpoint_table *table = metrics->control->table;

	memset(metrics->endpoint_of, 0xff, sizeof(metrics->endpoint_of));
	for (uint32_t i = 0; i < table->endpoint_count; i++)
		metrics->endpoint_of[table->endpoint[i].slot] = i;
}

static const struct rp_inflight_series_table *table_of(const struct rp_inflight_metrics *metrics,
						       uint32_t worker)
{
	return &metrics->control->shared.live->worker[worker].inflight_series;
}

/* @return NULL: no memory */
static struct row *add_row(struct rp_inflight_metrics *metrics)
{
	if (metrics->count == metrics->capacity) {
		size_t capacity = metrics->capacity == 0 ? 64 : 2 * metrics->capacity;
		struct row *row = reallocarray(metrics->row, capacity, sizeof(*row));

		if (row == NULL)
			return NULL;
		metrics->row = row;
		metrics->capacity = capacity;
	}
	metrics->row[metrics->count] = (struct row){0};
	return &metrics->row[metrics->count++];
}

/* A worker's cell, if its producer and its endpoint are still there. */
static int add_cell(struct rp_inflight_metrics *metrics, uint32_t worker, uint32_t i)
{
	const struct rp_inflight *inflight = &metrics->control->shared.live->inflight;
	struct rp_inflight_sample sample;
	const struct rp_inflight_key *key = &sample.key;
	struct row *row;

	if (!rp_inflight_series_read(table_of(metrics, worker), i, &sample))
		return RP_OK;
	if (key->instance >= RP_INFLIGHT_PRODUCERS_MAX ||
	    metrics->producer[key->instance].ptr == NULL || key->slot >= RP_ENDPOINTS_MAX ||
	    metrics->endpoint_of[key->slot] == NOT_LISTED ||
	    key->life != atomic_load_explicit(&inflight->life[key->slot], memory_order_relaxed))
		return RP_OK;
	row = add_row(metrics);
	if (row == NULL)
		return RP_ENOMEM;
	row->instance = key->instance;
	row->endpoint = metrics->endpoint_of[key->slot];
	row->priority = key->priority;
	row->requests = sample.requests;
	row->tokens = sample.tokens;
	row->fairness_len = (uint32_t)key->fairness_id.len;
	if (row->fairness_len > 0)
		memcpy(row->fairness, key->fairness_id.ptr, row->fairness_len);
	rp_prom_clean(row->fairness, row->fairness_len);
	return RP_OK;
}

static int compare(const void *left, const void *right)
{
	const struct row *a = left;
	const struct row *b = right;
	int order;

	if (a->instance != b->instance)
		return a->instance < b->instance ? -1 : 1;
	if (a->endpoint != b->endpoint)
		return a->endpoint < b->endpoint ? -1 : 1;
	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	order = memcmp(a->fairness, b->fairness, sizeof(a->fairness));
	if (order != 0)
		return order;
	return a->fairness_len < b->fairness_len ? -1 : a->fairness_len > b->fairness_len;
}

/* Rows of one sample from several workers become one. */
static void add_up(struct rp_inflight_metrics *metrics)
{
	size_t kept = 0;

	if (metrics->count == 0)
		return;
	qsort(metrics->row, metrics->count, sizeof(*metrics->row), compare);
	for (size_t i = 1; i < metrics->count; i++) {
		struct row *last = &metrics->row[kept];

		if (compare(last, &metrics->row[i]) != 0) {
			metrics->row[++kept] = metrics->row[i];
			continue;
		}
		last->requests += metrics->row[i].requests;
		last->tokens += metrics->row[i].tokens;
	}
	metrics->count = kept + 1;
}

/* What is under way at an endpoint beyond its rows, which begin at *at. */
static int add_rest(struct rp_inflight_metrics *metrics, uint32_t instance, uint32_t endpoint,
		    size_t sorted, size_t *at)
{
	const struct rp_control *c = metrics->control;
	struct rp_inflight_load rest;
	struct row *row;

	rp_inflight_load_sum(&c->shared.live->inflight, c->settings->worker_count, instance,
			     c->table->endpoint[endpoint].slot, &rest);
	for (; *at < sorted && metrics->row[*at].instance == instance &&
	       metrics->row[*at].endpoint == endpoint;
	     (*at)++) {
		rest.requests -= (int64_t)metrics->row[*at].requests;
		rest.tokens -= metrics->row[*at].tokens;
	}
	if (rest.requests <= 0)
		return RP_OK;
	row = add_row(metrics);
	if (row == NULL)
		return RP_ENOMEM;
	row->instance = instance;
	row->endpoint = endpoint;
	row->is_other = true;
	row->requests = (uint64_t)rest.requests;
	row->tokens = rest.tokens > 0 ? rest.tokens : 0;
	return RP_OK;
}

static int add_others(struct rp_inflight_metrics *metrics)
{
	size_t sorted = metrics->count, at = 0;
	int err = RP_OK;

	for (uint32_t i = 0; i < RP_INFLIGHT_PRODUCERS_MAX; i++) {
		for (uint32_t e = 0; metrics->producer[i].ptr != NULL && err == RP_OK &&
				     e < metrics->control->table->endpoint_count;
		     e++)
			err = add_rest(metrics, i, e, sorted, &at);
	}
	return err;
}

static int collect(struct rp_inflight_metrics *metrics)
{
	bool has_others = false;
	int err = RP_OK;

	metrics->count = 0;
	for (uint32_t w = 0; w < metrics->control->settings->worker_count; w++) {
		const struct rp_inflight_series_table *table = table_of(metrics, w);

		/* What was never used is not looked at: reading a hole of a memfd fills it. */
		if (atomic_load_explicit(&table->used, memory_order_relaxed) == 0)
			continue;
		has_others = has_others ||
			     atomic_load_explicit(&table->spilled, memory_order_relaxed) != 0;
		for (uint32_t i = 0; i < RP_INFLIGHT_SERIES_MAX && err == RP_OK; i++)
			err = add_cell(metrics, w, i);
	}
	add_up(metrics);
	if (err == RP_OK && has_others)
		err = add_others(metrics);
	return err;
}

static void write_family(const struct rp_inflight_metrics *metrics, struct rp_prom *prom,
			 const char *name, const char *help, bool is_tokens)
{
	const struct rp_endpoint_table *table = metrics->control->table;

	rp_prom_family(prom, name, "gauge", help);
	for (size_t i = 0; i < metrics->count; i++) {
		const struct row *row = &metrics->row[i];
		const struct rp_endpoint *endpoint = &table->endpoint[row->endpoint];
		char priority[12];
		struct rp_metric_label label[] = {
			{"endpoint_name", rp_endpoint_table_borrow_str(table, endpoint->name)},
			{"namespace", rp_endpoint_table_borrow_str(table, endpoint->name_space)},
			{"producer_name", metrics->producer[row->instance]},
			{"fairness_id", rp_bytes(row->fairness, row->fairness_len)},
			{"priority", RP_BYTES_LIT("other")},
		};

		snprintf(priority, sizeof(priority), "%d", (int)row->priority);
		if (row->is_other)
			label[3].value = RP_BYTES_LIT("other");
		else
			label[4].value = rp_bytes_str(priority);
		rp_prom_u64(prom, RP_METRIC_LABELS(label),
			    is_tokens ? (uint64_t)row->tokens : row->requests);
	}
}

void rp_inflight_metrics_write(struct rp_inflight_metrics *metrics, struct rp_prom *prom)
{
	if (metrics->control->table == NULL || !find_producers(metrics))
		return;
	find_endpoints(metrics);
	if (collect(metrics) != RP_OK)
		return;
	write_family(metrics, prom, "llm_d_epp_inflight_requests",
		     "[ALPHA] Requests under way at an endpoint, as its producer counts them.",
		     false);
	write_family(metrics, prom, "llm_d_epp_inflight_tokens",
		     "[ALPHA] Tokens under way at an endpoint, as its producer counts them.", true);
}
