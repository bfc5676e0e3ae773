/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/prompt_tap.h"

enum { TOKEN_BYTES = 4 };

struct rp_prompt_shape rp_prompt_shape_bounded(const struct rp_prompt_shape *shape)
{
	struct rp_prompt_shape ours = *shape;

	ours.max_tokens = rp_min_size(ours.max_tokens, RP_PROMPT_TOKENS_MAX);
	if (ours.block_tokens > RP_BLOCK_TOKENS_MAX)
		ours.block_tokens = 0;
	return ours;
}

void rp_prompt_tap_init(struct rp_prompt_tap *tap, struct rp_arena *arena,
			const struct rp_prompt_shape *shape)
{
	*tap = (struct rp_prompt_tap){.shape = rp_prompt_shape_bounded(shape)};
	/* Where nothing is kept, the tap counts. */
	if (tap->shape.block_tokens == 0 && tap->shape.max_tokens > 0)
		return;
	tap->is_on = true;
	if (tap->shape.block_tokens > 0)
		rp_block_hasher_init(&tap->hasher, arena,
				     (uint32_t)tap->shape.block_tokens * TOKEN_BYTES);
	tap->sink = rp_text_sink_to(rp_block_hasher_put, &tap->hasher,
				    tap->shape.max_tokens * TOKEN_BYTES);
}

void rp_prompt_tap_feed(struct rp_prompt_tap *tap, struct rp_bytes raw, bool is_plain, bool is_end)
{
	if (is_plain)
		rp_text_sink_put(&tap->sink, raw);
	else
		rp_json_text_feed(&tap->text, &tap->sink, raw, is_end);
	tap->is_open = !is_end;
	if (is_end) {
		tap->text.held_len = 0;
		tap->taken++;
	}
}

int rp_prompt_tap_end(struct rp_prompt_tap *tap, struct rp_prompt *prompt)
{
	int err;

	rp_text_sink_pad(&tap->sink);
	err = rp_block_hasher_end(&tap->hasher);
	*prompt = (struct rp_prompt){.token_count = tap->sink.len / TOKEN_BYTES,
				     .full_token_count = tap->sink.total / TOKEN_BYTES,
				     .block_tokens = tap->shape.block_tokens,
				     .block_hash = tap->hasher.hash};
	return err;
}
