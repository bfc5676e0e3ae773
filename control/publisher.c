/* SPDX-License-Identifier: Apache-2.0 */
#include "control/publisher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/plugin_stats.h"
#include "shm/clock.h"
#include "shm/log.h"

#define LOGGER "publisher"

enum { RETRY_MS = 5, SWEEP_S = 10 };

struct rp_publisher {
	struct rp_control *control;
	void (*on_published)(struct rp_control *control);
	struct rp_config_blob *blob;  /* waits to be published; NULL: the published one stays */
	struct rp_plugin_stat *stats; /* names of all configurations so far */
	bool has_set;
	bool is_incomplete; /* endpoints were left out */
	struct rp_endpoint_set set;
	struct rp_request_rules *rules;
	struct rp_events_timer retry;
	struct rp_events_timer sweep;
	bool is_listed[RP_ENDPOINTS_MAX];  /* by slot: in the table being built */
	bool was_listed[RP_ENDPOINTS_MAX]; /* in the one before */
};

static struct rp_live *live_of(const struct rp_publisher *p)
{
	return p->control->shared.live;
}

static bool has_no_requests(void *user, uint32_t slot)
{
	const struct rp_publisher *p = user;

	return rp_inflight_sum(&live_of(p)->inflight, p->control->settings->worker_count, slot) ==
	       0;
}

/*
 * Give the slot its ring of an index. What the index knows is asked of it rather than of the
 * registry: a control that died between taking a slot and clearing it left that to us.
 */
static void admit_to(struct rp_prefix_index *index, uint32_t slot, uint32_t generation, bool is_new,
		     uint32_t endpoint_count)
{
	const struct rp_prefix_ring *ring = &index->ring[slot];
	bool has_ring = atomic_load_explicit(&ring->ring_size, memory_order_relaxed) != 0;
	bool is_own = atomic_load_explicit(&ring->generation, memory_order_relaxed) == generation;

	if (has_ring && (is_new || !is_own))
		rp_prefix_index_sweep(index, slot);
	if (is_new || !has_ring || !is_own)
		rp_prefix_index_admit(index, slot, generation, endpoint_count);
}

/*
 * Make a slot ready for the endpoint that just got it. An endpoint that comes back within its
 * slot's rest starts without figures and load, but what the indexes know of its caches still holds.
 */
static void admit(struct rp_publisher *p, uint32_t slot, uint32_t generation, bool is_new)
{
	struct rp_live *live = live_of(p);
	uint32_t endpoint_count = (uint32_t)p->set.count;

	if (is_new || !p->was_listed[slot]) {
		rp_inflight_begin_life(&live->inflight, slot);
		rp_endpoint_metrics_clear(&live->metrics, slot);
		rp_endpoint_metrics_bump(&live->metrics);
	}
	admit_to(&live->prefix, slot, generation, is_new, endpoint_count);
	admit_to(&live->items.index, slot, generation, is_new, endpoint_count);
}

static int add_endpoint(struct rp_publisher *p, struct rp_endpoint_table *table,
			const struct rp_discovered_endpoint *found)
{
	char address[RP_ENDPOINT_ADDRESS_MAX];
	uint32_t slot = 0;
	uint32_t generation = 0;
	bool is_new = false;
	int err;

	if (table->endpoint_count >= p->control->settings->endpoints_max)
		return RP_ETOOBIG;
	/* Slots at rest do not count against --max-endpoints: a pool that is as large as that can
	 * be replaced as a whole. */
	err = rp_endpoint_registry_take(&live_of(p)->registry, found->name_space, found->name,
					RP_ENDPOINTS_MAX, rp_events_now_ns(p->control->loop),
					has_no_requests, p, &slot, &generation, &is_new);
	if (err != RP_OK)
		return err;
	admit(p, slot, generation, is_new);
	snprintf(address, sizeof(address), "%s:%u", found->ip, found->port);
	err = rp_endpoint_table_add(table, found->name_space, found->name, rp_bytes_str(address),
				    rp_bytes_str(found->ip), found->port, slot, generation);
	if (err != RP_OK)
		return err; /* not listed: released with those that left */
	p->is_listed[slot] = true;
	for (uint32_t i = 0; i < found->label_count; i++) {
		const struct rp_discovered_label *label = &p->set.label[found->label_first + i];

		err = rp_endpoint_table_add_label(table, label->key, label->value);
		if (err != RP_OK)
			return err;
	}
	return RP_OK;
}

