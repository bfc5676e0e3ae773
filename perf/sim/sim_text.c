/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_text.h"

#include "shm/limits.h"

enum { OTHER, BLANK, MARK, WORD, UNDERSCORE };

enum { MEAN_TOKENS = 40, STD_DEV_TOKENS = 20, SHORT_ROOM = 20, BUCKETS = 5, BUCKET_TOKENS = 20 };

/* Token counts in order: 38, 9, 9, 13, 7, 10, 8, 11, 16, 5, 25. The first one tries the clients'
 * JSON decoders. */
static const char *const sentences[] = {
	"Testing@, #testing 1$ ,2%,3^, [4&*5], 6~, 7-_ + (8 : 9) / \\ < > . ",
	"Hello, it is good to see you! ",
	"The sky is grey and rain is near. ",
	"If you need a hand with this task, please tell me. ",
	"Good morning, how are you? ",
	"A light wind blows over the hills this evening. ",
	"Call me back when you have time. ",
	"All the world is a stage, a poet wrote. ",
	"It was a bright morning, the streets were quiet, and nobody had spoken. ",
	"See you again soon. ",
	/* In parentheses: one string, not a forgotten comma. */
	("The train left the station late, crossed the long bridge slowly, and reached the coast "
	 "just as the lamps were lit again. "),
};

static uint8_t class_of[256];

static void fill_classes(void)
{
	static const char marks[] = "{}:,-.?!;@#$%^&*()+~/\\><[]=\"'";

	for (const char *c = marks; *c != '\0'; c++)
		class_of[(uint8_t)*c] = MARK;
	for (const char *c = " \t\n\f\r"; *c != '\0'; c++)
		class_of[(uint8_t)*c] = BLANK;
	for (int c = '0'; c <= 'z'; c++)
		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
			class_of[c] = WORD;
	class_of['_'] = UNDERSCORE;
}

static inline void need_classes(void)
{
	if (RP_UNLIKELY(class_of['a'] != WORD))
		fill_classes();
}

size_t rp_sim_text_count(struct rp_bytes text)
{
	size_t count = 0;
	bool in_word = false;

	need_classes();
	for (size_t i = 0; i < text.len; i++) {
		uint8_t class = class_of[text.ptr[i]];
		/* An underscore counts as a mark at the start and as a letter inside a word. */
		bool starts = class == MARK || (class >= WORD && !in_word);

		count += starts;
		in_word = class == WORD || (class == UNDERSCORE && in_word);
	}
	return count;
}

bool rp_sim_text_next(struct rp_bytes text, size_t *at, struct rp_bytes *ret_token)
{
	size_t i = *at;
	size_t from;

	need_classes();
	while (i < text.len && class_of[text.ptr[i]] <= BLANK)
		i++;
	from = i;
	if (i == text.len) {
		*at = i;
		return false;
	}
	if (class_of[text.ptr[i++]] == WORD)
		while (i < text.len && class_of[text.ptr[i]] >= WORD)
			i++;
	while (i < text.len && class_of[text.ptr[i]] == BLANK)
		i++;
	*ret_token = rp_bytes(text.ptr + from, i - from);
	*at = i;
	return true;
}

uint32_t rp_sim_text_token_id(struct rp_bytes token)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < token.len; i++)
		hash = (hash ^ token.ptr[i]) * 16777619u;
	return hash;
}

/* A length below the limit: a bucket is chosen, then a figure in it. */
static uint32_t draw_in_bucket(struct rp_sim_random *random, uint32_t limit, uint32_t bucket)
{
	uint32_t top = limit - 1;
	uint32_t low;
	uint32_t high;

	if (limit <= BUCKETS * BUCKET_TOKENS + 1) {
		low = 1 + top * bucket / BUCKETS;
		high = top * (bucket + 1) / BUCKETS;
	} else if (bucket < 3) {
		low = 1 + bucket * BUCKET_TOKENS;
		high = low + BUCKET_TOKENS - 1;
	} else if (bucket == 3) {
		low = 1 + 3 * BUCKET_TOKENS;
		high = top - BUCKET_TOKENS;
	} else {
		low = top - BUCKET_TOKENS + 1;
		high = top;
	}
	return rp_sim_random_range(random, low, high < low ? low : high);
}

static uint32_t draw_below(struct rp_sim_random *random, uint32_t limit)
{
	static const double ends[BUCKETS] = {0.2, 0.5, 0.7, 0.75, 0.85};
	double draw = rp_sim_random_unit(random);

	if (limit <= 1)
		return limit;
	if (limit <= BUCKETS + 1)
		return rp_sim_random_range(random, 1, limit);
	for (uint32_t i = 0; i < BUCKETS; i++)
		if (draw < ends[i])
			return draw_in_bucket(random, limit, i);
	return limit;
}

static uint32_t draw_free(struct rp_sim_random *random, uint32_t room)
{
	double draw;

	if (room < SHORT_ROOM)
		return rp_sim_random_range(random, 1, room);
	do {
		draw = rp_sim_random_normal(random, MEAN_TOKENS, STD_DEV_TOKENS);
	} while (draw < 1 || draw > room);
	return (uint32_t)draw;
}

uint32_t rp_sim_text_draw_length(struct rp_sim_random *random, uint32_t limit, uint32_t room,
				 bool ignore_eos, bool *ret_is_length)
{
	uint32_t cap = limit > 0 ? limit : room > 0 ? room : 1;
	uint32_t tokens;

	if (cap > RP_SIM_GENERATE_TOKENS_MAX)
		cap = RP_SIM_GENERATE_TOKENS_MAX;
	if (limit > 0)
		tokens = ignore_eos ? cap : draw_below(random, cap);
	else
		tokens = draw_free(random, cap);
	*ret_is_length = tokens == cap;
	return tokens;
}

void rp_sim_text_write(struct rp_sim_random *random, uint32_t tokens, struct rp_sim_buf *out)
{
	while (tokens > 0) {
		uint32_t pick =
			rp_sim_random_range(random, 0, (uint32_t)RP_ARRAY_LEN(sentences) - 1);
		struct rp_bytes sentence = rp_bytes_str(sentences[pick]);
		struct rp_bytes token;
		size_t at = 0;

		while (tokens > 0 && rp_sim_text_next(sentence, &at, &token))
			tokens--;
		rp_sim_buf_add(out, sentence.ptr, at);
	}
}
