/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/string_runs.h"

#if defined(__x86_64__)
#include <immintrin.h>

enum { BLOCK_BYTES = 64, IDLE_BLOCKS = 8 };

/* A bit a byte, of one block. */
struct classes {
	uint64_t backslash;
	uint64_t end; /* quotes and control characters */
	uint64_t high;
	uint64_t letter; /* what may stand behind a backslash, but u */
};

/* The bits of the first n <= 64 bytes. */
static inline uint64_t first_bytes(size_t n)
{
	return n >= BLOCK_BYTES ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/* The backslashes that are not escaped themselves. is_escaped: 1 if the first byte is, else 0 */
static inline uint64_t escapes(uint64_t backslash, uint64_t is_escaped)
{
	uint64_t left = backslash & ~is_escaped;
	uint64_t found = 0;

	if ((left & left << 1) == 0)
		return left;
	while (left != 0) {
		uint64_t bit = left & (0 - left);

		found |= bit;
		left &= ~(bit | bit << 1);
	}
	return found;
}

/* Where a run stands while it is followed from block to block. */
struct run {
	size_t at;
	uint64_t is_escaped; /* 1: a backslash is the last byte before at */
	uint64_t high;
	size_t idle; /* blocks since the last one with an escape */
};

/* Go on by the block's first n bytes, or up to what ends the run; is it still going on? */
static inline bool skip_block(struct run *run, struct classes is, size_t n)
{
	uint64_t escape = escapes(is.backslash, run->is_escaped);
	uint64_t escaped = escape << 1 | run->is_escaped;
	uint64_t stop = (is.end & ~escaped) | (escaped & ~is.letter) | ~first_bytes(n);

	if (stop == 0) {
		run->at += BLOCK_BYTES;
		run->is_escaped = escape >> (BLOCK_BYTES - 1);
		run->high |= is.high;
		run->idle = escape != 0 ? 0 : run->idle + 1;
		return true;
	}
	n = (size_t)__builtin_ctzll(stop);
	run->high |= is.high & first_bytes(n);
	run->at += n;
	/* An escape that is not whole does not belong to the run. */
	if (n == 0 ? run->is_escaped != 0 : (escape >> (n - 1) & 1) != 0)
		run->at--;
	return false;
}

/* What a letter behind a backslash stands for; 0: it is none. */
static const uint8_t meant[128] = {
	['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
	['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
};

/* ---- AVX-512 ---- */

#define WITH_AVX512 __attribute__((target("avx512f,avx512bw,avx512vbmi,avx512vbmi2,bmi")))

static bool has_avx512(void)
{
	return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi") &&
	       __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("bmi");
}

/* A mask where sums are cheap: left to itself, the compiler carries them out in mask registers,
 * and moves things there and back, which makes each block wait for the one before. For the same
 * reason it is given BMI, whose and-not it would else look for there. */
static inline uint64_t general(uint64_t mask)
{
	__asm__("" : "+r"(mask));
	return mask;
}

static inline WITH_AVX512 __m512i load_512(const uint8_t *at)
{
	return _mm512_loadu_si512(at);
}

/* What each byte means behind a backslash. Bytes above 0x7f are taken for others. */
static inline WITH_AVX512 __m512i meaning_512(__m512i v)
{
	return _mm512_permutex2var_epi8(load_512(meant), v, load_512(meant + BLOCK_BYTES));
}

static inline WITH_AVX512 uint64_t ends_512(__m512i v)
{
	return general(_mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('"'))) |
	       general(_mm512_cmplt_epu8_mask(v, _mm512_set1_epi8(0x20)));
}

static inline WITH_AVX512 uint64_t backslashes_512(__m512i v)
{
	return general(_mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\\')));
}

static inline WITH_AVX512 struct classes classes_512(__m512i v)
{
	__m512i meaning = meaning_512(v);
	uint64_t high = general(_mm512_movepi8_mask(v));

	return (struct classes){.backslash = backslashes_512(v),
				.end = ends_512(v),
				.high = high,
				.letter = general(_mm512_test_epi8_mask(meaning, meaning)) & ~high};
}

static WITH_AVX512 struct run skip_512(struct rp_bytes in)
{
	struct run run = {0};
	size_t left;

	while ((left = in.len - run.at) >= BLOCK_BYTES) {
		if (run.idle == IDLE_BLOCKS ||
		    !skip_block(&run, classes_512(load_512(in.ptr + run.at)), BLOCK_BYTES))
			return run;
	}
	skip_block(&run, classes_512(_mm512_maskz_loadu_epi8(first_bytes(left), in.ptr + run.at)),
		   left);
	return run;
}

static WITH_AVX512 size_t unescape_512(struct rp_bytes in, uint8_t *out, size_t room,
				       size_t *ret_len)
{
	uint64_t is_escaped = 0;
	size_t at = 0;
	size_t len = 0;

	while (room - len >= BLOCK_BYTES && at < in.len) {
		uint64_t in_text = first_bytes(in.len - at);
		__m512i v = _mm512_maskz_loadu_epi8(in_text, in.ptr + at);
		__m512i meaning = meaning_512(v);
		uint64_t escape = escapes(backslashes_512(v), is_escaped);
		uint64_t escaped = escape << 1 | is_escaped;
		uint64_t letter = general(_mm512_test_epi8_mask(meaning, meaning));
		uint64_t bad = general(_mm512_movepi8_mask(v)) | (escaped & ~letter) | ~in_text;
		uint64_t wanted = ~escape;
		size_t n = BLOCK_BYTES;

		if (bad != 0) {
			n = (size_t)__builtin_ctzll(bad);
			wanted &= first_bytes(n);
		}
		v = _mm512_maskz_compress_epi8(wanted, _mm512_mask_mov_epi8(v, escaped, meaning));
		_mm512_storeu_si512(out + len, v);
		len += (size_t)__builtin_popcountll(wanted);
		at += n;
		if (n > 0)
			is_escaped = escape >> (n - 1) & 1;
		if (n < BLOCK_BYTES)
			break;
	}
	*ret_len = len;
	return at - is_escaped; /* a backslash alone is left */
}

/* ---- AVX2 ---- */

#define WITH_AVX2 __attribute__((target("avx2")))

static inline WITH_AVX2 __m256i load_256(const uint8_t *at)
{
	return _mm256_loadu_si256((const __m256i_u *)at);
}

struct halves {
	__m256i low;
	__m256i high;
};

static inline WITH_AVX2 struct halves load_halves(const uint8_t *at)
{
	return (struct halves){load_256(at), load_256(at + sizeof(__m256i))};
}

static inline WITH_AVX2 uint64_t mask_of(__m256i low, __m256i high)
{
	return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
							     << 32;
}

static inline WITH_AVX2 uint64_t equal_256(struct halves v, char c)
{
	__m256i wanted = _mm256_set1_epi8(c);

	return mask_of(_mm256_cmpeq_epi8(v.low, wanted), _mm256_cmpeq_epi8(v.high, wanted));
}

/* Not zero where the byte's two nibbles make a letter of the escapes: each bit is a high nibble. */
static inline WITH_AVX2 __m256i letters_256(__m256i v)
{
	const __m256i by_high = _mm256_broadcastsi128_si256(
		_mm_setr_epi8(0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0));
	const __m256i by_low = _mm256_broadcastsi128_si256(
		_mm_setr_epi8(0, 0, 1 | 4 | 8, 0, 8, 0, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1));
	const __m256i nibble = _mm256_set1_epi8(0x0f);
	__m256i high = _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble);

	return _mm256_and_si256(_mm256_shuffle_epi8(by_high, high),
				_mm256_shuffle_epi8(by_low, _mm256_and_si256(v, nibble)));
}

static inline WITH_AVX2 uint64_t letter_mask_256(struct halves v)
{
	const __m256i zero = _mm256_setzero_si256();

	return ~mask_of(_mm256_cmpeq_epi8(letters_256(v.low), zero),
			_mm256_cmpeq_epi8(letters_256(v.high), zero));
}

static inline WITH_AVX2 __m256i is_control_256(__m256i v)
{
	return _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(0x1f)), v);
}

