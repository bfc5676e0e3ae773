/* SPDX-License-Identifier: Apache-2.0
 *
 * token-producer, estimate mode: makes the prompts, as much of them as the producers after it look
 * at.
 */
#include "dataplane/sched/sched_plugin.h"

static int produce_prompts(struct rp_produce *produce, const void *params)
{
	struct rp_prompt_shape shape;

	if (produce->parser == NULL)
		return RP_EUNSUPPORTED;
	shape = rp_sched_prompt_shape(produce->config, rp_produce_block_size(produce));
	return rp_request_hash_prompts(produce->parser, produce->body, params, produce->hints,
				       &shape, produce->request);
}

extern const struct rp_producer rp_token_producer;
const struct rp_producer rp_token_producer = {.produce = produce_prompts};