/* Those in use that the new table does not list start their rest. */
static void release_others(struct rp_publisher *p)
{
	struct rp_endpoint_registry *registry = &live_of(p)->registry;
	int64_t now_ns = rp_events_now_ns(p->control->loop);

	for (uint32_t slot = 0; slot < registry->slot_count; slot++) {
		if (registry->slot[slot].is_used != 0 && !p->is_listed[slot])
			rp_endpoint_registry_release(registry, slot, now_ns);
	}
}

static void build_table(struct rp_publisher *p, struct rp_endpoint_table *table)
{
	const struct rp_control *c = p->control;
	size_t incomplete = 0;
	int err;

	memcpy(p->was_listed, p->is_listed, sizeof(p->was_listed));
	memset(p->is_listed, 0, sizeof(p->is_listed));
	rp_endpoint_table_reset(table);
	rp_request_rules_copy(&table->rules, p->rules);
	/* The first two strings of an empty pool of 10 MiB always fit. */
	err = rp_endpoint_table_add_str(table, rp_bytes_str(c->pool_name), &table->pool_name);
	RP_ASSERT(err == RP_OK);
	err = rp_endpoint_table_add_str(table, rp_bytes_str(c->pool_namespace),
					&table->pool_namespace);
	RP_ASSERT(err == RP_OK);
	for (size_t i = 0; i < p->set.count; i++) {
		if (add_endpoint(p, table, &p->set.endpoint[i]) != RP_OK)
			incomplete++;
	}
	p->is_incomplete = incomplete != 0;
	if (p->is_incomplete)
		RP_LOG(RP_LOG_ERROR, LOGGER,
		       "Endpoints or labels left out: a bound is reached (--max-endpoints, or "
		       "slots "
		       "that rest)",
		       RP_F_INT("endpoints", incomplete),
		       RP_F_INT("max", c->settings->endpoints_max));
}

/* Take the slots to fill; nothing is taken on RP_EAGAIN. */
static int begin(struct rp_publisher *p, struct rp_published *pair)
{
	struct rp_publication *pub = &live_of(p)->publication;
	int err = RP_OK;

	if (p->blob != NULL)
		err = rp_publication_begin_config(pub, &pair->config_slot);
	if (err == RP_OK)
		err = rp_publication_begin_table(pub, &pair->table_slot);
	return err;
}

static double seconds_between(int64_t from_ns, int64_t to_ns)
{
	return from_ns == 0 ? 0 : (double)(to_ns - from_ns) / (double)RP_NS_PER_S;
}

static void try_to_publish(struct rp_publisher *p)
{
	struct rp_control *c = p->control;
	struct rp_tables *tables = c->shared.tables;
	struct rp_published pair = {0};
	struct rp_endpoint_table *table;
	uint64_t table_generation = 1;

	if (rp_publication_current(&live_of(p)->publication, &pair))
		table_generation = tables->table[pair.table_slot].table_generation + 1;
	else if (p->blob == NULL)
		return;
	if (!p->has_set)
		return;
	if (begin(p, &pair) != RP_OK) {
		rp_events_timer_set(c->loop, &p->retry,
				    rp_events_now_ns(c->loop) + RETRY_MS * RP_NS_PER_MS);
		return;
	}
	if (p->blob != NULL) {
		RP_ASSERT(p->blob->bytes <= RP_CONFIG_BLOB_BYTES);
		memcpy(tables->config[pair.config_slot], p->blob, p->blob->bytes);
		memcpy(live_of(p)->plugin_stat, p->stats, sizeof(live_of(p)->plugin_stat));
		free(p->blob);
		p->blob = NULL;
	}
	table = &tables->table[pair.table_slot];
	build_table(p, table);
	table->table_generation = table_generation;
	table->config_generation =
		((const struct rp_config_blob *)(const void *)tables->config[pair.config_slot])
			->generation;
	table->event_ns = p->set.event_ns;
	table->published_ns = rp_clock_monotonic_ns();
	p->set.event_ns = 0;
	rp_publication_publish(&live_of(p)->publication, pair);
	/* Only now: until here the old table sent requests to those that leave. */
	release_others(p);
	c->table = table;
	RP_LOG(RP_V1, LOGGER, "Endpoints published", RP_F_INT("endpoints", table->endpoint_count),
	       RP_F_INT("tableGeneration", table->table_generation),
	       RP_F_INT("configGeneration", table->config_generation),
	       RP_F_NUM("sinceEventSeconds",
			seconds_between(table->event_ns, table->published_ns)));
	p->on_published(c);
}

