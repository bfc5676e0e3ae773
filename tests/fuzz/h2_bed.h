/* SPDX-License-Identifier: Apache-2.0
 *
 * A server session with gRPC and ext_proc on top, for fuzz targets: bytes in, answers checked and
 * dropped.
 */
#ifndef RP_TESTS_FUZZ_H2_BED_H
#define RP_TESTS_FUZZ_H2_BED_H

#include "tests/fuzz/fuzz.h"
#include "tests/wire/world.h"

struct h2_bed {
	struct world world;
	struct rp_h2_session *session;
	uint8_t stream;	  /* that h2_bed_data() is for */
	bool is_over;	  /* the session refused bytes, or is done */
	uint8_t frame[9]; /* head of the frame that comes out */
	size_t frame_len;
	size_t frame_left;
};

/** The bed with a fresh worker; the segments are made at the first call. */
struct h2_bed *h2_bed_begin(const struct world_options *options, bool is_health);
/** Connection preface and SETTINGS, then, if asked, HEADERS of a Process call on stream 1. */
void h2_bed_open(struct h2_bed *bed, bool has_call);
void h2_bed_feed(struct h2_bed *bed, struct rp_bytes in);
/** HEADERS of a Process call, to which h2_bed_data() goes from now on. */
void h2_bed_call(struct h2_bed *bed, uint8_t stream);
/** DATA frames of the stream, as few as it takes; an empty one with END_STREAM if is_end. */
void h2_bed_data(struct h2_bed *bed, struct rp_bytes in, bool is_end);
/** A turn of the worker; time goes on. */
void h2_bed_turn(struct h2_bed *bed, int64_t ns);
/** End the session; asserts that nothing is left of it. */
void h2_bed_end(struct h2_bed *bed);

#endif /* RP_TESTS_FUZZ_H2_BED_H */
