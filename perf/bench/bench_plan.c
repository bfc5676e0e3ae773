/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/bench/bench_plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "dataplane/pb_wire.h"

/* Digits of a prefix, then those of the stream itself. */
enum { PREFIX_DIGITS = 8, OWN_DIGITS = 16, ID_BYTES = 36, ID_DIGITS = 12 };

static const char *const words[] = {
	"what",	  "do",	   "reviewers", "think",  "about",  "the",    "comedy",	   "of",
	"errors", "and",   "its",	"two",	  "pairs",  "twins",  "separated", "at",
	"birth",  "every", "servant",	"master", "market", "arrest", "abbey",	   "ending",
};

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Words of prose with a line break now and then, as JSON string content of exactly n bytes. */
static void write_prose(struct rp_writer *w, size_t n, uint64_t seed)
{
	size_t end = rp_written(w) + n;
	uint32_t count = 0;

	while (rp_written(w) < end && w->err == RP_OK) {
		const char *word = words[next_random(&seed) % RP_ARRAY_LEN(words)];
		size_t left = end - rp_written(w);
		const char *space = ++count % 16 == 0 ? ".\\n" : " ";

		if (strlen(word) + strlen(space) > left) {
			while (left-- > 0)
				rp_write_u8(w, '.');
			return;
		}
		rp_write_str(w, word);
		rp_write_str(w, space);
	}
}

static int text_alloc(struct rp_bench_text *text, uint32_t n)
{
	text->bytes = malloc(n > 0 ? n : 1);
	text->len = n;
	return text->bytes != NULL ? RP_OK : RP_ENOMEM;
}

static void add_patch(struct rp_bench_text *text, uint32_t at, uint16_t digit, uint16_t len)
{
	RP_ASSERT(text->patch_count < RP_BENCH_PATCHES_MAX);
	text->patches[text->patch_count++] = (struct rp_bench_patch){at, digit, len};
}

/* ---- the request's body ---- */

static int make_request(struct rp_bench_plan *plan, const struct rp_bench_options *options,
			struct rp_diag *diag)
{
	char head[512];
	const char *tail = options->answer == RP_BENCH_ANSWER_SSE
				   ? "\"max_tokens\":100,\"temperature\":0,\"stream\":true,"
				     "\"stream_options\":{\"include_usage\":true}}"
				   : "\"max_tokens\":100,\"temperature\":0}";
	int head_len =
		snprintf(head, sizeof(head),
			 options->is_chat ? "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\","
					    "\"content\":\""
					  : "{\"model\":\"%s\",\"prompt\":\"",
			 options->model);
	const char *close = options->is_chat ? "\"}]," : "\",";

	if (head_len < 0 || (size_t)head_len >= sizeof(head))
		return rp_diag_set(diag, RP_ECONFIG, 0, 0, "--model: the name is too long");
	size_t around = (size_t)head_len + strlen(close) + strlen(tail);
	size_t least = around + options->shared_bytes + OWN_DIGITS;

	if (options->shared_bytes > 0 && options->shared_bytes < PREFIX_DIGITS)
		return rp_diag_set(diag, RP_ECONFIG, 0, 0, "--shared-bytes: 0, or at least %d",
				   PREFIX_DIGITS);
	if (options->body_bytes < least)
		return rp_diag_set(diag, RP_ECONFIG, 0, 0,
				   "--body-bytes: this body takes at least %zu bytes", least);
	if (text_alloc(&plan->request, options->body_bytes) != RP_OK)
		return RP_ENOMEM;
	struct rp_writer w = rp_writer(plan->request.bytes, plan->request.len);
	size_t prose = options->body_bytes - around - OWN_DIGITS;

	rp_write_bytes(&w, rp_bytes(head, (size_t)head_len));
	if (options->shared_bytes > 0) {
		add_patch(&plan->request, (uint32_t)rp_written(&w), 0, PREFIX_DIGITS);
		rp_write_str(&w, "00000000");
		write_prose(&w, options->shared_bytes - PREFIX_DIGITS, options->seed);
		prose -= options->shared_bytes;
	}
	add_patch(&plan->request, (uint32_t)rp_written(&w), PREFIX_DIGITS, OWN_DIGITS);
	rp_write_str(&w, "0000000000000000");
	write_prose(&w, prose, options->seed + 1);
	rp_write_str(&w, close);
	rp_write_str(&w, tail);
	RP_ASSERT(w.err == RP_OK && w.at == w.end);
	plan->request_chunk_bytes = options->chunk_bytes;
	plan->request_chunks = (options->body_bytes - 1) / options->chunk_bytes + 1;
	return RP_OK;
}

