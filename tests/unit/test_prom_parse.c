/* SPDX-License-Identifier: Apache-2.0 */
#include "control/prom_parse.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* What a page said, as one line of text a sample, so that two readings can be compared. */
struct seen {
	char text[4096];
	size_t len;
};

static void on_sample(void *user, const struct rp_prom_sample *sample)
{
	struct seen *seen = user;
	size_t room = sizeof(seen->text) - seen->len;
	int n = snprintf(seen->text + seen->len, room, "%u", sample->family);

	for (uint32_t i = 0; i < sample->label_count; i++) {
		seen->len += (size_t)n;
		room = sizeof(seen->text) - seen->len;
		n = snprintf(
			seen->text + seen->len, room, " %.*s=<%.*s>",
			(int)sample->label[i].name.len, (const char *)sample->label[i].name.ptr,
			(int)sample->label[i].value.len, (const char *)sample->label[i].value.ptr);
	}
	seen->len += (size_t)n;
	room = sizeof(seen->text) - seen->len;
	n = snprintf(seen->text + seen->len, room, " %.17g @%lld\n", sample->value,
		     (long long)sample->timestamp_ms);
	seen->len += (size_t)n;
	assert_true(seen->len < sizeof(seen->text));
}

static void set_names(struct rp_prom_names *names, const char *const *list, size_t count)
{
	memset(names, 0, sizeof(*names));
	for (size_t i = 0; i < count; i++) {
		uint32_t family;
		assert_int_equal(rp_prom_names_add(names, rp_bytes_str(list[i]), &family), RP_OK);
		assert_int_equal(family, i);
	}
	rp_prom_names_seal(names);
}

#define NAMES(names, ...)                                                                          \
	do {                                                                                       \
		static const char *const list_[] = {__VA_ARGS__};                                  \
		set_names(names, list_, RP_ARRAY_LEN(list_));                                      \
	} while (0)

/* Feed in pieces: up to `cut`, then `step` bytes at a time. */
static int read_page(const struct rp_prom_names *names, struct rp_bytes page, size_t cut,
		     size_t step, struct seen *seen)
{
	struct rp_prom_parse parse;
	int err;

	memset(seen, 0, sizeof(*seen));
	rp_prom_parse_init(&parse);
	rp_prom_parse_begin(&parse, names, on_sample, seen);
	assert_int_equal(rp_prom_parse_feed(&parse, rp_bytes_slice(page, 0, cut)), RP_OK);
	for (size_t at = cut; at < page.len; at += step) {
		/* A copy of its own, so that a sanitizer sees reads behind the piece. */
		struct rp_bytes piece = rp_bytes_slice(page, at, step);
		uint8_t *copy = malloc(piece.len);
		memcpy(copy, piece.ptr, piece.len);
		assert_int_equal(rp_prom_parse_feed(&parse, rp_bytes(copy, piece.len)), RP_OK);
		free(copy);
	}
	err = rp_prom_parse_end(&parse);
	rp_prom_parse_fini(&parse);
	return err;
}

static void check_page(const struct rp_prom_names *names, const char *page, const char *wanted)
{
	struct seen seen;

	assert_int_equal(read_page(names, rp_bytes_str(page), 0, SIZE_MAX / 2, &seen), RP_OK);
	assert_string_equal(seen.text, wanted);
}

static const char vllm_page[] =
	"# HELP vllm:num_requests_running Number of requests.\n"
	"# TYPE vllm:num_requests_running gauge\n"
	"vllm:num_requests_running{engine=\"0\",model_name=\"m\"} 3.0\n"
	"vllm:num_requests_running{engine=\"1\",model_name=\"m\"} 9.0\n"
	"# TYPE vllm:num_requests_waiting gauge\n"
	"vllm:num_requests_waiting{engine=\"0\",model_name=\"a\\\"b\\\\c\\nd\"} 7.0\n"
	"# TYPE vllm:num_requests_waiting_by_reason gauge\n"
	"vllm:num_requests_waiting_by_reason{reason=\"x\"} 70.0\n"
	"\n  \t\n"
	"# TYPE vllm:kv_cache_usage_perc gauge\n"
	"vllm:kv_cache_usage_perc{model_name=\"m\",} 0.4378125 1700000000123\n"
	"# TYPE vllm:e2e histogram\n"
	"vllm:e2e_bucket{le=\"0.3\"} 4 # {trace_id=\"x\"} 0.5\n"
	"vllm:e2e_sum 1.5\n"
	"# EOF\n";

