/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/prom_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/bytes.h"

enum { SAMPLES_MAX = 200000, FAMILIES_MAX = 1000 };

struct page {
	struct rp_bytes *family;
	size_t family_count;
	char type[16];
	struct rp_bytes *series; /* name and labels of each sample */
	size_t series_count;
	struct rp_bytes line;
	/* the histogram whose buckets are being read */
	struct rp_bytes bucket_labels;
	double bound;
	double cumulative;
	double infinite; /* value of +Inf, < 0: not seen */
};

static void fail(const struct page *page, const char *why)
{
	fprintf(stderr, "bad page: %s in line: %.*s\n", why, (int)page->line.len,
		(const char *)page->line.ptr);
	abort();
}

static void need(const struct page *page, bool is_good, const char *why)
{
	if (!is_good)
		fail(page, why);
}

static struct rp_bytes take_until(struct rp_bytes *text, char end)
{
	size_t n = 0;
	struct rp_bytes taken;

	while (n < text->len && text->ptr[n] != (uint8_t)end)
		n++;
	taken = rp_bytes_slice(*text, 0, n);
	*text = rp_bytes_slice(*text, n + 1, text->len);
	return taken;
}

static void need_name(const struct page *page, struct rp_bytes name)
{
	need(page, name.len != 0 && !(name.ptr[0] >= '0' && name.ptr[0] <= '9'), "name");
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.ptr[i];

		need(page,
		     c == '_' || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'),
		     "character in a name");
	}
}

static void read_help(struct page *page, struct rp_bytes rest)
{
	struct rp_bytes name = take_until(&rest, ' ');

	need_name(page, name);
	need(page, rest.len != 0, "no help text");
	for (size_t i = 0; i < page->family_count; i++)
		need(page, !rp_bytes_equal(page->family[i], name), "family appears twice");
	need(page, page->family_count == 0 || page->type[0] != '\0', "no TYPE before");
	need(page, page->family_count < FAMILIES_MAX, "too many families");
	page->family[page->family_count++] = name;
	page->type[0] = '\0';
}

static void read_type(struct page *page, struct rp_bytes rest)
{
	struct rp_bytes name = take_until(&rest, ' ');

	need(page, page->family_count != 0 && page->type[0] == '\0', "TYPE without HELP");
	need(page, rp_bytes_equal(name, page->family[page->family_count - 1]), "other family");
	need(page,
	     rp_bytes_equal_str(rest, "counter") || rp_bytes_equal_str(rest, "gauge") ||
		     rp_bytes_equal_str(rest, "histogram"),
	     "type");
	(void)rp_bytes_to_str(rest, page->type, sizeof(page->type));
}

/* @return the value of `le` or an empty view; *rest is what follows the closing brace */
static struct rp_bytes read_labels(struct page *page, struct rp_bytes *rest,
				   struct rp_bytes *ret_before_le)
{
	struct rp_bytes begin = *rest;
	struct rp_bytes le = {NULL, 0};

	*ret_before_le = rp_bytes(NULL, 0);
	for (;;) {
		const uint8_t *label = rest->ptr;
		struct rp_bytes name = take_until(rest, '=');
		size_t n = 1;

		need_name(page, name);
		need(page, rest->len != 0 && rest->ptr[0] == '"', "label value");
		while (n < rest->len && rest->ptr[n] != '"') {
			if (rest->ptr[n] == '\\') {
				n++;
				need(page, n < rest->len && strchr("\\\"n", rest->ptr[n]) != NULL,
				     "escape");
			}
			need(page, rest->ptr[n] != '\0', "NUL");
			n++;
		}
		need(page, n < rest->len, "label value is open");
		if (rp_bytes_equal_str(name, "le")) {
			le = rp_bytes_slice(*rest, 1, n - 1);
			*ret_before_le = rp_bytes_slice(begin, 0, (size_t)(label - begin.ptr));
		}
		*rest = rp_bytes_slice(*rest, n + 1, rest->len);
		need(page, rest->len != 0, "label set is open");
		if (rest->ptr[0] == '}')
			break;
		need(page, rest->ptr[0] == ',', "comma");
		*rest = rp_bytes_slice(*rest, 1, rest->len);
	}
	*rest = rp_bytes_slice(*rest, 1, rest->len);
	return le;
}

static double to_number(const struct page *page, struct rp_bytes text)
{
	char copy[64];
	char *end;
	double value;

	need(page, text.len != 0 && text.len < sizeof(copy), "value");
	(void)rp_bytes_to_str(text, copy, sizeof(copy));
	value = strtod(copy, &end);
	need(page, *end == '\0', "value");
	return value;
}

