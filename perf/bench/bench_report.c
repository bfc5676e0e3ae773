/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/bench/bench_report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/bytes.h"

/* The page, from the file that CMake names. */
__asm__(".pushsection .rodata\n"
	".balign 8\n"
	".globl rp_bench_report_page\n"
	".hidden rp_bench_report_page\n"
	"rp_bench_report_page:\n"
	".incbin \"" RP_BENCH_REPORT_PAGE "\"\n"
	"rp_bench_report_page_end:\n"
	".balign 8\n"
	".globl rp_bench_report_page_bytes\n"
	".hidden rp_bench_report_page_bytes\n"
	"rp_bench_report_page_bytes:\n"
	".quad rp_bench_report_page_end - rp_bench_report_page\n"
	".popsection\n");
extern const uint8_t rp_bench_report_page[] __attribute__((visibility("hidden")));
extern const uint64_t rp_bench_report_page_bytes __attribute__((visibility("hidden")));

/* Where the JSON goes. */
#define PLACE "@RINGPICK-BENCH-JSON@"

enum { RUN_BYTES_MAX = 64 << 20 };

static void put(FILE *out, struct rp_bytes bytes)
{
	(void)fwrite(bytes.ptr, 1, bytes.len, out); /* close_file() looks at ferror() */
}

/* In a script element only "</script" and "<!--" end or change anything (HTML: restrictions for
 * contents of script elements), and JSON has '<' in strings only, where it may be \u003c. */
static void put_json(FILE *out, struct rp_bytes json)
{
	while (json.len > 0) {
		size_t n = rp_bytes_find(json, RP_BYTES_LIT("<"));

		n = n < json.len ? n : json.len;
		put(out, rp_bytes_slice(json, 0, n));
		if (n < json.len)
			put(out, RP_BYTES_LIT("\\u003c"));
		json = rp_bytes_slice(json, n < json.len ? n + 1 : n, json.len);
	}
}

/* Everything written, the disk included. @return RP_OK or -errno */
static int close_file(FILE *file)
{
	int err = fflush(file) != 0 || ferror(file) != 0 ? -errno : RP_OK;

	if (fclose(file) != 0 && err == RP_OK)
		err = -errno;
	return err;
}

int rp_bench_report_write(const char *path, const char *json, size_t len, struct rp_diag *reterr)
{
	struct rp_bytes page = rp_bytes(rp_bench_report_page, rp_bench_report_page_bytes);
	size_t at = rp_bytes_find(page, RP_BYTES_LIT(PLACE));
	FILE *out;
	int err;

	RP_ASSERT(at < page.len);
	out = fopen(path, "we");
	err = out != NULL ? RP_OK : -errno;
	if (out != NULL) {
		put(out, rp_bytes_slice(page, 0, at));
		put_json(out, rp_bytes(json, len));
		put(out, rp_bytes_slice(page, at + sizeof(PLACE) - 1, page.len));
		err = close_file(out);
	}
	if (err != RP_OK)
		return rp_diag_set(reterr, err, 0, 0, "cannot write the report %s: %s", path,
				   rp_err_text(err));
	return RP_OK;
}

/* ---- the command ---- */

/* "dir/tls-8k.json" is called "tls-8k". */
static struct rp_bytes label_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct rp_bytes name = rp_bytes_str(slash != NULL ? slash + 1 : path);

	if (rp_bytes_ends_with(name, RP_BYTES_LIT(".json")) && name.len > 5)
		name.len -= 5;
	return name;
}

static void put_string(FILE *out, struct rp_bytes text)
{
	(void)fputc('"', out);
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c < 0x20 || c == '"' || c == '\\')
			(void)fprintf(out, "\\u%04x", c);
		else
			(void)fputc(c, out);
	}
	(void)fputc('"', out);
}

/* @return RP_OK, -errno, RP_ETOOBIG */
static int read_file(const char *path, FILE *into)
{
	char piece[4096];
	size_t n, all = 0;
	FILE *in = fopen(path, "re");
	int err = RP_OK;

	if (in == NULL)
		return -errno;
	while (err == RP_OK && (n = fread(piece, 1, sizeof(piece), in)) > 0) {
		put(into, rp_bytes(piece, n));
		all += n;
		err = all <= RUN_BYTES_MAX ? RP_OK : RP_ETOOBIG;
	}
	if (err == RP_OK && ferror(in) != 0)
		err = -errno;
	(void)fclose(in);
	return err;
}

/* One file as an element of the array. */
static int add_run(FILE *runs, const char *path)
{
	char *text = NULL;
	size_t len = 0;
	FILE *memory = open_memstream(&text, &len);
	int err = memory != NULL ? read_file(path, memory) : -errno;
	int close_err = memory != NULL ? close_file(memory) : RP_OK;
	struct rp_bytes run = rp_bytes_trim(rp_bytes(text, len));

	err = err != RP_OK ? err : close_err;
	if (err == RP_OK && rp_bytes_starts_with(run, RP_BYTES_LIT("{")) &&
	    rp_bytes_ends_with(run, RP_BYTES_LIT("}"))) {
		(void)fputs("{\"label\":", runs);
		put_string(runs, label_of(path));
		(void)fputs(",\"run\":", runs);
		put(runs, run);
		(void)fputc('}', runs);
	} else if (err == RP_OK && rp_bytes_starts_with(run, RP_BYTES_LIT("[")) &&
		   rp_bytes_ends_with(run, RP_BYTES_LIT("]"))) {
		put(runs, run);
	} else if (err == RP_OK) {
		err = RP_EFORMAT;
	}
	free(text);
	return err;
}

int rp_bench_report_main(int argc, char **argv)
{
	char *json = NULL;
	size_t len = 0;
	FILE *runs;
	struct rp_diag diag = {0};
	int err = RP_OK;

	if (argc < 3 || argv[1][0] == '-') {
		fprintf(stderr, "usage: ringpick-bench report OUT.html A.json [B.json...]\n");
		return 2;
	}
	runs = open_memstream(&json, &len);
	if (runs == NULL) {
		fprintf(stderr, "ringpick-bench: out of memory\n");
		return 1;
	}
	(void)fputc('[', runs);
	for (int i = 2; i < argc && err == RP_OK; i++) {
		if (i > 2)
			(void)fputc(',', runs);
		err = add_run(runs, argv[i]);
		if (err != RP_OK)
			(void)rp_diag_set(&diag, err, 0, 0, "cannot use %s: %s", argv[i],
					  rp_err_text(err));
	}
	(void)fputc(']', runs);
	int close_err = close_file(runs);

	if (err == RP_OK && close_err != RP_OK)
		err = rp_diag_set(&diag, close_err, 0, 0, "%s", rp_err_text(close_err));
	if (err == RP_OK)
		err = rp_bench_report_write(argv[1], json, len, &diag);
	if (err != RP_OK)
		fprintf(stderr, "ringpick-bench: %s\n", diag.message);
	free(json);
	return err == RP_OK ? 0 : 1;
}