#define VLLM_NAMES                                                                                 \
	"vllm:num_requests_waiting", "vllm:num_requests_running", "vllm:kv_cache_usage_perc"
#define VLLM_SEEN                                                                                  \
	"1 engine=<0> model_name=<m> 3 @0\n"                                                       \
	"1 engine=<1> model_name=<m> 9 @0\n"                                                       \
	"0 engine=<0> model_name=<a\"b\\c\nd> 7 @0\n"                                              \
	"2 model_name=<m> 0.43781249999999999 @1700000000123\n"

static void only_wanted_families_are_decoded_in_document_order(void **state)
{
	struct rp_prom_names names;

	(void)state;
	NAMES(&names, VLLM_NAMES);
	check_page(&names, vllm_page, VLLM_SEEN);
}

static void a_page_cut_anywhere_reads_the_same(void **state)
{
	struct rp_prom_names names;
	struct seen seen;
	struct rp_bytes page = RP_BYTES_LIT(vllm_page);

	(void)state;
	NAMES(&names, VLLM_NAMES);
	for (size_t cut = 0; cut <= page.len; cut++) {
		assert_int_equal(read_page(&names, page, cut, SIZE_MAX / 2, &seen), RP_OK);
		assert_string_equal(seen.text, VLLM_SEEN);
	}
	for (size_t step = 1; step < 40; step++) {
		assert_int_equal(read_page(&names, page, 0, step, &seen), RP_OK);
		assert_string_equal(seen.text, VLLM_SEEN);
	}
}

static void a_page_that_ends_inside_a_line_is_rejected(void **state)
{
	struct rp_prom_names names;
	struct seen seen;

	(void)state;
	NAMES(&names, "a");
	for (size_t step = 1; step < 4; step++) {
		assert_int_equal(read_page(&names, RP_BYTES_LIT("a 1\na 2"), 0, step, &seen),
				 RP_EFORMAT);
		assert_int_equal(read_page(&names, RP_BYTES_LIT("a 1\n# x"), 0, step, &seen),
				 RP_EFORMAT);
		assert_int_equal(read_page(&names, RP_BYTES_LIT("a 1\n  "), 0, step, &seen), RP_OK);
		assert_int_equal(read_page(&names, RP_BYTES_LIT(""), 0, step, &seen), RP_OK);
	}
}

static void only_counters_and_gauges_have_a_value(void **state)
{
	struct rp_prom_names names;

	(void)state;
	NAMES(&names, "a");
	check_page(&names, "a 7\n", "0 0 @0\n");
	check_page(&names, "# TYPE a untyped\na 7\n", "0 0 @0\n");
	check_page(&names, "# TYPE a gauge\na 7\n", "0 7 @0\n");
	check_page(&names, "  #  TYPE \t a   GauGe\na 7\n", "0 7 @0\n");
	check_page(&names, "# TYPE a counter\na 7\n", "0 7 @0\n");
	check_page(&names, "# TYPE a info\na 7\n", "0 0 @0\n");
	check_page(&names, "# TYPE a gauge\r\na 7\n", "0 0 @0\n");
	check_page(&names, "# TYPE a gauge \na 7\n", "0 0 @0\n");
	check_page(&names, "# TYPE\n# TYPE a\na 7\n", "0 0 @0\n");
}

static void type_lines_count_once_and_only_before_samples(void **state)
{
	struct rp_prom_names names;

	(void)state;
	NAMES(&names, "a");
	check_page(&names, "a 7\n# TYPE a gauge\na 8\n", "0 0 @0\n0 0 @0\n");
	check_page(&names, "# TYPE a gauge\n# TYPE a summary\na 8\n", "0 8 @0\n");
}

