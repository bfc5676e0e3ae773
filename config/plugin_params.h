/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters of plugins as the workers see them: fixed-size, defaults filled in, validated.
 */
#ifndef RP_CONFIG_PLUGIN_PARAMS_H
#define RP_CONFIG_PLUGIN_PARAMS_H

#include <stdint.h>

/* prefix-cache-scorer (scheduling reference 3.5) */
struct rp_params_prefix_cache_scorer {
	double match_length_weight;	   /* 0..1 */
	int64_t match_length_scale_tokens; /* > 0 when the weight is */
	uint32_t producer; /* index of the producer plugin whose match info it reads */
	uint32_t reserved;
};

/* approx-prefix-cache-producer (4.1) */
struct rp_params_approx_prefix_cache_producer {
	uint32_t has_auto_tune;
	uint32_t producer_slot;	   /* which of the request's match results it fills, from 0 */
	int64_t block_size_tokens; /* as configured; the floor of 64 is applied at use */
	int64_t max_prefix_tokens; /* wins when > 0 */
	int64_t max_prefix_blocks; /* when the token cap is 0; 0: unlimited */
	int64_t lru_capacity_per_server;
};

/* max-score-picker (2.3) */
struct rp_params_picker {
	uint32_t endpoints_max; /* >= 1 */
	uint32_t reserved;
};

#endif /* RP_CONFIG_PLUGIN_PARAMS_H */
