/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/usage.h"

#include "dataplane/byte_runs.h"

enum node { NODE_NONE, NODE_ROOT, NODE_USAGE, NODE_DETAILS, NODE_RESPONSE };

enum key {
	KEY_NONE,
	KEY_USAGE,
	KEY_RESPONSE,
	KEY_TYPE,
	KEY_PROMPT_DETAILS,
	KEY_INPUT_DETAILS,
	KEY_FINISH_REASON,
	KEY_LEAF, /* + enum rp_usage_leaf */
};

enum type { TYPE_OTHER, TYPE_COMPLETED, TYPE_START, TYPE_DELTA };

enum lexer { LEX_PLAIN, LEX_STRING, LEX_ESCAPE, LEX_NUMBER, LEX_FRACTION };

/* "data:" is matched up to LINE_DATA; a blank after it belongs to no JSON. */
enum line { LINE_START = 0, LINE_DATA = 5, LINE_SKIP = 6 };

static void begin_event(struct rp_usage_scan *scan)
{
	scan->leaf_seen = 0;
	scan->node = NODE_NONE;
	scan->key = KEY_NONE;
	scan->lexer = LEX_PLAIN;
	scan->text_len = 0;
	scan->is_in_response = false;
	scan->is_finished = false;
	scan->type = TYPE_OTHER;
	scan->has_usage = false;
	scan->depth = 0;
	scan->details_key = 0;
}

void rp_usage_begin(struct rp_usage_scan *scan, enum rp_usage_format format, bool is_events)
{
	*scan = (struct rp_usage_scan){
		.format = (uint8_t)format, .is_events = is_events, .line = LINE_START};
	begin_event(scan);
}

static bool has_leaf(const struct rp_usage_scan *scan, enum rp_usage_leaf leaf)
{
	return (scan->leaf_seen >> leaf & 1) != 0;
}

static uint32_t first_leaf(const struct rp_usage_scan *scan, enum rp_usage_leaf first,
			   enum rp_usage_leaf second)
{
	if (has_leaf(scan, first))
		return scan->leaf[first];
	return has_leaf(scan, second) ? scan->leaf[second] : 0;
}

/* Does this event, or document, tell what it has? */
static bool is_told(const struct rp_usage_scan *scan)
{
	if (!scan->has_usage)
		return false;
	switch ((enum rp_usage_format)scan->format) {
	case RP_USAGE_OPENAI:
		return !scan->is_events || !scan->is_in_response || scan->type == TYPE_COMPLETED;
	case RP_USAGE_ANTHROPIC:
		return !scan->is_events || scan->type == TYPE_START || scan->type == TYPE_DELTA;
	case RP_USAGE_SGLANG:
		return !scan->is_events || scan->is_finished;
	}
	return false;
}

/* An event of Anthropic's tells one half each: what the other half says is not meant. */
static void drop_other_half(struct rp_usage_scan *scan)
{
	uint8_t output = 1u << RP_USAGE_OUTPUT;

	if (scan->format != RP_USAGE_ANTHROPIC || !scan->is_events)
		return;
	scan->leaf_seen &= scan->type == TYPE_START ? (uint8_t)~output : output;
}

/* Non-zero counts replace earlier ones, cached ones whenever present. */
static void end_event(struct rp_usage_scan *scan)
{
	struct rp_usage *found = &scan->found;
	uint32_t prompt, completion;

	if (is_told(scan)) {
		drop_other_half(scan);
		prompt = first_leaf(scan, RP_USAGE_PROMPT, RP_USAGE_INPUT);
		completion = first_leaf(scan, RP_USAGE_COMPLETION, RP_USAGE_OUTPUT);
		if (prompt > 0)
			found->prompt_tokens = prompt;
		if (completion > 0)
			found->completion_tokens = completion;
		if (prompt > 0 && completion > 0 && has_leaf(scan, RP_USAGE_TOTAL) &&
		    scan->leaf[RP_USAGE_TOTAL] > 0)
			found->total_tokens = scan->leaf[RP_USAGE_TOTAL];
		else
			found->total_tokens = found->prompt_tokens + found->completion_tokens;
		if (has_leaf(scan, RP_USAGE_PROMPT_CACHED) ||
		    has_leaf(scan, RP_USAGE_INPUT_CACHED)) {
			found->has_cached = true;
			found->cached_tokens =
				first_leaf(scan, RP_USAGE_INPUT_CACHED, RP_USAGE_PROMPT_CACHED);
		}
	}
	begin_event(scan);
}