/* ---- answers ---- */

#define USAGE "\"usage\":{\"prompt_tokens\":2000,\"completion_tokens\":100,\"total_tokens\":2100}"

static int make_json_answer(struct rp_bench_plan *plan, const struct rp_bench_options *options,
			    struct rp_diag *diag)
{
	const char *begin =
		"{\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":1700000000,"
		"\"model\":\"";
	const char *choices = "\",\"choices\":[{\"index\":0,\"text\":\"";
	const char *end = "\",\"finish_reason\":\"length\"}]," USAGE "}";
	size_t least = strlen(begin) + strlen(options->model) + strlen(choices) + strlen(end);

	if (options->answer_bytes < least)
		return rp_diag_set(diag, RP_ECONFIG, 0, 0,
				   "--answer-bytes: this answer takes at least %zu bytes", least);
	if (text_alloc(&plan->answer, options->answer_bytes) != RP_OK)
		return RP_ENOMEM;
	struct rp_writer w = rp_writer(plan->answer.bytes, plan->answer.len);

	rp_write_str(&w, begin);
	rp_write_str(&w, options->model);
	rp_write_str(&w, choices);
	write_prose(&w, options->answer_bytes - least, options->seed + 2);
	rp_write_str(&w, end);
	plan->answer_chunk_bytes = options->chunk_bytes;
	plan->answer_chunks = (options->answer_bytes - 1) / options->chunk_bytes + 1;
	return RP_OK;
}

/* One event of exactly n bytes; number: so that no two chunks are equal. */
static void write_event(struct rp_writer *w, const char *model, uint32_t number, size_t n,
			bool is_last)
{
	size_t end = rp_written(w) + n;

	rp_write_str(w, "data: {\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"model\":\"");
	rp_write_str(w, model);
	const char *close = "\"}]}\n\n";

	if (is_last) {
		rp_write_str(w, "\",\"choices\":[],\"pad\":\"");
		close = "\"," USAGE "}\n\ndata: [DONE]\n\n";
	} else {
		rp_write_str(w, "\",\"choices\":[{\"index\":0,\"text\":\"");
	}
	rp_write_u64_dec(w, number);
	rp_write_u8(w, ' ');
	size_t used = rp_written(w) + strlen(close);

	if (used <= end)
		write_prose(w, end - used, number);
	rp_write_str(w, close);
}

static size_t event_bytes_min(const char *model, uint32_t number, bool is_last)
{
	uint8_t scratch[1024];
	struct rp_writer w = rp_writer(scratch, sizeof(scratch));

	write_event(&w, model, number, 0, is_last);
	return w.err == RP_OK ? rp_written(&w) : SIZE_MAX;
}

static int make_sse_answer(struct rp_bench_plan *plan, const struct rp_bench_options *options,
			   struct rp_diag *diag)
{
	uint32_t count = options->sse_chunks;
	size_t each = options->sse_chunk_bytes;
	size_t least = rp_max_size(event_bytes_min(options->model, count - 1, true),
				   event_bytes_min(options->model, count, false));

	if (each < least)
		return rp_diag_set(diag, RP_ECONFIG, 0, 0,
				   "--sse-chunk-bytes: these chunks take at least %zu bytes",
				   least);
	if (text_alloc(&plan->answer, (uint32_t)(count * each)) != RP_OK)
		return RP_ENOMEM;
	struct rp_writer w = rp_writer(plan->answer.bytes, plan->answer.len);

	for (uint32_t i = 0; i < count; i++)
		write_event(&w, options->model, i, each, i + 1 == count);
	RP_ASSERT(w.err == RP_OK && w.at == w.end);
	plan->answer_chunk_bytes = options->sse_chunk_bytes;
	plan->answer_chunks = count;
	return RP_OK;
}

static int make_feed(struct rp_bench_plan *plan, const struct rp_bench_options *options)
{
	size_t least = event_bytes_min(options->model, 0, false);

	if (least == SIZE_MAX)
		return RP_ECONFIG;
	uint32_t n = (uint32_t)rp_max_size(options->sse_chunk_bytes, least);

	if (text_alloc(&plan->feed, n) != RP_OK)
		return RP_ENOMEM;
	struct rp_writer w = rp_writer(plan->feed.bytes, plan->feed.len);

	write_event(&w, options->model, 0, n, false);
	return RP_OK;
}

/* ---- the messages that carry headers ---- */

