/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plugin_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct rp_plugin_ops rp_mm_embeddings_cache_producer;
extern const struct rp_plugin_ops rp_mm_embeddings_cache_scorer;

static struct plugin_bed *bed;
static struct rp_params_mm_embeddings_cache_producer limits;
static const struct rp_params_mm_embeddings_cache_scorer params = {.producer = 1};
static const struct rp_call *producer;
static const struct rp_call *scorer;
static struct rp_media_feature feature[RP_MEDIA_FEATURES_MAX + 10];
static struct rp_prompt prompt[2];

static int set_up(void **state RP_UNUSED)
{
	bed = plugin_bed_new(3);
	for (uint32_t i = 0; i < 3; i++)
		rp_prefix_index_admit(&bed->bed.shared.live->items.index, bed->slot[i], 1, 3);
	limits = (struct rp_params_mm_embeddings_cache_producer){.cache_size_in_mb_per_server =
									 4096};
	scorer = plugin_bed_set(bed, 0, "scorer", &rp_mm_embeddings_cache_scorer, &params);
	producer = plugin_bed_set(bed, 1, "producer", &rp_mm_embeddings_cache_producer, &limits);
	bed->request.prompts = prompt;
	bed->request.prompt_count = 2;
	bed->request.has_prompts = true;
	return 0;
}

static int tear_down(void **state RP_UNUSED)
{
	plugin_bed_free(bed);
	return 0;
}

/* A request with items `first`, first + 1, …; the first stands in the second prompt as well. */
static const double *ask(uint64_t first, uint32_t count)
{
	plugin_bed_next_request(bed);
	bed->data[1] = (struct rp_plugin_data){0};
	for (uint32_t i = 0; i < count; i++)
		feature[i] = (struct rp_media_feature){.hash = first + i};
	prompt[0] = (struct rp_prompt){.feature = feature, .feature_count = count};
	prompt[1] = (struct rp_prompt){.feature = feature, .feature_count = count > 0};
	assert_int_equal(producer->ops->produce(producer), RP_OK);
	return plugin_bed_score(bed, scorer);
}

static void serve(uint64_t first, uint32_t count, uint32_t table_idx)
{
	(void)ask(first, count);
	plugin_bed_pick(bed, 0, table_idx);
	producer->ops->pre_request(producer);
}

static void who_served_an_item_has_seen_it(void **state RP_UNUSED)
{
	const double *score;

	serve(100, 2, 0);
	serve(101, 1, 1);
	score = ask(99, 3);
	assert_true(score[0] == 2.0 / 3 && score[1] == 1.0 / 3 && score[2] == 0);
	score = ask(500, 1);
	assert_true(score[0] == 0 && score[1] == 0 && score[2] == 0);
}

static void all_targets_of_the_primary_profile_count(void **state RP_UNUSED)
{
	const double *score;

	(void)ask(7, 1);
	bed->cycle.primary = 1;
	plugin_bed_pick(bed, 0, 0);
	bed->cycle.result[1] =
		(struct rp_profile_result){.has_run = true, .count = 2, .pick = {2, 1}};
	producer->ops->pre_request(producer);
	score = ask(7, 1);
	assert_true(score[0] == 0 && score[1] == 1 && score[2] == 1);
}

static void text_alone_is_not_looked_up(void **state RP_UNUSED)
{
	serve(7, 1, 0);
	(void)ask(7, 0);
	assert_int_equal(bed->data[1].media.item_count, 0);
	bed->request.has_prompts = false;
	(void)ask(7, 1);
	assert_int_equal(bed->data[1].media.item_count, 0);
}

static void an_endpoint_keeps_as_many_as_its_cache_has_room_for(void **state RP_UNUSED)
{
	const double *score;

	limits.cache_size_in_mb_per_server = 7; /* three */
	for (uint64_t item = 1; item <= 5; item++)
		serve(item, 1, 0);
	score = ask(1, 5);
	assert_true(score[0] == 3.0 / 5);
	assert_true(ask(2, 1)[0] == 0);
	assert_true(ask(3, 1)[0] == 1);
	limits.cache_size_in_mb_per_server = 1; /* one at least */
	serve(9, 1, 0);
	assert_true(ask(9, 1)[0] == 1);
	assert_true(ask(5, 1)[0] == 0);
}

