/* SPDX-License-Identifier: Apache-2.0 */
#include "control/prom_parse.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum {
	CARRY_KEPT_BYTES = 8192,  /* a bigger carry buffer is given back between pages */
	ESCAPED_BYTES_MAX = 4096, /* label values with escapes, all of one line together */
	COMMENT_HEAD_BYTES = 7,	  /* of "# HELP " and "# TYPE " */
	NUMBER_BYTES_MAX = 400,	  /* Go prints 1.8e308 in at most 310 digits */
};

static_assert(RP_PROM_NAMES_MAX <= 64, "one bit a name");

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_name_char(uint8_t c)
{
	uint8_t lower = c | 0x20;

	return (lower >= 'a' && lower <= 'z') || c == '_' || is_digit(c);
}

static uint64_t load_u64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static void skip_blanks(struct rp_reader *r)
{
	while (r->at < r->end && is_blank(*r->at))
		r->at++;
}

/* The bytes up to the next blank. */
static struct rp_bytes read_token(struct rp_reader *r)
{
	const uint8_t *begin = r->at;

	while (r->at < r->end && !is_blank(*r->at))
		r->at++;
	return rp_bytes(begin, (size_t)(r->at - begin));
}

/* ---- names ---- */

/* What histograms and summaries append to their family's name. */
static const char *const part_suffix[] = {"_bucket", "_sum", "_count"};

/* Length of the family that `name` belongs to if that is a histogram or summary, else its own. */
static size_t base_len(struct rp_bytes name)
{
	for (size_t i = 0; i < RP_ARRAY_LEN(part_suffix); i++) {
		struct rp_bytes suffix = rp_bytes_str(part_suffix[i]);
		if (name.len > suffix.len && rp_bytes_ends_with(name, suffix))
			return name.len - suffix.len;
	}
	return name.len;
}

int rp_prom_names_add(struct rp_prom_names *names, struct rp_bytes name, uint32_t *ret_family)
{
	RP_ASSERT(name.len > 0);
	for (uint32_t i = 0; i < names->count; i++) {
		if (rp_bytes_equal(names->name[i], name)) {
			*ret_family = i;
			return RP_OK;
		}
	}
	if (names->count == RP_PROM_NAMES_MAX)
		return RP_ETOOBIG;
	*ret_family = names->count;
	names->name[names->count++] = name;
	return RP_OK;
}

void rp_prom_names_seal(struct rp_prom_names *names)
{
	struct rp_bytes prefix = rp_bytes(NULL, 0);

	for (uint32_t i = 0; i < names->count; i++) {
		struct rp_bytes name = names->name[i];
		size_t room = base_len(name) - 1; /* a byte to dispatch on must follow the prefix */
		size_t same = 0;

		if (i == 0)
			prefix = name;
		while (same < prefix.len && same < room && prefix.ptr[same] == name.ptr[same])
			same++;
		prefix.len = same;
	}
	names->prefix_len = (uint32_t)prefix.len;
	names->head = 0;
	names->head_mask = 0;
	if (prefix.len > 0) {
		size_t bytes = rp_min_size(prefix.len, sizeof(names->head));

		memcpy(&names->head, prefix.ptr, bytes);
		memset(&names->head_mask, 0xff, bytes);
	}
	memset(names->by_byte, 0, sizeof(names->by_byte));
	for (uint32_t i = 0; i < names->count; i++)
		names->by_byte[names->name[i].ptr[prefix.len]] |= UINT64_C(1) << i;
}

/* Names that may stand at the begin of this text. */
static uint64_t candidates(const struct rp_prom_names *names, struct rp_bytes text)
{
	if (names->count == 0 || text.len <= names->prefix_len ||
	    memcmp(text.ptr, names->name[0].ptr, names->prefix_len) != 0)
		return 0;
	return names->by_byte[text.ptr[names->prefix_len]];
}

