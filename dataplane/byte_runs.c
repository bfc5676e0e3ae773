/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/byte_runs.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/* ---- 16 bytes ---- */

enum { BLOCK_BYTES = 16 };

typedef uint8_t block __attribute__((vector_size(BLOCK_BYTES)));

static inline block load(const uint8_t *at)
{
	block b;

	memcpy(&b, at, sizeof(b));
	return b;
}

static inline block splat(uint8_t c)
{
	return c - (block){0};
}

/* A mask has MASK_BITS bits a byte, in the order of the bytes: all of them where is is not zero. */
#if defined(__x86_64__)
enum { MASK_BITS = 1 };

static inline uint64_t mask_of(block is)
{
	return (uint32_t)_mm_movemask_epi8((__m128i)is);
}
#elif defined(__aarch64__)
enum { MASK_BITS = 4 };

static inline uint64_t mask_of(block is)
{
	return vget_lane_u64(
		vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8((uint8x16_t)is), 4)), 0);
}
#else
enum { MASK_BITS = 1 };

static inline uint64_t mask_of(block is)
{
	uint64_t mask = 0;

	for (uint32_t i = 0; i < BLOCK_BYTES; i++)
		mask |= (uint64_t)(is[i] & 1) << i;
	return mask;
}
#endif

/* Bytes before the first one that is in the mask, which is not zero. */
static inline size_t first_of(uint64_t mask)
{
	return (size_t)__builtin_ctzll(mask) / MASK_BITS;
}

/* The part of a mask that belongs to the first n < 16 bytes. */
static inline uint64_t first_bytes(uint64_t mask, size_t n)
{
	return mask & ((UINT64_C(1) << (n * MASK_BITS)) - 1);
}

static inline block is_special(block b)
{
	return (block)(b == splat('"')) | (block)(b == splat('\\')) | (block)(b < splat(0x20));
}

static inline block is_high(block b)
{
	return (block)(b >= splat(0x80));
}

static bool is_plain_byte(uint8_t c)
{
	return c != '"' && c != '\\' && c >= 0x20;
}

/* The rest of a run that is shorter than a block. */
static size_t plain_tail(struct rp_bytes in, size_t at, bool *has_high)
{
	uint8_t seen = 0;

	while (at < in.len && is_plain_byte(in.ptr[at]))
		seen |= in.ptr[at++];
	*has_high |= seen >= 0x80;
	return at;
}

/* The run from `at` on, block by block. */
static inline size_t plain_blocks(struct rp_bytes in, size_t at, bool *has_high)
{
	for (; in.len - at >= BLOCK_BYTES; at += BLOCK_BYTES) {
		block b = load(in.ptr + at);
		uint64_t special = mask_of(is_special(b));
		uint64_t high = mask_of(is_high(b));

		if (special != 0) {
			size_t n = first_of(special);

			*has_high |= first_bytes(high, n) != 0;
			return at + n;
		}
		*has_high |= high != 0;
	}
	return plain_tail(in, at, has_high);
}

static size_t plain_long(struct rp_bytes in, bool *has_high)
{
	size_t at = 0;
	block high = {0};

	for (; in.len - at >= 4 * BLOCK_BYTES; at += 4 * BLOCK_BYTES) {
		block a = load(in.ptr + at), b = load(in.ptr + at + BLOCK_BYTES);
		block c = load(in.ptr + at + 2 * BLOCK_BYTES);
		block d = load(in.ptr + at + 3 * BLOCK_BYTES);

		if (mask_of(is_special(a) | is_special(b) | is_special(c) | is_special(d)) != 0)
			break;
		high |= a | b | c | d;
	}
	*has_high |= mask_of(is_high(high)) != 0;
	return plain_blocks(in, at, has_high);
}

/* ---- UTF-8 ---- */

/* Length of the well-formed sequence of two and more bytes at the begin, or 0. */
static inline size_t sequence_len(const uint8_t *at, size_t left)
{
	uint8_t c = at[0];
	uint8_t low = 0x80;
	uint8_t high = 0xbf;

	if (c < 0xc2 || c > 0xf4 || left < 2)
		return 0;
	if (c < 0xe0)
		return at[1] >> 6 == 2 ? 2 : 0;
	if (c == 0xe0)
		low = 0xa0;
	else if (c == 0xed)
		high = 0x9f;
	else if (c == 0xf0)
		low = 0x90;
	else if (c == 0xf4)
		high = 0x8f;
	if (left < 3 || at[1] < low || at[1] > high || at[2] >> 6 != 2)
		return 0;
	if (c < 0xf0)
		return 3;
	return left >= 4 && at[3] >> 6 == 2 ? 4 : 0;
}

