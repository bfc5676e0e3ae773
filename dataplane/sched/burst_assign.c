/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/sched/burst_assign.h"

#include <stdlib.h>

#include "shm/hash.h"

/* Requests with the same prompts; a request that only shares a prefix is one of its own. */
struct unit {
	uint64_t key;
	uint32_t first; /* item, the earliest */
	uint32_t last;
	uint32_t members;
	uint32_t blocks;
	uint64_t prefix_key; /* of the leading blocks that must be shared */
	bool is_placeable;
};

/* Block -> replicas that hold it, open addressing; a block is there once for each replica. */
struct holder {
	uint64_t hash;
	uint32_t replica_plus_1; /* 0: free */
	uint32_t reserved;
};

struct batch {
	struct rp_burst_item *item;
	uint32_t count;
	uint32_t replica_count;
	const struct rp_params_burst_prefix_cache_producer *params;
	rp_burst_agree agree;
	void *user;
	struct unit *unit; /* in the order of their first members */
	uint32_t unit_count;
	uint32_t *next;	      /* by item: the next one of its unit */
	uint32_t *order;      /* units to place */
	uint64_t *load;	      /* by replica: requests, or blocks */
	uint64_t *match;      /* by replica: blocks of the unit at hand that it holds */
	uint32_t *of_unit;    /* by replica: requests of the unit at hand */
	struct holder *index; /* NULL: nobody asks for shared prefixes */
	size_t index_mask;
	unsigned index_shift; /* 64 - bits of the mask */
	uint64_t salt;
	uint64_t max_share;
};

static uint64_t fingerprint(const uint64_t *hash, uint32_t count)
{
	return rp_hash64_bytes(rp_bytes(hash, (size_t)count * sizeof(*hash)));
}

uint64_t rp_burst_group(const struct rp_burst_item *item)
{
	return fingerprint(item->hash, item->hash_count);
}

static bool is_by_tokens(const struct batch *b)
{
	return b->params->balance_by == RP_BURST_TOKENS;
}

/* ---- units ---- */

/* Quadratic in the number of different prompts, of which a batch has a bounded number. */
static void make_units(struct batch *b)
{
	for (uint32_t i = 0; i < b->count; i++) {
		struct rp_burst_item *item = &b->item[i];
		uint64_t key;
		uint32_t u = 0;

		item->replica = RP_BURST_NOWHERE;
		if (item->hash_count == 0)
			continue;
		key = rp_burst_group(item);
		while (u < b->unit_count && b->unit[u].key != key)
			u++;
		if (u < b->unit_count) {
			b->next[b->unit[u].last] = i;
			b->unit[u].last = i;
			b->unit[u].members++;
			continue;
		}
		b->unit[b->unit_count++] = (struct unit){
			.key = key,
			.first = i,
			.last = i,
			.members = 1,
			.blocks = item->hash_count,
		};
	}
}

/* A single request is placed only if it shares enough leading blocks with another one. */
static void find_shared(struct batch *b)
{
	int64_t wanted = b->params->min_colocate_blocks;

	for (uint32_t u = 0; u < b->unit_count; u++) {
		struct unit *unit = &b->unit[u];

		unit->is_placeable = unit->members >= 2;
		if (wanted > 0 && unit->blocks >= wanted)
			unit->prefix_key = fingerprint(b->item[unit->first].hash, (uint32_t)wanted);
	}
	for (uint32_t u = 0; u < b->unit_count && wanted > 0; u++) {
		struct unit *unit = &b->unit[u];

		for (uint32_t v = 0; v < b->unit_count && !unit->is_placeable; v++)
			unit->is_placeable = v != u && unit->blocks >= wanted &&
					     b->unit[v].blocks >= wanted &&
					     b->unit[v].prefix_key == unit->prefix_key;
	}
}