static void parts_of_histograms_belong_to_the_base_family(void **state)
{
	struct rp_prom_names names;

	(void)state;
	NAMES(&names, "h", "h_sum", "h_count", "h_bucket", "h_sum_x");
	check_page(&names,
		   "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_sum 3\nh_count 4\nh_sum_x 1\n",
		   "0 le=<1> 0 @0\n0 0 @0\n0 0 @0\n4 0 @0\n");
	check_page(&names, "# TYPE h summary\nh{quantile=\"1\"} 2\nh_sum 3\nh_bucket 5\n",
		   "0 quantile=<1> 0 @0\n0 0 @0\n0 0 @0\n");
	/* A gauge of such a name is a family like any other. */
	check_page(&names, "# TYPE h gauge\n# TYPE h_sum gauge\nh 1\nh_sum 3\n",
		   "0 1 @0\n1 3 @0\n");
	/* OpenMetrics counters are another family, without a type. */
	NAMES(&names, "foo", "foo_total");
	check_page(&names, "# TYPE foo counter\nfoo_total 3\n", "1 0 @0\n");
}

static void names_that_begin_alike_are_told_apart(void **state)
{
	struct rp_prom_names names;

	(void)state;
	NAMES(&names, "ab", "abc", "a", "b:c", "ab_sum");
	check_page(&names,
		   "# TYPE a gauge\n# TYPE ab gauge\n# TYPE abc gauge\n# TYPE b:c gauge\n"
		   "abcd 1\nabc 2\nab{} 3\na 4\na_ 5\nb:c\t6\nb: 7\nb:cc 8\n",
		   "1 2 @0\n0 3 @0\n2 4 @0\n3 6 @0\n");
}

static void bad_lines_are_skipped_one_by_one(void **state)
{
	static const char *const bad[] = {
		"a",
		"a ",
		"a {",
		"a{} ",
		"a{x} 1",
		"a{x=} 1",
		"a{x=1} 1",
		"a{x=\"1} 1",
		"a{x=\"1\" 1",
		"a{x=\"1\"y=\"2\"} 1",
		"a{,} 1",
		"a{x=\"\\t\"} 1",
		"a{x=\"\\",
		"a{1x=\"\"} 1",
		"a 1 2 3",
		"a 1 1.5",
		"a 1 x",
		"a 1\r",
		"a 0x10",
		"a 1_000",
		"a 1e",
		"a --1",
		"a 1 # {x=\"\"} 2",
		"a 1e999",
		"a 1 9223372036854775808",
		"a nan(1)",
		"a +-inf",
	};
	struct rp_prom_names names;

	(void)state;
	NAMES(&names, "a");
	for (size_t i = 0; i < RP_ARRAY_LEN(bad); i++) {
		char page[256];
		snprintf(page, sizeof(page), "# TYPE a gauge\n%s\na 5\n", bad[i]);
		check_page(&names, page, "0 5 @0\n");
	}
}

static void timestamps_have_a_sign_and_64_bits(void **state)
{
	struct rp_prom_names names;

	(void)state;
	NAMES(&names, "a");
	check_page(&names,
		   "# TYPE a gauge\na 1 -9223372036854775808\na 2 +9223372036854775807 \na 3 -1\n",
		   "0 1 @-9223372036854775808\n0 2 @9223372036854775807\n0 3 @-1\n");
}

static void lines_and_labels_have_bounds(void **state)
{
	struct rp_prom_names names;
	struct seen seen;
	size_t bytes = 3 * RP_PROM_LINE_BYTES_MAX;
	char *page = malloc(bytes);
	int n = snprintf(page, bytes, "# TYPE a gauge\na{x=\"");
	size_t at = (size_t)n;

	(void)state;
	NAMES(&names, "a");
	memset(page + at, 'y', RP_PROM_LINE_BYTES_MAX);
	at += RP_PROM_LINE_BYTES_MAX;
	n = snprintf(page + at, bytes - at, "\"} 1\na{");
	at += (size_t)n;
	for (uint32_t i = 0; i <= RP_PROM_LABELS_MAX; i++) {
		n = snprintf(page + at, bytes - at, "l%u=\"\",", i);
		at += (size_t)n;
	}
	n = snprintf(page + at, bytes - at, "} 2\na 3\n");
	at += (size_t)n;
	for (size_t step = 1; step < at * 2; step = step * 2 + 1) {
		assert_int_equal(read_page(&names, rp_bytes(page, at), 0, step, &seen), RP_OK);
		assert_string_equal(seen.text, "0 3 @0\n");
	}
	/* A page that is one endless line. */
	memset(page, 'a', bytes);
	assert_int_equal(read_page(&names, rp_bytes(page, bytes), 0, 1000, &seen), RP_EFORMAT);
	free(page);
}

