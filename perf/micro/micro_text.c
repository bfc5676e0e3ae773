/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies and pages of an exact size.
 */
#include <stdio.h>
#include <string.h>

#include "perf/micro/micro_bed.h"
#include "shm/bytes.h"

enum { MESSAGE_BYTES = 2000, PAD_BYTES = 8 };

static const char *const words[] = {"what ",   "do ",	"reviewers ", "think ",	   "about ", "the ",
				    "comedy ", "of ",	"errors, ",   "and ",	   "why ",   "is ",
				    "that? ",  "Then ", "say ",	      "something "};

/* A long run of text without structure; `at` says how much of it is written. */
struct prompt {
	struct rp_writer *w;
	enum rp_micro_shape shape;
	uint64_t serial;
	size_t serial_at;
	size_t at;
	uint32_t words;
};

static void put_word(struct prompt *prompt)
{
	uint64_t seed = prompt->at >= prompt->serial_at ? prompt->serial : 0;
	uint64_t dice = rp_micro_random(prompt->at * 1000003 + seed);
	size_t before = rp_written(prompt->w);

	if (prompt->shape == RP_MICRO_ESCAPED && dice % 4 == 0)
		rp_write_str(prompt->w, dice % 8 == 0 ? "\\n" : "\\\"");
	else if (prompt->shape == RP_MICRO_NON_ASCII)
		rp_write_str(prompt->w, "\xd0\xba\xd0\xbe\xd0\xbc\xe5\x96\x9c ");
	else if (prompt->shape == RP_MICRO_PROSE && ++prompt->words % 16 == 0)
		rp_write_str(prompt->w, ".\\n");
	rp_write_str(prompt->w, words[dice >> 8 & 15]);
	prompt->at += rp_written(prompt->w) - before;
}

/* Plain text up to `bytes` of the whole. */
static void put_text(struct prompt *prompt, size_t bytes)
{
	while (rp_written(prompt->w) + 32 < bytes)
		put_word(prompt);
	while (rp_written(prompt->w) < bytes)
		rp_write_u8(prompt->w, '.');
}

uint8_t *rp_micro_body(enum rp_micro_shape shape, size_t bytes, uint64_t serial, size_t serial_at)
{
	uint8_t *body = rp_micro_alloc(bytes + 1);
	struct rp_writer w = rp_writer(body, bytes);
	struct prompt prompt = {&w, shape, serial, serial_at, 0, 0};
	bool is_chat = shape != RP_MICRO_COMPLETION && shape != RP_MICRO_PROSE;
	const char *end = is_chat ? "\"}],\"max_tokens\":100,\"stream\":true}"
				  : "\",\"max_tokens\":100,\"stream\":true}";
	size_t text_end = bytes - strlen(end);

	rp_write_str(&w, "{\"model\":\"reviews-1\",");
	rp_write_str(&w, is_chat ? "\"messages\":[{\"role\":\"system\",\"content\":\""
				 : "\"prompt\":\"");
	for (;;) {
		size_t next = rp_written(&w) + MESSAGE_BYTES;

		if (!is_chat || next + MESSAGE_BYTES / 2 > text_end)
			break;
		put_text(&prompt, next);
		rp_write_str(&w, "\"},{\"role\":\"user\",\"content\":\"");
	}
	put_text(&prompt, text_end);
	rp_write_str(&w, end);
	RP_ASSERT(w.err == RP_OK && rp_written(&w) == bytes);
	return body;
}

static void put_histogram(struct rp_writer *w, uint32_t nth)
{
	static const char *const bounds[] = {
		"0.001", "0.005", "0.01", "0.02", "0.04", "0.06", "0.08", "0.1",  "0.25", "0.5",
		"0.75",	 "1.0",	  "2.5",  "5.0",  "7.5",  "10.0", "20.0", "40.0", "80.0", "+Inf"};
	char line[200];

	snprintf(line, sizeof(line),
		 "# HELP vllm:request_time_%u_seconds Histogram of time spent in phase %u.\n"
		 "# TYPE vllm:request_time_%u_seconds histogram\n",
		 nth, nth, nth);
	rp_write_str(w, line);
	for (size_t i = 0; i < RP_ARRAY_LEN(bounds); i++) {
		snprintf(line, sizeof(line),
			 "vllm:request_time_%u_seconds_bucket{engine=\"0\",le=\"%s\",model_name="
			 "\"meta-llama/Llama-3.1-8B-Instruct\"} %zu.0\n",
			 nth, bounds[i], 100 * i);
		rp_write_str(w, line);
	}
}

char *rp_micro_page_text(size_t bytes)
{
	enum { HISTOGRAM_BYTES = 2600 };
	char *page = rp_micro_alloc(bytes + 1);
	struct rp_writer w = rp_writer(page, bytes);

	/* Of a real page: runtime first, the wanted gauges in the middle. */
	for (uint32_t i = 0; rp_written(&w) + HISTOGRAM_BYTES < bytes / 2; i++)
		put_histogram(&w, i);
	rp_write_str(
		&w,
		"# HELP vllm:num_requests_running Number of requests in model execution batches.\n"
		"# TYPE vllm:num_requests_running gauge\n"
		"vllm:num_requests_running{engine=\"0\",model_name=\"reviews-1\"} 5.0\n"
		"# HELP vllm:num_requests_waiting Number of requests waiting to be processed.\n"
		"# TYPE vllm:num_requests_waiting gauge\n"
		"vllm:num_requests_waiting{engine=\"0\",model_name=\"reviews-1\"} 3.0\n"
		"# HELP vllm:kv_cache_usage_perc KV-cache usage. 1 means 100 percent usage.\n"
		"# TYPE vllm:kv_cache_usage_perc gauge\n"
		"vllm:kv_cache_usage_perc{engine=\"0\",model_name=\"reviews-1\"} 0.4375\n"
		"# HELP vllm:lora_requests_info Running stats on lora requests.\n"
		"# TYPE vllm:lora_requests_info gauge\n"
		"vllm:lora_requests_info{max_lora=\"4\",running_lora_adapters=\"a1,a2\","
		"waiting_lora_adapters=\"\"} 1.7e+09\n"
		"# HELP vllm:cache_config_info Information of the LLMEngine CacheConfig\n"
		"# TYPE vllm:cache_config_info gauge\n"
		"vllm:cache_config_info{block_size=\"16\",cache_dtype=\"auto\","
		"num_gpu_blocks=\"27000\"} 1.0\n");
	for (uint32_t i = 50; rp_written(&w) + HISTOGRAM_BYTES < bytes; i++)
		put_histogram(&w, i);
	rp_write_str(&w, "# ");
	while (rp_written(&w) + 1 < bytes)
		rp_write_u8(&w, rp_written(&w) % 80 == 0 ? '\n' : '#');
	rp_write_u8(&w, '\n');
	RP_ASSERT(w.err == RP_OK && rp_written(&w) == bytes);
	return page;
}
