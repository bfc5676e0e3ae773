/* SPDX-License-Identifier: Apache-2.0
 *
 * Text out of a body that was scanned before: strings unescaped, values written again the way Go's
 * encoding/json writes a decoded map. Everything goes into a sink with an upper bound, so that a
 * large body costs no more memory than what is looked at.
 */
#ifndef RP_DATAPLANE_JSON_TEXT_H
#define RP_DATAPLANE_JSON_TEXT_H

#include "dataplane/arena.h"
#include "dataplane/body.h"
#include "dataplane/json_scan.h"

/* Reads a body at any offset; going forward is cheap. */
struct rp_body_cursor {
	const struct rp_body *body;
	const struct rp_body_buf *buf;
	uint64_t buf_offset; /* of buf's first byte, from the body's front */
};

struct rp_body_cursor rp_body_cursor(const struct rp_body *body);
/** The contiguous bytes from offset, at most max; empty at the body's end. */
struct rp_bytes rp_body_cursor_view(struct rp_body_cursor *cursor, uint64_t offset, uint64_t max);

/** Copy bytes that are there. */
void rp_body_cursor_copy(struct rp_body_cursor *cursor, uint64_t offset, uint8_t *out, size_t len);

enum { RP_JSON_SPECIAL_BYTES = 12 }; /* the longest thing to be seen whole: two \uXXXX */

/* Where text goes. */
typedef void rp_sink_fn(void *user, struct rp_bytes piece);

struct rp_text_sink {
	struct rp_arena *arena; /* out grows here; NULL: nothing is kept */
	uint8_t *out;
	uint64_t capacity;
	uint64_t len;	/* bytes taken */
	uint64_t max;	/* bytes beyond are dropped, */
	uint64_t total; /* but counted */
	rp_sink_fn *fn; /* also gets what is taken, or NULL */
	void *user;
	bool is_quoting; /* what is put is the content of a JSON string */
	int err;	 /* RP_ENOMEM, sticky */
};

/** Keep at most max bytes; expected is where the memory starts out. */
struct rp_text_sink rp_text_sink(struct rp_arena *arena, uint64_t expected, uint64_t max);
/** Give at most max bytes to fn. */
struct rp_text_sink rp_text_sink_to(rp_sink_fn *fn, void *user, uint64_t max);

/** UTF-8 sequences must not be split between two pieces while is_quoting. */
void rp_text_sink_put(struct rp_text_sink *sink, struct rp_bytes piece);
/** Zero bytes up to a multiple of four. */
void rp_text_sink_pad(struct rp_text_sink *sink);
/** The same piece `count` times; what is dropped of them costs nothing. */
void rp_text_sink_repeat(struct rp_text_sink *sink, struct rp_bytes piece, uint64_t count);

/* A string's characters whose raw text comes in pieces. */
struct rp_json_text {
	uint8_t held[RP_JSON_SPECIAL_BYTES - 1]; /* beginning of what the pieces' end cut */
	uint8_t held_len;
};

/**
 * Put the characters of the next piece of a string's raw text, as rp_json_put_string() does.
 * @param raw	  without quotes; escapes must be whole and right over all pieces
 * @param is_end  it is the last piece, which may be empty
 */
void rp_json_text_feed(struct rp_json_text *text, struct rp_text_sink *sink, struct rp_bytes raw,
		       bool is_end);

/**
 * Put a string's characters: escapes resolved, what is no UTF-8 and lone surrogates replaced by
 * U+FFFD, as Go does.
 * @param begin, end  offsets of the token, quotes included
 */
void rp_json_put_string(struct rp_text_sink *sink, struct rp_body_cursor *cursor, uint64_t begin,
			uint64_t end);

/** The characters of a short string, at most max bytes of them. .ptr is NULL if memory is out. */
struct rp_bytes rp_json_copy_string(struct rp_arena *arena, struct rp_body_cursor *cursor,
				    uint64_t begin, uint64_t end, uint64_t max);

/** Resolve the escapes of a raw piece; for keys. @return length in out, cut to out_bytes */
size_t rp_json_unescape(struct rp_bytes raw, uint8_t *out, size_t out_bytes);

/**
 * Put a value as Go's json.Marshal writes what json.Unmarshal made of it: keys sorted, the last
 * duplicate only, no blanks, `<>&` and U+2028/9 escaped, numbers as float64.
 *
 * @param begin, end  offsets of a valid value in the body
 * @return RP_OK; RP_ENOMEM; RP_ETOOBIG: more than RP_JSON_SPANS_MAX tokens, or a number too long to
 *         convert
 */
RP_MUST_CHECK int rp_json_put_canonical(struct rp_arena *arena, struct rp_text_sink *sink,
					struct rp_body_cursor *cursor, uint64_t begin,
					uint64_t end);

enum { RP_JSON_NUMBER_BYTES = 32 };

/** A float64 as Go writes it. @return length; out is not terminated */
size_t rp_json_format_double(double value, char out[RP_JSON_NUMBER_BYTES]);

#endif /* RP_DATAPLANE_JSON_TEXT_H */