static void write_header(struct rp_writer *w, const char *name, struct rp_bytes value)
{
	size_t mark = rp_pb_write_begin(w, 1);

	rp_pb_write_bytes(w, 1, rp_bytes_str(name));
	rp_pb_write_bytes(w, 3, value);
	rp_pb_write_end(w, mark);
}

static int write_length_header(struct rp_writer *w, uint32_t length)
{
	char digits[16];
	int n = snprintf(digits, sizeof(digits), "%u", length);

	write_header(w, "content-length", rp_bytes(digits, (size_t)n));
	return w->err;
}

static int make_request_headers(struct rp_bench_plan *plan, const struct rp_bench_options *options)
{
	struct rp_bench_text *text = &plan->request_headers;

	if (text_alloc(text, RP_BENCH_HEADERS_BYTES) != RP_OK)
		return RP_ENOMEM;
	struct rp_writer w = rp_writer(text->bytes, text->len);
	size_t headers = rp_pb_write_begin(&w, 2);
	size_t map = rp_pb_write_begin(&w, 1);
	static const char id[ID_BYTES + 1] = "6b9d7f3c-1a2e-4b5d-8c7f-000000000000";

	write_header(&w, ":authority", rp_bytes_str("inference.example.com"));
	write_header(&w, ":path",
		     rp_bytes_str(options->is_chat ? "/v1/chat/completions" : "/v1/completions"));
	write_header(&w, ":method", rp_bytes_str("POST"));
	write_header(&w, ":scheme", rp_bytes_str("http"));
	write_header(&w, "user-agent", rp_bytes_str("ringpick-bench/" RP_VERSION));
	write_header(&w, "accept", rp_bytes_str("*/*"));
	write_header(&w, "content-type", rp_bytes_str("application/json"));
	if (write_length_header(&w, options->body_bytes) != RP_OK)
		return w.err;
	write_header(&w, "x-forwarded-proto", rp_bytes_str("http"));
	write_header(&w, "x-request-id", rp_bytes_str(id));
	rp_pb_write_end(&w, map);
	rp_pb_write_end(&w, headers);
	/* ProtocolConfiguration: FULL_DUPLEX_STREAMED in both directions. */
	size_t config = rp_pb_write_begin(&w, 11);

	rp_pb_write_uint(&w, 1, 4);
	rp_pb_write_uint(&w, 2, 4);
	rp_pb_write_end(&w, config);
	if (w.err != RP_OK)
		return w.err;
	text->len = (uint32_t)rp_written(&w);
	size_t at = rp_bytes_find(rp_writer_bytes(&w), rp_bytes_str(id));

	add_patch(text, (uint32_t)at + ID_BYTES - ID_DIGITS, RP_BENCH_DIGITS - ID_DIGITS,
		  ID_DIGITS);
	return RP_OK;
}

static int make_response_headers(struct rp_bench_text *text, const struct rp_bench_options *options,
				 bool is_json)
{
	if (text_alloc(text, RP_BENCH_HEADERS_BYTES) != RP_OK)
		return RP_ENOMEM;
	struct rp_writer w = rp_writer(text->bytes, text->len);
	size_t headers = rp_pb_write_begin(&w, 3);
	size_t map = rp_pb_write_begin(&w, 1);

	write_header(&w, ":status", rp_bytes_str("200"));
	write_header(&w, "content-type",
		     rp_bytes_str(is_json ? "application/json" : "text/event-stream"));
	if (is_json && write_length_header(&w, options->answer_bytes) != RP_OK)
		return w.err;
	write_header(&w, "date", rp_bytes_str("Thu, 01 Jan 2026 00:00:00 GMT"));
	write_header(&w, "server", rp_bytes_str("uvicorn"));
	write_header(&w, "x-envoy-upstream-service-time", rp_bytes_str("12"));
	rp_pb_write_end(&w, map);
	rp_pb_write_end(&w, headers);
	text->len = (uint32_t)rp_written(&w);
	return w.err;
}

static void write_metadata_entry(struct rp_writer *w, const char *name, struct rp_bytes value)
{
	size_t entry = rp_pb_write_begin(w, 1);

	rp_pb_write_bytes(w, 1, rp_bytes_str(name));
	size_t inner = rp_pb_write_begin(w, 2);

	rp_pb_write_bytes(w, 3, value);
	rp_pb_write_end(w, inner);
	rp_pb_write_end(w, entry);
}

