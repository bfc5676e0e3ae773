/* SPDX-License-Identifier: Apache-2.0
 *
 * What an API's prompt is written with (scheduling reference 4.2): the bytes go into the sink,
 * media stand for themselves by a run of their content's hash.
 */
#ifndef RP_DATAPLANE_PARSERS_PROMPT_MAKER_H
#define RP_DATAPLANE_PARSERS_PROMPT_MAKER_H

#include "dataplane/block_hash.h"
#include "dataplane/json_tape.h"
#include "dataplane/parsers/parser.h"

enum { RP_TOKEN_BYTES = 4 };

/* One prompt while it is made: bytes that are kept, or hashes of their blocks. */
struct rp_prompt_maker {
	struct rp_request_parser *parser;
	struct rp_body_cursor cursor;
	const struct rp_params_token_producer *params;
	const struct rp_request_hints *hints;
	struct rp_text_sink sink;
	struct rp_block_hasher hasher;
	uint64_t block_tokens; /* 0: bytes */
	struct rp_media_feature *feature;
	uint32_t feature_count;
	uint32_t feature_capacity;
};

/** Add a feature; those past RP_MEDIA_FEATURES_MAX are left out. @return RP_OK or RP_ENOMEM */
RP_MUST_CHECK int rp_prompt_maker_add_feature(struct rp_prompt_maker *maker,
					      const struct rp_media_feature *feature);

/** Put a part that is a text or a medium, with those that follow it. */
void rp_prompt_maker_put_part(struct rp_prompt_maker *maker, const struct rp_part *part);

/** Put a string with its quotes, as Go's JSON. */
void rp_prompt_maker_put_quoted(struct rp_prompt_maker *maker, uint64_t begin, uint64_t end);

#endif /* RP_DATAPLANE_PARSERS_PROMPT_MAKER_H */
