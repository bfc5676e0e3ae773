/* SPDX-License-Identifier: Apache-2.0
 *
 * scheduler_attempts_total{status, target_model_name, endpoint_name, namespace, port}: a counter by
 * target model, endpoint slot and status; one table a worker, keys interned. The reader resolves
 * the slot to names through the registry and the current table.
 *
 * The reference does not bound the model label here; we do (--max-metric-series): what comes later
 * is counted under model "other" and no endpoint, one such entry a status.
 */
#ifndef RP_SHM_ATTEMPT_SERIES_H
#define RP_SHM_ATTEMPT_SERIES_H

#include <stdalign.h>
#include <stdatomic.h>

#include "shm/bytes.h"
#include "shm/limits.h"

#define RP_ATTEMPT_SLOT_NONE UINT32_MAX /* failed, or "other": the endpoint's labels are empty */

enum rp_attempt_status { RP_ATTEMPT_SUCCESS, RP_ATTEMPT_FAILURE, RP_ATTEMPT_STATUS_COUNT };

/** "success" or "failure": the label value. */
const char *rp_attempt_status_name(enum rp_attempt_status status);

struct rp_attempt_series {
	_Atomic uint64_t key_hash; /* 0: free; set last (release), so that readers see whole keys */
	_Atomic uint64_t attempts;
	uint32_t slot;	     /* endpoint slot or RP_ATTEMPT_SLOT_NONE */
	uint32_t generation; /* of the slot: another one now means that the endpoint has gone */
	uint32_t status;     /* enum rp_attempt_status */
	uint32_t target_len;
	char target[RP_METRIC_LABEL_MAX];
};

/* At most half of the cells are used, so that a look-up stays short. */
enum { RP_ATTEMPT_CELLS = 2 * RP_METRIC_SERIES_MAX };

struct rp_attempt_series_table {
	_Atomic uint32_t count; /* used cells */
	uint32_t reserved[15];
	struct rp_attempt_series other[RP_ATTEMPT_STATUS_COUNT]; /* by status; no endpoint */
	struct rp_attempt_series cell[RP_ATTEMPT_CELLS];	 /* readers walk all of them */
};

/**
 * Count one scheduling attempt. Owner only.
 *
 * @param series_max  keys to intern, at most RP_METRIC_SERIES_MAX
 * @param target      model after rewrite; cut to RP_METRIC_LABEL_MAX
 * @param slot        endpoint slot picked, or RP_ATTEMPT_SLOT_NONE
 * Context: worker turn, no allocation.
 */
void rp_attempt_series_count(struct rp_attempt_series_table *table, uint32_t series_max,
			     enum rp_attempt_status status, struct rp_bytes target, uint32_t slot,
			     uint32_t generation);

#endif /* RP_SHM_ATTEMPT_SERIES_H */
