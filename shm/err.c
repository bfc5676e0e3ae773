/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rp_assert_failed(const char *expr, const char *file, int line)
{
	fprintf(stderr, "ringpick " RP_VERSION ": assertion failed: %s (%s:%d)\n", expr, file,
		line);
	abort();
}

const char *rp_err_text(int err)
{
	switch (err) {
	case RP_OK:
		return "ok";
#define RP_ERR_CASE(name, text)                                                                    \
	case name:                                                                                 \
		return text;
		RP_ERRORS(RP_ERR_CASE)
#undef RP_ERR_CASE
	default:
		return err < 0 && err > RP_ERR_BASE ? strerror(-err) : "unknown error";
	}
}

int rp_diag_set(struct rp_diag *diag, int err, uint32_t line, uint32_t column, const char *format,
		...)
{
	if (diag != NULL) {
		va_list args;

		diag->line = line;
		diag->column = column;
		va_start(args, format);
		vsnprintf(diag->message, sizeof(diag->message), format, args);
		va_end(args);
	}
	return err;
}

void rp_diag_format(const struct rp_diag *diag, char *out, size_t out_bytes)
{
	char place[48] = "";

	if (diag->line != 0 && diag->column != 0)
		snprintf(place, sizeof(place), "%u:%u: ", diag->line, diag->column);
	else if (diag->line != 0)
		snprintf(place, sizeof(place), "%u: ", diag->line);
	snprintf(out, out_bytes, "%s%s%s%s", diag->file, diag->file[0] != '\0' ? ":" : "",
		 diag->file[0] != '\0' && place[0] == '\0' ? " " : place, diag->message);
}
