/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fuzz targets share: pieces to cut an input into, and digests to compare two readings of
 * it. A property that does not hold ends the process by RP_ASSERT().
 */
#ifndef RP_TESTS_FUZZ_FUZZ_H
#define RP_TESTS_FUZZ_FUZZ_H

#include "shm/bytes.h"

/** The entry of libFuzzer, and of seeds_main.c. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline uint64_t fuzz_hash(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
	return hash;
}

/* What a reader made of an input, item by item. */
static inline void fuzz_mix(uint64_t *digest, struct rp_bytes bytes)
{
	*digest = fuzz_hash(*digest, &bytes.len, sizeof(bytes.len));
	if (bytes.len > 0)
		*digest = fuzz_hash(*digest, bytes.ptr, bytes.len);
}

static inline void fuzz_mix_u64(uint64_t *digest, uint64_t value)
{
	*digest = fuzz_hash(*digest, &value, sizeof(value));
}

/* The pieces in which an input arrives; the same for the same input. */
struct fuzz_cuts {
	uint64_t state;
	size_t at;
	size_t whole; /* nonzero: no cuts */
	struct rp_bytes in;
};

static inline struct fuzz_cuts fuzz_whole(struct rp_bytes in)
{
	return (struct fuzz_cuts){.whole = 1, .in = in};
}

static inline struct fuzz_cuts fuzz_cuts(struct rp_bytes in)
{
	return (struct fuzz_cuts){.state = fuzz_hash(14695981039346656037u, in.ptr, in.len),
				  .in = in};
}

static inline uint32_t fuzz_below(struct fuzz_cuts *cuts, uint32_t n)
{
	cuts->state = cuts->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((cuts->state >> 33) % n);
}

/** The next piece. @return false: there are no more */
static inline bool fuzz_next(struct fuzz_cuts *cuts, struct rp_bytes *ret_piece)
{
	size_t left = cuts->in.len - cuts->at;
	size_t n = left;

	if (left == 0)
		return false;
	if (cuts->whole == 0 && fuzz_below(cuts, 4) != 0)
		n = 1 + fuzz_below(cuts, 3);
	else if (cuts->whole == 0)
		n = 1 + fuzz_below(cuts, (uint32_t)left);
	*ret_piece = rp_bytes_slice(cuts->in, cuts->at, n);
	cuts->at += ret_piece->len;
	return true;
}

/** Cut the first line, without its end, off *in. */
static inline struct rp_bytes fuzz_line(struct rp_bytes *in)
{
	size_t end = rp_min_size(rp_bytes_find(*in, RP_BYTES_LIT("\n")), in->len);
	struct rp_bytes line = rp_bytes_slice(*in, 0, end);

	*in = rp_bytes_slice(*in, end + 1, SIZE_MAX);
	return line;
}

#endif /* RP_TESTS_FUZZ_FUZZ_H */