static void read_bucket(struct page *page, struct rp_bytes labels, struct rp_bytes le, double value)
{
	need(page, le.len != 0, "bucket without le");
	if (page->infinite >= 0 || !rp_bytes_equal(labels, page->bucket_labels) ||
	    page->cumulative < 0) {
		page->bucket_labels = labels;
		page->infinite = -1;
		page->cumulative = 0;
		page->bound = -1;
	}
	need(page, value >= page->cumulative, "buckets do not add up");
	need(page, to_number(page, le) > page->bound, "bounds do not ascend");
	page->cumulative = value;
	page->bound = to_number(page, le);
	if (rp_bytes_equal_str(le, "+Inf"))
		page->infinite = value;
}

static void read_sample(struct page *page)
{
	struct rp_bytes family;
	struct rp_bytes rest = page->line;
	struct rp_bytes name;
	struct rp_bytes before_le;
	struct rp_bytes le = {NULL, 0};
	size_t n = 0;
	double value;

	need(page, page->type[0] != '\0', "sample without TYPE");
	family = page->family[page->family_count - 1];
	while (n < rest.len && rest.ptr[n] != '{' && rest.ptr[n] != ' ')
		n++;
	name = rp_bytes_slice(rest, 0, n);
	need_name(page, name);
	rest = rp_bytes_slice(rest, n, rest.len);
	before_le = rp_bytes(NULL, 0);
	if (rest.len != 0 && rest.ptr[0] == '{') {
		rest = rp_bytes_slice(rest, 1, rest.len);
		le = read_labels(page, &rest, &before_le);
	}
	need(page, rest.len != 0 && rest.ptr[0] == ' ', "no value");
	need(page, page->series_count < SAMPLES_MAX, "too many samples");
	page->series[page->series_count++] =
		rp_bytes(page->line.ptr, (size_t)(rest.ptr - page->line.ptr));
	value = to_number(page, rp_bytes_slice(rest, 1, rest.len));
	need(page, rp_bytes_starts_with(name, family), "sample of another family");
	name = rp_bytes_slice(name, family.len, name.len);
	if (strcmp(page->type, "histogram") != 0) {
		need(page, name.len == 0, "suffix");
		need(page, strcmp(page->type, "counter") != 0 || value >= 0, "negative counter");
	} else if (rp_bytes_equal_str(name, "_bucket")) {
		read_bucket(page, before_le, le, value);
	} else if (rp_bytes_equal_str(name, "_count")) {
		need(page, value == page->infinite, "_count is not the last bucket");
	} else {
		need(page, rp_bytes_equal_str(name, "_sum"), "suffix");
		need(page, page->infinite >= 0, "no +Inf");
	}
}

static int compare(const void *left, const void *right)
{
	const struct rp_bytes *a = left;
	const struct rp_bytes *b = right;
	int order = memcmp(a->ptr, b->ptr, rp_min_size(a->len, b->len));

	return order != 0 ? order : a->len < b->len ? -1 : a->len > b->len;
}

size_t prom_check_page(const char *text, size_t len)
{
	struct page page = {.infinite = -1, .cumulative = -1};
	struct rp_bytes rest = rp_bytes(text, len);

	page.series = calloc(SAMPLES_MAX, sizeof(*page.series));
	page.family = calloc(FAMILIES_MAX, sizeof(*page.family));
	need(&page, page.series != NULL && page.family != NULL, "memory");
	need(&page, len != 0 && text[len - 1] == '\n', "no line feed at the end");
	while (rest.len != 0) {
		page.line = take_until(&rest, '\n');
		if (rp_bytes_starts_with(page.line, RP_BYTES_LIT("# HELP ")))
			read_help(&page, rp_bytes_slice(page.line, 7, page.line.len));
		else if (rp_bytes_starts_with(page.line, RP_BYTES_LIT("# TYPE ")))
			read_type(&page, rp_bytes_slice(page.line, 7, page.line.len));
		else
			read_sample(&page);
	}
	qsort(page.series, page.series_count, sizeof(*page.series), compare);
	for (size_t i = 1; i < page.series_count; i++) {
		page.line = page.series[i];
		need(&page, compare(&page.series[i - 1], &page.series[i]) != 0,
		     "sample appears twice");
	}
	free(page.series);
	free(page.family);
	return page.series_count;
}

const char *prom_find(const char *text, size_t len, const char *sample)
{
	static char value[64];
	struct rp_bytes rest = rp_bytes(text, len);

	while (rest.len != 0) {
		struct rp_bytes line = take_until(&rest, '\n');

		if (!rp_bytes_starts_with(line, rp_bytes_str(sample)) ||
		    line.len <= strlen(sample) || line.ptr[strlen(sample)] != ' ')
			continue;
		(void)rp_bytes_to_str(rp_bytes_slice(line, strlen(sample) + 1, line.len), value,
				      sizeof(value));
		return value;
	}
	return NULL;
}
