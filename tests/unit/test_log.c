/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "shm/clock.h"
#include "shm/log.h"

static struct rp_spsc_ring ring;
static char text[1 << 20];

/* Send standard error into a file from here on. */
static int capture_begin(void)
{
	int saved = dup(STDERR_FILENO);
	int file = memfd_create("stderr", 0);

	assert_true(saved >= 0 && file >= 0);
	assert_int_equal(dup2(file, STDERR_FILENO), STDERR_FILENO);
	close(file);
	return saved;
}

/* What was written to it, terminated, in `text`. */
static void capture_end(int saved)
{
	ssize_t n = pread(STDERR_FILENO, text, sizeof(text) - 1, 0);

	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_true(n >= 0);
	text[n] = '\0';
}

/* Write one line, at once or through the ring, and give it back without "ts". */
static cJSON *line(bool through_ring, int verbosity, const char *logger, const char *msg,
		   const struct rp_log_field *fields, size_t count)
{
	uint8_t record[RP_LOG_RECORD_BYTES_MAX];
	double now = (double)rp_clock_wall_ns() / 1e9;
	int saved = capture_begin();
	cJSON *json;
	size_t n;

	rp_log_init(RP_V5, through_ring ? &ring : NULL);
	rp_log_write(verbosity, logger, "/some/where/dataplane/worker.c:12", msg, fields, count);
	while (through_ring && (n = rp_spsc_ring_pop(&ring, record, sizeof(record))) != 0)
		rp_log_write_record(rp_bytes(record, n));
	rp_log_flush();
	rp_log_init(RP_V2, NULL);
	capture_end(saved);
	assert_true(strlen(text) <= RP_LOG_LINE_BYTES_MAX);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	json = cJSON_Parse(text);
	assert_non_null(json);
	assert_true(fabs(cJSON_GetObjectItem(json, "ts")->valuedouble - now) < 5);
	cJSON_DeleteItemFromObject(json, "ts");
	return json;
}

static void lines_of_records_leave_in_few_writes_and_whole(void **state)
{
	enum { LINES = 200 };
	uint8_t record[RP_LOG_RECORD_BYTES_MAX];
	const struct rp_log_field field = RP_F_TEXT("x-request-id", "0123456789-\"quoted\"");
	size_t n, count = 0;
	int pipes[2];
	ssize_t got;

	(void)state;
	assert_int_equal(pipe2(pipes, O_DIRECT), 0); /* a read gives what one write put in */
	rp_log_init(RP_V5, &ring);
	for (int i = 0; i < LINES; i++)
		rp_log_write(RP_V2, "", "dataplane/worker.c:12", "EPP received request", &field, 1);
	int saved = dup(STDERR_FILENO);

	dup2(pipes[1], STDERR_FILENO);
	while ((n = rp_spsc_ring_pop(&ring, record, sizeof(record))) != 0)
		rp_log_write_record(rp_bytes(record, n));
	rp_log_flush();
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(pipes[1]);
	rp_log_init(RP_V2, NULL);
	int writes = 0;

	while ((got = read(pipes[0], text, RP_LOG_LINE_BYTES_MAX)) > 0) {
		writes++;
		assert_int_equal(text[got - 1], '\n');
		for (ssize_t i = 0; i < got; i++)
			count += text[i] == '\n';
	}
	close(pipes[0]);
	assert_int_equal(count, LINES);
	assert_in_range(writes, 1, LINES / 8);
}

static void assert_line(const char *want, int verbosity, const char *logger,
			const struct rp_log_field *fields, size_t count)
{
	for (int through_ring = 0; through_ring < 2; through_ring++) {
		char *ts;

		cJSON_Delete(
			line(through_ring != 0, verbosity, logger, "it happened", fields, count));
		ts = strstr(text, "\"ts\":");
		assert_non_null(ts);
		memmove(ts, strchr(ts, ',') + 1, strlen(strchr(ts, ',')));
		assert_string_equal(text, want);
	}
}

static void line_has_zaps_keys_in_order(void **state)
{
	(void)state;
	const struct rp_log_field fields[] = {
		RP_F_TEXT("name", "ext-proc"), RP_F_INT("port", 9002), RP_F_INT("least", INT64_MIN),
		RP_F_NUM("ratio", 0.1),	       RP_F_BOOL("ok", true),  RP_F_BOOL("bad", false),
	};

	assert_line("{\"level\":\"info\",\"logger\":\"setup\",\"caller\":\"dataplane/worker.c:12\","
		    "\"msg\":\"it happened\",\"name\":\"ext-proc\",\"port\":9002,"
		    "\"least\":-9223372036854775808,\"ratio\":0.1,\"ok\":true,\"bad\":false}\n",
		    RP_V2, "setup", fields, RP_ARRAY_LEN(fields));
}

static void ts_is_seconds_with_a_fraction(void **state)
{
	(void)state;
	cJSON *json = line(false, RP_V0, "x", "m", NULL, 0);
	const char *ts = strstr(text, "\"ts\":");

	cJSON_Delete(json);
	assert_non_null(ts);
	assert_int_equal(strspn(ts + 5, "0123456789"), 10);
	assert_int_equal(ts[15], '.');
	assert_int_equal(strspn(ts + 16, "0123456789"), 6);
	assert_int_equal(ts[22], ',');
}

