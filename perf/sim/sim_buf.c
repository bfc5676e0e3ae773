/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "shm/limits.h"

enum { FIRST_BYTES = 512 };

bool rp_sim_buf_reserve(struct rp_sim_buf *buf, size_t more)
{
	size_t want;
	size_t cap = rp_max_size(buf->cap, FIRST_BYTES);
	uint8_t *data;

	if (buf->is_failed)
		return false;
	if (RP_LIKELY(more <= buf->cap - buf->len))
		return true;
	if (!rp_add_size(buf->len, more, &want) || want > SIZE_MAX / 4) {
		buf->is_failed = true;
		return false;
	}
	while (cap < want)
		cap *= 2;
	data = realloc(buf->data, cap);
	if (data == NULL) {
		buf->is_failed = true;
		return false;
	}
	buf->data = data;
	buf->cap = cap;
	return true;
}

void rp_sim_buf_fini(struct rp_sim_buf *buf)
{
	free(buf->data);
	*buf = (struct rp_sim_buf){0};
}

void rp_sim_buf_reset(struct rp_sim_buf *buf)
{
	if (buf->cap > RP_SIM_KEEP_BYTES_MAX)
		rp_sim_buf_fini(buf);
	buf->len = 0;
	buf->is_failed = false;
}

void rp_sim_buf_drop(struct rp_sim_buf *buf, size_t bytes)
{
	RP_ASSERT(bytes <= buf->len);
	if (bytes == 0)
		return;
	buf->len -= bytes;
	if (buf->len > 0)
		memmove(buf->data, buf->data + bytes, buf->len);
}

void rp_sim_buf_add(struct rp_sim_buf *buf, const void *data, size_t bytes)
{
	if (bytes == 0 || !rp_sim_buf_reserve(buf, bytes))
		return;
	memcpy(buf->data + buf->len, data, bytes);
	buf->len += bytes;
}

void rp_sim_buf_add_str(struct rp_sim_buf *buf, const char *text)
{
	rp_sim_buf_add(buf, text, strlen(text));
}

void rp_sim_buf_add_u64(struct rp_sim_buf *buf, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	rp_sim_buf_add(buf, digits + at, sizeof(digits) - at);
}

void rp_sim_buf_add_double(struct rp_sim_buf *buf, double value)
{
	char text[40];

	if (value >= 0 && value < 1e15 && value == (double)(uint64_t)value) {
		rp_sim_buf_add_u64(buf, (uint64_t)value);
		return;
	}
	for (int digits = 6; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	rp_sim_buf_add_str(buf, text);
}

static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' && c != 0x7f;
}

static void add_escape(struct rp_sim_buf *buf, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

	switch (c) {
	case '"':
		RP_SIM_BUF_LIT(buf, "\\\"");
		return;
	case '\\':
		RP_SIM_BUF_LIT(buf, "\\\\");
		return;
	case '\n':
		RP_SIM_BUF_LIT(buf, "\\n");
		return;
	case '\r':
		RP_SIM_BUF_LIT(buf, "\\r");
		return;
	case '\t':
		RP_SIM_BUF_LIT(buf, "\\t");
		return;
	default:
		rp_sim_buf_add(buf, text, sizeof(text));
	}
}

void rp_sim_buf_add_json(struct rp_sim_buf *buf, struct rp_bytes text)
{
	size_t from = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (RP_LIKELY(is_plain(text.ptr[i])))
			continue;
		rp_sim_buf_add(buf, text.ptr + from, i - from);
		add_escape(buf, text.ptr[i]);
		from = i + 1;
	}
	rp_sim_buf_add(buf, text.ptr + from, text.len - from);
}

void rp_sim_buf_add_json_str(struct rp_sim_buf *buf, struct rp_bytes text)
{
	RP_SIM_BUF_LIT(buf, "\"");
	rp_sim_buf_add_json(buf, text);
	RP_SIM_BUF_LIT(buf, "\"");
}
