/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/media_estimate.h"

#include <math.h>
#include <stdlib.h>

/* More than any prompt keeps; products of two such figures do not overflow. */
#define FIGURE_MAX UINT32_MAX

static uint64_t bounded(int64_t figure)
{
	return figure <= 0 ? 0 : rp_min_size((uint64_t)figure, FIGURE_MAX);
}

static uint64_t pixels_by_factor(uint64_t width, uint64_t height, int64_t factor)
{
	return width * height / rp_max_size(bounded(factor), 1);
}

uint64_t rp_media_image_tokens(const struct rp_params_token_producer *params,
			       const struct rp_image_size *image)
{
	if (params->is_image_static)
		return bounded(params->image_static_tokens);
	if (image->state == RP_IMAGE_DONE && image->width > 0 && image->height > 0)
		return pixels_by_factor(image->width, image->height, params->image_factor);
	return pixels_by_factor(bounded(params->image_width), bounded(params->image_height),
				params->image_factor);
}

/* A positive number of a header, else the configured one. */
static double hint_or(struct rp_bytes hint, double configured)
{
	char text[32];
	char *end;
	double value;

	if (hint.len == 0 || hint.len >= sizeof(text) || hint.ptr[0] <= ' ')
		return configured;
	rp_bytes_to_str(hint, text, sizeof(text));
	/* Go wants the exponent of a hexadecimal number. */
	if (strpbrk(text, "xX") != NULL && strpbrk(text, "pP") == NULL)
		return configured;
	value = strtod(text, &end);
	return end != text && *end == '\0' && value > 0 ? value : configured;
}

/* "WxH", else what is there already. */
static void take_resolution(struct rp_bytes hint, uint64_t *width, uint64_t *height)
{
	size_t x = rp_min_size(rp_bytes_find(hint, RP_BYTES_LIT("x")),
			       rp_bytes_find(hint, RP_BYTES_LIT("X")));
	struct rp_bytes left = rp_bytes_trim(rp_bytes_slice(hint, 0, x));
	struct rp_bytes right;
	uint64_t w = 0;
	uint64_t h = 0;

	if (x == SIZE_MAX)
		return;
	right = rp_bytes_trim(rp_bytes_slice(hint, x + 1, SIZE_MAX));
	if (rp_bytes_to_u64(left, FIGURE_MAX, &w) != RP_OK ||
	    rp_bytes_to_u64(right, FIGURE_MAX, &h) != RP_OK || w == 0 || h == 0)
		return;
	*width = w;
	*height = h;
}

static uint64_t frames_of(double seconds, double fps)
{
	return (uint64_t)fmin(fmax(seconds * fps, 0), (double)FIGURE_MAX);
}

static uint64_t frame_count(const struct rp_params_token_producer *params, double seconds,
			    double source_fps)
{
	uint64_t frames = params->is_strided ? frames_of(seconds, source_fps) /
						       rp_max_size(bounded(params->frame_stride), 1)
					     : frames_of(seconds, params->sample_fps);

	frames = rp_max_size(frames, bounded(params->frames_min));
	if (params->frames_max > 0)
		frames = rp_min_size(frames, bounded(params->frames_max));
	if (params->is_strided)
		return frames;
	return frames / rp_max_size(bounded(params->temporal_patch_size), 1);
}

uint64_t rp_media_video_tokens(const struct rp_params_token_producer *params,
			       const struct rp_request_hints *hints)
{
	uint64_t width = bounded(params->frame_width);
	uint64_t height = bounded(params->frame_height);
	double seconds = params->duration_s;
	double fps = params->source_fps;
	uint64_t per_frame = bounded(params->frame_static_tokens);
	uint64_t tokens;

	if (hints != NULL) {
		seconds = hint_or(hints->video_duration_seconds, seconds);
		fps = hint_or(hints->video_fps, fps);
		take_resolution(hints->video_resolution, &width, &height);
	}
	if (!params->is_frame_static)
		per_frame = rp_max_size(pixels_by_factor(width, height, params->frame_factor), 1);
	tokens = frame_count(params, seconds, fps) * rp_min_size(per_frame, FIGURE_MAX);
	if (params->video_tokens_max > 0)
		tokens = rp_min_size(tokens, bounded(params->video_tokens_max));
	return tokens;
}