static void verbosity_names_the_level(void **state)
{
	(void)state;
	static const struct {
		int verbosity;
		const char *level;
	} levels[] = {{RP_LOG_ERROR, "error"},
		      {RP_V0, "info"},
		      {RP_V3, "info"},
		      {RP_V4, "debug"},
		      {RP_V5, "trace"}};

	for (size_t i = 0; i < RP_ARRAY_LEN(levels); i++) {
		for (int through_ring = 0; through_ring < 2; through_ring++) {
			cJSON *json =
				line(through_ring != 0, levels[i].verbosity, NULL, "m", NULL, 0);

			assert_string_equal(cJSON_GetObjectItem(json, "level")->valuestring,
					    levels[i].level);
			assert_null(cJSON_GetObjectItem(json, "logger"));
			cJSON_Delete(json);
		}
	}
}

static void verbosity_decides_what_is_shown(void **state)
{
	(void)state;
	rp_log_init(RP_V2, NULL);
	assert_true(rp_log_is_on(RP_LOG_ERROR));
	assert_true(rp_log_is_on(RP_V2));
	assert_false(rp_log_is_on(RP_V3));
	rp_log_set_verbosity(-5);
	assert_true(rp_log_is_on(RP_LOG_ERROR));
	assert_false(rp_log_is_on(RP_V0));
	rp_log_set_verbosity(RP_V2);
	int saved = capture_begin();
	RP_LOG(RP_V3, "x", "not shown", RP_F_INT("n", 1));
	RP_LOG_MSG(RP_V3, "x", "not shown");
	RP_LOG_MSG(RP_V2, "x", "shown");
	capture_end(saved);
	assert_null(strstr(text, "not shown"));
	assert_non_null(strstr(text, "\"caller\":\"unit/test_log.c:"));
}

