/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>

#include "control/prom_write.h"

static struct rp_prom prom;

static int set_up(void **state)
{
	(void)state;
	rp_prom_init(&prom, 1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	rp_prom_fini(&prom);
	return 0;
}

static void assert_page(const char *want)
{
	assert_int_equal(prom.err, RP_OK);
	assert_int_equal(prom.len, strlen(want));
	assert_memory_equal(prom.data, want, prom.len);
}

static void assert_float(double value, const char *want)
{
	char text[RP_PROM_FLOAT_MAX];

	assert_int_equal(rp_prom_format_float(value, text), strlen(want));
	assert_string_equal(text, want);
}

static void floats_are_written_as_go_does(void **state)
{
	(void)state;
	assert_float(0, "0");
	assert_float(-0.0, "-0");
	assert_float(1, "1");
	assert_float(0.1, "0.1");
	assert_float(0.005, "0.005");
	assert_float(0.00205, "0.00205");
	assert_float(0.0001, "0.0001");
	assert_float(0.00025, "0.00025");
	assert_float(0.00001, "1e-05");
	assert_float(3600, "3600");
	assert_float(131072, "131072");
	assert_float(999999, "999999");
	assert_float(1000000, "1e+06");
	assert_float(1048576, "1.048576e+06");
	assert_float(1073741824, "1.073741824e+09");
	assert_float(-12.5, "-12.5");
	assert_float(1.0 / 3, "0.3333333333333333");
	assert_float(0.1 + 0.2, "0.30000000000000004");
	assert_float(DBL_MAX, "1.7976931348623157e+308");
	assert_float(INFINITY, "+Inf");
	assert_float(-INFINITY, "-Inf");
	assert_float(NAN, "NaN");
}

static void a_family_without_samples_leaves_no_trace(void **state)
{
	(void)state;
	rp_prom_family(&prom, "empty", "gauge", "None.");
	rp_prom_family(&prom, "full", "gauge", "One.");
	rp_prom_u64(&prom, RP_METRIC_NO_LABELS, UINT64_MAX);
	rp_prom_family(&prom, "full", "gauge", "");
	rp_prom_double(
		&prom,
		(struct rp_metric_labels){
			(const struct rp_metric_label[]){{NULL, RP_BYTES_LIT("code=\"OK\"")}}, 1},
		0.5);
	assert_page("# HELP full One.\n# TYPE full gauge\nfull 18446744073709551615\n"
		    "full{code=\"OK\"} 0.5\n");
}

static void help_and_label_values_are_escaped(void **state)
{
	const struct rp_metric_label label[] = {{"a", RP_BYTES_LIT("\\\"\n\"x")},
						{"b", RP_BYTES_LIT("")}};

	(void)state;
	rp_prom_family(&prom, "m", "counter", "A \\ and \"quotes\"\nand lines.");
	rp_prom_u64(&prom, RP_METRIC_LABELS(label), 3);
	assert_page("# HELP m A \\\\ and \"quotes\"\\nand lines.\n# TYPE m counter\n"
		    "m{a=\"\\\\\\\"\\n\\\"x\",b=\"\"} 3\n");
}

static void histograms_add_up_and_are_cumulative(void **state)
{
	static struct rp_histogram worker[2];
	const struct rp_metric_label label[] = {{"a", RP_BYTES_LIT("\"")}};
	struct rp_histogram_total total = {.count = 0};

	(void)state;
	rp_histogram_observe(&worker[0], RP_BUCKETS_RATIO, 0);
	rp_histogram_observe(&worker[0], RP_BUCKETS_RATIO, 0.125);
	rp_histogram_observe(&worker[1], RP_BUCKETS_RATIO, 0.1875);
	rp_histogram_observe(&worker[1], RP_BUCKETS_RATIO, 7);
	for (int i = 0; i < 2; i++)
		rp_histogram_total_add(&total, &worker[i], RP_BUCKETS_RATIO);
	rp_prom_family(&prom, "h", "histogram", "H.");
	rp_prom_histogram(&prom, RP_METRIC_LABELS(label), RP_BUCKETS_RATIO, &total);
	assert_page("# HELP h H.\n# TYPE h histogram\n"
		    "h_bucket{a=\"\\\"\",le=\"0\"} 1\nh_bucket{a=\"\\\"\",le=\"0.1\"} 1\n"
		    "h_bucket{a=\"\\\"\",le=\"0.2\"} 3\nh_bucket{a=\"\\\"\",le=\"0.3\"} 3\n"
		    "h_bucket{a=\"\\\"\",le=\"0.4\"} 3\nh_bucket{a=\"\\\"\",le=\"0.5\"} 3\n"
		    "h_bucket{a=\"\\\"\",le=\"0.6\"} 3\nh_bucket{a=\"\\\"\",le=\"0.7\"} 3\n"
		    "h_bucket{a=\"\\\"\",le=\"0.8\"} 3\nh_bucket{a=\"\\\"\",le=\"0.9\"} 3\n"
		    "h_bucket{a=\"\\\"\",le=\"1\"} 3\nh_bucket{a=\"\\\"\",le=\"+Inf\"} 4\n"
		    "h_sum{a=\"\\\"\"} 7.3125\nh_count{a=\"\\\"\"} 4\n");
}

static void a_page_over_its_bound_is_an_error_and_the_next_one_is_not(void **state)
{
	(void)state;
	rp_prom_fini(&prom);
	rp_prom_init(&prom, 100000);
	rp_prom_family(&prom, "m", "counter", "M.");
	for (int i = 0; i < 50000; i++)
		rp_prom_u64(&prom, RP_METRIC_NO_LABELS, 1);
	assert_int_equal(prom.err, RP_ETOOBIG);
	assert_true(prom.len <= 100000);
	rp_prom_reset(&prom);
	rp_prom_family(&prom, "m", "counter", "M.");
	rp_prom_u64(&prom, RP_METRIC_NO_LABELS, 1);
	assert_page("# HELP m M.\n# TYPE m counter\nm 1\n");
}

static void assert_clean(const char *in, size_t len, const char *want)
{
	char text[32];

	assert_true(len < sizeof(text));
	memcpy(text, in, len);
	text[len] = '\0';
	rp_prom_clean(text, len);
	assert_int_equal(strlen(text), len);
	assert_string_equal(text, want);
}

#define CLEAN(in, want) assert_clean(in, sizeof(in) - 1, want)

static void label_values_become_clean_utf8(void **state)
{
	(void)state;
	CLEAN("", "");
	CLEAN("plain \n\"\\", "plain \n\"\\");
	CLEAN("a\0b", "a?b");
	CLEAN("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	CLEAN("\xc3", "?");
	CLEAN("\xe2\x82", "??");
	CLEAN("\xf0\x9f\x98", "???");
	CLEAN("\xc0\x80", "??");	   /* overlong */
	CLEAN("\xe0\x80\x80", "???");	   /* overlong */
	CLEAN("\xed\xa0\x80", "???");	   /* surrogate */
	CLEAN("\xf4\x90\x80\x80", "????"); /* beyond U+10FFFF */
	CLEAN("\xff\x80x\xc3\xa9", "??x\xc3\xa9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(floats_are_written_as_go_does),
		cmocka_unit_test_setup_teardown(a_family_without_samples_leaves_no_trace, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(help_and_label_values_are_escaped, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(histograms_add_up_and_are_cumulative, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			a_page_over_its_bound_is_an_error_and_the_next_one_is_not, set_up,
			tear_down),
		cmocka_unit_test(label_values_become_clean_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
