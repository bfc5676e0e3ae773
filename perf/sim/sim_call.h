/* SPDX-License-Identifier: Apache-2.0
 *
 * One call of a completions API, from its JSON to its last token. It lives in its connection.
 */
#ifndef RP_PERF_SIM_CALL_H
#define RP_PERF_SIM_CALL_H

#include "perf/sim/sim_histogram.h"
#include "perf/sim/sim_json.h"
#include "perf/sim/sim_lora.h"
#include "perf/sim/sim_options.h"
#include "perf/sim/sim_random.h"

enum rp_sim_call_state {
	RP_SIM_CALL_IDLE,
	RP_SIM_CALL_WAITING, /* in the endpoint's queue */
	RP_SIM_CALL_RUNNING, /* holds one of max_num_seqs slots */
};

/* One prompt and its answer. */
struct rp_sim_choice {
	uint32_t prompt_tokens;
	uint32_t tokens; /* of the answer */
	enum rp_sim_finish finish;
	size_t text_at; /* of the answer, in the call's text */
	size_t text_bytes;
};

struct rp_sim_call {
	enum rp_sim_call_state state;
	bool is_chat;
	bool is_stream;
	bool includes_usage;
	bool ignores_eos;
	bool is_remote_decode;
	bool has_limit;
	int64_t limit; /* max_tokens as sent */
	int32_t lora;
	struct rp_bytes model;	       /* view of the request body, until the call is admitted */
	struct rp_sim_choice *choices; /* owned */
	uint32_t choice_count;
	struct rp_sim_buf text; /* what the answers say */
	bool is_echo;		/* text is a prompt: only its tokens are said */
	char id[RP_REQUEST_ID_MAX + 1];
	int64_t created_s;
	int64_t arrived_ns;
	int64_t started_ns;
	int64_t first_token_ns;
	struct rp_sim_call *next; /* in the queue */
	struct rp_sim_call *prev;
	/* How far a stream has come. */
	bool has_head;
	uint32_t choice_idx;
	size_t text_at;
	uint32_t tokens_sent;	  /* of this choice */
	struct rp_sim_buf prefix; /* what each event of the stream begins with */
};

/**
 * Read the body of a request.
 *
 * @param call  zeroed but for its buffers, which are empty
 * @param body  changed in place; call->model points into it
 * @param ret_error  static text, or the JSON reader's
 * @return RP_OK, RP_EFORMAT (malformed), RP_ETOOBIG (too many prompts), RP_ENOMEM
 * Context: one pass over the body; in random mode nothing of a prompt is copied.
 */
RP_MUST_CHECK int rp_sim_call_parse(struct rp_sim_call *call, enum rp_sim_mode mode, uint8_t *body,
				    size_t bytes, const char **ret_error);
/** Draw the answers: lengths, reasons and, in random mode, the words. */
void rp_sim_call_draw(struct rp_sim_call *call, enum rp_sim_mode mode, uint32_t max_model_len,
		      struct rp_sim_random *random);
/** Sum over the choices. */
uint64_t rp_sim_call_prompt_tokens(const struct rp_sim_call *call);
uint64_t rp_sim_call_tokens(const struct rp_sim_call *call);
/** Ready for the next request; large buffers are freed. Not while it waits or runs. */
void rp_sim_call_reset(struct rp_sim_call *call);
void rp_sim_call_fini(struct rp_sim_call *call);

#endif /* RP_PERF_SIM_CALL_H */
