/* SPDX-License-Identifier: Apache-2.0
 *
 * What is decided about a request's beginning holds for all that may follow it.
 */
#include "control/admin_request.h"
#include "tests/fuzz/fuzz.h"

struct reading {
	int err;
	uint32_t status;
	size_t used;
	struct rp_admin_request request;
};

static struct reading read_request(struct rp_bytes in)
{
	struct reading reading = {0};

	reading.err = rp_admin_request_parse(in, &reading.request, &reading.used, &reading.status);
	RP_ASSERT(reading.err == RP_OK || reading.err == RP_EAGAIN || reading.err == RP_EPROTO);
	if (reading.err == RP_EPROTO)
		RP_ASSERT(reading.status >= 400 && reading.status < 600);
	if (reading.err == RP_OK) {
		RP_ASSERT(reading.used > 0 && reading.used <= in.len);
		RP_ASSERT(reading.request.method.len + reading.request.path.len < reading.used);
	}
	return reading;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rp_bytes in = rp_bytes(data, size);
	struct reading whole = read_request(in);
	struct fuzz_cuts cuts = fuzz_cuts(in);
	struct rp_bytes piece;

	while (fuzz_next(&cuts, &piece)) {
		struct reading begin = read_request(rp_bytes_slice(in, 0, cuts.at));

		if (begin.err == RP_EAGAIN)
			continue;
		RP_ASSERT(begin.err == whole.err && begin.status == whole.status);
		RP_ASSERT(begin.used == whole.used);
		RP_ASSERT(rp_bytes_equal(begin.request.method, whole.request.method));
		RP_ASSERT(rp_bytes_equal(begin.request.path, whole.request.path));
		RP_ASSERT(begin.request.is_last == whole.request.is_last);
	}
	return 0;
}
