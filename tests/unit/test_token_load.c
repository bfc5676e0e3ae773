/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plugin_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct rp_plugin_ops rp_token_load_scorer;

static void the_requests_own_tokens_count(void **state RP_UNUSED)
{
	static const int64_t tokens[] = {100, 0, 999, 5000, -5};
	static const int64_t uncached[] = {233, 1, 0, 1, 0};
	const struct rp_params_token_load_scorer params = {.queue_threshold_tokens = 1000,
							   .inflight_load_producer = 2};
	struct plugin_bed *bed = plugin_bed_new(5);
	const struct rp_call *call =
		plugin_bed_set(bed, 0, "tokens", &rp_token_load_scorer, &params);
	const double *score = plugin_bed_score(bed, call);

	for (uint32_t i = 0; i < 5; i++)
		assert_true(score[i] == 1);
	bed->data[2].load.tokens = tokens;
	bed->data[2].load.uncached = uncached;
	score = plugin_bed_score(bed, call);
	assert_true(score[0] == 1.0 - 333.0 / 1000 && score[1] == 1.0 - 1.0 / 1000 &&
		    score[2] == 1.0 - 999.0 / 1000 && score[3] == 0 && score[4] == 1);
	plugin_bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_requests_own_tokens_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