static size_t clean_from(struct rp_bytes in, size_t at)
{
	for (;;) {
		for (; in.len - at >= BLOCK_BYTES; at += BLOCK_BYTES) {
			block b = load(in.ptr + at);
			uint64_t stop = mask_of(is_high(b) | (block)(b == splat('\\')));

			if (stop != 0) {
				at += first_of(stop);
				break;
			}
		}
		while (at < in.len && in.ptr[at] < 0x80 && in.ptr[at] != '\\')
			at++;
		if (at == in.len || in.ptr[at] == '\\')
			return at;
		while (at < in.len && in.ptr[at] >= 0x80) {
			size_t n = sequence_len(in.ptr + at, in.len - at);

			if (n == 0)
				return at;
			at += n;
		}
	}
}

/* ---- AVX2 ---- */

#if defined(__x86_64__)
#define WITH_AVX2 __attribute__((target("avx2")))

enum { WIDE_BYTES = 32 };

static inline WITH_AVX2 __m256i wide_load(const uint8_t *at)
{
	return _mm256_loadu_si256((const __m256i_u *)at);
}

static inline WITH_AVX2 __m256i wide_is(__m256i v, char c)
{
	return _mm256_cmpeq_epi8(v, _mm256_set1_epi8(c));
}

static inline WITH_AVX2 __m256i wide_special(__m256i v)
{
	__m256i is_control = _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(0x1f)), v);

	return _mm256_or_si256(is_control, _mm256_or_si256(wide_is(v, '"'), wide_is(v, '\\')));
}

static WITH_AVX2 size_t plain_wide(struct rp_bytes in, bool *has_high)
{
	size_t at = 0;
	__m256i high = _mm256_setzero_si256();

	for (; in.len - at >= 4 * WIDE_BYTES; at += 4 * WIDE_BYTES) {
		__m256i a = wide_load(in.ptr + at), b = wide_load(in.ptr + at + WIDE_BYTES);
		__m256i c = wide_load(in.ptr + at + 2 * WIDE_BYTES);
		__m256i d = wide_load(in.ptr + at + 3 * WIDE_BYTES);
		__m256i special =
			_mm256_or_si256(_mm256_or_si256(wide_special(a), wide_special(b)),
					_mm256_or_si256(wide_special(c), wide_special(d)));

		if (!_mm256_testz_si256(special, special))
			break;
		high = _mm256_or_si256(
			high, _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d)));
	}
	*has_high |= _mm256_movemask_epi8(high) != 0;
	for (; in.len - at >= WIDE_BYTES; at += WIDE_BYTES) {
		__m256i v = wide_load(in.ptr + at);
		uint32_t special = (uint32_t)_mm256_movemask_epi8(wide_special(v));
		uint32_t highs = (uint32_t)_mm256_movemask_epi8(v);

		if (special != 0) {
			*has_high |= (highs & (special - 1) & ~special) != 0;
			return at + (size_t)__builtin_ctz(special);
		}
		*has_high |= highs != 0;
	}
	return plain_blocks(in, at, has_high);
}

/* How a pair of bytes can be wrong. Each of three tables says which ways one nibble of the pair
 * allows; the pair is wrong if one is left in all of them (Keiser, Lemire: "Validating UTF-8 In
 * Less Than One Instruction Per Byte"). TWO_CONTS is right as third or fourth byte of a sequence.
 */
enum {
	TOO_SHORT = 1 << 0, /* a lead not followed by a continuation */
	TOO_LONG = 1 << 1,  /* a continuation behind ASCII */
	OVERLONG_3 = 1 << 2,
	TOO_LARGE = 1 << 3, /* f4 90 and up, f5 and up */
	SURROGATE = 1 << 4,
	OVERLONG_2 = 1 << 5,
	OVERLONG_4 = 1 << 6, /* also f5 80 and up: what tells them apart is in no nibble here */
	TWO_CONTS = 1 << 7,
	ANY_LOW = TOO_SHORT | TOO_LONG | TWO_CONTS,
};

