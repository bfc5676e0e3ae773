/* SPDX-License-Identifier: Apache-2.0
 *
 * token-producer, estimate mode: makes the prompts, as much of them as the producers after it look
 * at.
 */
#include "dataplane/director.h"
#include "dataplane/sched/sched_plugin.h"

static int produce(const struct rp_call *call)
{
	const struct rp_cycle *cycle = call->cycle;
	const struct rp_request *made = cycle->request;
	struct rp_prompt_shape shape;

	if (cycle->parser == NULL)
		return RP_EUNSUPPORTED;
	shape = rp_sched_prompt_shape(cycle->config, cycle->block_size);
	/* Made before the request waited, and nothing else is asked of them since. */
	if (made->has_prompts && made->prompt_shape.block_tokens == shape.block_tokens &&
	    made->prompt_shape.max_tokens == shape.max_tokens)
		return RP_OK;
	return rp_request_hash_prompts(cycle->parser, cycle->body, call->params,
				       &cycle->headers->hints, &shape, cycle->request);
}

const struct rp_plugin_ops rp_token_producer = {.produce = produce};