/* {bytes from outside, what JSON must say}; cJSON prints UTF-8 as it is. */
static void untrusted_text_becomes_valid_json(void **state)
{
	(void)state;
#define FFFD "\xef\xbf\xbd"
	const struct {
		struct rp_bytes in;
		const char *want;
	} cases[] = {
		{RP_BYTES_LIT("a\"b\\c/d"), "a\"b\\c/d"},
		{RP_BYTES_LIT("\n\r\t\b\x1b[31m\x7f"), "\n\r\t\b\x1b[31m\x7f"},
		{RP_BYTES_LIT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
		 "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
		{RP_BYTES_LIT("\xc2\x9b"), "\xc2\x9b"},
		{RP_BYTES_LIT("\xe2\x80\xa8"), "\xe2\x80\xa8"},
		{RP_BYTES_LIT("a\x80z"), "a" FFFD "z"},
		{RP_BYTES_LIT("\xc0\xaf"), FFFD FFFD},
		{RP_BYTES_LIT("\xed\xa0\x80"), FFFD FFFD FFFD},
		{RP_BYTES_LIT("\xf4\x90\x80\x80"), FFFD FFFD FFFD FFFD},
		{RP_BYTES_LIT("\xe2\x82"), FFFD FFFD},
		{RP_BYTES_LIT("\xff\xfe"), FFFD FFFD},
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		const struct rp_log_field field = RP_F_STR("v", cases[i].in);

		for (int through_ring = 0; through_ring < 2; through_ring++) {
			cJSON *json = line(through_ring != 0, RP_V0, "x", "m", &field, 1);

			assert_string_equal(cJSON_GetObjectItem(json, "v")->valuestring,
					    cases[i].want);
			for (const char *p = text; p[1] != '\0'; p++)
				assert_true((uint8_t)*p >= 0x20 && (uint8_t)*p != 0x7f);
			assert_null(strstr(text, "\xc2\x9b"));
			cJSON_Delete(json);
		}
	}
}

static void a_nul_byte_is_escaped(void **state)
{
	(void)state;
	const struct rp_log_field field = RP_F_STR("v", rp_bytes("a\0b", 3));

	cJSON_Delete(line(true, RP_V0, "x", "m", &field, 1));
	assert_non_null(strstr(text, "\"v\":\"a\\u0000b\""));
}

static void numbers_json_lacks_are_quoted(void **state)
{
	(void)state;
	const struct rp_log_field fields[] = {RP_F_NUM("nan", (double)NAN),
					      RP_F_NUM("inf", (double)INFINITY),
					      RP_F_NUM("ninf", -(double)INFINITY),
					      RP_F_NUM("third", 1.0 / 3), RP_F_NUM("big", 1e300)};
	cJSON *json = line(true, RP_V0, "x", "m", fields, RP_ARRAY_LEN(fields));

	assert_string_equal(cJSON_GetObjectItem(json, "nan")->valuestring, "NaN");
	assert_string_equal(cJSON_GetObjectItem(json, "inf")->valuestring, "+Inf");
	assert_string_equal(cJSON_GetObjectItem(json, "ninf")->valuestring, "-Inf");
	assert_true(cJSON_GetObjectItem(json, "third")->valuedouble == 1.0 / 3);
	assert_true(cJSON_GetObjectItem(json, "big")->valuedouble == 1e300);
	cJSON_Delete(json);
}

static void long_lines_are_cut_and_stay_valid(void **state)
{
	(void)state;
	static char big[20000];
	struct rp_log_field fields[RP_LOG_FIELDS_MAX + 4];

	/* Escaping makes six of one. */
	memset(big, 1, sizeof(big) - 1);
	for (size_t i = 0; i < RP_ARRAY_LEN(fields); i++)
		fields[i] = RP_F_TEXT("key", big);
	for (int through_ring = 0; through_ring < 2; through_ring++) {
		cJSON *json =
			line(through_ring != 0, RP_V0, big, big, fields, RP_ARRAY_LEN(fields));

		if (!through_ring)
			assert_true(cJSON_IsTrue(cJSON_GetObjectItem(json, "truncated")));
		cJSON_Delete(json);
	}
	memset(big, 'y', sizeof(big) - 1);
	for (int through_ring = 0; through_ring < 2; through_ring++)
		cJSON_Delete(
			line(through_ring != 0, RP_V0, "l", "m", fields, RP_ARRAY_LEN(fields)));
}

static void foreign_records_are_survived(void **state)
{
	(void)state;
	const struct rp_log_field fields[] = {RP_F_TEXT("k", "value"), RP_F_NUM("n", 1.5),
					      RP_F_INT("i", 2), RP_F_BOOL("b", true)};
	uint8_t record[RP_LOG_RECORD_BYTES_MAX];
	size_t len;
	int saved;

	rp_log_init(RP_V5, &ring);
	rp_log_write(RP_V1, "l", "c", "m", fields, RP_ARRAY_LEN(fields));
	rp_log_init(RP_V2, NULL);
	len = rp_spsc_ring_pop(&ring, record, sizeof(record));
	assert_true(len != 0);
	saved = capture_begin();
	for (size_t cut = 0; cut < len; cut++)
		rp_log_write_record(rp_bytes(record, cut));
	rp_log_flush();
	srand(1);
	for (int i = 0; i < 500; i++) {
		uint8_t copy[RP_LOG_RECORD_BYTES_MAX];

		memcpy(copy, record, len);
		copy[(size_t)rand() % len] = (uint8_t)rand();
		copy[(size_t)rand() % len] = (uint8_t)rand();
		rp_log_write_record(rp_bytes(copy, len));
		rp_log_flush();
	}
	capture_end(saved);
	for (char *at = text; *at != '\0';) {
		char *end = strchr(at, '\n');
		cJSON *json;

		assert_non_null(end);
		*end = '\0';
		json = cJSON_Parse(at);
		assert_non_null(json);
		cJSON_Delete(json);
		at = end + 1;
	}
}

/* A thousand errors of one place. @return lines that came out */
static int write_errors(const char *place)
{
	int lines = 0;
	int saved = capture_begin();

	for (int i = 0; i < 1000; i++)
		rp_log_write(RP_LOG_ERROR, "x", place, "again", NULL, 0);
	rp_log_write(RP_LOG_ERROR, "x", "unit/other.c:1", "elsewhere", NULL, 0);
	capture_end(saved);
	for (const char *at = text; (at = strstr(at, "again")) != NULL; at++)
		lines++;
	return lines;
}

static void errors_of_one_place_are_held_back(void **state)
{
	(void)state;
	static const char *const places[] = {"unit/a.c:1", "unit/b.c:1", "unit/c.c:1",
					     "unit/d.c:1"};
	size_t nth = 0;
	int saved;

	rp_log_init(RP_V2, NULL);
	/* Once more if a second has passed in between. */
	while (write_errors(places[nth]) != (int)RP_LOG_ERRORS_PER_SECOND)
		assert_true(++nth < RP_ARRAY_LEN(places));
	assert_non_null(strstr(text, "elsewhere"));
	usleep(1100 * 1000);
	saved = capture_begin();
	rp_log_write(RP_LOG_ERROR, "x", places[nth], "again", NULL, 0);
	capture_end(saved);
	assert_non_null(strstr(text, "\"dropped\":990"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_records_leave_in_few_writes_and_whole),
		cmocka_unit_test(line_has_zaps_keys_in_order),
		cmocka_unit_test(ts_is_seconds_with_a_fraction),
		cmocka_unit_test(verbosity_names_the_level),
		cmocka_unit_test(verbosity_decides_what_is_shown),
		cmocka_unit_test(untrusted_text_becomes_valid_json),
		cmocka_unit_test(a_nul_byte_is_escaped),
		cmocka_unit_test(numbers_json_lacks_are_quoted),
		cmocka_unit_test(long_lines_are_cut_and_stay_valid),
		cmocka_unit_test(foreign_records_are_survived),
		cmocka_unit_test(errors_of_one_place_are_held_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
