/* SPDX-License-Identifier: Apache-2.0
 *
 * One ext_proc stream of the bare server: counts what comes in, message by message, keeping none of
 * it, and owes replies of constant bytes in its stead. A reply is made while it is read.
 */
#ifndef RP_PERF_BARE_STREAM_H
#define RP_PERF_BARE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rp_bare_stream; /* the caller's, until rp_bare_stream_free() */

/** NULL: out of memory. */
struct rp_bare_stream *rp_bare_stream_new(void);
void rp_bare_stream_free(struct rp_bare_stream *stream);

/** Bytes of DATA frames, cut anywhere. @return false: no ext_proc messages, or over a bound */
bool rp_bare_stream_feed(struct rp_bare_stream *stream, const uint8_t *data, size_t len);

bool rp_bare_stream_has_output(const struct rp_bare_stream *stream);

/** Replies into buf. @return bytes written; 0: nothing is owed */
size_t rp_bare_stream_read(struct rp_bare_stream *stream, uint8_t *buf, size_t room);

#endif /* RP_PERF_BARE_STREAM_H */
