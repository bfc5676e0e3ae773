/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/bytes.h"

#include <stdint.h>
#include <string.h>

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool rp_bytes_equal_nocase(struct rp_bytes a, struct rp_bytes b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return false;
	}
	return true;
}

bool rp_bytes_has_word(struct rp_bytes list, struct rp_bytes word)
{
	while (list.len != 0) {
		size_t comma = rp_min_size(rp_bytes_find(list, RP_BYTES_LIT(",")), list.len);

		if (rp_bytes_equal_nocase(rp_bytes_trim(rp_bytes_slice(list, 0, comma)), word))
			return true;
		list = rp_bytes_slice(list, comma + 1, list.len);
	}
	return false;
}

size_t rp_bytes_utf8(struct rp_bytes in, uint32_t *ret_point)
{
	static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint8_t *p = in.ptr;
	uint32_t point;
	size_t n;

	if (in.len == 0)
		return 0;
	n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (n > in.len || (n > 1 && (p[0] < 0xc2 || p[0] > 0xf4)))
		return 0;
	point = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (p[i] & 0x3fu);
	}
	if (n > 1 &&
	    (point < lowest[n] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)))
		return 0;
	if (ret_point != NULL)
		*ret_point = point;
	return n;
}

size_t rp_bytes_find(struct rp_bytes haystack, struct rp_bytes needle)
{
	const uint8_t *found;

	if (needle.len == 0)
		return 0;
	if (haystack.len < needle.len)
		return SIZE_MAX;
	found = memmem(haystack.ptr, haystack.len, needle.ptr, needle.len);
	return found != NULL ? (size_t)(found - haystack.ptr) : SIZE_MAX;
}

struct rp_bytes rp_bytes_trim(struct rp_bytes a)
{
	while (a.len != 0 && is_blank(a.ptr[0])) {
		a.ptr++;
		a.len--;
	}
	while (a.len != 0 && is_blank(a.ptr[a.len - 1]))
		a.len--;
	return a;
}

struct rp_bytes rp_bytes_cut(struct rp_bytes a, size_t len)
{
	size_t at = len;

	if (a.len <= len)
		return a;
	/* a.ptr[at] is the first byte left out: while it continues a sequence, go back to its
	 * start. */
	while (at != 0 && len - at < 4 && (a.ptr[at] & 0xc0) == 0x80)
		at--;
	if ((a.ptr[at] & 0xc0) == 0x80) /* not UTF-8 anyway */
		at = len;
	return rp_bytes(a.ptr, at);
}

int rp_bytes_to_u64(struct rp_bytes a, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (a.len == 0)
		return RP_EFORMAT;
	for (size_t i = 0; i < a.len; i++) {
		if (a.ptr[i] < '0' || a.ptr[i] > '9')
			return RP_EFORMAT;
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(a.ptr[i] - '0'), &value) ||
		    value > max)
			return RP_EFORMAT;
	}
	*ret_value = value;
	return RP_OK;
}

size_t rp_bytes_to_str(struct rp_bytes a, char *out, size_t out_bytes)
{
	size_t len;

	RP_ASSERT(out_bytes != 0);
	len = rp_min_size(a.len, out_bytes - 1);
	if (len != 0)
		memcpy(out, a.ptr, len);
	out[len] = '\0';
	return len;
}

struct rp_bytes rp_read_bytes(struct rp_reader *r, size_t n)
{
	struct rp_bytes view;

	if (r->err != RP_OK)
		return rp_bytes(NULL, 0);
	if (rp_reader_left(r) < n) {
		r->err = RP_EFORMAT;
		return rp_bytes(NULL, 0);
	}
	view = rp_bytes(r->at, n);
	r->at += n;
	return view;
}

uint8_t rp_read_u8(struct rp_reader *r)
{
	struct rp_bytes view = rp_read_bytes(r, 1);

	return view.len == 1 ? view.ptr[0] : 0;
}

uint32_t rp_read_be32(struct rp_reader *r)
{
	struct rp_bytes view = rp_read_bytes(r, 4);
	uint32_t value = 0;

	for (size_t i = 0; i < view.len; i++)
		value = value << 8 | view.ptr[i];
	return value;
}

uint64_t rp_read_le64(struct rp_reader *r)
{
	struct rp_bytes view = rp_read_bytes(r, 8);
	uint64_t value = 0;

	for (size_t i = view.len; i != 0; i--)
		value = value << 8 | view.ptr[i - 1];
	return value;
}

void rp_write_be32(struct rp_writer *w, uint32_t value)
{
	const uint8_t out[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16),
				(uint8_t)(value >> 8), (uint8_t)value};

	rp_write_bytes(w, rp_bytes(out, sizeof(out)));
}

void rp_write_le64(struct rp_writer *w, uint64_t value)
{
	uint8_t out[8];

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(value >> (8 * i));
	rp_write_bytes(w, rp_bytes(out, sizeof(out)));
}

void rp_write_u64_dec(struct rp_writer *w, uint64_t value)
{
	uint8_t digits[20];
	size_t first = sizeof(digits);

	do {
		digits[--first] = (uint8_t)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	rp_write_bytes(w, rp_bytes(digits + first, sizeof(digits) - first));
}