static void values_have_the_bits_that_strtod_gives(void **state)
{
	static const char *const good[] = {
		"0",
		"7",
		"0.1",
		"0.4378125",
		"123456789012345",
		"9007199254740993",
		"1e3",
		"1E-5",
		"+2.5",
		"-0",
		".5",
		"5.",
		"1e-400",
		"1.7e308",
		"0.30000000000000004",
		"4.9e-324",
		"0.000000000000001",
	};
	double value;

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(good); i++) {
		double wanted = strtod(good[i], NULL);
		assert_int_equal(rp_prom_parse_value(rp_bytes_str(good[i]), &value), RP_OK);
		assert_memory_equal(&value, &wanted, sizeof(value));
	}
	assert_int_equal(rp_prom_parse_value(RP_BYTES_LIT("+Inf"), &value), RP_OK);
	assert_true(isinf(value) && value > 0);
	assert_int_equal(rp_prom_parse_value(RP_BYTES_LIT("-infinity"), &value), RP_OK);
	assert_true(isinf(value) && value < 0);
	assert_int_equal(rp_prom_parse_value(RP_BYTES_LIT("NaN"), &value), RP_OK);
	assert_true(isnan(value));
	assert_int_equal(rp_prom_parse_value(RP_BYTES_LIT("1e309"), &value), RP_EFORMAT);
	assert_int_equal(rp_prom_parse_value(RP_BYTES_LIT("."), &value), RP_EFORMAT);
	assert_int_equal(rp_prom_parse_value(RP_BYTES_LIT(""), &value), RP_EFORMAT);
}

static void scraping_again_does_not_allocate(void **state)
{
	struct rp_prom_names names;
	struct rp_prom_parse parse;
	struct seen seen;
	uint8_t *carry = NULL;

	(void)state;
	NAMES(&names, VLLM_NAMES);
	rp_prom_parse_init(&parse);
	for (int i = 0; i < 3; i++) {
		memset(&seen, 0, sizeof(seen));
		rp_prom_parse_begin(&parse, &names, on_sample, &seen);
		for (size_t at = 0; at < sizeof(vllm_page) - 1; at += 7)
			assert_int_equal(
				rp_prom_parse_feed(&parse,
						   rp_bytes_slice(RP_BYTES_LIT(vllm_page), at, 7)),
				RP_OK);
		assert_int_equal(rp_prom_parse_end(&parse), RP_OK);
		assert_string_equal(seen.text, VLLM_SEEN);
		assert_true(i == 0 || parse.carry == carry);
		carry = parse.carry;
	}
	rp_prom_parse_fini(&parse);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_wanted_families_are_decoded_in_document_order),
		cmocka_unit_test(a_page_cut_anywhere_reads_the_same),
		cmocka_unit_test(a_page_that_ends_inside_a_line_is_rejected),
		cmocka_unit_test(only_counters_and_gauges_have_a_value),
		cmocka_unit_test(type_lines_count_once_and_only_before_samples),
		cmocka_unit_test(parts_of_histograms_belong_to_the_base_family),
		cmocka_unit_test(names_that_begin_alike_are_told_apart),
		cmocka_unit_test(bad_lines_are_skipped_one_by_one),
		cmocka_unit_test(timestamps_have_a_sign_and_64_bits),
		cmocka_unit_test(lines_and_labels_have_bounds),
		cmocka_unit_test(values_have_the_bits_that_strtod_gives),
		cmocka_unit_test(scraping_again_does_not_allocate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
