/* SPDX-License-Identifier: Apache-2.0
 *
 * Which config blob and which endpoint table the workers read: RCU by quiescent states, across
 * processes. Both are published together in one 64-bit word, because a table is compiled against a
 * config and refers to it by index.
 *
 * Control fills free slots and publishes them. A worker reads the published pair during one loop
 * turn and reports a quiescent state between turns; a slot is used again only after every online
 * worker has reported since it was retired.
 *
 * Cache-line owners: control writes the head; reader i writes reader[i], and the supervisor takes
 * that line over once waitpid() has confirmed the reader's death. No pointers inside.
 */
#ifndef RP_SHM_PUBLICATION_H
#define RP_SHM_PUBLICATION_H

#include <stdalign.h>
#include <stdatomic.h>

#include "shm/base.h"
#include "shm/limits.h"

enum {
	RP_PUBLICATION_SLOTS = 4
}; /* of each kind: one current, one draining, one to fill, one spare */

struct rp_publication_reader {
	alignas(RP_CACHE_LINE) _Atomic uint64_t seen; /* epoch reported; 0: offline */
	_Atomic int64_t turn_ns; /* monotonic time of the last report: a stall shows here */
};

/* {config slot, table slot} as one word; RP_PUBLICATION_NONE before the first publication. */
#define RP_PUBLICATION_NONE UINT64_MAX

struct rp_publication {
	alignas(RP_CACHE_LINE) _Atomic uint64_t epoch;	  /* publications, from 1 */
	_Atomic uint64_t current;			  /* config slot << 32 | table slot */
	uint64_t config_retired_at[RP_PUBLICATION_SLOTS]; /* epoch; private to control */
	uint64_t table_retired_at[RP_PUBLICATION_SLOTS];
	struct rp_publication_reader reader[RP_READERS_MAX];
};

struct rp_published {
	uint32_t config_slot;
	uint32_t table_slot;
};

/** Prepare *pub (zeroed, shared): nothing published, all readers offline. */
void rp_publication_init(struct rp_publication *pub);

/**
 * Find slots that no reader can still be using. Control only.
 *
 * @param[out] ret_slot  the slot to fill; it stays the caller's until rp_publication_publish()
 * @return RP_OK, or RP_EAGAIN if a slow worker still holds every other slot: try again next tick,
 *         changes coalesce meanwhile. Never blocks.
 */
RP_MUST_CHECK int rp_publication_begin_config(struct rp_publication *pub, uint32_t *ret_slot);
RP_MUST_CHECK int rp_publication_begin_table(struct rp_publication *pub, uint32_t *ret_slot);

/** Make the pair current; a slot that did not change simply stays. Control only. */
void rp_publication_publish(struct rp_publication *pub, struct rp_published pair);

/**
 * The pair to read, valid until this reader's next quiescent or offline call.
 * @return true; false before the first publication
 */
RP_MUST_CHECK bool rp_publication_current(const struct rp_publication *pub,
					  struct rp_published *ret_pair);

/** Reader starts reading, or stops before it blocks for longer than a turn. */
void rp_publication_online(struct rp_publication *pub, uint32_t reader, int64_t now_ns);
void rp_publication_offline(struct rp_publication *pub, uint32_t reader);

/** Reader holds no slot now. Once per loop turn. */
void rp_publication_quiescent(struct rp_publication *pub, uint32_t reader, int64_t now_ns);

/** Reader is online and has not reported since before_ns: a stalled worker. Supervisor only. */
bool rp_publication_is_stalled(const struct rp_publication *pub, uint32_t reader,
			       int64_t before_ns);

#endif /* RP_SHM_PUBLICATION_H */
