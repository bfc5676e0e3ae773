/* SPDX-License-Identifier: Apache-2.0
 *
 * Usage found in an answer does not depend on where it is cut, as JSON and as events of each
 * format.
 */
#include "dataplane/usage.h"
#include "tests/fuzz/fuzz.h"

static struct rp_usage usage_of(struct fuzz_cuts cuts, enum rp_usage_format format, bool is_events)
{
	struct rp_usage_scan scan;
	struct rp_bytes piece;

	rp_usage_begin(&scan, format, is_events);
	while (fuzz_next(&cuts, &piece))
		rp_usage_feed(&scan, piece);
	return *rp_usage_end(&scan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rp_bytes in = rp_bytes(data, size);

	for (int i = 0; i < 6; i++) {
		enum rp_usage_format format = (enum rp_usage_format)(i / 2);
		struct rp_usage whole = usage_of(fuzz_whole(in), format, i % 2 != 0);
		struct rp_usage split = usage_of(fuzz_cuts(in), format, i % 2 != 0);

		RP_ASSERT(whole.prompt_tokens == split.prompt_tokens);
		RP_ASSERT(whole.completion_tokens == split.completion_tokens);
		RP_ASSERT(whole.total_tokens == split.total_tokens);
		RP_ASSERT(whole.cached_tokens == split.cached_tokens);
		RP_ASSERT(whole.has_cached == split.has_cached);
	}
	return 0;
}
