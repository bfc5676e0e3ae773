/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plugin_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

extern const struct rp_plugin_ops rp_p2p_source_producer;

enum { SOURCE = 7 };

static uint16_t match_blocks[2 * PLUGIN_BED_ENDPOINTS];
static const uint16_t touched[1] = {1};

static struct plugin_bed *bed_of_matches(const uint16_t *blocks, uint32_t count)
{
	struct plugin_bed *bed = plugin_bed_new(count);

	for (uint32_t i = 0; i < count; i++)
		match_blocks[bed->slot[i]] = blocks[i];
	bed->data[SOURCE].match = (struct rp_match_info){.total_blocks = 10,
							 .block_tokens = 64,
							 .match_blocks = match_blocks,
							 .touched = touched,
							 .touched_count = 1};
	bed->headers.request_id = RP_BYTES_LIT("id");
	bed->candidates.waiting = NULL; /* figures are not for producers */
	return bed;
}

/* The header's value, "" if there is none. */
static const char *source_for(struct plugin_bed *bed, const struct rp_call *call)
{
	static char text[RP_ENDPOINT_ADDRESS_MAX];

	bed->data[0].note = 0;
	bed->cycle.header_count = 0;
	assert_int_equal(call->ops->produce(call), RP_OK);
	call->ops->pre_request(call);
	if (bed->cycle.header_count == 0)
		return "";
	assert_true(rp_bytes_equal_str(bed->cycle.header[0].name, "x-kv-cache-source-host-port"));
	rp_bytes_to_str(bed->cycle.header[0].value, text, sizeof(text));
	return text;
}

static struct rp_params_p2p_source_producer params = {
	.min_cached_token_delta = 1, .prefix_match_info_producer = SOURCE, .prefill_profile = 1};

static void a_peer_that_holds_more_is_named(void **state RP_UNUSED)
{
	static const uint16_t blocks[] = {0, 5, 3};
	struct plugin_bed *bed = bed_of_matches(blocks, 3);
	const struct rp_call *call = plugin_bed_set(bed, 0, "p", &rp_p2p_source_producer, &params);

	plugin_bed_pick(bed, 0, 0);
	assert_string_equal(source_for(bed, call), "10.0.0.2:8000");
	plugin_bed_pick(bed, 0, 1); /* itself */
	assert_string_equal(source_for(bed, call), "");
	plugin_bed_pick(bed, 1, 2); /* prefill computes it, not the primary pick */
	assert_string_equal(source_for(bed, call), "10.0.0.2:8000");
	params.min_cached_token_delta = 129;
	assert_string_equal(source_for(bed, call), "");
	params.min_cached_token_delta = 128;
	assert_string_equal(source_for(bed, call), "10.0.0.2:8000");
	params.min_cached_token_delta = 1;
	bed->data[SOURCE].match.match_blocks = NULL;
	assert_string_equal(source_for(bed, call), "");
	plugin_bed_free(bed);
}

static void requests_are_spread_over_those_near_the_best_by_their_queues(void **state RP_UNUSED)
{
	static const uint16_t blocks[] = {0, 5, 4, 3};
	struct plugin_bed *bed = bed_of_matches(blocks, 4);
	const struct rp_call *call = plugin_bed_set(bed, 0, "p", &rp_p2p_source_producer, &params);
	int first = 0;
	char id[16];

	plugin_bed_pick(bed, 0, 0);
	atomic_store(&bed->bed.env.live->metrics.waiting[bed->slot[2]],
		     3); /* a fourth of the other one's weight */
	for (unsigned i = 0; i < 10000; i++) {
		/* Well mixed ids: FNV-1a changes little for a last digit. */
		snprintf(id, sizeof(id), "%08x", i * 2654435761u);
		bed->headers.request_id = rp_bytes_str(id);
		first += strcmp(source_for(bed, call), "10.0.0.2:8000") == 0;
	}
	assert_in_range(first, 8000 - 400, 8000 + 400);
	plugin_bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_that_holds_more_is_named),
		cmocka_unit_test(requests_are_spread_over_those_near_the_best_by_their_queues),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