static void on_retry(struct rp_events_timer *timer)
{
	try_to_publish(timer->user);
}

static void sweep_if_used(struct rp_prefix_index *index, uint32_t slot)
{
	if (atomic_load_explicit(&index->ring[slot].ring_size, memory_order_relaxed) != 0)
		rp_prefix_index_sweep(index, slot);
}

/* Slots whose rest is over give their share of the indexes back. */
static void on_sweep(struct rp_events_timer *timer)
{
	struct rp_publisher *p = timer->user;
	struct rp_live *live = live_of(p);
	int64_t now_ns = rp_events_now_ns(p->control->loop);

	rp_events_timer_set(p->control->loop, timer, now_ns + SWEEP_S * RP_NS_PER_S);
	rp_prefix_index_end_growth(&live->prefix, now_ns);
	rp_prefix_index_end_growth(&live->items.index, now_ns);
	for (uint32_t slot = 0; slot < live->registry.slot_count; slot++) {
		const struct rp_endpoint_identity *identity = &live->registry.slot[slot];

		if (identity->is_used != 0 ||
		    now_ns - identity->freed_ns < RP_SLOT_REST_S * RP_NS_PER_S)
			continue;
		sweep_if_used(&live->prefix, slot);
		sweep_if_used(&live->items.index, slot);
	}
	if (p->is_incomplete) /* perhaps there is room by now */
		try_to_publish(p);
}

int rp_publisher_new(struct rp_control *control, void (*on_published)(struct rp_control *control),
		     struct rp_publisher **ret_publisher)
{
	struct rp_publisher *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	p->stats = calloc(RP_PLUGIN_STATS_MAX, sizeof(*p->stats));
	p->rules = calloc(1, sizeof(*p->rules));
	if (p->stats == NULL || p->rules == NULL) {
		free(p->rules);
		free(p->stats);
		free(p);
		return -ENOMEM;
	}
	/* A former control's names stay with their figures. */
	memcpy(p->stats, control->shared.live->plugin_stat,
	       RP_PLUGIN_STATS_MAX * sizeof(*p->stats));
	p->control = control;
	p->on_published = on_published;
	rp_events_timer_init(&p->retry, on_retry, p);
	rp_events_timer_init(&p->sweep, on_sweep, p);
	rp_events_timer_set(control->loop, &p->sweep,
			    rp_events_now_ns(control->loop) + SWEEP_S * RP_NS_PER_S);
	*ret_publisher = p;
	return RP_OK;
}

void rp_publisher_free(struct rp_publisher *p)
{
	if (p == NULL)
		return;
	rp_events_timer_cancel(p->control->loop, &p->retry);
	rp_events_timer_cancel(p->control->loop, &p->sweep);
	rp_endpoint_set_fini(&p->set);
	free(p->blob);
	free(p->stats);
	free(p->rules);
	free(p);
}

bool rp_publisher_resume(struct rp_publisher *p)
{
	struct rp_published pair = {0};

	if (!rp_publication_current(&live_of(p)->publication, &pair))
		return false;
	p->control->table = &p->control->shared.tables->table[pair.table_slot];
	for (uint32_t i = 0; i < p->control->table->endpoint_count; i++) {
		uint32_t slot = p->control->table->endpoint[i].slot;

		RP_ASSERT(slot < RP_ENDPOINTS_MAX);
		p->is_listed[slot] = true;
	}
	rp_request_rules_copy(p->rules, &p->control->table->rules);
	return true;
}

uint64_t rp_publisher_next_config_generation(const struct rp_publisher *p)
{
	const struct rp_tables *tables = p->control->shared.tables;
	struct rp_published pair = {0};

	if (!rp_publication_current(&live_of(p)->publication, &pair))
		return 1;
	return tables->table[pair.table_slot].config_generation + 1;
}

void rp_publisher_take_config(struct rp_publisher *p, struct rp_config_blob *blob,
			      const struct rp_plugin_stat *stats)
{
	free(p->blob);
	p->blob = blob;
	rp_plugin_stats_keep(p->stats, blob, stats);
	try_to_publish(p);
}

void rp_publisher_take_endpoints(struct rp_publisher *p, struct rp_endpoint_set *set)
{
	rp_endpoint_set_fini(&p->set);
	p->set = *set;
	*set = (struct rp_endpoint_set){0};
	p->has_set = true;
	try_to_publish(p);
}

void rp_publisher_take_rules(struct rp_publisher *p, const struct rp_request_rules *rules)
{
	rp_request_rules_copy(p->rules, rules);
	try_to_publish(p);
}