static void more_items_than_are_told_apart_do_no_harm(void **state RP_UNUSED)
{
	(void)ask(1000, RP_ARRAY_LEN(feature));
	assert_int_equal(bed->data[1].media.item_count, RP_MEDIA_FEATURES_MAX);
	(void)ask(1000, 5);
	assert_int_equal(bed->data[1].media.item_count, 5);
}

static const struct rp_encoder_series_table *series(void)
{
	return &bed->bed.shared.live->worker[bed->bed.env.worker].encoder;
}

static uint64_t queries(enum rp_encoder_modality modality)
{
	return atomic_load(&series()->series[0].queries[modality]);
}

static uint64_t hits(uint32_t table_idx, enum rp_encoder_modality modality)
{
	return rp_encoder_series_hits(series(), 0, bed->slot[table_idx], 1, modality);
}

static void look_ups_and_hits_are_counted_by_modality(void **state RP_UNUSED)
{
	serve(100, 2, 0);
	serve(101, 2, 1);
	assert_int_equal(queries(RP_ENCODER_IMAGE), 4);
	assert_int_equal(hits(0, RP_ENCODER_IMAGE), 1); /* 101 */
	/* 100 is an image; 101 comes as a sound and as a video, which is the later one. */
	plugin_bed_next_request(bed);
	bed->data[1] = (struct rp_plugin_data){0};
	feature[0] = (struct rp_media_feature){.hash = 100};
	feature[1] = (struct rp_media_feature){.hash = 101, .modality = RP_MODALITY_AUDIO};
	feature[2] = (struct rp_media_feature){.hash = 101, .modality = RP_MODALITY_VIDEO};
	prompt[0] = (struct rp_prompt){.feature = feature, .feature_count = 3};
	prompt[1] = (struct rp_prompt){.feature_count = 0};
	assert_int_equal(producer->ops->produce(producer), RP_OK);
	assert_int_equal(queries(RP_ENCODER_IMAGE), 5);
	assert_int_equal(queries(RP_ENCODER_AUDIO), 0);
	assert_int_equal(queries(RP_ENCODER_VIDEO), 1);
	assert_int_equal(hits(0, RP_ENCODER_IMAGE), 2);
	assert_int_equal(hits(1, RP_ENCODER_IMAGE), 0);
	assert_int_equal(hits(0, RP_ENCODER_VIDEO), 1);
	assert_int_equal(hits(1, RP_ENCODER_VIDEO), 1);
	assert_int_equal(hits(2, RP_ENCODER_VIDEO), 0);
	assert_string_equal(series()->series[0].plugin, "producer");
	assert_int_equal(bed->data[1].media.matched[bed->slot[0]], 2);
}

static void the_ratio_is_observed_of_each_candidate(void **state RP_UNUSED)
{
	static const int without_last[] = {2, -1};
	const struct rp_histogram *ratio = &series()->series[0].hit_ratio;
	uint64_t bits;
	double sum;

	serve(1, 3, 0);
	assert_int_equal(atomic_load(&ratio->count), 3);
	assert_int_equal(atomic_load(&ratio->bucket[0]), 3);
	plugin_bed_leave_out(bed, without_last);
	(void)ask(1, 4);
	(void)ask(1, 0); /* text alone is not observed */
	assert_int_equal(atomic_load(&ratio->count), 5);
	assert_int_equal(atomic_load(&ratio->bucket[0]), 4);
	assert_int_equal(atomic_load(&ratio->bucket[8]), 1); /* (0.7, 0.8] */
	bits = atomic_load(&ratio->sum_bits);
	memcpy(&sum, &bits, sizeof(sum));
	assert_true(sum == 0.75);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_served_an_item_has_seen_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(all_targets_of_the_primary_profile_count, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(text_alone_is_not_looked_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_endpoint_keeps_as_many_as_its_cache_has_room_for,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(more_items_than_are_told_apart_do_no_harm, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(look_ups_and_hits_are_counted_by_modality, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(the_ratio_is_observed_of_each_candidate, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