/*
 * Nearly every line of a page is another family's: those are told here by a few instructions. False
 * if the line from `at` on has to be looked at; at least 8 and prefix_len + 1 bytes must be
 * readable from both positions that a name may have, even if they belong to the lines after it.
 */
static bool is_foreign(const struct rp_prom_names *names, const uint8_t *at)
{
	if (is_blank(*at))
		return false;
	if (*at == '#') {
		if (memcmp(at, "# HELP ", COMMENT_HEAD_BYTES) == 0)
			return true;
		if (memcmp(at, "# TYPE ", COMMENT_HEAD_BYTES) != 0)
			return false;
		at += COMMENT_HEAD_BYTES;
		if (is_blank(*at))
			return false;
	}
	return ((load_u64(at) ^ names->head) & names->head_mask) != 0 ||
	       names->by_byte[at[names->prefix_len]] == 0;
}

/* ---- numbers ---- */

/* Digits with an optional point and exponent, of which every intermediate is exact in a double
 * (Clinger's fast path). False: leave it to strtod(). */
static bool parse_short_number(struct rp_bytes text, double *ret_value)
{
	static const double ten[] = {1e0,  1e1,	 1e2,  1e3,  1e4,  1e5,	 1e6,  1e7,
				     1e8,  1e9,	 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
				     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
	uint64_t mantissa = 0;
	uint32_t decimals = 0;
	bool has_point = false;

	if (text.len == 0 || text.len > 16 || !is_digit(text.ptr[0]))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		if (c == '.' && !has_point) {
			has_point = true;
		} else if (is_digit(c)) {
			mantissa = mantissa * 10 + (uint64_t)(c - '0');
			decimals += has_point ? 1 : 0;
		} else {
			return false;
		}
	}
	if (mantissa > UINT64_C(1) << 53)
		return false;
	*ret_value = (double)mantissa / ten[decimals];
	return true;
}

int rp_prom_parse_value(struct rp_bytes text, double *ret_value)
{
	char copy[NUMBER_BYTES_MAX];
	struct rp_bytes word = text;
	char *end;
	double value;

	if (parse_short_number(text, ret_value))
		return RP_OK;
	if (text.len == 0 || text.len >= sizeof(copy))
		return RP_EFORMAT;
	if (text.ptr[0] == '+' || text.ptr[0] == '-')
		word = rp_bytes_slice(text, 1, SIZE_MAX);
	if (rp_bytes_equal_nocase(word, RP_BYTES_LIT("inf")) ||
	    rp_bytes_equal_nocase(word, RP_BYTES_LIT("infinity"))) {
		*ret_value = text.ptr[0] == '-' ? -HUGE_VAL : HUGE_VAL;
		return RP_OK;
	}
	if (rp_bytes_equal_nocase(text, RP_BYTES_LIT("nan"))) {
		*ret_value = (double)NAN;
		return RP_OK;
	}
	/* strtod() also takes hexadecimal, blanks and nan(...): let only decimal characters
	 * through. */
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		if (!is_digit(c) && c != '.' && c != '+' && c != '-' && c != 'e' && c != 'E')
			return RP_EFORMAT;
	}
	rp_bytes_to_str(text, copy, sizeof(copy));
	errno = 0;
	value = strtod(copy, &end);
	if (end != copy + text.len || (errno == ERANGE && isinf(value)))
		return RP_EFORMAT;
	*ret_value = value;
	return RP_OK;
}