static inline WITH_AVX2 __m256i wide_lookup(__m256i nibbles, const uint8_t table[16])
{
	__m128i half = _mm_loadu_si128((const __m128i_u *)table);

	return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(half), nibbles);
}

/* v moved on by n bytes, behind the last n of prev. */
#define WIDE_SHIFT(v, prev, n)                                                                     \
	_mm256_alignr_epi8((v), _mm256_permute2x128_si256((prev), (v), 0x21), 16 - (n))

/* Not zero where v, behind prev, is no UTF-8; a sequence cut at its end is not wrong yet. */
static inline WITH_AVX2 __m256i wide_utf8_errors(__m256i v, __m256i prev)
{
	static const uint8_t first_high[16] = {
		TOO_LONG,
		TOO_LONG,
		TOO_LONG,
		TOO_LONG,
		TOO_LONG,
		TOO_LONG,
		TOO_LONG,
		TOO_LONG,
		TWO_CONTS,
		TWO_CONTS,
		TWO_CONTS,
		TWO_CONTS,
		TOO_SHORT | OVERLONG_2,
		TOO_SHORT,
		TOO_SHORT | OVERLONG_3 | SURROGATE,
		TOO_SHORT | TOO_LARGE | OVERLONG_4,
	};
	static const uint8_t first_low[16] = {
		ANY_LOW | OVERLONG_2 | OVERLONG_3 | OVERLONG_4,
		ANY_LOW | OVERLONG_2,
		ANY_LOW,
		ANY_LOW,
		ANY_LOW | TOO_LARGE,
		ANY_LOW | TOO_LARGE | OVERLONG_4,
		ANY_LOW | TOO_LARGE | OVERLONG_4,
		ANY_LOW | TOO_LARGE | OVERLONG_4,
		ANY_LOW | TOO_LARGE | OVERLONG_4,
		ANY_LOW | TOO_LARGE | OVERLONG_4,
		ANY_LOW | TOO_LARGE | OVERLONG_4,
		ANY_LOW | TOO_LARGE | OVERLONG_4,
		ANY_LOW | TOO_LARGE | OVERLONG_4,
		ANY_LOW | TOO_LARGE | OVERLONG_4 | SURROGATE,
		ANY_LOW | TOO_LARGE | OVERLONG_4,
		ANY_LOW | TOO_LARGE | OVERLONG_4,
	};
	static const uint8_t second_high[16] = {
		TOO_SHORT,
		TOO_SHORT,
		TOO_SHORT,
		TOO_SHORT,
		TOO_SHORT,
		TOO_SHORT,
		TOO_SHORT,
		TOO_SHORT,
		TOO_LONG | TWO_CONTS | OVERLONG_2 | OVERLONG_3 | OVERLONG_4,
		TOO_LONG | TWO_CONTS | OVERLONG_2 | OVERLONG_3 | TOO_LARGE,
		TOO_LONG | TWO_CONTS | OVERLONG_2 | SURROGATE | TOO_LARGE,
		TOO_LONG | TWO_CONTS | OVERLONG_2 | SURROGATE | TOO_LARGE,
		TOO_SHORT,
		TOO_SHORT,
		TOO_SHORT,
		TOO_SHORT,
	};
	const __m256i low_nibble = _mm256_set1_epi8(0x0f);
	__m256i first = WIDE_SHIFT(v, prev, 1);
	__m256i pair = _mm256_and_si256(
		_mm256_and_si256(
			wide_lookup(_mm256_and_si256(_mm256_srli_epi16(first, 4), low_nibble),
				    first_high),
			wide_lookup(_mm256_and_si256(first, low_nibble), first_low)),
		wide_lookup(_mm256_and_si256(_mm256_srli_epi16(v, 4), low_nibble), second_high));
	/* Bit 7 where the byte two before leads three or more, or the byte three before four. */
	__m256i third = _mm256_subs_epu8(WIDE_SHIFT(v, prev, 2), _mm256_set1_epi8(0xe0 - 0x80));
	__m256i fourth = _mm256_subs_epu8(WIDE_SHIFT(v, prev, 3), _mm256_set1_epi8(0xf0 - 0x80));
	__m256i must_continue =
		_mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));

	return _mm256_xor_si256(pair, must_continue);
}

