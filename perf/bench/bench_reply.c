/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/bench/bench_reply.h"

enum state {
	STATE_PREFIX,
	STATE_TAG,
	STATE_VARINT,
	STATE_LENGTH,
	STATE_TEXT,
	STATE_BODY,
	STATE_SKIP
};

/* Messages, as far as they are entered. */
enum type {
	TYPE_ROOT,
	TYPE_REPLY, /* HeadersResponse and BodyResponse: one CommonResponse */
	TYPE_COMMON,
	TYPE_HEADER_MUTATION,
	TYPE_HEADER_OPTION,
	TYPE_HEADER,
	TYPE_BODY_MUTATION,
	TYPE_STREAMED,
	TYPE_IMMEDIATE,
	TYPE_HTTP_STATUS,
	TYPE_METADATA, /* Struct: namespaces */
	TYPE_NAMESPACE,
	TYPE_NAMESPACE_VALUE,
	TYPE_FIELDS, /* Struct of one namespace */
	TYPE_FIELD,
	TYPE_FIELD_VALUE,
};

enum action { ACTION_SKIP, ACTION_ENTER, ACTION_KEY, ACTION_NAME, ACTION_TEXT, ACTION_BODY };

enum { PREFIX_BYTES = 5, WIRE_VARINT = 0, WIRE_I64 = 1, WIRE_LEN = 2, WIRE_I32 = 5 };

static const char destination[] = "x-gateway-destination-endpoint";
static const char lb_namespace[] = "envoy.lb";

static int refuse(struct rp_bench_decoder *decoder, const char *why)
{
	decoder->why = why;
	return RP_EFORMAT;
}

static int enter(struct rp_bench_decoder *decoder, enum type type)
{
	decoder->action = ACTION_ENTER;
	decoder->target = (uint8_t)type;
	return RP_OK;
}

static int take(struct rp_bench_decoder *decoder, enum action action)
{
	decoder->action = (uint8_t)action;
	return RP_OK;
}

static int root_field(struct rp_bench_decoder *decoder, uint32_t number)
{
	struct rp_bench_reply *reply = &decoder->reply;

	if (number == 8)
		return enter(decoder, TYPE_METADATA);
	if (number > RP_BENCH_REPLY_IMMEDIATE && number != RP_BENCH_REPLY_STREAMED_IMMEDIATE)
		return RP_OK;
	if (reply->kind != RP_BENCH_REPLY_NONE)
		return refuse(decoder, "a reply holds two responses");
	reply->kind = (uint8_t)number;
	if (number <= RP_BENCH_REPLY_RESPONSE_BODY)
		return enter(decoder, TYPE_REPLY);
	if (number == RP_BENCH_REPLY_IMMEDIATE)
		return enter(decoder, TYPE_IMMEDIATE);
	return RP_OK;
}

static int body_mutation_field(struct rp_bench_decoder *decoder, uint32_t number)
{
	struct rp_bench_reply *reply = &decoder->reply;

	if (number != 3) {
		reply->has_other_body = true;
		return RP_OK;
	}
	if (reply->has_streamed_body)
		return refuse(decoder, "a reply holds two bodies");
	reply->has_streamed_body = true;
	return enter(decoder, TYPE_STREAMED);
}

static int map_field(struct rp_bench_decoder *decoder, uint32_t number, enum action key,
		     enum type value)
{
	if (number == 1)
		return take(decoder, key);
	return number == 2 ? enter(decoder, value) : RP_OK;
}

