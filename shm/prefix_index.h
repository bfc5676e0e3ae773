/* SPDX-License-Identifier: Apache-2.0
 *
 * Which endpoint has seen which block of prompt: one lock-free table that all workers share, so
 * that a prompt served through one worker attracts its follow-up on another (scheduling
 * reference 4.4, 4.5).
 *
 * Entries are (block hash, endpoint slot, slot generation) packed in one 64-bit word: tag, slot,
 * 10 bits of generation. A bucket is one cache line: five words, a recency stamp for each, and how
 * far entries of this home may have been pushed to following buckets. To look a block up, to record
 * it and to evict it thus reads one line, unless a hash has many holders.
 *
 * Recency is kept per endpoint in a ring of entry positions; the stamp of an entry is the ring
 * index of its last use. The oldest entry is the first one from the tail whose stamp still equals
 * its ring index ("lazy LRU"): exact with one writer, approximate with several. Memory is bounded:
 * the ring sizes of all endpoints add up to no more entries than the table has words, which is at
 * least twice what the capacities add up to.
 *
 * A small pool uses a small part of the table, so that it stays in the caches. The part grows with
 * the rings that are given; entries that stand where they belonged before are found for a while
 * longer (RP_PREFIX_GROWTH_S), in which what is used is recorded where it belongs now.
 *
 * Uses of known blocks fill a ring too. When 5/8 of it are in use a pass begins: for each further
 * entry eight are taken from the tail, and those still live are put in again at the head, until all
 * entries older than the pass have been looked at. They keep their order among themselves; only
 * against what is recorded during the pass they look younger than they are.
 *
 * A second index of this kind holds multimodal items (mm-embeddings-cache-producer, scheduling
 * reference 3.5). Its rings are small and its requests few, so that it makes each pass at once, and
 * is exact with one writer even then. Its items are no chain: match_each() looks up each by itself.
 *
 * A process may die at any line: what is left is an entry without ring index (it stays until it is
 * recorded again or its endpoint goes), a ring index without entry, or a count that is off by one.
 * A worker held up between two lines for as long as the others need to go round a ring may leave
 * the same.
 */
#ifndef RP_SHM_PREFIX_INDEX_H
#define RP_SHM_PREFIX_INDEX_H

#include <stdalign.h>
#include <stdatomic.h>

#include "shm/err.h"
#include "shm/limits.h"

enum { RP_PREFIX_BUCKET_ENTRIES = 5 };

struct rp_prefix_bucket {
	alignas(RP_CACHE_LINE) _Atomic uint64_t
		word[RP_PREFIX_BUCKET_ENTRIES];		  /* an entry; 0: free */
	_Atomic uint32_t stamp[RP_PREFIX_BUCKET_ENTRIES]; /* ring index of its last use, low bits */
	_Atomic uint32_t reach; /* buckets after it that may hold its entries */
};

/* Recency ring of one endpoint slot. Size and generation are control's, the rest all workers'. */
struct rp_prefix_ring {
	alignas(RP_CACHE_LINE) _Atomic uint64_t
		head;		     /* next ring index to write, counts for ever */
	_Atomic uint64_t tail;	     /* oldest ring index not yet looked at */
	_Atomic uint64_t pass_end;   /* a pass is on while tail is below; workers */
	_Atomic uint32_t count;	     /* live entries of this endpoint; two's complement, workers */
	_Atomic uint32_t ring_size;  /* entries, a power of two; 0: slot not in use */
	_Atomic uint32_t generation; /* of the slot, for which ring and count hold */
	uint32_t reserved;
};

struct rp_prefix_index {
	uint64_t bucket_count;
	_Atomic uint64_t span;	   /* buckets in use: as many as the rings given need; control */
	_Atomic uint64_t old_span; /* before it last grew; equal once that is over; control */
	int64_t grown_ns;	   /* when that was seen; 0: not yet; control */
	uint64_t ring_budget;	   /* ring entries that all endpoints together may have */
	_Atomic uint64_t ring_entries_given; /* control's account */
	_Atomic uint64_t drops;		     /* inserts that found no room */
	uint64_t buckets_offset;	     /* from this struct, bytes */
	uint32_t ring_max;		     /* entries of one ring at most, a power of two */
	uint32_t pass_steps; /* ring entries looked at for each one to be written during a pass */
	uint64_t rings_offset;
	uint32_t slot_end; /* slots from here on never had a ring; control */
	uint32_t reserved;
	struct rp_prefix_ring ring[RP_ENDPOINTS_MAX];
	/* buckets and ring entries follow at their offsets */
};

/* What a bucket costs: its line, and a ring entry for each of its words. */
#define RP_PREFIX_BUCKET_BYTES (RP_CACHE_LINE + RP_PREFIX_BUCKET_ENTRIES * sizeof(uint32_t))

