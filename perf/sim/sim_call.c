/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_call.h"

#include <stdlib.h>

#include "perf/sim/sim_text.h"

/* "### " in front of each message and ":" behind its role. */
enum { MESSAGE_MARK_TOKENS = 4 };

struct reader {
	struct rp_sim_call *call;
	struct rp_sim_json json;
	enum rp_sim_mode mode;
	bool is_too_many;
	bool is_out_of_memory;
	bool has_max_completion_tokens;
};

static void add_choice(struct reader *reader, size_t prompt_tokens, size_t text_at)
{
	struct rp_sim_call *call = reader->call;
	struct rp_sim_choice *grown;

	if (call->choice_count == RP_SIM_CHOICES_MAX) {
		reader->is_too_many = true;
		rp_sim_json_fail(&reader->json, "too many prompts");
		return;
	}
	grown = reallocarray(call->choices, call->choice_count + 1, sizeof(*grown));
	if (grown == NULL) {
		reader->is_out_of_memory = true;
		rp_sim_json_fail(&reader->json, "out of memory");
		return;
	}
	call->choices = grown;
	grown[call->choice_count++] = (struct rp_sim_choice){
		.prompt_tokens = (uint32_t)prompt_tokens,
		.text_at = text_at,
		.text_bytes = call->text.len - text_at,
	};
}

static void read_text_prompt(struct reader *reader)
{
	struct rp_bytes text = rp_sim_json_string(&reader->json);
	size_t text_at = reader->call->text.len;

	if (reader->mode == RP_SIM_MODE_ECHO)
		rp_sim_buf_add(&reader->call->text, text.ptr, text.len);
	add_choice(reader, rp_sim_text_count(text), text_at);
}

/* One token id of a prompt; its echo is the figure itself. */
static void read_token_id(struct reader *reader, bool is_first)
{
	int64_t id = rp_sim_json_integer(&reader->json);

	if (id < 0)
		rp_sim_json_fail(&reader->json, "a token id is negative");
	if (id < 0 || reader->mode != RP_SIM_MODE_ECHO)
		return;
	if (!is_first)
		RP_SIM_BUF_LIT(&reader->call->text, ",");
	rp_sim_buf_add_u64(&reader->call->text, (uint64_t)id);
}

static void read_ids_prompt(struct reader *reader)
{
	size_t text_at = reader->call->text.len;
	size_t count = 0;

	rp_sim_json_enter(&reader->json, RP_SIM_JSON_ARRAY);
	while (rp_sim_json_item(&reader->json))
		read_token_id(reader, count++ == 0);
	add_choice(reader, count, text_at);
}

/* Strings, lists of token ids, or the ids of one prompt. */
static void read_prompt_list(struct reader *reader)
{
	size_t text_at = reader->call->text.len;
	size_t ids = 0;

	rp_sim_json_enter(&reader->json, RP_SIM_JSON_ARRAY);
	while (rp_sim_json_item(&reader->json)) {
		enum rp_sim_json_kind kind = rp_sim_json_peek(&reader->json);

		if (kind == RP_SIM_JSON_NUMBER && reader->call->choice_count == 0)
			read_token_id(reader, ids++ == 0);
		else if (kind == RP_SIM_JSON_STRING && ids == 0)
			read_text_prompt(reader);
		else if (kind == RP_SIM_JSON_ARRAY && ids == 0)
			read_ids_prompt(reader);
		else
			rp_sim_json_fail(&reader->json, "prompts of mixed or unknown types");
	}
	if (ids > 0)
		add_choice(reader, ids, text_at);
}

static void read_prompt(struct reader *reader)
{
	/* The last of several prompt members wins. */
	reader->call->choice_count = 0;
	reader->call->text.len = 0;
	if (rp_sim_json_take_null(&reader->json))
		return;
	if (rp_sim_json_peek(&reader->json) == RP_SIM_JSON_ARRAY)
		read_prompt_list(reader);
	else
		read_text_prompt(reader);
}

/* A text of a message: counted, and kept as what to echo. */
static size_t add_text(struct reader *reader)
{
	struct rp_bytes text = rp_sim_json_string(&reader->json);

	if (reader->mode == RP_SIM_MODE_ECHO)
		rp_sim_buf_add(&reader->call->text, text.ptr, text.len);
	return rp_sim_text_count(text);
}

