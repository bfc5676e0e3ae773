/* SPDX-License-Identifier: Apache-2.0
 *
 * A prompt's block hashes, made while its body arrives: in most bodies the texts stand in the order
 * in which they make up the prompt. The parser gives each text to the tap as it comes, and finds
 * out at the end of the body whether that was right; else the prompt is made from the body kept.
 */
#ifndef RP_DATAPLANE_PROMPT_TAP_H
#define RP_DATAPLANE_PROMPT_TAP_H

#include "dataplane/block_hash.h"
#include "dataplane/json_text.h"
#include "dataplane/request.h"

struct rp_prompt_tap {
	bool is_on;
	bool is_open;		      /* a text began and goes on */
	uint32_t taken;		      /* texts */
	struct rp_prompt_shape shape; /* bounded */
	struct rp_json_text text;     /* the one under way */
	struct rp_text_sink sink;
	struct rp_block_hasher hasher;
};

/** What we make of a shape: at most RP_PROMPT_TOKENS_MAX tokens, no hashes of blocks too large. */
struct rp_prompt_shape rp_prompt_shape_bounded(const struct rp_prompt_shape *shape);

/** @param shape  a guess of what will be asked for; without hashes the tap is off */
void rp_prompt_tap_init(struct rp_prompt_tap *tap, struct rp_arena *arena,
			const struct rp_prompt_shape *shape);

/**
 * A piece of a text of the prompt, as it stands in the body, without quotes.
 * @param is_plain  the text so far has no escape and no byte above 0x7f
 */
void rp_prompt_tap_feed(struct rp_prompt_tap *tap, struct rp_bytes raw, bool is_plain, bool is_end);

/** There are no more texts. @return RP_OK or RP_ENOMEM */
RP_MUST_CHECK int rp_prompt_tap_end(struct rp_prompt_tap *tap, struct rp_prompt *prompt);

#endif /* RP_DATAPLANE_PROMPT_TAP_H */