/* What to do with a LEN field, into action and target. */
static int len_field(struct rp_bench_decoder *decoder, enum type type, uint32_t number)
{
	decoder->action = ACTION_SKIP;
	switch (type) {
	case TYPE_ROOT:
		return root_field(decoder, number);
	case TYPE_REPLY:
		return number == 1 ? enter(decoder, TYPE_COMMON) : RP_OK;
	case TYPE_COMMON:
		if (number == 2)
			return enter(decoder, TYPE_HEADER_MUTATION);
		return number == 3 ? enter(decoder, TYPE_BODY_MUTATION) : RP_OK;
	case TYPE_HEADER_MUTATION:
		return number == 1 ? enter(decoder, TYPE_HEADER_OPTION) : RP_OK;
	case TYPE_HEADER_OPTION:
		return number == 1 ? enter(decoder, TYPE_HEADER) : RP_OK;
	case TYPE_HEADER:
		if (number == 1)
			return take(decoder, ACTION_KEY);
		/* Envoy takes raw_value, or else value. */
		return number == 2 || number == 3 ? take(decoder, ACTION_TEXT) : RP_OK;
	case TYPE_BODY_MUTATION:
		return body_mutation_field(decoder, number);
	case TYPE_STREAMED:
		return number == 1 ? take(decoder, ACTION_BODY) : RP_OK;
	case TYPE_IMMEDIATE:
		return number == 1 ? enter(decoder, TYPE_HTTP_STATUS) : RP_OK;
	case TYPE_METADATA:
		return number == 1 ? enter(decoder, TYPE_NAMESPACE) : RP_OK;
	case TYPE_NAMESPACE:
		return map_field(decoder, number, ACTION_NAME, TYPE_NAMESPACE_VALUE);
	case TYPE_NAMESPACE_VALUE:
		return number == 5 ? enter(decoder, TYPE_FIELDS) : RP_OK;
	case TYPE_FIELDS:
		return number == 1 ? enter(decoder, TYPE_FIELD) : RP_OK;
	case TYPE_FIELD:
		return map_field(decoder, number, ACTION_KEY, TYPE_FIELD_VALUE);
	case TYPE_FIELD_VALUE:
		return number == 3 ? take(decoder, ACTION_TEXT) : RP_OK;
	case TYPE_HTTP_STATUS:
	default:
		return RP_OK;
	}
}

static void varint_field(struct rp_bench_decoder *decoder, enum type type, uint32_t number)
{
	struct rp_bench_reply *reply = &decoder->reply;

	if (type == TYPE_STREAMED && number == 2)
		reply->is_end_of_stream = decoder->value != 0;
	else if (type == TYPE_HTTP_STATUS && number == 1)
		reply->http_status = (uint32_t)decoder->value;
	else if (type == TYPE_BODY_MUTATION)
		reply->has_other_body = true;
}

static void begin_message(struct rp_bench_decoder *decoder, enum type type)
{
	if (type == TYPE_HEADER || type == TYPE_FIELD) {
		decoder->key_len = 0;
		decoder->text_len = 0;
		decoder->has_text = false;
	} else if (type == TYPE_NAMESPACE) {
		decoder->name_len = 0;
	}
}

static int keep_pick(struct rp_bench_decoder *decoder, struct rp_bench_pick *pick)
{
	if (pick->count < UINT16_MAX)
		pick->count++;
	pick->len = decoder->text_len;
	memcpy(pick->text, decoder->text, decoder->text_len);
	return RP_OK;
}

static bool is_key(const char *key, uint16_t key_len, const char *wanted)
{
	return rp_bytes_equal_str(rp_bytes(key, key_len), wanted);
}

static int end_message(struct rp_bench_decoder *decoder, enum type type)
{
	bool is_destination = (type == TYPE_HEADER || type == TYPE_FIELD) && decoder->has_text &&
			      is_key(decoder->key, decoder->key_len, destination);

	if (!is_destination)
		return RP_OK;
	if (decoder->text_len == UINT16_MAX)
		return refuse(decoder, "the pick is longer than this tool takes");
	if (type == TYPE_HEADER && decoder->reply.kind == RP_BENCH_REPLY_REQUEST_HEADERS)
		return keep_pick(decoder, &decoder->reply.header);
	/* A map's key may stand behind its value, but no encoder does that. */
	if (type == TYPE_FIELD && is_key(decoder->name, decoder->name_len, lb_namespace))
		return keep_pick(decoder, &decoder->reply.metadata);
	return RP_OK;
}

static void keep_text(struct rp_bench_decoder *decoder, struct rp_bytes piece)
{
	char *out = decoder->text;
	uint16_t *len = &decoder->text_len;
	size_t room = sizeof(decoder->text);

	if (decoder->action == ACTION_KEY) {
		out = decoder->key;
		len = &decoder->key_len;
		room = sizeof(decoder->key);
	} else if (decoder->action == ACTION_NAME) {
		out = decoder->name;
		len = &decoder->name_len;
		room = sizeof(decoder->name);
	}
	/* What does not fit is none of the names that are looked for. */
	if (*len == UINT16_MAX || piece.len > room - *len) {
		*len = UINT16_MAX;
		return;
	}
	memcpy(out + *len, piece.ptr, piece.len);
	*len = (uint16_t)(*len + piece.len);
}

