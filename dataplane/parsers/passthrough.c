/* SPDX-License-Identifier: Apache-2.0
 *
 * passthrough-parser: takes every path, looks at nothing.
 */
#include "dataplane/parsers/parser.h"

static void feed(struct rp_request_parser *parser RP_UNUSED, struct rp_bytes chunk RP_UNUSED)
{
}

static int finish(struct rp_request_parser *parser RP_UNUSED, const struct rp_body *body RP_UNUSED,
		  struct rp_request *request RP_UNUSED, struct rp_bytes *ret_error RP_UNUSED)
{
	return RP_OK;
}

static int make_prompts(struct rp_request_parser *parser RP_UNUSED,
			const struct rp_body *body RP_UNUSED,
			const struct rp_params_token_producer *params RP_UNUSED,
			const struct rp_request_hints *hints RP_UNUSED,
			const struct rp_prompt_shape *shape RP_UNUSED,
			struct rp_request *request RP_UNUSED)
{
	return RP_EUNSUPPORTED;
}

const struct rp_parser rp_passthrough_parser = {
	.feed = feed,
	.finish = finish,
	.make_prompts = make_prompts,
};
