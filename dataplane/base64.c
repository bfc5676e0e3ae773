/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void rp_base64_write(struct rp_writer *writer, struct rp_bytes in)
{
	for (size_t i = 0; i < in.len; i += 3) {
		size_t left = rp_min_size(in.len - i, 3);
		uint32_t bits = (uint32_t)in.ptr[i] << 16;

		if (left > 1)
			bits |= (uint32_t)in.ptr[i + 1] << 8;
		if (left > 2)
			bits |= in.ptr[i + 2];
		for (size_t k = 0; k < 4; k++) {
			bool is_padding = k > left;

			rp_write_u8(writer, is_padding
						    ? '='
						    : (uint8_t)alphabet[bits >> (18 - 6 * k) & 63]);
		}
	}
}

/* Value of a character, 64 if it is none. */
static uint32_t sextet(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26u;
	if (c >= '0' && c <= '9')
		return c - '0' + 52u;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : 64;
}

/* The next character that counts, 0 at the end. */
static uint8_t next(struct rp_reader *text)
{
	while (rp_reader_left(text) > 0) {
		uint8_t c = rp_read_u8(text);

		if (c != '\r' && c != '\n')
			return c == 0 ? '?' : c;
	}
	return 0;
}

int rp_base64_read(struct rp_writer *writer, struct rp_bytes text)
{
	struct rp_reader reader = rp_reader(text);
	uint32_t bits = 0;
	uint32_t count = 0; /* of the four that make three bytes */
	uint8_t c = next(&reader);

	for (; c != 0 && c != '='; c = next(&reader)) {
		uint32_t value = sextet(c);

		if (value == 64)
			return RP_EFORMAT;
		bits = bits << 6 | value;
		if (++count < 4)
			continue;
		rp_write_u8(writer, (uint8_t)(bits >> 16));
		rp_write_u8(writer, (uint8_t)(bits >> 8));
		rp_write_u8(writer, (uint8_t)bits);
		count = 0;
	}
	if (c == 0)
		return count == 0 ? writer->err : RP_EFORMAT;
	if (count < 2 || (count == 2 && next(&reader) != '=') || next(&reader) != 0)
		return RP_EFORMAT;
	bits <<= 6 * (4 - count);
	rp_write_u8(writer, (uint8_t)(bits >> 16));
	if (count == 3)
		rp_write_u8(writer, (uint8_t)(bits >> 8));
	return writer->err;
}
