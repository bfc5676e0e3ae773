/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/request.h"

#include "dataplane/parsers/parser.h"
#include "dataplane/sched/sched_plugin.h"

/* Length of the longest suffix of the parser that ends the path; its API in *ret_api. */
static size_t longest_suffix(const struct rp_parser *ops, struct rp_bytes path,
			     enum rp_api *ret_api)
{
	size_t longest = 0;

	for (uint32_t i = 0; i < ops->suffix_count; i++) {
		struct rp_bytes suffix = rp_bytes_str(ops->suffixes[i].suffix);

		if (suffix.len > longest && rp_bytes_ends_with(path, suffix)) {
			longest = suffix.len;
			*ret_api = ops->suffixes[i].api;
		}
	}
	return longest;
}

static struct rp_bytes cut_path(struct rp_bytes path)
{
	size_t query = rp_bytes_find(path, RP_BYTES_LIT("?"));

	path = rp_bytes_slice(path, 0, query);
	if (path.len > 0 && path.ptr[path.len - 1] == '/')
		path.len--;
	return path;
}

int rp_request_parser_new(struct rp_arena *arena, const struct rp_config_blob *config,
			  struct rp_bytes path, struct rp_request_parser **ret_parser)
{
	const struct rp_parser *chosen = NULL;
	enum rp_api api = RP_API_RAW;
	uint32_t plugin = 0;
	size_t longest = 0;
	struct rp_request_parser *parser;
	struct rp_prompt_shape shape;

	path = cut_path(path);
	for (uint32_t i = 0; i < config->parser_count; i++) {
		uint32_t candidate = rp_config_blob_parser(config, i);
		const struct rp_parser *ops =
			rp_sched_parser(rp_config_blob_plugin(config, candidate)->type);
		enum rp_api its_api = RP_API_RAW;
		size_t len;

		if (ops == NULL)
			continue;
		len = longest_suffix(ops, path, &its_api);
		if (len > longest || (chosen == NULL && ops->suffix_count == 0)) {
			chosen = ops;
			longest = len;
			api = its_api;
			plugin = candidate;
		}
	}
	if (chosen == NULL)
		return RP_ENOTFOUND;
	parser = rp_arena_calloc(arena, sizeof(*parser));
	if (parser == NULL)
		return RP_ENOMEM;
	parser->arena = arena;
	parser->ops = chosen;
	parser->api = api;
	parser->plugin = plugin;
	rp_json_scan_init(&parser->scan);
	shape = rp_sched_prompt_shape(config, 0);
	rp_prompt_tap_init(&parser->tap, arena, &shape);
	*ret_parser = parser;
	return RP_OK;
}

void rp_request_parser_feed(struct rp_request_parser *parser, struct rp_bytes chunk)
{
	parser->fed += chunk.len;
	parser->ops->feed(parser, chunk);
}

int rp_request_parser_finish(struct rp_request_parser *parser, const struct rp_body *body,
			     struct rp_request *request, struct rp_bytes *ret_error)
{
	memset(request, 0, sizeof(*request));
	request->api = parser->api;
	request->parser = parser->plugin;
	request->can_rewrite_model = parser->ops->can_rewrite_model;
	request->max_tokens = -1;
	request->body_bytes = parser->fed;
	if (parser->err != RP_OK)
		return parser->err;
	return parser->ops->finish(parser, body, request, ret_error);
}

int rp_request_make_prompts(struct rp_request_parser *parser, const struct rp_body *body,
			    const struct rp_params_token_producer *params,
			    const struct rp_request_hints *hints, uint64_t max_tokens,
			    struct rp_request *request)
{
	struct rp_prompt_shape shape = {.max_tokens = max_tokens};

	return rp_request_hash_prompts(parser, body, params, hints, &shape, request);
}

int rp_request_hash_prompts(struct rp_request_parser *parser, const struct rp_body *body,
			    const struct rp_params_token_producer *params,
			    const struct rp_request_hints *hints,
			    const struct rp_prompt_shape *shape, struct rp_request *request)
{
	int err = parser->ops->make_prompts(parser, body, params, hints, shape, request);

	request->has_prompts = err == RP_OK;
	return err;
}
