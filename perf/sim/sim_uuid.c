/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_uuid.h"

enum { BLOCK = 64, DIGEST_WORDS = 5, ROUNDS = 80, SHORT_ROUNDS = 16 };

static const uint8_t url_namespace[16] = {0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1,
					  0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};

static uint32_t rotate(uint32_t value, unsigned bits)
{
	return value << bits | value >> (32 - bits);
}

/* One block of SHA-1, RFC 3174 6.1. */
static void digest_block(uint32_t digest[DIGEST_WORDS], const uint8_t block[BLOCK])
{
	uint32_t w[ROUNDS];
	uint32_t v[DIGEST_WORDS];

	for (size_t i = 0; i < SHORT_ROUNDS; i++)
		w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
		       (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
	for (size_t i = SHORT_ROUNDS; i < ROUNDS; i++)
		w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	memcpy(v, digest, sizeof(v));
	for (size_t i = 0; i < ROUNDS; i++) {
		uint32_t mix;
		uint32_t next;

		if (i < 20)
			mix = ((v[1] & v[2]) | (~v[1] & v[3])) + 0x5a827999u;
		else if (i < 40)
			mix = (v[1] ^ v[2] ^ v[3]) + 0x6ed9eba1u;
		else if (i < 60)
			mix = ((v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3])) + 0x8f1bbcdcu;
		else
			mix = (v[1] ^ v[2] ^ v[3]) + 0xca62c1d6u;
		next = rotate(v[0], 5) + mix + v[4] + w[i];
		v[4] = v[3];
		v[3] = v[2];
		v[2] = rotate(v[1], 30);
		v[1] = v[0];
		v[0] = next;
	}
	for (size_t i = 0; i < DIGEST_WORDS; i++)
		digest[i] += v[i];
}

void rp_sim_uuid_write(struct rp_bytes name, char out[RP_SIM_UUID_CHARS + 1])
{
	static const char hex[] = "0123456789abcdef";
	uint32_t digest[DIGEST_WORDS] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u,
					 0xc3d2e1f0u};
	/* Namespace, name, the closing bit and the length in bits, in whole blocks. */
	uint8_t message[320];
	size_t bytes = sizeof(url_namespace) + name.len;
	size_t padded = rp_align_up(bytes + 9, BLOCK);
	size_t at = 0;

	static_assert(16 + RP_SIM_UUID_NAME_MAX + 9 <= 320, "the message fits");
	RP_ASSERT(name.len <= RP_SIM_UUID_NAME_MAX);
	memset(message, 0, sizeof(message));
	memcpy(message, url_namespace, sizeof(url_namespace));
	memcpy(message + sizeof(url_namespace), name.ptr, name.len);
	message[bytes] = 0x80;
	message[padded - 2] = (uint8_t)(bytes * 8 >> 8);
	message[padded - 1] = (uint8_t)(bytes * 8);
	for (size_t i = 0; i < padded; i += BLOCK)
		digest_block(digest, message + i);
	for (size_t i = 0; i < 16; i++) {
		uint8_t byte = (uint8_t)(digest[i / 4] >> (24 - 8 * (i % 4)));

		if (i == 6)
			byte = (uint8_t)(0x50 | (byte & 0x0f));
		else if (i == 8)
			byte = (uint8_t)(0x80 | (byte & 0x3f));
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[at++] = '-';
		out[at++] = hex[byte >> 4];
		out[at++] = hex[byte & 15];
	}
	out[at] = '\0';
}
