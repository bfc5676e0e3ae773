/* SPDX-License-Identifier: Apache-2.0
 *
 * The bodies of both completions APIs in the shapes and key order of llm-d-inference-sim v0.7.1.
 */
#ifndef RP_PERF_SIM_ANSWER_H
#define RP_PERF_SIM_ANSWER_H

#include "perf/sim/sim_call.h"

/** A whole answer. */
void rp_sim_answer_write(const struct rp_sim_call *call, const char *model, struct rp_sim_buf *out);
/** What every event of the stream begins with, into call->prefix. */
void rp_sim_answer_begin_events(struct rp_sim_call *call, const char *model);
/** The event in which a chat names the role of the speaker. */
void rp_sim_answer_add_role(const struct rp_sim_call *call, struct rp_sim_buf *out);
/** One token; with the reason if `is_last`. */
void rp_sim_answer_add_token(const struct rp_sim_call *call, struct rp_bytes token, bool is_last,
			     struct rp_sim_buf *out);
/** The event that only tells why the choice ended. */
void rp_sim_answer_add_finish(const struct rp_sim_call *call, struct rp_sim_buf *out);
/** Usage, if asked for, and the end of the events. */
void rp_sim_answer_add_end(const struct rp_sim_call *call, const char *model,
			   struct rp_sim_buf *out);

#endif /* RP_PERF_SIM_ANSWER_H */
