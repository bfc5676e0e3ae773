/* SPDX-License-Identifier: Apache-2.0
 *
 * token-producer, estimate mode: makes the prompts, as much of them as the producers after it look
 * at.
 */
#include "dataplane/sched/sched_plugin.h"

static uint64_t wanted_tokens(const struct rp_produce *produce)
{
	const struct rp_config_blob *config = produce->config;
	uint64_t wanted = 0;

	for (uint32_t i = 0; i < config->producer_count; i++) {
		const struct rp_config_plugin *plugin =
			rp_config_blob_plugin(config, rp_config_blob_producer(config, i));
		const struct rp_producer *ops = rp_sched_producer(plugin->type);

		if (ops != NULL && ops->max_tokens != NULL)
			wanted = rp_max_size(
				wanted,
				ops->max_tokens(produce, rp_config_blob_params(config, plugin)));
	}
	return wanted;
}

static int produce_prompts(struct rp_produce *produce, const void *params)
{
	if (produce->parser == NULL)
		return RP_EUNSUPPORTED;
	return rp_request_make_prompts(produce->parser, produce->body, params, produce->hints,
				       wanted_tokens(produce), produce->request);
}

extern const struct rp_producer rp_token_producer;
const struct rp_producer rp_token_producer = {.produce = produce_prompts};