/* A text begins anew: of a repeated field the last one counts. */
static void begin_text(struct rp_bench_decoder *decoder)
{
	if (decoder->action == ACTION_KEY) {
		decoder->key_len = 0;
	} else if (decoder->action == ACTION_NAME) {
		decoder->name_len = 0;
	} else {
		decoder->text_len = 0;
		decoder->has_text = true;
	}
}

static int begin_len_field(struct rp_bench_decoder *decoder)
{
	uint32_t depth = decoder->depth;

	if (decoder->value > decoder->stack[depth].left)
		return refuse(decoder, "a field is longer than its message");
	decoder->field_left = (uint32_t)decoder->value;
	decoder->stack[depth].left -= decoder->field_left;
	switch ((enum action)decoder->action) {
	case ACTION_ENTER:
		/* The types nest less deep than this. */
		RP_ASSERT(depth + 1 < RP_BENCH_DEPTH_MAX);
		decoder->depth++;
		decoder->stack[depth + 1].type = decoder->target;
		decoder->stack[depth + 1].left = decoder->field_left;
		begin_message(decoder, decoder->target);
		decoder->state = STATE_TAG;
		return RP_OK;
	case ACTION_KEY:
	case ACTION_NAME:
	case ACTION_TEXT:
		begin_text(decoder);
		decoder->state = STATE_TEXT;
		return RP_OK;
	case ACTION_BODY:
		decoder->state = STATE_BODY;
		return RP_OK;
	case ACTION_SKIP:
	default:
		decoder->state = STATE_SKIP;
		return RP_OK;
	}
}

static int begin_fixed_field(struct rp_bench_decoder *decoder, uint32_t bytes)
{
	uint32_t *left = &decoder->stack[decoder->depth].left;

	if (bytes > *left)
		return refuse(decoder, "a field is longer than its message");
	*left -= bytes;
	decoder->field_left = bytes;
	decoder->state = STATE_SKIP;
	return RP_OK;
}

static int on_tag(struct rp_bench_decoder *decoder)
{
	enum type type = decoder->stack[decoder->depth].type;

	if (decoder->value > UINT32_MAX || decoder->value >> 3 == 0)
		return refuse(decoder, "a field has no valid number");
	decoder->tag = (uint32_t)decoder->value;
	if (decoder->stack[decoder->depth].left == 0)
		return refuse(decoder, "a field is cut off");
	switch (decoder->tag & 7) {
	case WIRE_VARINT:
		decoder->state = STATE_VARINT;
		return RP_OK;
	case WIRE_LEN:
		decoder->state = STATE_LENGTH;
		return len_field(decoder, type, decoder->tag >> 3);
	case WIRE_I64:
		return begin_fixed_field(decoder, 8);
	case WIRE_I32:
		return begin_fixed_field(decoder, 4);
	default:
		return refuse(decoder, "a field has an unknown wire type");
	}
}

/* One more byte of a varint. @return RP_OK: complete; RP_EAGAIN; RP_EFORMAT */
static int add_varint_byte(struct rp_bench_decoder *decoder, uint8_t byte)
{
	uint32_t *left = &decoder->stack[decoder->depth].left;

	if (*left == 0)
		return refuse(decoder, "a number is cut off");
	(*left)--;
	if (decoder->shift > 63 || (decoder->shift == 63 && byte > 1))
		return refuse(decoder, "a number is too long");
	decoder->value |= (uint64_t)(byte & 0x7f) << decoder->shift;
	decoder->shift = (uint8_t)(decoder->shift + 7);
	return byte & 0x80 ? RP_EAGAIN : RP_OK;
}

static int read_varint(struct rp_bench_decoder *decoder, struct rp_bytes *in)
{
	while (in->len > 0) {
		int err = add_varint_byte(decoder, *in->ptr);

		in->ptr++;
		in->len--;
		if (err != RP_EAGAIN) {
			decoder->shift = 0;
			return err;
		}
		if (decoder->stack[decoder->depth].left == 0)
			return refuse(decoder, "a number is cut off");
	}
	return RP_EAGAIN;
}

