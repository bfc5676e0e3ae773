/* SPDX-License-Identifier: Apache-2.0 */
#include "control/encoder_metrics.h"

#include <stdio.h>

#include "config/compiled.h"

enum { MEMBERS_MAX = RP_WORKERS_MAX * RP_ENCODER_SERIES, LABELS_MAX = 4 };

/* A worker's series. */
struct member {
	uint16_t worker;
	uint16_t series;
	uint16_t first; /* of the members with its name */
};

struct members {
	const struct rp_control *control;
	uint32_t count;
	struct member member[MEMBERS_MAX];
};

static const struct rp_encoder_series_table *table_of(const struct members *members, uint32_t i)
{
	return &members->control->shared.live->worker[members->member[i].worker].encoder;
}

static const struct rp_encoder_series *series_of(const struct members *members, uint32_t i)
{
	return &table_of(members, i)->series[members->member[i].series];
}

static struct rp_bytes plugin_of(const struct members *members, uint32_t i)
{
	const struct rp_encoder_series *series = series_of(members, i);

	return rp_bytes(series->plugin, rp_min_size(series->plugin_len, RP_PLUGIN_NAME_MAX));
}

static void collect(const struct rp_control *control, struct members *members)
{
	members->control = control;
	members->count = 0;
	for (uint32_t i = 0; i < control->settings->worker_count * RP_ENCODER_SERIES; i++) {
		struct member *member = &members->member[members->count];

		*member = (struct member){.worker = (uint16_t)(i / RP_ENCODER_SERIES),
					  .series = (uint16_t)(i % RP_ENCODER_SERIES)};
		/* Acquire: pairs with the worker's release once the name is whole. */
		if (atomic_load_explicit(&series_of(members, members->count)->is_used,
					 memory_order_acquire) == 0)
			continue;
		while (!rp_bytes_equal(plugin_of(members, member->first),
				       plugin_of(members, members->count)))
			member->first++;
		members->count++;
	}
}

/* What all samples of a plugin begin with. */
static void set_plugin(const struct members *members, uint32_t first, struct rp_metric_label *label)
{
	label[0] = (struct rp_metric_label){
		"plugin_type",
		rp_bytes_str(rp_plugin_type_name(RP_PLUGIN_MM_EMBEDDINGS_CACHE_PRODUCER))};
	label[1] = (struct rp_metric_label){"plugin_name", plugin_of(members, first)};
}

static struct rp_metric_label modality_label(uint32_t modality)
{
	return (struct rp_metric_label){"modality", rp_bytes_str(rp_encoder_modality_name(
							    (enum rp_encoder_modality)modality))};
}

static void write_queries(const struct members *members, struct rp_prom *prom, uint32_t first)
{
	for (uint32_t m = 0; m < RP_ENCODER_MODALITY_COUNT; m++) {
		struct rp_metric_label label[3];
		uint64_t sum = 0;

		for (uint32_t i = first; i < members->count; i++) {
			if (members->member[i].first == first)
				sum += atomic_load_explicit(&series_of(members, i)->queries[m],
							    memory_order_relaxed);
		}
		if (sum == 0)
			continue;
		set_plugin(members, first, label);
		label[2] = modality_label(m);
		rp_prom_u64(prom, RP_METRIC_LABELS(label), sum);
	}
}

static void write_ratio(const struct members *members, struct rp_prom *prom, uint32_t first)
{
	struct rp_histogram_total total = {.count = 0};
	struct rp_metric_label label[2];

	for (uint32_t i = first; i < members->count; i++) {
		if (members->member[i].first == first)
			rp_histogram_total_add(&total, &series_of(members, i)->hit_ratio,
					       RP_BUCKETS_RATIO);
	}
	if (total.count == 0)
		return;
	set_plugin(members, first, label);
	rp_prom_histogram(prom, RP_METRIC_LABELS(label), RP_BUCKETS_RATIO, &total);
}

/* "namespace/name", with the rank if there are several. */
static struct rp_bytes pod_of(const struct rp_endpoint_table *table,
			      const struct rp_endpoint *endpoint,
			      char text[2 * RP_ENDPOINT_NAME_MAX + 32])
{
	struct rp_bytes name_space = rp_endpoint_table_borrow_str(table, endpoint->name_space);
	struct rp_bytes name = rp_endpoint_table_borrow_str(table, endpoint->name);
	int n = snprintf(text, 2 * RP_ENDPOINT_NAME_MAX + 32, "%.*s/%.*s",
			 (int)rp_min_size(name_space.len, RP_ENDPOINT_NAME_MAX),
			 (const char *)name_space.ptr,
			 (int)rp_min_size(name.len, RP_ENDPOINT_NAME_MAX), (const char *)name.ptr);

	if (endpoint->rank != 0)
		n += snprintf(text + n, 32, "-rank-%u", (unsigned)endpoint->rank);
	rp_prom_clean(text, (size_t)n);
	return rp_bytes(text, (size_t)n);
}

static void write_endpoint_hits(const struct members *members, struct rp_prom *prom, uint32_t first,
				const struct rp_endpoint *endpoint)
{
	char pod[2 * RP_ENDPOINT_NAME_MAX + 32];

	for (uint32_t m = 0; m < RP_ENCODER_MODALITY_COUNT; m++) {
		struct rp_metric_label label[LABELS_MAX];
		uint64_t sum = 0;

		for (uint32_t i = first; i < members->count; i++) {
			if (members->member[i].first == first)
				sum += rp_encoder_series_hits(table_of(members, i),
							      members->member[i].series,
							      endpoint->slot, endpoint->generation,
							      (enum rp_encoder_modality)m);
		}
		if (sum == 0)
			continue;
		set_plugin(members, first, label);
		label[2] = (struct rp_metric_label){"pod",
						    pod_of(members->control->table, endpoint, pod)};
		label[3] = modality_label(m);
		rp_prom_u64(prom, RP_METRIC_LABELS(label), sum);
	}
}

static void write_hits(const struct members *members, struct rp_prom *prom, uint32_t first)
{
	const struct rp_endpoint_table *table = members->control->table;

	for (uint32_t i = 0; table != NULL && i < table->endpoint_count; i++)
		write_endpoint_hits(members, prom, first, &table->endpoint[i]);
}

void rp_encoder_metrics_write(const struct rp_control *control, struct rp_prom *prom)
{
	static const struct {
		void (*write)(const struct members *members, struct rp_prom *prom, uint32_t first);
		const char *name;
		const char *type;
		const char *help;
	} family[] = {
		{write_queries, "llm_d_epp_encoder_cache_queries_total", "counter",
		 "[ALPHA] Multimodal items looked up."},
		{write_hits, "llm_d_epp_encoder_cache_hits_total", "counter",
		 "[ALPHA] Multimodal items looked up that the endpoint had seen."},
		{write_ratio, "llm_d_epp_encoder_cache_hit_ratio", "histogram",
		 "[ALPHA] Share of a request's multimodal items that an endpoint had seen."},
	};
	struct members members;

	collect(control, &members);
	for (size_t f = 0; f < RP_ARRAY_LEN(family); f++) {
		rp_prom_family(prom, family[f].name, family[f].type, family[f].help);
		for (uint32_t i = 0; i < members.count; i++) {
			if (members.member[i].first == i)
				family[f].write(&members, prom, i);
		}
	}
}