/* Where the sequence begins that is cut at `at`; at, if none is. */
static size_t sequence_begin(struct rp_bytes in, size_t at)
{
	for (size_t n = 1; n <= 3 && n <= at; n++) {
		if (in.ptr[at - n] >= 0xc0)
			return at - n;
		if (in.ptr[at - n] < 0x80)
			break;
	}
	return at;
}

/* Not zero in bit 7 of what may end a run of clean ASCII. */
static inline WITH_AVX2 __m256i wide_unclean(__m256i v)
{
	return _mm256_or_si256(v, wide_is(v, '\\'));
}

static WITH_AVX2 size_t clean_wide(struct rp_bytes in)
{
	__m256i prev = _mm256_setzero_si256();
	uint32_t prev_high = 0;
	size_t at = 0;

	for (; in.len - at >= 4 * WIDE_BYTES; at += 4 * WIDE_BYTES) {
		const uint8_t *from = in.ptr + at;
		__m256i a = wide_unclean(wide_load(from));
		__m256i b = wide_unclean(wide_load(from + WIDE_BYTES));
		__m256i c = wide_unclean(wide_load(from + 2 * WIDE_BYTES));
		__m256i d = wide_unclean(wide_load(from + 3 * WIDE_BYTES));

		if (_mm256_movemask_epi8(
			    _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d))) != 0)
			break;
	}
	for (; in.len - at >= WIDE_BYTES; at += WIDE_BYTES) {
		__m256i v = wide_load(in.ptr + at);
		__m256i wrong = wide_is(v, '\\');
		uint32_t high = (uint32_t)_mm256_movemask_epi8(v);

		/* ASCII needs no look if no sequence may be cut before it. */
		if ((high | prev_high >> (WIDE_BYTES - 3)) == 0) {
			uint32_t slash = (uint32_t)_mm256_movemask_epi8(wrong);

			if (slash != 0)
				return at + (size_t)__builtin_ctz(slash);
			continue; /* prev may stay: it, too, ends in ASCII */
		}
		wrong = _mm256_or_si256(wrong, wide_utf8_errors(v, prev));
		if (!_mm256_testz_si256(wrong, wrong))
			break;
		prev = v;
		prev_high = high;
	}
	return clean_from(in, sequence_begin(in, at));
}
#endif

/* ---- */

size_t rp_run_plain(struct rp_bytes in, bool *has_high)
{
	/* Most strings are short. */
	if (in.len >= BLOCK_BYTES) {
		block b = load(in.ptr);
		uint64_t special = mask_of(is_special(b));

		if (special != 0) {
			size_t n = first_of(special);

			*has_high |= first_bytes(mask_of(is_high(b)), n) != 0;
			return n;
		}
	}
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		return plain_wide(in, has_high);
#endif
	return plain_long(in, has_high);
}

size_t rp_run_clean(struct rp_bytes in)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		return clean_wide(in);
#endif
	return clean_from(in, 0);
}

static bool is_at(struct rp_bytes in, size_t at, struct rp_bytes needle)
{
	return memcmp(in.ptr + at, needle.ptr, needle.len) == 0;
}

size_t rp_run_find(struct rp_bytes in, struct rp_bytes needle)
{
	size_t probe = needle.len - 3;
	block first = splat(needle.ptr[1]);
	block second = splat(needle.ptr[probe]);
	size_t at = 0;
	size_t count;

	if (in.len < needle.len)
		return SIZE_MAX;
	count = in.len - needle.len + 1; /* places where it may begin */
	for (; count - at >= BLOCK_BYTES; at += BLOCK_BYTES) {
		uint64_t both = mask_of((block)(load(in.ptr + at + 1) == first) &
					(block)(load(in.ptr + at + probe) == second));

		while (both != 0) {
			size_t n = first_of(both);

			if (is_at(in, at + n, needle))
				return at + n;
			both &= ~(((UINT64_C(1) << MASK_BITS) - 1) << (n * MASK_BITS));
		}
	}
	for (; at < count; at++) {
		if (in.ptr[at + 1] == needle.ptr[1] && is_at(in, at, needle))
			return at;
	}
	return SIZE_MAX;
}