/* Depth at which the members of the current node stand. */
static uint32_t node_depth(const struct rp_usage_scan *scan)
{
	uint32_t deeper = scan->is_in_response ? 1 : 0;

	switch ((enum node)scan->node) {
	case NODE_NONE:
		return 0;
	case NODE_ROOT:
		return 1;
	case NODE_USAGE:
		return 2 + deeper;
	case NODE_DETAILS:
		return 3 + deeper;
	case NODE_RESPONSE:
		return 2;
	}
	return 0;
}

static bool is_among_members(const struct rp_usage_scan *scan)
{
	return scan->node != NODE_NONE && scan->depth == node_depth(scan);
}

struct key_name {
	uint8_t node;
	uint8_t key;
	const char *name;
};

static const struct key_name openai_keys[] = {
	{NODE_ROOT, KEY_USAGE, "usage"},
	{NODE_ROOT, KEY_RESPONSE, "response"},
	{NODE_ROOT, KEY_TYPE, "type"},
	{NODE_RESPONSE, KEY_USAGE, "usage"},
	{NODE_USAGE, KEY_LEAF + RP_USAGE_PROMPT, "prompt_tokens"},
	{NODE_USAGE, KEY_LEAF + RP_USAGE_INPUT, "input_tokens"},
	{NODE_USAGE, KEY_LEAF + RP_USAGE_COMPLETION, "completion_tokens"},
	{NODE_USAGE, KEY_LEAF + RP_USAGE_OUTPUT, "output_tokens"},
	{NODE_USAGE, KEY_LEAF + RP_USAGE_TOTAL, "total_tokens"},
	{NODE_USAGE, KEY_PROMPT_DETAILS, "prompt_tokens_details"},
	{NODE_USAGE, KEY_INPUT_DETAILS, "input_tokens_details"},
};
static const struct key_name anthropic_keys[] = {
	{NODE_ROOT, KEY_USAGE, "usage"},
	{NODE_ROOT, KEY_RESPONSE, "message"},
	{NODE_ROOT, KEY_TYPE, "type"},
	{NODE_RESPONSE, KEY_USAGE, "usage"},
	{NODE_USAGE, KEY_LEAF + RP_USAGE_INPUT, "input_tokens"},
	{NODE_USAGE, KEY_LEAF + RP_USAGE_OUTPUT, "output_tokens"},
	{NODE_USAGE, KEY_LEAF + RP_USAGE_INPUT_CACHED, "cache_read_input_tokens"},
};
static const struct key_name sglang_keys[] = {
	{NODE_ROOT, KEY_USAGE, "meta_info"},
	{NODE_USAGE, KEY_FINISH_REASON, "finish_reason"},
	{NODE_USAGE, KEY_LEAF + RP_USAGE_PROMPT, "prompt_tokens"},
	{NODE_USAGE, KEY_LEAF + RP_USAGE_COMPLETION, "completion_tokens"},
	{NODE_USAGE, KEY_LEAF + RP_USAGE_PROMPT_CACHED, "cached_tokens"},
};

static uint8_t find_key(const struct rp_usage_scan *scan, struct rp_bytes name)
{
	static const struct {
		const struct key_name *keys;
		size_t count;
	} formats[] = {
		[RP_USAGE_OPENAI] = {openai_keys, RP_ARRAY_LEN(openai_keys)},
		[RP_USAGE_ANTHROPIC] = {anthropic_keys, RP_ARRAY_LEN(anthropic_keys)},
		[RP_USAGE_SGLANG] = {sglang_keys, RP_ARRAY_LEN(sglang_keys)},
	};
	const struct key_name *keys = formats[scan->format].keys;

	for (size_t i = 0; i < formats[scan->format].count; i++) {
		if (keys[i].node == scan->node && rp_bytes_equal_str(name, keys[i].name))
			return keys[i].key;
	}
	return KEY_NONE;
}

static uint8_t find_type(struct rp_bytes text)
{
	if (rp_bytes_equal_str(text, "response.completed"))
		return TYPE_COMPLETED;
	if (rp_bytes_equal_str(text, "message_start"))
		return TYPE_START;
	return rp_bytes_equal_str(text, "message_delta") ? TYPE_DELTA : TYPE_OTHER;
}

static void set_leaf(struct rp_usage_scan *scan, uint8_t leaf, uint32_t value)
{
	scan->leaf[leaf] = value;
	scan->leaf_seen |= (uint8_t)(1u << leaf);
}

