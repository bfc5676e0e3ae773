/* SPDX-License-Identifier: Apache-2.0
 *
 * What the simulated model reads and says: the dummy tokenizer, the length of a random answer and
 * its words. A token is one punctuation mark or a run of word characters, with the blanks behind
 * it; everything else is dropped.
 */
#ifndef RP_PERF_SIM_TEXT_H
#define RP_PERF_SIM_TEXT_H

#include "perf/sim/sim_buf.h"
#include "perf/sim/sim_random.h"

/** Number of tokens of text. */
size_t rp_sim_text_count(struct rp_bytes text);
/** The token at or behind *at, which moves on; false at the end. The view lies in text. */
bool rp_sim_text_next(struct rp_bytes text, size_t *at, struct rp_bytes *ret_token);
/** The id of a token: 32-bit FNV-1a of its bytes. */
uint32_t rp_sim_text_token_id(struct rp_bytes token);

/**
 * Draw how many tokens an answer has.
 *
 * @param limit        max_tokens of the request, or 0 for none
 * @param room         tokens left in the context window, used without a limit
 * @param ignore_eos   use the limit up
 * @param[out] ret_is_length the answer ends because the limit was reached
 */
uint32_t rp_sim_text_draw_length(struct rp_sim_random *random, uint32_t limit, uint32_t room,
				 bool ignore_eos, bool *ret_is_length);

/** Append exactly `tokens` tokens of stock sentences to out. */
void rp_sim_text_write(struct rp_sim_random *random, uint32_t tokens, struct rp_sim_buf *out);

#endif /* RP_PERF_SIM_TEXT_H */
