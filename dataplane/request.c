/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/request.h"

#include "dataplane/parsers/parser.h"
#include "dataplane/sched/sched_plugin.h"

/* Length of the longest suffix of the parser that ends the path; the row in *ret_suffix. */
static size_t longest_suffix(const struct rp_parser *ops, struct rp_bytes path,
			     const struct rp_parser_suffix **ret_suffix)
{
	size_t longest = 0;

	for (uint32_t i = 0; i < ops->suffix_count; i++) {
		struct rp_bytes suffix = rp_bytes_str(ops->suffixes[i].suffix);

		if (suffix.len > longest && rp_bytes_ends_with(path, suffix)) {
			longest = suffix.len;
			*ret_suffix = &ops->suffixes[i];
		}
	}
	return longest;
}

static struct rp_bytes cut_slash(struct rp_bytes path)
{
	return path.len > 0 && path.ptr[path.len - 1] == '/' ? rp_bytes_slice(path, 0, path.len - 1)
							     : path;
}

/* A path that is claimed but not served is kept for its refusal. */
static int check_path(struct rp_request_parser *parser, struct rp_bytes path)
{
	parser->refused_path = rp_bytes("", 0);
	if (parser->ops->serves == NULL || parser->ops->serves(path))
		return RP_OK;
	parser->how = NULL;
	parser->refused_path = rp_arena_copy(parser->arena, path);
	return parser->refused_path.ptr != NULL ? RP_OK : RP_ENOMEM;
}

int rp_request_parser_new(struct rp_arena *arena, const struct rp_config_blob *config,
			  struct rp_bytes path, struct rp_request_parser **ret_parser)
{
	const struct rp_parser *chosen = NULL;
	const struct rp_parser_suffix *claim = NULL;
	uint32_t plugin = 0;
	size_t longest = 0;
	struct rp_request_parser *parser;
	struct rp_prompt_shape shape;

	path = rp_bytes_slice(path, 0, rp_bytes_find(path, RP_BYTES_LIT("?")));
	for (uint32_t i = 0; i < config->parser_count; i++) {
		uint32_t candidate = rp_config_blob_parser(config, i);
		const struct rp_parser *ops =
			rp_sched_parser(rp_config_blob_plugin(config, candidate)->type);
		const struct rp_parser_suffix *suffix = NULL;
		size_t len;

		if (ops == NULL)
			continue;
		len = longest_suffix(ops, cut_slash(path), &suffix);
		if (len > longest || (chosen == NULL && ops->suffix_count == 0)) {
			chosen = ops;
			longest = len;
			claim = suffix;
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
	parser->api = claim != NULL ? claim->api : RP_API_RAW;
	parser->how = claim != NULL ? claim->how : NULL;
	parser->plugin = plugin;
	rp_json_scan_init(&parser->scan);
	shape = rp_sched_prompt_shape(config, 0);
	rp_prompt_tap_init(&parser->tap, arena, &shape);
	*ret_parser = parser;
	return check_path(parser, path);
}

void rp_request_parser_feed(struct rp_request_parser *parser, struct rp_bytes chunk)
{
	parser->fed += chunk.len;
	if (parser->how != NULL)
		rp_json_body_feed(parser, chunk);
}

static int refuse_path(const struct rp_request_parser *parser, struct rp_bytes *ret_error)
{
	const char *text = parser->ops->path_error;
	size_t bytes = strlen(text) + parser->refused_path.len;
	struct rp_writer w = rp_writer(rp_arena_alloc(parser->arena, bytes), bytes);

	if (w.begin == NULL)
		return RP_ENOMEM;
	rp_write_str(&w, text);
	rp_write_bytes(&w, parser->refused_path);
	*ret_error = rp_writer_bytes(&w);
	return RP_EFORMAT;
}

int rp_request_parser_finish(struct rp_request_parser *parser, const struct rp_body *body,
			     struct rp_request *request, struct rp_bytes *ret_error)
{
	bool is_raw = parser->api == RP_API_RAW;

	memset(request, 0, sizeof(*request));
	request->api = parser->api;
	request->parser = parser->plugin;
	request->can_rewrite_model = parser->ops->can_rewrite_model && !is_raw;
	request->is_answer_unread = is_raw && parser->ops->suffix_count > 0;
	request->usage_format = (uint8_t)parser->ops->usage_format;
	request->max_tokens = -1;
	request->body_bytes = parser->fed;
	request->incoming_model = rp_bytes("", 0);
	request->cache_salt = rp_bytes("", 0);
	if (parser->err != RP_OK)
		return parser->err;
	if (parser->refused_path.len > 0)
		return refuse_path(parser, ret_error);
	return parser->how != NULL ? rp_json_body_finish(parser, body, request, ret_error) : RP_OK;
}
