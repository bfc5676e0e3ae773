/* SPDX-License-Identifier: Apache-2.0
 *
 * A response has the same end, body and rest however it is cut.
 */
#include "control/http_response.h"
#include "tests/fuzz/fuzz.h"

struct reading {
	int err;
	uint64_t body; /* digest */
	size_t rest;   /* bytes that belong to no response */
	struct rp_http_response response;
};

static int on_body(void *user, struct rp_bytes piece)
{
	struct reading *reading = user;

	if (piece.len > 0)
		reading->body = fuzz_hash(reading->body, piece.ptr, piece.len);
	return RP_OK;
}

static void read_response(struct fuzz_cuts cuts, struct reading *reading)
{
	struct rp_bytes piece = {0};

	*reading = (struct reading){.err = RP_EAGAIN};
	rp_http_response_begin(&reading->response);
	while (reading->err == RP_EAGAIN && fuzz_next(&cuts, &piece)) {
		reading->err = rp_http_response_feed(&reading->response, &piece, on_body, reading);
		RP_ASSERT(reading->err != RP_EAGAIN || piece.len == 0);
	}
	reading->rest = cuts.in.len - cuts.at + piece.len;
	if (reading->err == RP_EAGAIN)
		reading->err = rp_http_response_eof(&reading->response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rp_bytes in = rp_bytes(data, size);
	struct reading whole, split;

	read_response(fuzz_whole(in), &whole);
	read_response(fuzz_cuts(in), &split);
	RP_ASSERT(whole.err == split.err);
	RP_ASSERT(whole.response.body_bytes <= size);
	if (whole.err != RP_OK)
		return 0;
	RP_ASSERT(whole.response.status == 200 && whole.response.state == RP_HTTP_DONE);
	RP_ASSERT(whole.rest == split.rest && whole.body == split.body);
	RP_ASSERT(whole.response.body_bytes == split.response.body_bytes);
	RP_ASSERT(whole.response.is_keep_alive == split.response.is_keep_alive);
	return 0;
}
