/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "shm/err.h"

static void every_code_has_its_text(void **state)
{
	(void)state;
#define RP_ERR_CHECK(name, text) assert_string_equal(rp_err_text(name), text);
	RP_ERRORS(RP_ERR_CHECK)
#undef RP_ERR_CHECK
	assert_string_equal(rp_err_text(RP_OK), "ok");
	assert_string_equal(rp_err_text(-ENOENT), strerror(ENOENT));
	assert_string_equal(rp_err_text(RP_ERR_BASE), "unknown error");
	assert_string_equal(rp_err_text(1), "unknown error");
}

static void diag_returns_the_error_and_may_be_null(void **state)
{
	(void)state;
	struct rp_diag diag = {0};

	assert_int_equal(rp_diag_set(NULL, RP_EFORMAT, 1, 2, "x"), RP_EFORMAT);
	assert_int_equal(rp_diag_set(&diag, RP_ECONFIG, 3, 4, "bad %s", "value"), RP_ECONFIG);
	assert_int_equal(diag.line, 3);
	assert_int_equal(diag.column, 4);
	assert_string_equal(diag.message, "bad value");
}

static void diag_format_leaves_unknown_parts_out(void **state)
{
	(void)state;
	struct rp_diag diag = {.message = "bad"};
	char out[64];

	rp_diag_format(&diag, out, sizeof(out));
	assert_string_equal(out, "bad");
	diag.line = 3;
	rp_diag_format(&diag, out, sizeof(out));
	assert_string_equal(out, "3: bad");
	strncpy(diag.file, "c.yaml", sizeof(diag.file) - 1);
	rp_diag_format(&diag, out, sizeof(out));
	assert_string_equal(out, "c.yaml:3: bad");
	diag.column = 9;
	rp_diag_format(&diag, out, sizeof(out));
	assert_string_equal(out, "c.yaml:3:9: bad");
	diag.line = 0;
	rp_diag_format(&diag, out, sizeof(out));
	assert_string_equal(out, "c.yaml: bad");
	rp_diag_format(&diag, out, 4);
	assert_string_equal(out, "c.y");
}

static void diag_cuts_long_messages(void **state)
{
	(void)state;
	struct rp_diag diag = {0};
	char big[2 * RP_DIAG_MESSAGE_MAX];

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(rp_diag_set(&diag, RP_ECONFIG, 0, 0, "%s", big), RP_ECONFIG);
	assert_int_equal(strlen(diag.message), RP_DIAG_MESSAGE_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_its_text),
		cmocka_unit_test(diag_returns_the_error_and_may_be_null),
		cmocka_unit_test(diag_format_leaves_unknown_parts_out),
		cmocka_unit_test(diag_cuts_long_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
