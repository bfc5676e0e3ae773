/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens and error text are the same however the text is cut. What the scanner accepts cJSON
 * accepts, and what cJSON writes the scanner accepts, but for where the two differ on purpose.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>

#include "dataplane/json_scan.h"
#include "tests/fuzz/fuzz.h"

enum { CJSON_NUMBER_BYTES_MAX = 62 };

struct reading {
	uint64_t digest;
	int err;
	bool has_long_number;
	struct rp_json_scan scan;
};

/* Does the token stand where it says? */
static void check_place(struct rp_bytes in, const struct rp_json_token *token)
{
	static const char first[] = "{}[]\"\"\0tfn"; /* by kind; numbers begin in many ways */
	struct rp_bytes text =
		rp_bytes_slice(in, (size_t)token->begin, (size_t)(token->end - token->begin));

	RP_ASSERT(text.len > 0 && token->end <= in.len);
	if (token->kind != RP_JSON_NUMBER)
		RP_ASSERT(text.ptr[0] == (uint8_t)first[token->kind]);
	if (token->kind == RP_JSON_KEY || token->kind == RP_JSON_STRING)
		RP_ASSERT(text.ptr[text.len - 1] == '"' &&
			  token->has_escape == (memchr(text.ptr, '\\', text.len) != NULL));
}

static void scan_all(struct fuzz_cuts cuts, struct reading *reading)
{
	struct rp_json_scan *scan = &reading->scan;
	struct rp_json_token token;
	struct rp_bytes piece;
	uint64_t end = 0;
	size_t at;

	*reading = (struct reading){0};
	rp_json_scan_init(scan);
	while (fuzz_next(&cuts, &piece)) {
		at = 0;
		while (rp_json_scan_next(scan, piece, &at, &token) == RP_OK) {
			check_place(cuts.in, &token);
			RP_ASSERT(token.begin >= end && token.depth <= RP_JSON_DEPTH_MAX);
			end = token.end;
			fuzz_mix_u64(&reading->digest, token.kind);
			fuzz_mix_u64(&reading->digest, token.has_escape);
			fuzz_mix_u64(&reading->digest, token.depth);
			fuzz_mix_u64(&reading->digest, token.begin);
			fuzz_mix_u64(&reading->digest, token.end);
			if (token.kind == RP_JSON_KEY || token.kind == RP_JSON_STRING ||
			    token.kind == RP_JSON_NUMBER)
				fuzz_mix(&reading->digest, rp_json_scan_text(scan));
			if (token.kind == RP_JSON_NUMBER &&
			    token.end - token.begin > CJSON_NUMBER_BYTES_MAX)
				reading->has_long_number = true;
		}
	}
	reading->err = rp_json_scan_end(scan);
	if (reading->err == RP_OK && scan->top == RP_JSON_NUMBER)
		reading->has_long_number = true; /* of unknown length: it makes no token */
}

static void compare_with_cjson(struct rp_bytes in, const struct reading *ours)
{
	static struct reading again;
	cJSON *theirs = cJSON_ParseWithLength((const char *)in.ptr, in.len);
	char *text;

	/* cJSON refuses lone surrogates, which Go replaces. */
	if (ours->err == RP_OK && !ours->has_long_number &&
	    rp_bytes_find(in, RP_BYTES_LIT("\\ud")) == SIZE_MAX &&
	    rp_bytes_find(in, RP_BYTES_LIT("\\uD")) == SIZE_MAX)
		RP_ASSERT(theirs != NULL);
	text = theirs == NULL ? NULL : cJSON_PrintUnformatted(theirs);
	if (text != NULL) {
		scan_all(fuzz_whole(rp_bytes_str(text)), &again);
		RP_ASSERT(again.err == RP_OK ||
			  strcmp(again.scan.error, "exceeded max depth") == 0);
	}
	cJSON_free(text);
	cJSON_Delete(theirs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct reading whole, split;
	struct rp_bytes in = rp_bytes(data, size);

	scan_all(fuzz_whole(in), &whole);
	scan_all(fuzz_cuts(in), &split);
	RP_ASSERT(whole.digest == split.digest && whole.err == split.err);
	RP_ASSERT(whole.err == RP_OK || whole.scan.error[0] != '\0');
	RP_ASSERT(strcmp(whole.scan.error, split.scan.error) == 0);
	compare_with_cjson(in, &whole);
	return 0;
}