/* Groups before single ones, longer before shorter, earlier before later. */
static bool goes_before(const struct batch *b, uint32_t x, uint32_t y)
{
	const struct unit *a = &b->unit[x], *c = &b->unit[y];

	if ((a->members >= 2) != (c->members >= 2))
		return a->members >= 2;
	return a->blocks != c->blocks ? a->blocks > c->blocks : x < y;
}

static uint32_t order_units(struct batch *b)
{
	uint32_t count = 0;
	uint64_t total = 0;

	for (uint32_t u = 0; u < b->unit_count; u++) {
		uint32_t at = count;

		if (!b->unit[u].is_placeable)
			continue;
		for (; at > 0 && goes_before(b, u, b->order[at - 1]); at--)
			b->order[at] = b->order[at - 1];
		b->order[at] = u;
		count++;
		total += is_by_tokens(b) ? b->unit[u].blocks : b->unit[u].members;
	}
	b->max_share = (total + b->replica_count - 1) / b->replica_count;
	return count;
}

/* ---- shared prefixes ---- */

static size_t home_of(const struct batch *b, uint64_t hash)
{
	return (size_t)(hash * b->salt >> b->index_shift);
}

static void index_add(struct batch *b, uint64_t hash, uint32_t replica)
{
	size_t at = home_of(b, hash);

	while (b->index[at].replica_plus_1 != 0) {
		if (b->index[at].hash == hash && b->index[at].replica_plus_1 == replica + 1)
			return;
		at = (at + 1) & b->index_mask;
	}
	b->index[at] = (struct holder){hash, replica + 1, 0};
}

/* How many leading blocks each replica holds; the walk stops at the first that nobody has. */
static void find_matches(struct batch *b, const struct rp_burst_item *item)
{
	memset(b->match, 0, b->replica_count * sizeof(*b->match));
	for (uint32_t i = 0; i < item->hash_count; i++) {
		size_t at = home_of(b, item->hash[i]);
		bool is_held = false;

		for (; b->index[at].replica_plus_1 != 0; at = (at + 1) & b->index_mask) {
			if (b->index[at].hash != item->hash[i])
				continue;
			b->match[b->index[at].replica_plus_1 - 1]++;
			is_held = true;
		}
		if (!is_held)
			return;
	}
}

/* ---- placing ---- */

static bool is_full(const struct batch *b, uint32_t replica)
{
	return b->params->max_per_replica > 0 && b->of_unit[replica] >= b->params->max_per_replica;
}

/* The longest shared prefix among those below their share. */
static bool find_sharing(const struct batch *b, uint32_t *ret_replica)
{
	bool is_found = false;

	for (uint32_t r = 0; r < b->replica_count; r++) {
		if (is_full(b, r) || b->load[r] >= b->max_share ||
		    b->match[r] < (uint64_t)b->params->min_colocate_blocks)
			continue;
		if (is_found && (b->match[r] < b->match[*ret_replica] ||
				 (b->match[r] == b->match[*ret_replica] &&
				  b->load[r] >= b->load[*ret_replica])))
			continue;
		*ret_replica = r;
		is_found = true;
	}
	return is_found;
}

static uint32_t find_least_loaded(const struct batch *b)
{
	uint32_t best = UINT32_MAX;

	for (uint32_t r = 0; r < b->replica_count; r++) {
		if (!is_full(b, r) && (best == UINT32_MAX || b->load[r] < b->load[best]))
			best = r;
	}
	if (best != UINT32_MAX)
		return best;
	best = 0;
	for (uint32_t r = 1; r < b->replica_count; r++)
		best = b->load[r] < b->load[best] ? r : best;
	return best;
}

static uint32_t choose(const struct batch *b, const struct unit *unit, bool is_first)
{
	uint32_t replica;

	if (!is_first || b->params->min_colocate_blocks <= 0 || !find_sharing(b, &replica))
		replica = find_least_loaded(b);
	if (is_first && b->agree != NULL)
		replica = b->agree(b->user, &b->item[unit->first], replica);
	return replica;
}

