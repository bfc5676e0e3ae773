/* SPDX-License-Identifier: Apache-2.0
 *
 * mm-embeddings-cache-scorer: the part of the request's images, videos and sounds that an endpoint
 * has seen before (scheduling reference 3.5).
 */
#include "dataplane/sched/sched_plugin.h"

static const struct rp_media_info *media_of(const struct rp_call *call)
{
	const struct rp_params_mm_embeddings_cache_scorer *params = call->params;

	return &rp_cycle_data(call->cycle, params->producer)->media;
}

static double score_slot(const struct rp_call *call, uint32_t slot)
{
	const struct rp_media_info *media = media_of(call);

	if (media->item_count == 0)
		return 0.0;
	return (double)media->matched[slot] / (double)media->item_count;
}

static void score(const struct rp_call *call, const struct rp_candidates *in, double *score)
{
	const struct rp_media_info *media = media_of(call);

	for (uint32_t i = 0; i < in->count; i++)
		score[i] = media->item_count == 0 ? 0.0 : score_slot(call, in->slot[i]);
}

static uint32_t few(const struct rp_call *call, const uint16_t **ret_slot)
{
	const struct rp_media_info *media = media_of(call);

	*ret_slot = media->touched;
	return media->item_count == 0 ? 0 : media->touched_count;
}

const struct rp_plugin_ops rp_mm_embeddings_cache_scorer = {
	.score = score, .few = few, .score_slot = score_slot};
