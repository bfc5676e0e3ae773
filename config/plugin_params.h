/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters of plugins as the workers see them: fixed-size, defaults filled in, validated. Section
 * numbers are those of the scheduling reference.
 */
#ifndef RP_CONFIG_PLUGIN_PARAMS_H
#define RP_CONFIG_PLUGIN_PARAMS_H

#include <stdint.h>

/* prefix-cache-scorer (3.5) */
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

/* token-producer, estimate backend (4.2): how many pseudo-tokens stand for an image or a video */
struct rp_params_token_producer {
	uint32_t is_image_static; /* image.mode */
	uint32_t is_frame_static; /* video.tokensPerFrame.mode */
	uint32_t is_strided;	  /* video.frames.mode */
	uint32_t reserved;
	int64_t image_factor; /* pixels per token */
	int64_t image_width;  /* where an image does not tell */
	int64_t image_height;
	int64_t image_static_tokens; /* >= 1 */
	int64_t frame_factor;
	int64_t frame_static_tokens; /* >= 1 */
	int64_t frame_width;
	int64_t frame_height;
	int64_t frames_min; /* 0: none */
	int64_t frames_max; /* 0: none */
	int64_t temporal_patch_size;
	int64_t frame_stride;	  /* >= 1 */
	int64_t video_tokens_max; /* 0: none */
	double sample_fps;
	double source_fps;
	double duration_s;
};

#endif /* RP_CONFIG_PLUGIN_PARAMS_H */
