/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_answer.h"

#include "perf/sim/sim_text.h"

/* Nothing is transferred; a decode server only has to see the shape. */
static const char remote_params[] =
	"{\"do_remote_decode\":false,\"do_remote_prefill\":true,\"remote_engine_id\":\"DUMMY_ID\","
	"\"remote_block_ids\":[\"DUMMY_ID\"],\"remote_host\":\"DUMMY\",\"remote_port\":1234,"
	"\"tp_size\":1}";

static const char *object_name(const struct rp_sim_call *call, bool is_event)
{
	if (!call->is_chat)
		return "text_completion";
	return is_event ? "chat.completion.chunk" : "chat.completion";
}

static void add_usage(const struct rp_sim_call *call, struct rp_sim_buf *out)
{
	uint64_t prompt = rp_sim_call_prompt_tokens(call);
	uint64_t tokens = rp_sim_call_tokens(call);

	RP_SIM_BUF_LIT(out, "{\"prompt_tokens\":");
	rp_sim_buf_add_u64(out, prompt);
	RP_SIM_BUF_LIT(out, ",\"completion_tokens\":");
	rp_sim_buf_add_u64(out, tokens);
	RP_SIM_BUF_LIT(out, ",\"total_tokens\":");
	rp_sim_buf_add_u64(out, prompt + tokens);
	RP_SIM_BUF_LIT(out, "}");
}

/* The common members up to the opening of the choices. */
static void add_base(const struct rp_sim_call *call, const char *model, bool is_event,
		     bool has_usage, struct rp_sim_buf *out)
{
	RP_SIM_BUF_LIT(out, "{\"id\":");
	rp_sim_buf_add_json_str(out, rp_bytes_str(call->id));
	RP_SIM_BUF_LIT(out, ",\"created\":");
	rp_sim_buf_add_u64(out, (uint64_t)call->created_s);
	RP_SIM_BUF_LIT(out, ",\"model\":");
	rp_sim_buf_add_json_str(out, rp_bytes_str(model));
	RP_SIM_BUF_LIT(out, ",\"usage\":");
	if (has_usage)
		add_usage(call, out);
	else
		RP_SIM_BUF_LIT(out, "null");
	RP_SIM_BUF_LIT(out, ",\"object\":\"");
	rp_sim_buf_add_str(out, object_name(call, is_event));
	RP_SIM_BUF_LIT(out, "\",\"kv_transfer_params\":");
	rp_sim_buf_add_str(out, call->is_remote_decode ? remote_params : "null");
	RP_SIM_BUF_LIT(out, ",\"choices\":[");
}

static void add_choice_head(uint32_t idx, const char *finish, struct rp_sim_buf *out)
{
	RP_SIM_BUF_LIT(out, "{\"index\":");
	rp_sim_buf_add_u64(out, idx);
	RP_SIM_BUF_LIT(out, ",\"finish_reason\":");
	if (finish == NULL)
		RP_SIM_BUF_LIT(out, "null");
	else
		rp_sim_buf_add_json_str(out, rp_bytes_str(finish));
}

/* All tokens of a choice; what the tokenizer drops is not said. */
static void add_tokens(const struct rp_sim_call *call, const struct rp_sim_choice *choice,
		       struct rp_sim_buf *out)
{
	struct rp_bytes text = rp_bytes(call->text.data + choice->text_at, choice->text_bytes);
	struct rp_bytes token;
	size_t at = 0;

	if (!call->is_echo) {
		rp_sim_buf_add_json(out, text);
		return;
	}
	while (rp_sim_text_next(text, &at, &token))
		rp_sim_buf_add_json(out, token);
}

void rp_sim_answer_write(const struct rp_sim_call *call, const char *model, struct rp_sim_buf *out)
{
	add_base(call, model, false, true, out);
	for (uint32_t i = 0; i < call->choice_count; i++) {
		const struct rp_sim_choice *choice = &call->choices[i];

		if (i > 0)
			RP_SIM_BUF_LIT(out, ",");
		add_choice_head(i, rp_sim_finish_name(choice->finish), out);
		if (call->is_chat)
			RP_SIM_BUF_LIT(out, ",\"message\":{\"role\":\"assistant\",\"content\":\"");
		else
			RP_SIM_BUF_LIT(out, ",\"text\":\"");
		add_tokens(call, choice, out);
		rp_sim_buf_add_str(out, call->is_chat ? "\"}}" : "\"}");
	}
	RP_SIM_BUF_LIT(out, "]}");
}

void rp_sim_answer_begin_events(struct rp_sim_call *call, const char *model)
{
	call->prefix.len = 0;
	RP_SIM_BUF_LIT(&call->prefix, "data: ");
	add_base(call, model, true, false, &call->prefix);
}

static void begin_event(const struct rp_sim_call *call, const char *finish, struct rp_sim_buf *out)
{
	rp_sim_buf_add(out, call->prefix.data, call->prefix.len);
	add_choice_head(call->choice_idx, finish, out);
}

void rp_sim_answer_add_role(const struct rp_sim_call *call, struct rp_sim_buf *out)
{
	begin_event(call, NULL, out);
	RP_SIM_BUF_LIT(out, ",\"delta\":{\"role\":\"assistant\"}}]}\n\n");
}

void rp_sim_answer_add_token(const struct rp_sim_call *call, struct rp_bytes token, bool is_last,
			     struct rp_sim_buf *out)
{
	enum rp_sim_finish finish = call->choices[call->choice_idx].finish;

	begin_event(call, is_last ? rp_sim_finish_name(finish) : NULL, out);
	rp_sim_buf_add_str(out, call->is_chat ? ",\"delta\":{\"content\":\"" : ",\"text\":\"");
	rp_sim_buf_add_json(out, token);
	rp_sim_buf_add_str(out, call->is_chat ? "\"}}]}\n\n" : "\"}]}\n\n");
}

void rp_sim_answer_add_finish(const struct rp_sim_call *call, struct rp_sim_buf *out)
{
	begin_event(call, rp_sim_finish_name(call->choices[call->choice_idx].finish), out);
	rp_sim_buf_add_str(out, call->is_chat ? ",\"delta\":{}}]}\n\n" : ",\"text\":\"\"}]}\n\n");
}

void rp_sim_answer_add_end(const struct rp_sim_call *call, const char *model,
			   struct rp_sim_buf *out)
{
	if (call->includes_usage) {
		RP_SIM_BUF_LIT(out, "data: ");
		add_base(call, model, true, true, out);
		RP_SIM_BUF_LIT(out, "]}\n\n");
	}
	RP_SIM_BUF_LIT(out, "data: [DONE]\n\n");
}
