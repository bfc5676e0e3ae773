/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/publication.h"

#include <assert.h>

#include "shm/err.h"

static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics must work across processes");
static_assert(sizeof(struct rp_publication_reader) == RP_CACHE_LINE, "one reader a line");
static_assert(RP_PUBLICATION_SLOTS >= 3, "one current, one draining, one to fill");

/* Lowest epoch an online reader has reported; UINT64_MAX with nobody online. */
static uint64_t oldest_seen(const struct rp_publication *pub)
{
	uint64_t oldest = UINT64_MAX;

	for (uint32_t i = 0; i < RP_READERS_MAX; i++) {
		/* seq_cst: pairs with online(), see there. */
		uint64_t seen = atomic_load_explicit(&pub->reader[i].seen, memory_order_seq_cst);

		if (seen != 0 && seen < oldest)
			oldest = seen;
	}
	return oldest;
}

static uint64_t pack(struct rp_published pair)
{
	return (uint64_t)pair.config_slot << 32 | pair.table_slot;
}

static struct rp_published unpack(uint64_t word)
{
	return (struct rp_published){(uint32_t)(word >> 32), (uint32_t)word};
}

/* `current_slot` is UINT32_MAX, thus no slot, before the first publication. */
static int begin(const struct rp_publication *pub, const uint64_t *retired_at,
		 uint32_t current_slot, uint32_t *ret_slot)
{
	uint64_t oldest = oldest_seen(pub);

	for (uint32_t slot = 0; slot < RP_PUBLICATION_SLOTS; slot++) {
		if (slot != current_slot && retired_at[slot] <= oldest) {
			*ret_slot = slot;
			return RP_OK;
		}
	}
	return RP_EAGAIN;
}

void rp_publication_init(struct rp_publication *pub)
{
	atomic_init(&pub->epoch, 1);
	atomic_init(&pub->current, RP_PUBLICATION_NONE);
}

int rp_publication_begin_config(struct rp_publication *pub, uint32_t *ret_slot)
{
	uint64_t word = atomic_load_explicit(&pub->current, memory_order_relaxed);

	return begin(pub, pub->config_retired_at, unpack(word).config_slot, ret_slot);
}

int rp_publication_begin_table(struct rp_publication *pub, uint32_t *ret_slot)
{
	uint64_t word = atomic_load_explicit(&pub->current, memory_order_relaxed);

	return begin(pub, pub->table_retired_at, unpack(word).table_slot, ret_slot);
}

void rp_publication_publish(struct rp_publication *pub, struct rp_published pair)
{
	uint64_t word = atomic_load_explicit(&pub->current, memory_order_relaxed);
	uint64_t next = atomic_load_explicit(&pub->epoch, memory_order_relaxed) + 1;

	RP_ASSERT(pair.config_slot < RP_PUBLICATION_SLOTS);
	RP_ASSERT(pair.table_slot < RP_PUBLICATION_SLOTS);
	if (word != RP_PUBLICATION_NONE) {
		struct rp_published old = unpack(word);

		/* This order lets a new control process go on if this one dies at any line: an old
		 * slot is never taken for free before an epoch >= next has been reported. */
		if (old.config_slot != pair.config_slot)
			pub->config_retired_at[old.config_slot] = next;
		if (old.table_slot != pair.table_slot)
			pub->table_retired_at[old.table_slot] = next;
	}
	atomic_store_explicit(&pub->current, pack(pair), memory_order_seq_cst);
	/* Pairs with the acquire in quiescent() and online(): who sees the epoch sees the pair. */
	atomic_store_explicit(&pub->epoch, next, memory_order_release);
}

bool rp_publication_current(const struct rp_publication *pub, struct rp_published *ret_pair)
{
	uint64_t word = atomic_load_explicit(&pub->current, memory_order_seq_cst);
	struct rp_published pair = unpack(word);

	if (word == RP_PUBLICATION_NONE)
		return false;
	RP_ASSERT(pair.config_slot < RP_PUBLICATION_SLOTS);
	RP_ASSERT(pair.table_slot < RP_PUBLICATION_SLOTS);
	*ret_pair = pair;
	return true;
}

void rp_publication_online(struct rp_publication *pub, uint32_t reader, int64_t now_ns)
{
	RP_ASSERT(reader < RP_READERS_MAX);
	struct rp_publication_reader *line = &pub->reader[reader];
	uint64_t now = atomic_load_explicit(&pub->epoch, memory_order_acquire);

	/* Before `seen`, so that nobody takes a worker that just woke for a stalled one. */
	atomic_store_explicit(&line->turn_ns, now_ns, memory_order_relaxed);
	/* Store-then-load against publish() and begin(): seq_cst on these four accesses means that
	 * either control sees us online or we see its new pair. Accesses, not fences, because
	 * ThreadSanitizer cannot model fences. */
	atomic_store_explicit(&line->seen, now, memory_order_seq_cst);
}

void rp_publication_offline(struct rp_publication *pub, uint32_t reader)
{
	RP_ASSERT(reader < RP_READERS_MAX);
	/* Pairs with oldest_seen(): our reads of the slots come before. */
	atomic_store_explicit(&pub->reader[reader].seen, 0, memory_order_release);
}

void rp_publication_quiescent(struct rp_publication *pub, uint32_t reader, int64_t now_ns)
{
	RP_ASSERT(reader < RP_READERS_MAX);
	struct rp_publication_reader *line = &pub->reader[reader];
	uint64_t now = atomic_load_explicit(&pub->epoch, memory_order_acquire);

	atomic_store_explicit(&line->turn_ns, now_ns, memory_order_relaxed);
	/* Pairs with oldest_seen(), as in offline(). */
	if (atomic_load_explicit(&line->seen, memory_order_relaxed) != now)
		atomic_store_explicit(&line->seen, now, memory_order_release);
}

bool rp_publication_is_stalled(const struct rp_publication *pub, uint32_t reader, int64_t before_ns)
{
	RP_ASSERT(reader < RP_READERS_MAX);
	const struct rp_publication_reader *line = &pub->reader[reader];

	/* Acquire: pairs with online(), which stores turn_ns first. */
	if (atomic_load_explicit(&line->seen, memory_order_acquire) == 0)
		return false;
	return atomic_load_explicit(&line->turn_ns, memory_order_relaxed) < before_ns;
}