static inline WITH_AVX2 struct classes classes_256(struct halves v)
{
	return (struct classes){.backslash = equal_256(v, '\\'),
				.end = equal_256(v, '"') |
				       mask_of(is_control_256(v.low), is_control_256(v.high)),
				.high = mask_of(v.low, v.high),
				.letter = letter_mask_256(v)};
}

/* Goes on over whole blocks only. */
static WITH_AVX2 struct run skip_256(struct rp_bytes in)
{
	struct run run = {0};

	while (in.len - run.at >= BLOCK_BYTES && run.idle < IDLE_BLOCKS) {
		if (!skip_block(&run, classes_256(load_halves(in.ptr + run.at)), BLOCK_BYTES))
			return run;
	}
	run.at -= run.is_escaped;
	return run;
}

/* The bytes are copied on to where they belong behind each escape of the block. */
static WITH_AVX2 size_t unescape_256(struct rp_bytes in, uint8_t *out, size_t room, size_t *ret_len)
{
	size_t at = 0;
	size_t len = 0;

	/* What is copied on begins in the block, and may end in the next. */
	while (room - len >= 2 * BLOCK_BYTES && in.len - at >= 2 * BLOCK_BYTES) {
		const uint8_t *from = in.ptr + at;
		struct halves v = load_halves(from);
		uint64_t high = mask_of(v.low, v.high);
		uint64_t escape = escapes(equal_256(v, '\\'), 0);
		uint64_t escaped = escape << 1;
		size_t n = BLOCK_BYTES - (size_t)(escape >> (BLOCK_BYTES - 1));
		uint64_t bad;
		size_t done = 0;

		_mm256_storeu_si256((__m256i_u *)(out + len), v.low);
		_mm256_storeu_si256((__m256i_u *)(out + len + sizeof(v.low)), v.high);
		bad = high | ~first_bytes(n) | (escaped & ~letter_mask_256(v));
		n = bad == 0 ? BLOCK_BYTES : (size_t)__builtin_ctzll(bad);
		if (n > 0 && (escape >> (n - 1) & 1) != 0)
			n--;
		for (escape &= first_bytes(n); escape != 0; escape &= escape - 1) {
			size_t to = (size_t)__builtin_ctzll(escape);

			len += to - done;
			out[len++] = meant[from[to + 1]];
			done = to + 2;
			v = load_halves(from + done);
			_mm256_storeu_si256((__m256i_u *)(out + len), v.low);
			_mm256_storeu_si256((__m256i_u *)(out + len + sizeof(v.low)), v.high);
		}
		len += n - done;
		at += n;
		if (n < BLOCK_BYTES - 1)
			break;
	}
	*ret_len = len;
	return at;
}

/* ---- */

size_t rp_string_skip(struct rp_bytes in, bool *has_high)
{
	struct run run = {0};

	if (has_avx512())
		run = skip_512(in);
	else if (__builtin_cpu_supports("avx2"))
		run = skip_256(in);
	*has_high |= run.high != 0;
	return run.at;
}

size_t rp_string_unescape(struct rp_bytes in, uint8_t *out, size_t out_bytes, size_t *ret_len)
{
	if (has_avx512())
		return unescape_512(in, out, out_bytes, ret_len);
	if (__builtin_cpu_supports("avx2"))
		return unescape_256(in, out, out_bytes, ret_len);
	*ret_len = 0;
	return 0;
}
#else
size_t rp_string_skip(struct rp_bytes in RP_UNUSED, bool *has_high RP_UNUSED)
{
	return 0;
}

size_t rp_string_unescape(struct rp_bytes in RP_UNUSED, uint8_t *out RP_UNUSED,
			  size_t out_bytes RP_UNUSED, size_t *ret_len)
{
	*ret_len = 0;
	return 0;
}
#endif
