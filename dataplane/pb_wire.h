/* SPDX-License-Identifier: Apache-2.0
 *
 * The protobuf wire format, by hand: a reader over bytes that may lie in one piece or in the
 * buffers of a body, a reader over one piece, and a writer that patches lengths back. No schema, no
 * allocation but for a field that straddles two buffers. Source: Protocol Buffers, Encoding.
 */
#ifndef RP_DATAPLANE_PB_WIRE_H
#define RP_DATAPLANE_PB_WIRE_H

#include "dataplane/arena.h"
#include "dataplane/body.h"

enum rp_pb_type { RP_PB_VARINT = 0, RP_PB_I64 = 1, RP_PB_LEN = 2, RP_PB_I32 = 5 };

/* ---- reading in pieces ---- */

/* A position in a message. Copies are independent positions. */
struct rp_pb_input {
	const uint8_t *at; /* the current piece */
	const uint8_t *end;
	const struct rp_body_buf *next; /* the pieces behind it */
	uint64_t offset;		/* bytes read since the start of the message */
	uint64_t left;			/* bytes left of the message */
	int err;			/* sticky: RP_EFORMAT, or RP_ENOMEM of rp_pb_input_take() */
};

struct rp_pb_tag {
	uint32_t number;
	uint32_t type;	/* enum rp_pb_type */
	uint64_t value; /* VARINT: the value; LEN: the length, checked against what is left */
};

struct rp_pb_input rp_pb_input_bytes(struct rp_bytes message);
struct rp_pb_input rp_pb_input_body(const struct rp_body *message);

/**
 * Read a tag and, by its type, the value or the length. Fixed-size fields and groups are skipped
 * inside, so only VARINT and LEN fields come out.
 * @return false at the end of the message, or with in->err set
 */
bool rp_pb_input_next(struct rp_pb_input *in, struct rp_pb_tag *ret_tag);

/** A sub-message of n bytes at the current position; the position of *in moves behind it. */
struct rp_pb_input rp_pb_input_enter(struct rp_pb_input *in, uint64_t n);
void rp_pb_input_skip(struct rp_pb_input *in, uint64_t n);
/** The next piece, at most max bytes, in place; empty at the end. */
struct rp_bytes rp_pb_input_piece(struct rp_pb_input *in, uint64_t max);
/** The next n bytes as one view: in place, or copied to the arena where they straddle buffers.
 * Valid as long as both the message and the arena are. */
struct rp_bytes rp_pb_input_take(struct rp_pb_input *in, uint64_t n, struct rp_arena *arena);

/* ---- reading one piece ---- */

struct rp_pb_field {
	uint32_t number;
	uint32_t type;	       /* enum rp_pb_type */
	uint64_t value;	       /* VARINT, I64 (its bits) and I32 */
	struct rp_bytes bytes; /* LEN */
};

/**
 * The next field; groups are skipped.
 * @return false at the end, or with r->err = RP_EFORMAT
 */
bool rp_pb_next(struct rp_reader *r, struct rp_pb_field *ret_field);

/* ---- writing ---- */

void rp_pb_write_varint(struct rp_writer *w, uint64_t value);
void rp_pb_write_tag(struct rp_writer *w, uint32_t number, enum rp_pb_type type);
void rp_pb_write_uint(struct rp_writer *w, uint32_t number, uint64_t value);
void rp_pb_write_bytes(struct rp_writer *w, uint32_t number, struct rp_bytes value);
void rp_pb_write_double(struct rp_writer *w, uint32_t number, double value);
/** Open a sub-message. @return a mark for rp_pb_write_end() */
size_t rp_pb_write_begin(struct rp_writer *w, uint32_t number);
/** Close it: its length is put before it, in as few bytes as it takes. */
void rp_pb_write_end(struct rp_writer *w, size_t mark);
/** Bytes of a varint. */
size_t rp_pb_varint_bytes(uint64_t value);

#endif /* RP_DATAPLANE_PB_WIRE_H */
