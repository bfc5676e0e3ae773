/* SPDX-License-Identifier: Apache-2.0
 *
 * A JSON tokenizer for text that arrives in pieces: it can stop and go on at any byte, keeps no
 * text but the beginning of the current string or number, and says where each token stands. Grammar
 * and error texts are those of Go's encoding/json (RFC 8259, any bytes >= 0x20 inside strings).
 */
#ifndef RP_DATAPLANE_JSON_SCAN_H
#define RP_DATAPLANE_JSON_SCAN_H

#include "shm/bytes.h"
#include "shm/limits.h"

enum rp_json_kind {
	RP_JSON_OBJECT_BEGIN,
	RP_JSON_OBJECT_END,
	RP_JSON_ARRAY_BEGIN,
	RP_JSON_ARRAY_END,
	RP_JSON_KEY,
	RP_JSON_STRING,
	RP_JSON_NUMBER,
	RP_JSON_TRUE,
	RP_JSON_FALSE,
	RP_JSON_NULL,
};

struct rp_json_token {
	enum rp_json_kind kind;
	bool has_escape; /* keys and strings: a backslash occurs */
	bool has_high;	 /* keys and strings: a byte above 0x7f occurs */
	uint32_t depth;	 /* containers around it; a container's begin and end have the same depth */
	uint64_t begin;	 /* offset of its first byte; quotes included */
	uint64_t end;	 /* offset after its last byte */
};

enum { RP_JSON_TEXT_BYTES = 128, RP_JSON_ERROR_BYTES = 128 };

/* What may come next, between tokens. */
enum rp_json_expect {
	RP_JSON_EXPECT_VALUE,
	RP_JSON_EXPECT_VALUE_OR_END,
	RP_JSON_EXPECT_KEY_OR_END,
	RP_JSON_EXPECT_KEY,
	RP_JSON_EXPECT_COLON,
	RP_JSON_EXPECT_COMMA,
	RP_JSON_EXPECT_NOTHING, /* the top-level value is complete */
};

/* Where inside a token the last chunk ended. */
enum rp_json_lexeme {
	RP_JSON_BETWEEN,
	RP_JSON_IN_STRING,
	RP_JSON_IN_ESCAPE,
	RP_JSON_IN_HEX,
	RP_JSON_IN_LITERAL,
	RP_JSON_IN_NUMBER_MINUS, /* the states of a number, in the grammar's order */
	RP_JSON_IN_NUMBER_ZERO,
	RP_JSON_IN_NUMBER_INT,
	RP_JSON_IN_NUMBER_DOT,
	RP_JSON_IN_NUMBER_FRACTION,
	RP_JSON_IN_NUMBER_E,
	RP_JSON_IN_NUMBER_E_SIGN,
	RP_JSON_IN_NUMBER_EXPONENT,
};

struct rp_json_scan {
	enum rp_json_expect expect;
	enum rp_json_lexeme lexeme;
	bool has_value; /* the top-level value has begun */
	bool is_key;	/* the current string is a key */
	bool has_escape;
	bool has_high;
	uint8_t hex_left;
	uint8_t literal_at;
	uint8_t text_len; /* of text; RP_JSON_TEXT_BYTES: the token may be longer */
	enum rp_json_kind literal;
	enum rp_json_kind top; /* kind of the top-level value, once begun */
	uint32_t depth;
	uint64_t is_object[RP_JSON_DEPTH_MAX / 64]; /* by depth: object, else array */
	uint64_t offset;			    /* bytes consumed */
	uint64_t begin;				    /* of the current token */
	int err;
	uint8_t text[RP_JSON_TEXT_BYTES]; /* raw bytes of the last key, string or number, without
					     quotes */
	char error[RP_JSON_ERROR_BYTES];  /* what is wrong, as Go words it; terminated */
};

void rp_json_scan_init(struct rp_json_scan *scan);

/**
 * Find the next token.
 *
 * A token that ends only with the byte after it (a number) is reported when that byte is seen; a
 * number that is the whole text is not reported: `top` tells of it.
 *
 * @param chunk   the piece at hand
 * @param[in,out] at  position in chunk
 * @return RP_OK: *ret_token, and text, are valid; RP_EAGAIN: the chunk is used up; RP_EFORMAT: not
 *         JSON or too deep, `error` says how; sticky
 */
RP_MUST_CHECK int rp_json_scan_next(struct rp_json_scan *scan, struct rp_bytes chunk, size_t *at,
				    struct rp_json_token *ret_token);

/** There are no more bytes. @return RP_OK: a complete text; RP_EFORMAT, as above */
RP_MUST_CHECK int rp_json_scan_end(struct rp_json_scan *scan);

/** Did the bytes so far end inside a string? begin, is_key, has_escape and has_high are of it. */
static inline bool rp_json_scan_is_in_string(const struct rp_json_scan *scan)
{
	return scan->lexeme == RP_JSON_IN_STRING || scan->lexeme == RP_JSON_IN_ESCAPE ||
	       scan->lexeme == RP_JSON_IN_HEX;
}

/** Raw text of the last key, string or number; only its beginning if it is longer than the buffer.
 */
static inline struct rp_bytes rp_json_scan_text(const struct rp_json_scan *scan)
{
	return rp_bytes(scan->text, scan->text_len);
}

#endif /* RP_DATAPLANE_JSON_SCAN_H */
