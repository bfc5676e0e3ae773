/* SPDX-License-Identifier: Apache-2.0
 *
 * A decoder of a picker's replies of its own: gRPC Length-Prefixed-Messages that hold
 * ProcessingResponse (envoy.service.ext_proc.v3), fed in pieces of any size. Nothing is gathered:
 * bytes of bodies go to the caller where they lie. It shares no code with dataplane/, so that an
 * error there cannot hide itself here.
 */
#ifndef RP_PERF_BENCH_REPLY_H
#define RP_PERF_BENCH_REPLY_H

#include "shm/bytes.h"
#include "shm/limits.h"

/* Which reply it is: the number of its field in ProcessingResponse. */
enum rp_bench_reply_kind {
	RP_BENCH_REPLY_NONE,
	RP_BENCH_REPLY_REQUEST_HEADERS,
	RP_BENCH_REPLY_RESPONSE_HEADERS,
	RP_BENCH_REPLY_REQUEST_BODY,
	RP_BENCH_REPLY_RESPONSE_BODY,
	RP_BENCH_REPLY_REQUEST_TRAILERS,
	RP_BENCH_REPLY_RESPONSE_TRAILERS,
	RP_BENCH_REPLY_IMMEDIATE,
	RP_BENCH_REPLY_STREAMED_IMMEDIATE = 11,
};

struct rp_bench_pick {
	uint16_t count; /* how often it was given */
	uint16_t len;
	char text[RP_BENCH_PICK_MAX];
};

/* What is known at the end of one reply. */
struct rp_bench_reply {
	uint8_t kind; /* enum rp_bench_reply_kind */
	bool has_streamed_body;
	bool has_other_body; /* BodyMutation.body or .clear_body: not for FULL_DUPLEX_STREAMED */
	bool is_end_of_stream;
	uint32_t http_status;	       /* of an immediate response */
	struct rp_bench_pick header;   /* x-gateway-destination-endpoint that is set */
	struct rp_bench_pick metadata; /* envoy.lb, the same name */
};

struct rp_bench_decoder;

struct rp_bench_decoder_ops {
	/** Bytes of a StreamedBodyResponse, in order. @return RP_OK, or what feed() is to return */
	int (*on_body)(struct rp_bench_decoder *decoder, struct rp_bytes piece);
	/** One reply is complete: decoder->reply. @return as above */
	int (*on_reply)(struct rp_bench_decoder *decoder);
};

enum { RP_BENCH_DEPTH_MAX = 12, RP_BENCH_KEY_MAX = 64 };

/* All zero: ready for the first byte. */
struct rp_bench_decoder {
	uint8_t state;
	uint8_t depth;
	uint8_t prefix_bytes; /* read so far of the five before a message */
	uint8_t action;	      /* of the LEN field being read */
	uint8_t target;
	uint8_t shift; /* bits of `value` read so far */
	uint32_t tag;
	uint32_t field_left;
	uint64_t value;
	struct {
		uint8_t type;
		uint32_t left;
	} stack[RP_BENCH_DEPTH_MAX];
	uint16_t key_len; /* of HeaderValue or of a map's entry */
	uint16_t text_len;
	uint16_t name_len; /* of the metadata's namespace */
	bool has_text;
	char key[RP_BENCH_KEY_MAX];
	char name[RP_BENCH_KEY_MAX];
	char text[RP_BENCH_PICK_MAX];
	struct rp_bench_reply reply;
	const char *why; /* of RP_EFORMAT: static text */
};

/**
 * Decode the next bytes of a call.
 *
 * @return RP_OK; RP_EFORMAT: not a ProcessingResponse, see why; whatever a callback returned.
 * After an error the decoder is not to be fed again.
 */
RP_MUST_CHECK int rp_bench_decoder_feed(struct rp_bench_decoder *decoder,
					const struct rp_bench_decoder_ops *ops,
					struct rp_bytes piece);

/** Nothing of a message is pending: the call may end here. */
bool rp_bench_decoder_is_idle(const struct rp_bench_decoder *decoder);

#endif /* RP_PERF_BENCH_REPLY_H */