uint32_t rp_bench_plan_metadata(struct rp_bytes pick, uint8_t *out)
{
	struct rp_writer w = rp_writer(out, RP_BENCH_SUFFIX_BYTES);
	size_t context = rp_pb_write_begin(&w, 8);
	size_t entry = rp_pb_write_begin(&w, 1);

	rp_pb_write_bytes(&w, 1, RP_BYTES_LIT("envoy.lb"));
	size_t fields = rp_pb_write_begin(&w, 2);

	write_metadata_entry(&w, "x-gateway-destination-endpoint", pick);
	write_metadata_entry(&w, "x-gateway-destination-endpoint-served", pick);
	rp_pb_write_end(&w, fields);
	rp_pb_write_end(&w, entry);
	rp_pb_write_end(&w, context);
	RP_ASSERT(w.err == RP_OK);
	return (uint32_t)rp_written(&w);
}

int rp_bench_plan_init(struct rp_bench_plan *plan, const struct rp_bench_options *options,
		       struct rp_diag *diag)
{
	*plan = (struct rp_bench_plan){.prefixes = options->prefixes, .seed = options->seed};
	int err = make_request(plan, options, diag);

	if (err == RP_OK && options->answer == RP_BENCH_ANSWER_JSON)
		err = make_json_answer(plan, options, diag);
	else if (err == RP_OK && options->answer == RP_BENCH_ANSWER_SSE)
		err = make_sse_answer(plan, options, diag);
	if (err == RP_OK)
		err = make_feed(plan, options);
	if (err == RP_OK)
		err = make_request_headers(plan, options);
	if (err == RP_OK)
		err = make_response_headers(&plan->response_headers, options,
					    options->answer == RP_BENCH_ANSWER_JSON);
	if (err == RP_OK)
		err = make_response_headers(&plan->feed_headers, options, false);
	if (err != RP_OK)
		rp_bench_plan_fini(plan);
	return err;
}

void rp_bench_plan_fini(struct rp_bench_plan *plan)
{
	free(plan->request_headers.bytes);
	free(plan->response_headers.bytes);
	free(plan->request.bytes);
	free(plan->answer.bytes);
	free(plan->feed_headers.bytes);
	free(plan->feed.bytes);
	*plan = (struct rp_bench_plan){0};
}

static void write_hex(uint8_t *out, uint32_t digits, uint64_t value)
{
	for (uint32_t i = digits; i-- > 0; value >>= 4)
		out[i] = (uint8_t) "0123456789abcdef"[value & 15];
}

void rp_bench_plan_digits(const struct rp_bench_plan *plan, uint64_t number,
			  uint8_t digits[RP_BENCH_DIGITS])
{
	/* Of another run with another seed no stream is the same. */
	uint64_t own = (plan->seed & 0xffff) << 48 | (number & UINT64_C(0xffffffffffff));

	write_hex(digits, PREFIX_DIGITS, number % plan->prefixes);
	write_hex(digits + PREFIX_DIGITS, OWN_DIGITS, own);
}

void rp_bench_text_copy(const struct rp_bench_text *text, const uint8_t *digits, uint32_t at,
			uint32_t n, uint8_t *out)
{
	memcpy(out, text->bytes + at, n);
	for (uint32_t i = 0; i < text->patch_count; i++) {
		const struct rp_bench_patch *patch = &text->patches[i];
		uint32_t from = patch->at > at ? patch->at : at;
		uint32_t end = patch->at + patch->len < at + n ? patch->at + patch->len : at + n;

		if (from < end)
			memcpy(out + (from - at), digits + patch->digit + (from - patch->at),
			       end - from);
	}
}

bool rp_bench_text_equals(const struct rp_bench_text *text, const uint8_t *digits, uint32_t at,
			  struct rp_bytes bytes)
{
	const uint8_t *in = bytes.ptr;

	if (at > text->len || bytes.len > text->len - at)
		return false;
	uint32_t left = (uint32_t)bytes.len;

	for (uint32_t i = 0; i < text->patch_count && left > 0; i++) {
		const struct rp_bench_patch *patch = &text->patches[i];
		uint32_t patch_end = patch->at + patch->len;

		if (patch_end <= at)
			continue;
		uint32_t plain = patch->at > at ? patch->at - at : 0;

		plain = plain < left ? plain : left;
		if (plain > 0 && memcmp(in, text->bytes + at, plain) != 0)
			return false;
		in += plain;
		at += plain;
		left -= plain;
		uint32_t own = patch_end - at < left ? patch_end - at : left;

		if (left > 0 && memcmp(in, digits + patch->digit + (at - patch->at), own) != 0)
			return false;
		own = left > 0 ? own : 0;
		in += own;
		at += own;
		left -= own;
	}
	return left == 0 || memcmp(in, text->bytes + at, left) == 0;
}
