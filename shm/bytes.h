/* SPDX-License-Identifier: Apache-2.0
 *
 * Views of bytes, and cursors that read and write them. A view never owns what it shows. The
 * cursors keep the first error ("sticky"): a decoder checks once at its end, not after each step.
 */
#ifndef RP_SHM_BYTES_H
#define RP_SHM_BYTES_H

#include <string.h>

#include "shm/err.h"

struct rp_bytes {
	const uint8_t *ptr;
	size_t len;
};

#define RP_BYTES_LIT(literal) ((struct rp_bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

static inline struct rp_bytes rp_bytes(const void *ptr, size_t len)
{
	return (struct rp_bytes){ptr, len};
}

static inline struct rp_bytes rp_bytes_str(const char *text)
{
	return (struct rp_bytes){(const uint8_t *)text, strlen(text)};
}

static inline bool rp_bytes_equal(struct rp_bytes a, struct rp_bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool rp_bytes_equal_str(struct rp_bytes a, const char *text)
{
	return rp_bytes_equal(a, rp_bytes_str(text));
}

static inline bool rp_bytes_starts_with(struct rp_bytes a, struct rp_bytes prefix)
{
	return a.len >= prefix.len &&
	       (prefix.len == 0 || memcmp(a.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool rp_bytes_ends_with(struct rp_bytes a, struct rp_bytes suffix)
{
	return a.len >= suffix.len && (suffix.len == 0 || memcmp(a.ptr + (a.len - suffix.len),
								 suffix.ptr, suffix.len) == 0);
}

/** The part from `at`, at most `len` bytes; both are cut to the view. */
static inline struct rp_bytes rp_bytes_slice(struct rp_bytes a, size_t at, size_t len)
{
	at = rp_min_size(at, a.len);
	return rp_bytes(a.ptr + at, rp_min_size(len, a.len - at));
}

/** ASCII case-insensitive equality. */
bool rp_bytes_equal_nocase(struct rp_bytes a, struct rp_bytes b);
/** Is `word` among the comma-separated words of a list, in any case? */
bool rp_bytes_has_word(struct rp_bytes list, struct rp_bytes word);
/**
 * Decode the UTF-8 sequence at the begin (RFC 3629, section 4); ret_point may be NULL.
 * @return its bytes; 0 if there is none, or a malformed one
 */
size_t rp_bytes_utf8(struct rp_bytes in, uint32_t *ret_point);
/** First position of needle, or SIZE_MAX. An empty needle is found at 0. */
size_t rp_bytes_find(struct rp_bytes haystack, struct rp_bytes needle);
/** Without blanks (space, tab, CR, LF) on both sides. */
struct rp_bytes rp_bytes_trim(struct rp_bytes a);
/** The first `len` bytes, or up to three fewer so that no UTF-8 sequence is split. */
struct rp_bytes rp_bytes_cut(struct rp_bytes a, size_t len);
/**
 * Decimal number without sign or blanks.
 * @return RP_OK; RP_EFORMAT if empty, not all digits, or above max
 */
RP_MUST_CHECK int rp_bytes_to_u64(struct rp_bytes a, uint64_t max, uint64_t *ret_value);
/** Copy as a terminated string, cut to out_bytes - 1. Returns the length written. */
size_t rp_bytes_to_str(struct rp_bytes a, char *out, size_t out_bytes);

/* A reader: position in a view. After the first failed read err is set and all reads give zero. */
struct rp_reader {
	const uint8_t *at;
	const uint8_t *end;
	int err;
};

static inline struct rp_reader rp_reader(struct rp_bytes in)
{
	return (struct rp_reader){in.ptr, in.ptr + in.len, RP_OK};
}

static inline size_t rp_reader_left(const struct rp_reader *r)
{
	return (size_t)(r->end - r->at);
}

/** The next n bytes as a view; empty, with err = RP_EFORMAT, if fewer are left. */
struct rp_bytes rp_read_bytes(struct rp_reader *r, size_t n);
uint8_t rp_read_u8(struct rp_reader *r);
uint32_t rp_read_be32(struct rp_reader *r);
uint64_t rp_read_le64(struct rp_reader *r);

/* A writer into caller's storage. After the first write that does not fit err is RP_ETOOBIG and
 * nothing more is written. */
struct rp_writer {
	uint8_t *begin;
	uint8_t *at;
	uint8_t *end;
	int err;
};

static inline struct rp_writer rp_writer(void *storage, size_t bytes)
{
	return (struct rp_writer){storage, storage, (uint8_t *)storage + bytes, RP_OK};
}

static inline size_t rp_written(const struct rp_writer *w)
{
	return (size_t)(w->at - w->begin);
}

static inline struct rp_bytes rp_writer_bytes(const struct rp_writer *w)
{
	return rp_bytes(w->begin, rp_written(w));
}

static inline void rp_write_bytes(struct rp_writer *w, struct rp_bytes in)
{
	if (w->err != RP_OK)
		return;
	if ((size_t)(w->end - w->at) < in.len) {
		w->err = RP_ETOOBIG;
		return;
	}
	if (in.len != 0)
		memcpy(w->at, in.ptr, in.len);
	w->at += in.len;
}

static inline void rp_write_u8(struct rp_writer *w, uint8_t value)
{
	if (w->err == RP_OK && w->at < w->end)
		*w->at++ = value;
	else
		w->err = RP_ETOOBIG;
}

static inline void rp_write_str(struct rp_writer *w, const char *text)
{
	rp_write_bytes(w, rp_bytes(text, strlen(text)));
}

void rp_write_be32(struct rp_writer *w, uint32_t value);
void rp_write_le64(struct rp_writer *w, uint64_t value);
/** Decimal digits, no sign. */
void rp_write_u64_dec(struct rp_writer *w, uint64_t value);

#endif /* RP_SHM_BYTES_H */