/* A string's end: it may be a key (a colon decides), or the value of one. */
static void on_string(struct rp_usage_scan *scan)
{
	struct rp_bytes text = rp_bytes(scan->text, scan->text_len);
	uint64_t number;

	if (scan->key == KEY_TYPE)
		scan->type = find_type(text);
	else if (scan->key == KEY_FINISH_REASON)
		scan->is_finished = true;
	else if (scan->key >= KEY_LEAF && scan->format == RP_USAGE_OPENAI &&
		 rp_bytes_to_u64(text, UINT32_MAX, &number) == RP_OK)
		set_leaf(scan, (uint8_t)(scan->key - KEY_LEAF), (uint32_t)number);
}

static void on_colon(struct rp_usage_scan *scan)
{
	struct rp_bytes name = rp_bytes(scan->text, scan->text_len);

	scan->text_len = 0; /* it names one value */
	if (!is_among_members(scan))
		return;
	/* The details hold one member; which leaf it is the node's key has told already. */
	if (scan->node == NODE_DETAILS)
		scan->key = rp_bytes_equal_str(name, "cached_tokens")
				    ? (uint8_t)(KEY_LEAF + (scan->details_key == KEY_INPUT_DETAILS
								    ? RP_USAGE_INPUT_CACHED
								    : RP_USAGE_PROMPT_CACHED))
				    : (uint8_t)KEY_NONE;
	else
		scan->key = find_key(scan, name);
}

static void on_open(struct rp_usage_scan *scan, bool is_object)
{
	bool is_member = is_among_members(scan);

	if (is_member && scan->key == KEY_FINISH_REASON)
		scan->is_finished = true;
	scan->depth++;
	if (scan->depth == 1 && is_object) {
		scan->node = NODE_ROOT;
	} else if (is_member && is_object) {
		if (scan->key == KEY_USAGE) {
			scan->is_in_response = scan->node == NODE_RESPONSE;
			scan->node = NODE_USAGE;
			scan->has_usage = true;
		} else if (scan->key == KEY_RESPONSE) {
			scan->node = NODE_RESPONSE;
		} else if (scan->key == KEY_PROMPT_DETAILS || scan->key == KEY_INPUT_DETAILS) {
			scan->node = NODE_DETAILS;
			scan->details_key = scan->key;
		}
	}
	scan->key = KEY_NONE;
}

static void on_close(struct rp_usage_scan *scan)
{
	if (is_among_members(scan)) {
		switch ((enum node)scan->node) {
		case NODE_NONE:
		case NODE_ROOT:
			scan->node = NODE_NONE;
			break;
		case NODE_USAGE:
			scan->node = scan->is_in_response ? NODE_RESPONSE : NODE_ROOT;
			break;
		case NODE_DETAILS:
			scan->node = NODE_USAGE;
			break;
		case NODE_RESPONSE:
			scan->node = NODE_ROOT;
			break;
		}
	}
	if (scan->depth > 0)
		scan->depth--;
	scan->key = KEY_NONE;
}

static void add_digit(struct rp_usage_scan *scan, uint8_t c)
{
	uint8_t leaf = (uint8_t)(scan->key - KEY_LEAF);
	uint64_t value = has_leaf(scan, leaf) ? scan->leaf[leaf] : 0;

	value = value * 10 + (uint64_t)(c - '0');
	set_leaf(scan, leaf, value > UINT32_MAX ? UINT32_MAX : (uint32_t)value);
}

static void on_plain(struct rp_usage_scan *scan, uint8_t c)
{
	switch (c) {
	case '"':
		scan->lexer = LEX_STRING;
		scan->text_len = 0;
		break;
	case ':':
		on_colon(scan);
		break;
	case '{':
	case '[':
		on_open(scan, c == '{');
		break;
	case '}':
	case ']':
		on_close(scan);
		break;
	case ',':
		scan->key = KEY_NONE;
		break;
	case '-': /* a negative count says nothing */
		scan->key = KEY_NONE;
		break;
	default:
		if (c >= '0' && c <= '9' && scan->key >= KEY_LEAF) {
			scan->leaf_seen &= (uint8_t) ~(1u << (scan->key - KEY_LEAF));
			add_digit(scan, c);
			scan->lexer = LEX_NUMBER;
		}
		break;
	}
}

static void add_text(struct rp_usage_scan *scan, uint8_t c)
{
	if (scan->text_len < RP_USAGE_TEXT_BYTES)
		scan->text[scan->text_len++] = (char)c;
}