static size_t read_blocks(struct reader *reader)
{
	size_t tokens = 0;
	struct rp_bytes key;

	rp_sim_json_enter(&reader->json, RP_SIM_JSON_ARRAY);
	while (rp_sim_json_item(&reader->json)) {
		rp_sim_json_enter(&reader->json, RP_SIM_JSON_OBJECT);
		while (rp_sim_json_member(&reader->json, &key)) {
			if (rp_bytes_equal_str(key, "text"))
				tokens += add_text(reader);
			else
				rp_sim_json_skip(&reader->json);
		}
	}
	return tokens;
}

static size_t read_content(struct reader *reader)
{
	if (rp_sim_json_take_null(&reader->json))
		return 0;
	if (rp_sim_json_peek(&reader->json) == RP_SIM_JSON_ARRAY)
		return read_blocks(reader);
	return add_text(reader);
}

/* One message; true if it is the user's. Its text is at the end of the call's text. */
static bool read_message(struct reader *reader, size_t *tokens)
{
	struct rp_bytes role = {0};
	struct rp_bytes key;

	rp_sim_json_enter(&reader->json, RP_SIM_JSON_OBJECT);
	while (rp_sim_json_member(&reader->json, &key)) {
		if (rp_bytes_equal_str(key, "role"))
			role = rp_sim_json_string(&reader->json);
		else if (rp_bytes_equal_str(key, "content"))
			*tokens += read_content(reader);
		else
			rp_sim_json_skip(&reader->json);
	}
	*tokens += MESSAGE_MARK_TOKENS + rp_sim_text_count(role);
	return rp_bytes_equal_str(role, "user");
}

static void read_messages(struct reader *reader)
{
	struct rp_sim_buf *text = &reader->call->text;
	size_t tokens = 0;

	reader->call->choice_count = 0;
	text->len = 0;
	if (rp_sim_json_take_null(&reader->json))
		return;
	rp_sim_json_enter(&reader->json, RP_SIM_JSON_ARRAY);
	while (rp_sim_json_item(&reader->json)) {
		size_t before = text->len;

		/* Only the user's last message stays, for the echo. */
		if (read_message(reader, &tokens))
			rp_sim_buf_drop(text, before);
		else
			text->len = before;
	}
	if (tokens > 0)
		add_choice(reader, tokens, 0);
}

static void read_limit(struct reader *reader, bool is_max_completion_tokens)
{
	struct rp_sim_call *call = reader->call;
	int64_t limit;

	if (rp_sim_json_take_null(&reader->json))
		return;
	limit = rp_sim_json_integer(&reader->json);
	if (reader->has_max_completion_tokens && !is_max_completion_tokens)
		return;
	reader->has_max_completion_tokens = is_max_completion_tokens;
	call->has_limit = true;
	call->limit = limit;
}

static void read_stream_options(struct reader *reader)
{
	struct rp_bytes key;

	if (rp_sim_json_take_null(&reader->json))
		return;
	rp_sim_json_enter(&reader->json, RP_SIM_JSON_OBJECT);
	while (rp_sim_json_member(&reader->json, &key)) {
		if (rp_bytes_equal_str(key, "include_usage"))
			reader->call->includes_usage = rp_sim_json_bool(&reader->json);
		else
			rp_sim_json_skip(&reader->json);
	}
}

static void read_kv_transfer(struct reader *reader)
{
	struct rp_bytes key;

	if (rp_sim_json_take_null(&reader->json))
		return;
	rp_sim_json_enter(&reader->json, RP_SIM_JSON_OBJECT);
	while (rp_sim_json_member(&reader->json, &key)) {
		if (rp_bytes_equal_str(key, "do_remote_decode") &&
		    !rp_sim_json_take_null(&reader->json))
			reader->call->is_remote_decode = rp_sim_json_bool(&reader->json);
		else
			rp_sim_json_skip(&reader->json);
	}
}

static bool read_flag(struct reader *reader)
{
	return !rp_sim_json_take_null(&reader->json) && rp_sim_json_bool(&reader->json);
}