static bool parse_timestamp(struct rp_bytes text, int64_t *ret_ms)
{
	bool is_negative = text.len > 0 && text.ptr[0] == '-';
	uint64_t max = (uint64_t)INT64_MAX + (is_negative ? 1 : 0);
	uint64_t magnitude;

	if (text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+'))
		text = rp_bytes_slice(text, 1, SIZE_MAX);
	if (rp_bytes_to_u64(text, max, &magnitude) != RP_OK)
		return false;
	*ret_ms = (int64_t)(is_negative ? 0 - magnitude : magnitude);
	return true;
}

/* ---- lines ---- */

struct labels {
	uint32_t count;
	size_t escaped_bytes; /* used of `escaped` */
	struct rp_prom_label label[RP_PROM_LABELS_MAX];
	uint8_t escaped[ESCAPED_BYTES_MAX];
};

/* A quoted label value, behind its opening quote. Escapes: \\ \" \n. */
static bool read_label_value(struct rp_reader *r, struct labels *labels, struct rp_bytes *ret_value)
{
	const uint8_t *begin = r->at;
	uint8_t *out = labels->escaped + labels->escaped_bytes;
	size_t room = sizeof(labels->escaped) - labels->escaped_bytes;
	size_t n = 0;

	while (r->at < r->end && *r->at != '"' && *r->at != '\\')
		r->at++;
	if (r->at < r->end && *r->at == '"') {
		*ret_value = rp_bytes(begin, (size_t)(r->at - begin));
		r->at++;
		return true;
	}
	for (r->at = begin; r->at < r->end && *r->at != '"'; r->at++) {
		uint8_t c = *r->at;
		if (c == '\\') {
			if (++r->at == r->end)
				return false;
			c = *r->at;
			if (c == 'n')
				c = '\n';
			else if (c != '\\' && c != '"')
				return false;
		}
		if (n == room)
			return false;
		out[n++] = c;
	}
	if (r->at == r->end)
		return false;
	r->at++;
	labels->escaped_bytes += n;
	*ret_value = rp_bytes(out, n);
	return true;
}

/* The label block, behind its opening brace. */
static bool read_labels(struct rp_reader *r, struct labels *labels)
{
	for (;;) {
		struct rp_prom_label *label = &labels->label[labels->count];
		const uint8_t *begin;

		skip_blanks(r);
		if (r->at < r->end && *r->at == '}') {
			r->at++;
			return true;
		}
		if (labels->count == RP_PROM_LABELS_MAX)
			return false;
		begin = r->at;
		while (r->at < r->end && is_name_char(*r->at))
			r->at++;
		label->name = rp_bytes(begin, (size_t)(r->at - begin));
		if (label->name.len == 0 || is_digit(*begin))
			return false;
		skip_blanks(r);
		if (rp_read_u8(r) != '=')
			return false;
		skip_blanks(r);
		if (rp_read_u8(r) != '"' || !read_label_value(r, labels, &label->value))
			return false;
		labels->count++;
		skip_blanks(r);
		if (r->at == r->end || (*r->at != ',' && *r->at != '}'))
			return false;
		if (*r->at == ',')
			r->at++;
	}
}

/* What follows the name of a sample: `[{labels}] value [timestamp]`. */
static bool scan_sample(struct rp_prom_parse *parse, uint32_t family, struct rp_bytes rest)
{
	struct labels labels;
	struct rp_prom_sample sample = {.family = family, .label = labels.label};
	struct rp_reader r = rp_reader(rest);
	struct rp_bytes timestamp;
	double value;

	labels.count = 0;
	labels.escaped_bytes = 0;
	skip_blanks(&r);
	if (r.at < r.end && *r.at == '{') {
		r.at++;
		if (!read_labels(&r, &labels))
			return false;
	}
	skip_blanks(&r);
	if (rp_prom_parse_value(read_token(&r), &value) != RP_OK)
		return false;
	skip_blanks(&r);
	timestamp = read_token(&r);
	if (timestamp.len > 0 && !parse_timestamp(timestamp, &sample.timestamp_ms))
		return false;
	skip_blanks(&r);
	if (r.at != r.end)
		return false;

	parse->has_samples |= UINT64_C(1) << family;
	if (parse->type[family] == RP_PROM_COUNTER || parse->type[family] == RP_PROM_GAUGE)
		sample.value = value;
	sample.label_count = labels.count;
	parse->on_sample(parse->user, &sample);
	return true;
}

/* Is this what follows a family's name on a sample line of it? Cuts the suffix off. */
static bool is_sample_of(const struct rp_prom_parse *parse, uint32_t family, struct rp_bytes *rest)
{
	bool has_parts =
		parse->type[family] == RP_PROM_HISTOGRAM || parse->type[family] == RP_PROM_SUMMARY;

	for (size_t i = 0; has_parts && i < RP_ARRAY_LEN(part_suffix); i++) {
		struct rp_bytes suffix = rp_bytes_str(part_suffix[i]);
		if (rp_bytes_starts_with(*rest, suffix)) {
			*rest = rp_bytes_slice(*rest, suffix.len, SIZE_MAX);
			break;
		}
	}
	return rest->len > 0 && (rest->ptr[0] == '{' || is_blank(rest->ptr[0]));
}

static void on_sample_line(struct rp_prom_parse *parse, struct rp_bytes line)
{
	uint64_t left = candidates(parse->names, line) & ~parse->is_part;

	for (; left != 0; left &= left - 1) {
		uint32_t family = (uint32_t)__builtin_ctzll(left);
		struct rp_bytes name = parse->names->name[family];
		struct rp_bytes rest;

		if (!rp_bytes_starts_with(line, name))
			continue;
		rest = rp_bytes_slice(line, name.len, SIZE_MAX);
		if (!is_sample_of(parse, family, &rest))
			continue;
		if (!scan_sample(parse, family, rest))
			parse->bad_lines++;
		return;
	}
}

static bool type_of_word(struct rp_bytes word, enum rp_prom_type *ret_type)
{
	static const struct {
		const char *word;
		enum rp_prom_type type;
	} known[] = {
		{"gauge", RP_PROM_GAUGE},
		{"counter", RP_PROM_COUNTER},
		{"histogram", RP_PROM_HISTOGRAM},
		{"summary", RP_PROM_SUMMARY},
		{"untyped", RP_PROM_UNTYPED},
		{"gaugehistogram", RP_PROM_HISTOGRAM},
		{"gauge_histogram", RP_PROM_HISTOGRAM},
	};

	if (rp_bytes_equal(word, RP_BYTES_LIT("gauge"))) { /* what pickers ask for */
		*ret_type = RP_PROM_GAUGE;
		return true;
	}
	for (size_t i = 0; i < RP_ARRAY_LEN(known); i++) {
		if (rp_bytes_equal_nocase(word, rp_bytes_str(known[i].word))) {
			*ret_type = known[i].type;
			return true;
		}
	}
	return false;
}

/* `# TYPE name type`; every other comment has nothing for us. */
static void on_comment_line(struct rp_prom_parse *parse, struct rp_bytes line)
{
	struct rp_reader r = rp_reader(rp_bytes_slice(line, 1, SIZE_MAX));
	enum rp_prom_type type;
	struct rp_bytes name;
	uint64_t left;

	skip_blanks(&r);
	if (r.at == r.end || *r.at != 'T' || !rp_bytes_equal(read_token(&r), RP_BYTES_LIT("TYPE")))
		return;
	skip_blanks(&r);
	left = candidates(parse->names, rp_bytes(r.at, rp_reader_left(&r)));
	if (left == 0)
		return;
	name = read_token(&r);
	skip_blanks(&r);
	if (!type_of_word(rp_bytes(r.at, rp_reader_left(&r)), &type))
		return;
	for (; left != 0; left &= left - 1) {
		uint32_t family = (uint32_t)__builtin_ctzll(left);
		uint64_t bit = UINT64_C(1) << family;
		struct rp_bytes wanted = parse->names->name[family];

		if (rp_bytes_equal(wanted, name)) {
			/* The first TYPE counts, and only before the first sample. */
			if (((parse->has_type | parse->has_samples) & bit) == 0)
				parse->type[family] = (uint8_t)type;
			parse->has_type |= bit;
		} else if ((type == RP_PROM_HISTOGRAM || type == RP_PROM_SUMMARY) &&
			   base_len(wanted) == name.len && rp_bytes_starts_with(wanted, name) &&
			   (type == RP_PROM_HISTOGRAM ||
			    !rp_bytes_ends_with(wanted, RP_BYTES_LIT("_bucket")))) {
			parse->is_part |= bit;
		}
	}
}

static void on_line(struct rp_prom_parse *parse, const uint8_t *begin, const uint8_t *end)
{
	struct rp_bytes line;

	while (begin < end && is_blank(*begin))
		begin++;
	if (begin == end)
		return;
	line = rp_bytes(begin, (size_t)(end - begin));
	if (line.ptr[0] == '#')
		on_comment_line(parse, line);
	else
		on_sample_line(parse, line);
}

/* ---- pages ---- */

void rp_prom_parse_init(struct rp_prom_parse *parse)
{
	memset(parse, 0, sizeof(*parse));
}

void rp_prom_parse_fini(struct rp_prom_parse *parse)
{
	free(parse->carry);
	rp_prom_parse_init(parse);
}

void rp_prom_parse_begin(struct rp_prom_parse *parse, const struct rp_prom_names *names,
			 rp_prom_on_sample on_sample, void *user)
{
	if (parse->carry_room > CARRY_KEPT_BYTES)
		rp_prom_parse_fini(parse);
	parse->names = names;
	parse->on_sample = on_sample;
	parse->user = user;
	parse->has_type = 0;
	parse->has_samples = 0;
	parse->is_part = 0;
	memset(parse->type, RP_PROM_UNTYPED, sizeof(parse->type));
	parse->bad_lines = 0;
	parse->is_skipping = false;
	parse->carry_bytes = 0;
}

/* Keep the begin of a line; a line above the bound is forgotten and skipped to its end. */
static int carry_on(struct rp_prom_parse *parse, const uint8_t *begin, size_t bytes)
{
	size_t need = parse->carry_bytes + bytes;

	if (parse->is_skipping || bytes == 0)
		return RP_OK;
	if (need > RP_PROM_LINE_BYTES_MAX) {
		parse->is_skipping = true;
		parse->carry_bytes = 0;
		parse->bad_lines++;
		return RP_OK;
	}
	if (need > parse->carry_room) {
		size_t room = rp_max_size(rp_align_up(need, 1024), 2 * parse->carry_room);
		uint8_t *bigger = realloc(parse->carry, room);
		if (bigger == NULL)
			return RP_ENOMEM;
		parse->carry = bigger;
		parse->carry_room = room;
	}
	memcpy(parse->carry + parse->carry_bytes, begin, bytes);
	parse->carry_bytes = need;
	return RP_OK;
}

int rp_prom_parse_feed(struct rp_prom_parse *parse, struct rp_bytes piece)
{
	const uint8_t *at = piece.ptr;
	const uint8_t *end = piece.ptr + piece.len;
	size_t room =
		COMMENT_HEAD_BYTES + rp_max_size(sizeof(uint64_t), parse->names->prefix_len + 1);

	while (at < end) {
		const uint8_t *lf = memchr(at, '\n', (size_t)(end - at));
		const uint8_t *stop = lf != NULL ? lf : end;

		if (lf == NULL || parse->carry_bytes > 0 || parse->is_skipping) {
			int err = carry_on(parse, at, (size_t)(stop - at));
			if (err != RP_OK || lf == NULL)
				return err;
			if (!parse->is_skipping)
				on_line(parse, parse->carry, parse->carry + parse->carry_bytes);
			parse->carry_bytes = 0;
			parse->is_skipping = false;
		} else if ((size_t)(stop - at) > RP_PROM_LINE_BYTES_MAX) {
			parse->bad_lines++;
		} else if ((size_t)(end - at) < room || !is_foreign(parse->names, at)) {
			on_line(parse, at, stop);
		}
		at = stop + 1;
	}
	return RP_OK;
}

int rp_prom_parse_end(struct rp_prom_parse *parse)
{
	for (size_t i = 0; i < parse->carry_bytes; i++) {
		if (!is_blank(parse->carry[i]))
			return RP_EFORMAT;
	}
	return parse->is_skipping ? RP_EFORMAT : RP_OK;
}
