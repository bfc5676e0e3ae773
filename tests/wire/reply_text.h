/* SPDX-License-Identifier: Apache-2.0
 *
 * A ProcessingResponse as text, one line a fact, so that rows can say what they expect.
 */
#ifndef RP_TESTS_WIRE_REPLY_TEXT_H
#define RP_TESTS_WIRE_REPLY_TEXT_H

#include <stdio.h>

#include "shm/bytes.h"

/**
 * First line: the kind, and " eos" of a streamed body. Then, in this order, of what is there:
 * `set NAME: VALUE` (sorted), `remove NAME` (sorted), `clear_route_cache`, `metadata NAME: VALUE`,
 * `status N`, and the body as `| TEXT` (newlines as \n) or, above 200 bytes, `bytes N hash H`.
 */
void reply_to_text(struct rp_bytes message, char *out, size_t out_bytes);

/** The body line of a text, as above. */
void body_to_text(struct rp_bytes body, char *out, size_t out_bytes);

#endif /* RP_TESTS_WIRE_REPLY_TEXT_H */
