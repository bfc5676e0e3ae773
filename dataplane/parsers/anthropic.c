/* SPDX-License-Identifier: Apache-2.0
 *
 * anthropic-parser: the paths of Anthropic's API. Counting tokens is passed on unread.
 */
#include "dataplane/parsers/parser.h"

static const struct rp_parser_suffix suffixes[] = {
	{"messages", RP_API_MESSAGES, &rp_messages_api},
	{"messages/count_tokens", RP_API_RAW, NULL},
};

static bool serves(struct rp_bytes path)
{
	return rp_bytes_ends_with(path, RP_BYTES_LIT("/messages")) ||
	       rp_bytes_ends_with(path, RP_BYTES_LIT("/messages/count_tokens"));
}

const struct rp_parser rp_anthropic_parser = {
	.suffixes = suffixes,
	.suffix_count = RP_ARRAY_LEN(suffixes),
	.can_rewrite_model = true,
	.usage_format = RP_USAGE_ANTHROPIC,
	.syntax_error = "error unmarshaling request body: ",
	.serves = serves,
	.path_error = "unsupported API endpoint: ",
};
