/* SPDX-License-Identifier: Apache-2.0
 *
 * A request parser for fuzz targets: a configuration, and bodies in pieces.
 */
#ifndef RP_TESTS_FUZZ_OPENAI_BED_H
#define RP_TESTS_FUZZ_OPENAI_BED_H

#include "dataplane/request.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/sched_bed.h"

/* One body read; its memory is the bed's arena. */
struct openai_reading {
	int err;
	struct rp_bytes error; /* text */
	struct rp_request request;
	struct rp_request_parser *parser;
	struct rp_body body;
};

/** The bed, made at the first call. */
struct rp_bed *openai_bed(void);
/** Append the pieces to a body, parse them, check the bounds of what was found. */
void openai_read(struct rp_bytes path, struct fuzz_cuts cuts, struct openai_reading *ret_reading);
/** The same for a body that is there already; it moves into the reading. */
void openai_read_body(struct rp_bytes path, struct rp_body *body,
		      struct openai_reading *ret_reading);
void openai_free(struct openai_reading *reading);
/** After the last reading of an input: forget them all. */
void openai_reset(void);

#endif /* RP_TESTS_FUZZ_OPENAI_BED_H */
