/* SPDX-License-Identifier: Apache-2.0
 *
 * openai-parser: the paths of OpenAI's API; what is behind each stands in openai_*.c.
 */
#include "dataplane/parsers/parser.h"

static const struct rp_parser_suffix suffixes[] = {
	{"chat/completions", RP_API_CHAT, &rp_chat_api},
	{"completions", RP_API_COMPLETIONS, &rp_completions_api},
	{"embeddings", RP_API_EMBEDDINGS, &rp_embeddings_api},
	{"responses", RP_API_RESPONSES, &rp_responses_api},
	{"conversations", RP_API_CONVERSATIONS, &rp_conversations_api},
	{"chat/completions/render", RP_API_CHAT, &rp_chat_api},
	{"completions/render", RP_API_COMPLETIONS, &rp_completions_api},
	{"images/generations", RP_API_IMAGES, &rp_images_api},
};

const struct rp_parser rp_openai_parser = {
	.suffixes = suffixes,
	.suffix_count = RP_ARRAY_LEN(suffixes),
	.can_rewrite_model = true,
	.usage_format = RP_USAGE_OPENAI,
	.syntax_error = "error unmarshaling request bodyMap: ",
};