/* How many of the unit's next requests go to the replica at once. */
static uint32_t run_length(const struct batch *b, uint32_t replica, uint32_t left)
{
	int64_t room = b->params->max_per_replica - b->of_unit[replica];

	if (b->params->max_per_replica <= 0 || room >= left)
		return left;
	return room < 1 ? 1 : (uint32_t)room; /* all are full: one, and look again */
}

static void place(struct batch *b, const struct unit *unit)
{
	const struct rp_burst_item *any = &b->item[unit->first];
	uint32_t at = unit->first;
	uint32_t left = unit->members;

	memset(b->of_unit, 0, b->replica_count * sizeof(*b->of_unit));
	if (b->index != NULL)
		find_matches(b, any);
	while (left > 0) {
		uint32_t r = choose(b, unit, left == unit->members);
		uint32_t run = run_length(b, r, left);

		if (!is_by_tokens(b))
			b->load[r] += run;
		else if (b->of_unit[r] == 0 && b->match[r] < unit->blocks)
			b->load[r] += unit->blocks - b->match[r];
		b->of_unit[r] += run;
		left -= run;
		for (; run > 0; run--) {
			b->item[at].replica = (int32_t)r;
			at = b->next[at];
		}
	}
	for (uint32_t r = 0; r < b->replica_count && b->index != NULL; r++) {
		for (uint32_t i = 0; b->of_unit[r] > 0 && i < any->hash_count; i++)
			index_add(b, any->hash[i], r);
	}
}

/* ---- memory ---- */

/* Each placed unit leaves its blocks once for each replica that got some of it. */
static int make_index(struct batch *b, uint32_t placed)
{
	unsigned bits = 4;
	size_t entries = 0;

	if (b->params->min_colocate_blocks <= 0 && !is_by_tokens(b))
		return RP_OK;
	for (uint32_t i = 0; i < placed; i++) {
		const struct unit *unit = &b->unit[b->order[i]];

		entries += (size_t)unit->blocks *
			   (unit->members < b->replica_count ? unit->members : b->replica_count);
	}
	while ((size_t)1 << bits < 2 * entries)
		bits++;
	b->index = calloc((size_t)1 << bits, sizeof(*b->index));
	b->index_mask = ((size_t)1 << bits) - 1;
	b->index_shift = 64 - bits;
	return b->index != NULL ? RP_OK : RP_ENOMEM;
}

static void free_batch(struct batch *b)
{
	free(b->unit);
	free(b->next);
	free(b->order);
	free(b->load);
	free(b->match);
	free(b->of_unit);
	free(b->index);
}

int rp_burst_assign(struct rp_burst_item *item, uint32_t count, uint32_t replica_count,
		    const struct rp_params_burst_prefix_cache_producer *params, uint64_t salt,
		    rp_burst_agree agree, void *user)
{
	struct batch b = {
		.item = item,
		.count = count,
		.replica_count = replica_count,
		.params = params,
		.salt = salt | 1,
		.agree = agree,
		.user = user,
	};
	uint32_t placed;
	int err = RP_ENOMEM;

	for (uint32_t i = 0; i < count; i++)
		item[i].replica = RP_BURST_NOWHERE;
	if (count == 0 || replica_count == 0)
		return RP_OK;
	b.unit = calloc(count, sizeof(*b.unit));
	b.next = calloc(count, sizeof(*b.next));
	b.order = calloc(count, sizeof(*b.order));
	b.load = calloc(replica_count, sizeof(*b.load));
	b.match = calloc(replica_count, sizeof(*b.match));
	b.of_unit = calloc(replica_count, sizeof(*b.of_unit));
	if (b.unit != NULL && b.next != NULL && b.order != NULL && b.load != NULL &&
	    b.match != NULL && b.of_unit != NULL) {
		make_units(&b);
		find_shared(&b);
		placed = order_units(&b);
		err = make_index(&b, placed);
		for (uint32_t i = 0; i < placed && err == RP_OK; i++)
			place(&b, &b.unit[b.order[i]]);
	}
	free_batch(&b);
	return err;
}