/* An index of items with its arrays. */
struct rp_item_index {
	struct rp_prefix_index index;
	alignas(RP_CACHE_LINE)
		uint8_t buckets[RP_ITEM_INDEX_BYTES / RP_PREFIX_BUCKET_BYTES * RP_CACHE_LINE];
	uint32_t rings[RP_ENDPOINTS_MAX][RP_ITEM_RING_MAX];
};

/** Bytes that an index of this budget takes in the segment: mapped, not touched (sparse). */
size_t rp_prefix_index_bytes(uint64_t budget_bytes);

/** Bytes of memory that it may come to take: those of rings are given back by sweep(). */
uint64_t rp_prefix_index_memory(uint64_t budget_bytes);

/** Lay out a zeroed region of rp_prefix_index_bytes(budget_bytes). Supervisor only. */
void rp_prefix_index_init(struct rp_prefix_index *index, uint64_t budget_bytes);

/** The same for an index of items, which has a fixed size. */
void rp_prefix_index_init_items(struct rp_item_index *items);

/**
 * Ask the kernel for huge pages for what is read at random: all but the rings. For each process by
 * itself; without effect where the kernel gives none for shared memory.
 */
void rp_prefix_index_use_huge_pages(struct rp_prefix_index *index);

/**
 * Give a slot its ring, or a new generation an empty one; nothing happens if the slot has one of
 * this generation. Control only, before the endpoint is published, for every endpoint of a table:
 * so a new control makes good what its predecessor left undone. The size follows from the budget
 * and the number of endpoints; when less than RP_PREFIX_RING_MIN is left, the endpoint records
 * nothing.
 */
void rp_prefix_index_admit(struct rp_prefix_index *index, uint32_t slot, uint32_t generation,
			   uint32_t endpoint_count);

/** Forget where entries stood before the index grew, once that is long enough ago. Control only,
 * every few seconds. @param now_ns  monotonic */
void rp_prefix_index_end_growth(struct rp_prefix_index *index, int64_t now_ns);

/** Take the ring back and clear the slot's entries. Control only, when the slot's rest is over. */
void rp_prefix_index_sweep(struct rp_prefix_index *index, uint32_t slot);

/**
 * Count for every endpoint slot how many of the hashes it holds, in the run from the first hash on
 * that anybody holds (upstream's non-contiguous count, kept on purpose). A slot gains at most one a
 * hash.
 *
 * @param hashes         chained block hashes of one prompt, in order
 * @param[in,out] counts by endpoint slot, RP_ENDPOINTS_MAX long; added to
 * @param[in,out] touched slots whose count became non-zero are appended, so that the caller can
 * clear cheaply; room for RP_ENDPOINTS_MAX
 * @param[in,out] touched_count  used part of touched
 * Context: worker turn, no allocation.
 */
void rp_prefix_index_match(const struct rp_prefix_index *index, const uint64_t *hashes,
			   size_t hash_count, uint16_t *counts, uint16_t *touched,
			   uint32_t *touched_count);

/** The same for hashes that are no chain: a hash that nobody holds does not end it. */
void rp_prefix_index_match_each(const struct rp_prefix_index *index, const uint64_t *hashes,
				size_t hash_count, uint16_t *counts, uint16_t *touched,
				uint32_t *touched_count);

/**
 * Begin to fetch the buckets of the first hashes, ahead of match() and record(). Of a prompt that
 * nobody has seen match() reads only the first one, but record() will write them all.
 */
void rp_prefix_index_prefetch(const struct rp_prefix_index *index, const uint64_t *hashes,
			      size_t hash_count);

/**
 * Record that an endpoint has seen these blocks: insert new ones, move known ones to most recent,
 * then evict its oldest until at most `capacity` are left, never one of the blocks just recorded.
 *
 * @param generation  of the slot, as the caller's table has it; a stale one records nothing
 * @param capacity    blocks; cut to half of the ring
 * @param hashes      what goes beyond a quarter of the ring is not recorded
 * Context: worker turn, no allocation.
 */
void rp_prefix_index_record(struct rp_prefix_index *index, uint32_t slot, uint32_t generation,
			    uint32_t capacity, const uint64_t *hashes, size_t hash_count);

/** Of the endpoint whose entries a slot's are; 0: it never had any. */
uint32_t rp_prefix_index_generation(const struct rp_prefix_index *index, uint32_t slot);

/** Live entries of a slot, for the size gauge. */
uint32_t rp_prefix_index_count(const struct rp_prefix_index *index, uint32_t slot);

#endif /* RP_SHM_PREFIX_INDEX_H */