static int read_prefix(struct rp_bench_decoder *decoder, struct rp_bytes *in)
{
	while (in->len > 0 && decoder->prefix_bytes < PREFIX_BYTES) {
		if (decoder->prefix_bytes == 0) {
			if (*in->ptr != 0)
				return refuse(decoder, "a message is marked as compressed");
			decoder->value = 0;
		}
		decoder->value = decoder->value << 8 | *in->ptr;
		decoder->prefix_bytes++;
		in->ptr++;
		in->len--;
	}
	if (decoder->prefix_bytes < PREFIX_BYTES)
		return RP_EAGAIN;
	if (decoder->value > RP_BENCH_MESSAGE_BYTES_MAX)
		return refuse(decoder, "a message is larger than this tool takes");
	decoder->prefix_bytes = 0;
	decoder->depth = 0;
	decoder->stack[0].type = TYPE_ROOT;
	decoder->stack[0].left = (uint32_t)decoder->value;
	decoder->value = 0;
	/* The texts are not cleared: their lengths are. */
	decoder->reply.kind = RP_BENCH_REPLY_NONE;
	decoder->reply.has_streamed_body = false;
	decoder->reply.has_other_body = false;
	decoder->reply.is_end_of_stream = false;
	decoder->reply.http_status = 0;
	decoder->reply.header.count = 0;
	decoder->reply.header.len = 0;
	decoder->reply.metadata.count = 0;
	decoder->reply.metadata.len = 0;
	decoder->state = STATE_TAG;
	return RP_OK;
}

/* Leave the messages that are complete. @return RP_OK: there is more of this one; RP_ECLOSED: it
 * was the outermost */
static int leave_messages(struct rp_bench_decoder *decoder)
{
	while (decoder->stack[decoder->depth].left == 0) {
		int err = end_message(decoder, decoder->stack[decoder->depth].type);

		if (err != RP_OK)
			return err;
		if (decoder->depth == 0)
			return RP_ECLOSED;
		decoder->depth--;
	}
	return RP_OK;
}

/* Bytes of a LEN field that is read, given on or skipped. */
static int read_bytes(struct rp_bench_decoder *decoder, const struct rp_bench_decoder_ops *ops,
		      struct rp_bytes *in)
{
	struct rp_bytes piece = rp_bytes_slice(*in, 0, decoder->field_left);
	int err = RP_OK;

	in->ptr += piece.len;
	in->len -= piece.len;
	decoder->field_left -= (uint32_t)piece.len;
	if (piece.len > 0) {
		if (decoder->state == STATE_TEXT)
			keep_text(decoder, piece);
		else if (decoder->state == STATE_BODY)
			err = ops->on_body(decoder, piece);
	}
	if (decoder->field_left == 0)
		decoder->state = STATE_TAG;
	return err;
}

/* One step. @return RP_OK: go on; RP_EAGAIN: the input is used up */
static int step(struct rp_bench_decoder *decoder, const struct rp_bench_decoder_ops *ops,
		struct rp_bytes *in)
{
	int err;

	switch ((enum state)decoder->state) {
	case STATE_PREFIX:
		return read_prefix(decoder, in);
	case STATE_TAG:
		if (decoder->shift == 0) {
			err = leave_messages(decoder);
			if (err == RP_ECLOSED) {
				decoder->state = STATE_PREFIX;
				return ops->on_reply(decoder);
			}
			if (err != RP_OK)
				return err;
			decoder->value = 0;
		}
		err = read_varint(decoder, in);
		if (err != RP_OK)
			return err;
		err = on_tag(decoder);
		decoder->value = 0;
		return err;
	case STATE_VARINT:
		err = read_varint(decoder, in);
		if (err != RP_OK)
			return err;
		varint_field(decoder, decoder->stack[decoder->depth].type, decoder->tag >> 3);
		decoder->state = STATE_TAG;
		return RP_OK;
	case STATE_LENGTH:
		err = read_varint(decoder, in);
		return err != RP_OK ? err : begin_len_field(decoder);
	case STATE_TEXT:
	case STATE_BODY:
	case STATE_SKIP:
	default:
		if (in->len == 0 && decoder->field_left > 0)
			return RP_EAGAIN;
		return read_bytes(decoder, ops, in);
	}
}

int rp_bench_decoder_feed(struct rp_bench_decoder *decoder, const struct rp_bench_decoder_ops *ops,
			  struct rp_bytes piece)
{
	for (;;) {
		int err = step(decoder, ops, &piece);

		if (err == RP_EAGAIN)
			return RP_OK;
		if (err != RP_OK)
			return err;
	}
}

bool rp_bench_decoder_is_idle(const struct rp_bench_decoder *decoder)
{
	return decoder->state == STATE_PREFIX && decoder->prefix_bytes == 0;
}