static void read_member(struct reader *reader, struct rp_bytes key)
{
	struct rp_sim_call *call = reader->call;

	if (rp_bytes_equal_str(key, "model")) {
		if (!rp_sim_json_take_null(&reader->json))
			call->model = rp_sim_json_string(&reader->json);
	} else if (rp_bytes_equal_str(key, call->is_chat ? "messages" : "prompt")) {
		if (call->is_chat)
			read_messages(reader);
		else
			read_prompt(reader);
	} else if (rp_bytes_equal_str(key, "stream")) {
		call->is_stream = read_flag(reader);
	} else if (rp_bytes_equal_str(key, "ignore_eos")) {
		call->ignores_eos = read_flag(reader);
	} else if (rp_bytes_equal_str(key, "max_tokens")) {
		read_limit(reader, false);
	} else if (call->is_chat && rp_bytes_equal_str(key, "max_completion_tokens")) {
		read_limit(reader, true);
	} else if (rp_bytes_equal_str(key, "stream_options")) {
		read_stream_options(reader);
	} else if (rp_bytes_equal_str(key, "kv_transfer_params")) {
		read_kv_transfer(reader);
	} else {
		rp_sim_json_skip(&reader->json);
	}
}

int rp_sim_call_parse(struct rp_sim_call *call, enum rp_sim_mode mode, uint8_t *body, size_t bytes,
		      const char **ret_error)
{
	struct reader reader = {.call = call, .mode = mode};
	struct rp_bytes key;
	int err;

	call->lora = RP_SIM_LORA_NONE;
	call->is_echo = mode == RP_SIM_MODE_ECHO;
	rp_sim_json_init(&reader.json, body, bytes);
	rp_sim_json_enter(&reader.json, RP_SIM_JSON_OBJECT);
	while (rp_sim_json_member(&reader.json, &key))
		read_member(&reader, key);
	err = rp_sim_json_finish(&reader.json);
	/* v0.7.1 answers a request without a prompt as if it were empty. */
	if (err == RP_OK && call->choice_count == 0) {
		add_choice(&reader, 0, call->text.len);
		err = reader.json.error == NULL ? RP_OK : RP_EFORMAT;
	}
	*ret_error = reader.json.error;
	if (reader.is_out_of_memory || call->text.is_failed)
		return RP_ENOMEM;
	return reader.is_too_many ? RP_ETOOBIG : err;
}

void rp_sim_call_draw(struct rp_sim_call *call, enum rp_sim_mode mode, uint32_t max_model_len,
		      struct rp_sim_random *random)
{
	uint32_t limit = call->has_limit ? (uint32_t)call->limit : 0;

	for (uint32_t i = 0; i < call->choice_count; i++) {
		struct rp_sim_choice *choice = &call->choices[i];
		bool is_length = false;

		if (mode == RP_SIM_MODE_ECHO) {
			struct rp_bytes text =
				rp_bytes(call->text.data + choice->text_at, choice->text_bytes);

			choice->tokens = (uint32_t)rp_sim_text_count(text);
			is_length = call->has_limit && choice->tokens >= limit;
		} else {
			choice->tokens = rp_sim_text_draw_length(
				random, limit, max_model_len - choice->prompt_tokens,
				call->ignores_eos, &is_length);
			choice->text_at = call->text.len;
			rp_sim_text_write(random, choice->tokens, &call->text);
			choice->text_bytes = call->text.len - choice->text_at;
		}
		choice->finish = call->is_remote_decode ? RP_SIM_FINISH_REMOTE_DECODE
				 : is_length		? RP_SIM_FINISH_LENGTH
							: RP_SIM_FINISH_STOP;
	}
}

uint64_t rp_sim_call_prompt_tokens(const struct rp_sim_call *call)
{
	uint64_t tokens = 0;

	for (uint32_t i = 0; i < call->choice_count; i++)
		tokens += call->choices[i].prompt_tokens;
	return tokens;
}

uint64_t rp_sim_call_tokens(const struct rp_sim_call *call)
{
	uint64_t tokens = 0;

	for (uint32_t i = 0; i < call->choice_count; i++)
		tokens += call->choices[i].tokens;
	return tokens;
}

void rp_sim_call_reset(struct rp_sim_call *call)
{
	struct rp_sim_buf text = call->text;
	struct rp_sim_buf prefix = call->prefix;
	struct rp_sim_choice *choices = call->choices;

	RP_ASSERT(call->state == RP_SIM_CALL_IDLE);
	rp_sim_buf_reset(&text);
	rp_sim_buf_reset(&prefix);
	*call = (struct rp_sim_call){.text = text, .prefix = prefix, .choices = choices};
}

void rp_sim_call_fini(struct rp_sim_call *call)
{
	rp_sim_buf_fini(&call->text);
	rp_sim_buf_fini(&call->prefix);
	free(call->choices);
	call->choices = NULL;
}
