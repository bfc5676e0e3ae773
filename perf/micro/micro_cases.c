/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/micro/micro_bed.h"

static void *setup_nothing(const struct rp_micro_case *c)
{
	(void)c;
	return NULL;
}

static void run_nothing(void *bed)
{
	(void)bed;
}

const struct rp_micro_ops rp_micro_empty = {setup_nothing, NULL, run_nothing, run_nothing, 0};

#define KB 1024
#define PICK(n, prompt, full)                                                                      \
	{                                                                                          \
		n, RP_MICRO_PROMPT_##prompt, full                                                  \
	}
#define BODY(bytes, shape, chunks)                                                                 \
	{                                                                                          \
		bytes, RP_MICRO_##shape, chunks                                                    \
	}

const struct rp_micro_case rp_micro_cases[] = {
	{"empty", &rp_micro_empty, {0}},

	/* 8 KB of prompt that one endpoint holds */
	{"pick.3", &rp_micro_pick, PICK(3, SAME, 0)},
	{"pick.16", &rp_micro_pick, PICK(16, SAME, 0)},
	{"pick.256", &rp_micro_pick, PICK(256, SAME, 0)},
	{"pick.1000", &rp_micro_pick, PICK(1000, SAME, 0)},
	{"pick.4000", &rp_micro_pick, PICK(4000, SAME, 0)},
	{"pick.16000", &rp_micro_pick, PICK(16000, SAME, 0)},
	{"pick.16.ten", &rp_micro_pick_ten, PICK(16, SAME, 0)},
	{"pick.256.ten", &rp_micro_pick_ten, PICK(256, SAME, 0)},
	{"pick.1000.ten", &rp_micro_pick_ten, PICK(1000, SAME, 0)},
	{"pick.4000.ten", &rp_micro_pick_ten, PICK(4000, SAME, 0)},
	{"pick.1000.tails", &rp_micro_pick, PICK(1000, TAILS, 0)},
	{"pick.1000.tails.full", &rp_micro_pick, PICK(1000, TAILS, 1)},
	{"pick.1000.new", &rp_micro_pick, PICK(1000, NEW, 0)},
	{"pick.1000.new.full", &rp_micro_pick, PICK(1000, NEW, 1)},
	{"pick.3.headers", &rp_micro_pick, PICK(3, NONE, 0)},
	{"pick.1000.headers", &rp_micro_pick, PICK(1000, NONE, 0)},
	{"pick.16000.headers", &rp_micro_pick, PICK(16000, NONE, 0)},
	/* after a scrape each */
	{"pick.3.scraped", &rp_micro_pick_scraped, PICK(3, NONE, 0)},
	{"pick.1000.scraped", &rp_micro_pick_scraped, PICK(1000, NONE, 0)},
	{"pick.16000.scraped", &rp_micro_pick_scraped, PICK(16000, NONE, 0)},
	{"decide.3", &rp_micro_decide, PICK(3, SAME, 0)},
	{"decide.1000", &rp_micro_decide, PICK(1000, SAME, 0)},

	{"json.chat.200", &rp_micro_json, BODY(200, CHAT, 0)},
	{"json.chat.8k", &rp_micro_json, BODY(8 * KB, CHAT, 0)},
	{"json.chat.64k", &rp_micro_json, BODY(64 * KB, CHAT, 0)},
	{"json.chat.512k", &rp_micro_json, BODY(512 * KB, CHAT, 0)},
	{"json.chat.64k.16k", &rp_micro_json, BODY(64 * KB, CHAT, 16 * KB)},
	{"json.chat.512k.16k", &rp_micro_json, BODY(512 * KB, CHAT, 16 * KB)},
	{"json.chat.8k.400", &rp_micro_json, BODY(8 * KB, CHAT, 400)},
	{"json.chat.64k.400", &rp_micro_json, BODY(64 * KB, CHAT, 400)},
	{"json.completion.200", &rp_micro_json, BODY(200, COMPLETION, 0)},
	{"json.completion.8k", &rp_micro_json, BODY(8 * KB, COMPLETION, 0)},
	{"json.completion.64k", &rp_micro_json, BODY(64 * KB, COMPLETION, 0)},
	{"json.completion.512k", &rp_micro_json, BODY(512 * KB, COMPLETION, 0)},
	{"json.completion.512k.16k", &rp_micro_json, BODY(512 * KB, COMPLETION, 16 * KB)},
	{"json.prose.512k.16k", &rp_micro_json, BODY(512 * KB, PROSE, 16 * KB)},
	{"json.escaped.64k", &rp_micro_json, BODY(64 * KB, ESCAPED, 0)},
	{"json.non-ascii.64k", &rp_micro_json, BODY(64 * KB, NON_ASCII, 0)},
	{"request.chat.200", &rp_micro_request, BODY(200, CHAT, 0)},
	{"request.chat.8k", &rp_micro_request, BODY(8 * KB, CHAT, 0)},
	{"request.chat.64k.16k", &rp_micro_request, BODY(64 * KB, CHAT, 16 * KB)},
	{"request.completion.8k", &rp_micro_request, BODY(8 * KB, COMPLETION, 0)},
	{"request.completion.512k.16k", &rp_micro_request, BODY(512 * KB, COMPLETION, 16 * KB)},
	{"request.prose.8k", &rp_micro_request, BODY(8 * KB, PROSE, 0)},
	{"request.prose.512k.16k", &rp_micro_request, BODY(512 * KB, PROSE, 16 * KB)},
	{"request.escaped.64k.16k", &rp_micro_request, BODY(64 * KB, ESCAPED, 16 * KB)},
	{"request.non-ascii.64k.16k", &rp_micro_request, BODY(64 * KB, NON_ASCII, 16 * KB)},
	{"prompt.chat.8k", &rp_micro_prompt, BODY(8 * KB, CHAT, 0)},
	{"prompt.chat.64k", &rp_micro_prompt, BODY(64 * KB, CHAT, 0)},
	{"prompt.completion.64k", &rp_micro_prompt, BODY(64 * KB, COMPLETION, 0)},
	{"prompt.escaped.64k", &rp_micro_prompt, BODY(64 * KB, ESCAPED, 0)},
	{"prompt.non-ascii.64k", &rp_micro_prompt, BODY(64 * KB, NON_ASCII, 0)},

	{"grpc.frame.200", &rp_micro_frame, {200}},
	{"grpc.frame.16k", &rp_micro_frame, {16 * KB}},
	{"grpc.frame.16k.split", &rp_micro_frame, {16 * KB, 4 * KB}},
	{"decode.request_headers", &rp_micro_decode_headers, {0}},
	{"decode.request_body.16k", &rp_micro_decode_request_body, {16 * KB}},
	{"decode.response_body.200", &rp_micro_decode_response_body, {200}},
	{"header_store", &rp_micro_header_store, {0}},
	{"reply.headers_pick", &rp_micro_reply_headers, {0}},
	{"reply.body.8k", &rp_micro_reply_body, {8 * KB}},
	{"reply.body.64k", &rp_micro_reply_body, {64 * KB}},
	{"reply.sse_chunk.200", &rp_micro_reply_chunk, {200}},
	{"usage.sse_chunk.200", &rp_micro_usage, {200, RP_MICRO_ANSWER_CHUNK}},
	{"usage.sse_last.300", &rp_micro_usage, {300, RP_MICRO_ANSWER_LAST_CHUNK}},
	{"usage.json.512", &rp_micro_usage, {512, RP_MICRO_ANSWER_JSON}},

	{"prefix.hash.8k", &rp_micro_hash, {8 * KB}},
	{"prefix.hash.64k", &rp_micro_hash, {64 * KB}},
	/* 64 blocks each; pool3: full, but of three endpoints */
	{"prefix.match.nobody", &rp_micro_match, {0, 0}},
	{"prefix.match.each", &rp_micro_match_each, {64, 0}},
	{"prefix.match.one", &rp_micro_match, {1, 0}},
	{"prefix.match.one.full", &rp_micro_match, {1, 1}},
	{"prefix.match.one.pool3", &rp_micro_match, {1, 1, 3}},
	{"prefix.match.1000", &rp_micro_match, {1000, 0}},
	{"prefix.record.known", &rp_micro_record_known, {1, 0}},
	{"prefix.record.known.full", &rp_micro_record_known, {1, 1}},
	{"prefix.record.known.pool3", &rp_micro_record_known, {1, 1, 3}},
	{"prefix.record.new", &rp_micro_record_new, {1, 0}},
	{"prefix.record.new.full", &rp_micro_record_new, {1, 1}},
	{"prefix.record.new.pool3", &rp_micro_record_new, {1, 1, 3}},

	{"rcu.turn", &rp_micro_turn, {3}},
	{"page.vllm.1800", &rp_micro_page, {1800}},
	{"page.vllm.3100", &rp_micro_page, {3100}},
	{"page.vllm.42k", &rp_micro_page, {42 * KB}},
};

const size_t rp_micro_case_count = RP_ARRAY_LEN(rp_micro_cases);

const struct rp_micro_slope rp_micro_slopes[] = {
	{"built-in profile",
	 {"pick.16", "pick.256", "pick.1000", "pick.4000"},
	 {16, 256, 1000, 4000}},
	{"ten plugins",
	 {"pick.16.ten", "pick.256.ten", "pick.1000.ten", "pick.4000.ten"},
	 {16, 256, 1000, 4000}},
};

const size_t rp_micro_slope_count = RP_ARRAY_LEN(rp_micro_slopes);
