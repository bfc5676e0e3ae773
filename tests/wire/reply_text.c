/* SPDX-License-Identifier: Apache-2.0 */
#include "reply_text.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/ext_proc_fields.h"
#include "dataplane/pb_wire.h"
#include "shm/hash.h"

enum { LINES_MAX = 300, LINE_BYTES = 512 };

struct lines {
	char text[LINES_MAX][LINE_BYTES];
	size_t count;
};

static struct lines set_lines, other_lines;

static char *add(struct lines *lines)
{
	assert_true(lines->count < LINES_MAX);
	return lines->text[lines->count++];
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

void body_to_text(struct rp_bytes body, char *out, size_t out_bytes)
{
	size_t at = 2;

	if (body.len > 200) {
		snprintf(out, out_bytes, "bytes %zu hash %016" PRIx64, body.len,
			 rp_hash64_bytes(body));
		return;
	}
	snprintf(out, out_bytes, "| ");
	for (size_t i = 0; i < body.len && at + 3 < out_bytes; i++) {
		if (body.ptr[i] == '\n') {
			out[at++] = '\\';
			out[at++] = 'n';
		} else {
			out[at++] = (char)body.ptr[i];
		}
	}
	out[at] = '\0';
}

/* The one field of this number; empty if it is missing. */
static struct rp_bytes sub(struct rp_bytes message, uint32_t number)
{
	struct rp_reader r = rp_reader(message);
	struct rp_pb_field field;
	struct rp_bytes found = {0};

	while (rp_pb_next(&r, &field)) {
		if (field.number == number)
			found = field.bytes;
	}
	assert_int_equal(r.err, RP_OK);
	return found;
}

static void add_mutation(struct rp_bytes mutation)
{
	struct rp_reader r = rp_reader(mutation);
	struct rp_pb_field field;
	struct rp_bytes header, key, value;

	while (rp_pb_next(&r, &field)) {
		if (field.number == RP_PB_MUTATION_SET_HEADERS) {
			header = sub(field.bytes, RP_PB_HEADER_OPTION_HEADER);
			key = sub(header, RP_PB_HEADER_KEY);
			value = sub(header, RP_PB_HEADER_RAW_VALUE);
			assert_int_equal(sub(header, RP_PB_HEADER_VALUE).len, 0);
			snprintf(add(&set_lines), LINE_BYTES, "set %.*s: %.*s", (int)key.len,
				 (const char *)key.ptr, (int)value.len, (const char *)value.ptr);
		} else {
			assert_int_equal(field.number, RP_PB_MUTATION_REMOVE_HEADERS);
			snprintf(add(&set_lines), LINE_BYTES, "remove %.*s", (int)field.bytes.len,
				 (const char *)field.bytes.ptr);
		}
	}
	assert_int_equal(r.err, RP_OK);
}

static void add_score(struct rp_bytes key, struct rp_bytes entry)
{
	struct rp_reader r = rp_reader(sub(entry, RP_PB_ENTRY_VALUE));
	struct rp_bytes address = sub(entry, RP_PB_ENTRY_KEY);
	struct rp_pb_field field;
	double number = -1;

	while (rp_pb_next(&r, &field)) {
		if (field.number == RP_PB_VALUE_NUMBER && field.type == RP_PB_I64)
			memcpy(&number, &field.value, sizeof(number));
	}
	snprintf(add(&set_lines), LINE_BYTES, "score %.*s %.*s: %.3f", (int)key.len,
		 (const char *)key.ptr, (int)address.len, (const char *)address.ptr, number);
}

static void add_number(struct rp_bytes key, struct rp_bytes value)
{
	struct rp_reader r = rp_reader(value);
	struct rp_pb_field field;
	double number;

	while (rp_pb_next(&r, &field)) {
		if (field.number != RP_PB_VALUE_NUMBER)
			continue;
		memcpy(&number, &field.value, sizeof(number));
		snprintf(add(&set_lines), LINE_BYTES, "metadata %.*s: %.0f", (int)key.len,
			 (const char *)key.ptr, number);
	}
}

static void add_metadata(struct rp_bytes metadata)
{
	struct rp_reader spaces = rp_reader(metadata), fields, scores;
	struct rp_pb_field space, field, score;
	struct rp_bytes key, value, text;

	while (rp_pb_next(&spaces, &space)) {
		assert_true(rp_bytes_equal_str(sub(space.bytes, RP_PB_ENTRY_KEY), "envoy.lb"));
		fields = rp_reader(sub(sub(space.bytes, RP_PB_ENTRY_VALUE), RP_PB_VALUE_STRUCT));
		while (rp_pb_next(&fields, &field)) {
			key = sub(field.bytes, RP_PB_ENTRY_KEY);
			value = sub(field.bytes, RP_PB_ENTRY_VALUE);
			text = sub(value, RP_PB_VALUE_STRING);
			if (text.len > 0)
				snprintf(add(&set_lines), LINE_BYTES, "metadata %.*s: %.*s",
					 (int)key.len, (const char *)key.ptr, (int)text.len,
					 (const char *)text.ptr);
			add_number(key, value);
			scores = rp_reader(sub(value, RP_PB_VALUE_STRUCT));
			while (rp_pb_next(&scores, &score))
				add_score(key, score.bytes);
		}
	}
}

static void add_common(struct rp_bytes common, bool *ret_is_end)
{
	struct rp_reader r = rp_reader(common), inner;
	struct rp_pb_field field, part;

	while (rp_pb_next(&r, &field)) {
		if (field.number == RP_PB_COMMON_HEADER_MUTATION) {
			add_mutation(field.bytes);
		} else if (field.number == RP_PB_COMMON_CLEAR_ROUTE_CACHE) {
			snprintf(add(&set_lines), LINE_BYTES, "clear_route_cache");
		} else if (field.number == RP_PB_COMMON_BODY_MUTATION) {
			inner = rp_reader(field.bytes);
			assert_true(rp_pb_next(&inner, &part));
			assert_int_equal(rp_reader_left(&inner), 0);
			if (part.number == RP_PB_BODY_MUTATION_CLEAR) {
				snprintf(add(&other_lines), LINE_BYTES, "clear_body");
			} else if (part.number == RP_PB_BODY_MUTATION_BODY) {
				snprintf(add(&other_lines), LINE_BYTES, "replaced");
				body_to_text(part.bytes, add(&other_lines), LINE_BYTES);
			} else {
				body_to_text(sub(part.bytes, RP_PB_STREAMED_BODY),
					     add(&other_lines), LINE_BYTES);
				inner = rp_reader(part.bytes);
				while (rp_pb_next(&inner, &part)) {
					if (part.number == RP_PB_STREAMED_END_OF_STREAM)
						*ret_is_end = part.value == 1;
				}
			}
		} else {
			fail_msg("CommonResponse field %u", field.number);
		}
	}
	assert_int_equal(r.err, RP_OK);
}

static void add_immediate(struct rp_bytes immediate)
{
	struct rp_reader r = rp_reader(immediate), inner;
	struct rp_pb_field field, part;

	while (rp_pb_next(&r, &field)) {
		if (field.number == RP_PB_IMMEDIATE_STATUS) {
			inner = rp_reader(field.bytes);
			assert_true(rp_pb_next(&inner, &part));
			snprintf(add(&set_lines), LINE_BYTES, "status %u", (unsigned)part.value);
		} else if (field.number == RP_PB_IMMEDIATE_HEADERS) {
			add_mutation(field.bytes);
		} else {
			assert_int_equal(field.number, RP_PB_IMMEDIATE_BODY);
			body_to_text(field.bytes, add(&other_lines), LINE_BYTES);
		}
	}
}

void reply_to_text(struct rp_bytes message, char *out, size_t out_bytes)
{
	static const char *const kinds[] = {"",
					    "request_headers",
					    "response_headers",
					    "request_body",
					    "response_body",
					    "request_trailers",
					    "response_trailers",
					    "immediate"};
	struct rp_reader r = rp_reader(message);
	struct rp_pb_field field;
	const char *kind = "nothing";
	bool is_end = false;
	size_t at;

	set_lines.count = 0;
	other_lines.count = 0;
	while (rp_pb_next(&r, &field)) {
		if (field.number == RP_PB_RESPONSE_DYNAMIC_METADATA) {
			add_metadata(field.bytes);
			continue;
		}
		assert_true(field.number < RP_ARRAY_LEN(kinds));
		kind = kinds[field.number];
		if (field.number == RP_PB_RESPONSE_IMMEDIATE)
			add_immediate(field.bytes);
		else if (field.number < RP_PB_RESPONSE_REQUEST_TRAILERS)
			add_common(sub(field.bytes, RP_PB_REPLY_RESPONSE), &is_end);
	}
	assert_int_equal(r.err, RP_OK);
	qsort(set_lines.text, set_lines.count, LINE_BYTES, compare);
	at = (size_t)snprintf(out, out_bytes, "%s%s\n", kind, is_end ? " eos" : "");
	for (size_t i = 0; i < set_lines.count && at < out_bytes; i++)
		at += (size_t)snprintf(out + at, out_bytes - at, "%s\n", set_lines.text[i]);
	for (size_t i = 0; i < other_lines.count && at < out_bytes; i++)
		at += (size_t)snprintf(out + at, out_bytes - at, "%s\n", other_lines.text[i]);
	assert_true(at < out_bytes);
}