static void on_json(struct rp_usage_scan *scan, uint8_t c)
{
	switch ((enum lexer)scan->lexer) {
	case LEX_STRING:
		if (c == '\\') {
			scan->lexer = LEX_ESCAPE;
		} else if (c == '"') {
			scan->lexer = LEX_PLAIN;
			on_string(scan);
		} else {
			add_text(scan, c);
		}
		break;
	case LEX_ESCAPE: /* no name that matters has an escape: make this one too long to match */
		scan->text_len = RP_USAGE_TEXT_BYTES;
		scan->lexer = LEX_STRING;
		break;
	case LEX_NUMBER:
		if (c >= '0' && c <= '9') {
			add_digit(scan, c);
			break;
		}
		scan->lexer = c == '.' || c == 'e' || c == 'E' ? LEX_FRACTION : LEX_PLAIN;
		if (scan->lexer == LEX_PLAIN)
			on_plain(scan, c);
		break;
	case LEX_FRACTION:
		if ((c >= '0' && c <= '9') || c == '-' || c == '+' || c == 'e' || c == 'E')
			break;
		scan->lexer = LEX_PLAIN;
		on_plain(scan, c);
		break;
	case LEX_PLAIN:
		on_plain(scan, c);
		break;
	}
}

/* The part of a string that neither ends it nor escapes: skipped in one go once it is too long. */
static size_t skip_string(const struct rp_usage_scan *scan, struct rp_bytes rest)
{
	bool has_high = false;

	if (scan->lexer != LEX_STRING || scan->text_len < RP_USAGE_TEXT_BYTES)
		return 0;
	return rp_run_plain(rest, &has_high);
}

static void feed_json(struct rp_usage_scan *scan, struct rp_bytes chunk)
{
	for (size_t i = 0; i < chunk.len; i++) {
		i += skip_string(scan, rp_bytes_slice(chunk, i, chunk.len));
		if (i < chunk.len)
			on_json(scan, chunk.ptr[i]);
	}
}

/* One stretch without a newline. */
static void feed_line(struct rp_usage_scan *scan, struct rp_bytes part)
{
	while (part.len > 0 && scan->line < LINE_DATA) {
		if (part.ptr[0] != (uint8_t) "data:"[scan->line]) {
			scan->line = LINE_SKIP;
			return;
		}
		scan->line++;
		part = rp_bytes_slice(part, 1, part.len);
	}
	if (scan->line == LINE_DATA)
		feed_json(scan, part);
}

/* Can this whole line have usage in it? Only an object behind the literal key makes it so; many
 * servers write `"usage":null` in every event but the last. */
static bool may_have_usage(struct rp_bytes line)
{
	const struct rp_bytes key = RP_BYTES_LIT("\"usage\"");
	const struct rp_bytes null = RP_BYTES_LIT(":null");
	size_t at;

	while ((at = rp_run_find(line, key)) != SIZE_MAX) {
		line = rp_bytes_slice(line, at + key.len, SIZE_MAX);
		if (!rp_bytes_starts_with(line, null))
			return true;
		line = rp_bytes_slice(line, null.len, SIZE_MAX);
		if (line.len == 0 || (line.ptr[0] != ',' && line.ptr[0] != '}'))
			return true;
	}
	return false;
}

void rp_usage_feed(struct rp_usage_scan *scan, struct rp_bytes chunk)
{
	/* Each of SGLang's events has some. */
	bool has_any = scan->format == RP_USAGE_SGLANG;

	if (!scan->is_events) {
		feed_json(scan, chunk);
		return;
	}
	while (chunk.len > 0) {
		const uint8_t *newline = memchr(chunk.ptr, '\n', chunk.len);
		size_t n = newline == NULL ? chunk.len : (size_t)(newline - chunk.ptr);
		struct rp_bytes part = rp_bytes_slice(chunk, 0, n);
		bool is_whole = newline != NULL && scan->line == LINE_START;

		if (!is_whole || has_any || may_have_usage(part))
			feed_line(scan, part);
		if (newline == NULL)
			break;
		if (scan->line != LINE_START)
			end_event(scan);
		scan->line = LINE_START;
		chunk = rp_bytes_slice(chunk, n + 1, chunk.len);
	}
}

const struct rp_usage *rp_usage_end(struct rp_usage_scan *scan)
{
	end_event(scan);
	return &scan->found;
}
