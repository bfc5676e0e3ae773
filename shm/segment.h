/* SPDX-License-Identifier: Apache-2.0
 *
 * A shared segment: a memfd with a checked head. Two exist (decisions: shm/layout.h shows them):
 * `tables`, written by control and mapped read-only by workers, and `live`, where every process
 * writes its own regions. A segment outlives control and workers: the supervisor holds it.
 */
#ifndef RP_SHM_SEGMENT_H
#define RP_SHM_SEGMENT_H

#include "shm/err.h"

#define RP_SEGMENT_MAGIC UINT64_C(0x313067656b636970) /* "pickeg01", little-endian */

enum rp_segment_kind { RP_SEGMENT_TABLES = 1, RP_SEGMENT_LIVE = 2 };

/* First bytes of every segment. */
struct rp_segment_head {
	uint64_t magic;
	uint32_t version;     /* RP_LAYOUT_VERSION */
	uint32_t kind;	      /* enum rp_segment_kind */
	uint64_t layout_hash; /* of all offsets and sizes, see rp_layout_hash() */
	uint64_t bytes;	      /* of the whole segment */
};

struct rp_segment {
	void *base;
	size_t bytes;
	int fd;
	bool is_writable;
};

/**
 * Create a sealed memfd of `bytes` (sparse, zeroed), map it and write its head.
 *
 * The seals forbid shrinking, growing and further sealing. Name shows in /proc/PID/maps.
 * @return RP_OK or -errno
 */
RP_MUST_CHECK int rp_segment_create(const char *name, enum rp_segment_kind kind, size_t bytes,
				    uint64_t layout_hash, struct rp_segment *ret_segment);

/**
 * Map an inherited descriptor and check magic, version, kind, layout hash, size and seals.
 *
 * @param is_writable  false maps PROT_READ; the descriptor may then be read-only
 * @param[out] reterr  says which of them differs; may be NULL
 * @return RP_OK; RP_EMISMATCH; -errno
 */
RP_MUST_CHECK int rp_segment_attach(int fd, enum rp_segment_kind kind, bool is_writable,
				    uint64_t layout_hash, struct rp_segment *ret_segment,
				    struct rp_diag *reterr);

/** A second descriptor of the same memfd that cannot write, for workers. @return fd or -errno */
RP_MUST_CHECK int rp_segment_reopen_readonly(const struct rp_segment *segment);

/** Unmap; the descriptor stays open. */
void rp_segment_detach(struct rp_segment *segment);

#endif /* RP_SHM_SEGMENT_H */
