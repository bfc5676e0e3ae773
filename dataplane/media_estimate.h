/* SPDX-License-Identifier: Apache-2.0
 *
 * How many pseudo-tokens stand for an image or a video in a prompt (scheduling reference 4.2).
 */
#ifndef RP_DATAPLANE_MEDIA_ESTIMATE_H
#define RP_DATAPLANE_MEDIA_ESTIMATE_H

#include "config/plugin_params.h"
#include "dataplane/image_size.h"
#include "dataplane/request.h"

/** @param image  what its data URL told; without a size the configured one counts */
uint64_t rp_media_image_tokens(const struct rp_params_token_producer *params,
			       const struct rp_image_size *image);

/** @param hints  override rate, duration and resolution each; NULL: none */
uint64_t rp_media_video_tokens(const struct rp_params_token_producer *params,
			       const struct rp_request_hints *hints);

#endif /* RP_DATAPLANE_MEDIA_ESTIMATE_H */
