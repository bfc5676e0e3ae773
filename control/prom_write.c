/* SPDX-License-Identifier: Apache-2.0 */
#include "control/prom_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { CAPACITY_FIRST = 64 << 10 };

void rp_prom_init(struct rp_prom *prom, size_t bytes_max)
{
	*prom = (struct rp_prom){.bytes_max = bytes_max};
}

void rp_prom_fini(struct rp_prom *prom)
{
	free(prom->data);
	*prom = (struct rp_prom){.bytes_max = prom->bytes_max};
}

void rp_prom_reset(struct rp_prom *prom)
{
	prom->len = 0;
	prom->err = RP_OK;
	prom->family = (struct rp_prom_family){NULL, NULL, NULL};
	prom->has_header = false;
}

/* ---- bytes ---- */

/* Room for n more bytes, or the error is set. */
static bool reserve(struct rp_prom *prom, size_t n)
{
	size_t capacity = rp_max_size(prom->capacity, CAPACITY_FIRST);
	char *data;

	if (prom->err != RP_OK)
		return false;
	if (n > prom->bytes_max - rp_min_size(prom->len, prom->bytes_max)) {
		prom->err = RP_ETOOBIG;
		return false;
	}
	if (n <= prom->capacity - prom->len)
		return true;
	while (capacity - prom->len < n)
		capacity *= 2;
	data = realloc(prom->data, capacity);
	if (data == NULL) {
		prom->err = RP_ENOMEM;
		return false;
	}
	prom->data = data;
	prom->capacity = capacity;
	return true;
}

static void put(struct rp_prom *prom, struct rp_bytes text)
{
	if (text.len == 0 || !reserve(prom, text.len))
		return;
	memcpy(prom->data + prom->len, text.ptr, text.len);
	prom->len += text.len;
}

static void put_str(struct rp_prom *prom, const char *text)
{
	put(prom, rp_bytes_str(text));
}

static void put_u64(struct rp_prom *prom, uint64_t value)
{
	uint8_t digits[24];
	struct rp_writer writer = rp_writer(digits, sizeof(digits));

	rp_write_u64_dec(&writer, value);
	put(prom, rp_writer_bytes(&writer));
}

/* Backslash and line feed, and in label values the quote, are escaped. */
static void put_escaped(struct rp_prom *prom, struct rp_bytes text, bool is_label)
{
	size_t begin = 0;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c != '\\' && c != '\n' && !(is_label && c == '"'))
			continue;
		put(prom, rp_bytes_slice(text, begin, i - begin));
		begin = i + 1;
		put_str(prom, c == '\n' ? "\\n" : c == '"' ? "\\\"" : "\\\\");
	}
	put(prom, rp_bytes_slice(text, begin, text.len - begin));
}

/* ---- floats ---- */

size_t rp_prom_format_float(double value, char out[RP_PROM_FLOAT_MAX])
{
	char text[RP_PROM_FLOAT_MAX];
	int exponent;
	int n;

	if (isnan(value))
		return (size_t)snprintf(out, RP_PROM_FLOAT_MAX, "NaN");
	if (isinf(value))
		return (size_t)snprintf(out, RP_PROM_FLOAT_MAX, "%s", value > 0 ? "+Inf" : "-Inf");
	for (int digits = 0; digits < 17; digits++) {
		snprintf(text, sizeof(text), "%.*e", digits, value);
		if (strtod(text, NULL) != value)
			continue;
		exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
		if (exponent < -4 || exponent >= 6)
			break;
		n = snprintf(out, RP_PROM_FLOAT_MAX, "%.*f",
			     digits > exponent ? digits - exponent : 0, value);
		return (size_t)n;
	}
	n = snprintf(out, RP_PROM_FLOAT_MAX, "%s", text);
	return (size_t)n;
}

/* ---- samples ---- */

void rp_prom_family(struct rp_prom *prom, const char *name, const char *type, const char *help)
{
	if (prom->family.name != NULL && strcmp(prom->family.name, name) == 0)
		return;
	RP_ASSERT(help[0] != '\0');
	prom->family = (struct rp_prom_family){name, type, help};
	prom->has_header = false;
}

static void put_header(struct rp_prom *prom)
{
	if (prom->has_header)
		return;
	prom->has_header = true;
	put_str(prom, "# HELP ");
	put_str(prom, prom->family.name);
	put_str(prom, " ");
	put_escaped(prom, rp_bytes_str(prom->family.help), false);
	put_str(prom, "\n# TYPE ");
	put_str(prom, prom->family.name);
	put_str(prom, " ");
	put_str(prom, prom->family.type);
	put_str(prom, "\n");
}

/* Without braces. */
static void put_labels(struct rp_prom *prom, struct rp_metric_labels labels)
{
	for (size_t i = 0; i < labels.count; i++) {
		const struct rp_metric_label *label = &labels.label[i];

		if (i != 0)
			put_str(prom, ",");
		if (label->name == NULL) {
			put(prom, label->value);
			continue;
		}
		put_str(prom, label->name);
		put_str(prom, "=\"");
		put_escaped(prom, label->value, true);
		put_str(prom, "\"");
	}
}

/* Up to and with the blank before the value. */
static void put_sample(struct rp_prom *prom, const char *suffix, struct rp_metric_labels labels)
{
	put_header(prom);
	put_str(prom, prom->family.name);
	put_str(prom, suffix);
	if (labels.count != 0) {
		put_str(prom, "{");
		put_labels(prom, labels);
		put_str(prom, "}");
	}
	put_str(prom, " ");
}

static void put_float(struct rp_prom *prom, double value)
{
	char text[RP_PROM_FLOAT_MAX];
	size_t n = rp_prom_format_float(value, text);

	put(prom, rp_bytes(text, n));
}

void rp_prom_u64(struct rp_prom *prom, struct rp_metric_labels labels, uint64_t value)
{
	put_sample(prom, "", labels);
	put_u64(prom, value);
	put_str(prom, "\n");
}

void rp_prom_double(struct rp_prom *prom, struct rp_metric_labels labels, double value)
{
	put_sample(prom, "", labels);
	put_float(prom, value);
	put_str(prom, "\n");
}

static const char *bound_text(struct rp_prom *prom, enum rp_bucket_set set, uint32_t i)
{
	char *text = prom->bound[set][i];
	struct rp_bucket_bounds bounds = rp_bucket_bounds(set);
	char all[RP_PROM_FLOAT_MAX];
	size_t n;

	if (text[0] == '\0') {
		n = rp_prom_format_float(i < bounds.count ? bounds.bound[i] : (double)INFINITY,
					 all);
		RP_ASSERT(n < RP_PROM_BOUND_MAX);
		memcpy(text, all, n + 1);
	}
	return text;
}

void rp_prom_histogram(struct rp_prom *prom, struct rp_metric_labels labels, enum rp_bucket_set set,
		       const struct rp_histogram_total *total)
{
	uint32_t bound_count = rp_bucket_bounds(set).count;
	uint64_t cumulative = 0;
	size_t start;
	size_t stem_len;

	put_header(prom);
	start = prom->len;
	put_str(prom, prom->family.name);
	put_str(prom, "_bucket{");
	put_labels(prom, labels);
	put_str(prom, labels.count != 0 ? ",le=\"" : "le=\"");
	stem_len = prom->len - start;
	for (uint32_t i = 0; i <= bound_count; i++) {
		if (i != 0) {
			/* The stem is the same for all buckets: the first line's is copied. */
			if (!reserve(prom, stem_len))
				return;
			memcpy(prom->data + prom->len, prom->data + start, stem_len);
			prom->len += stem_len;
		}
		cumulative += total->bucket[i];
		put_str(prom, bound_text(prom, set, i));
		put_str(prom, "\"} ");
		put_u64(prom, cumulative);
		put_str(prom, "\n");
	}
	put_sample(prom, "_sum", labels);
	put_float(prom, total->sum);
	put_str(prom, "\n");
	put_sample(prom, "_count", labels);
	put_u64(prom, total->count);
	put_str(prom, "\n");
}

void rp_histogram_total_add(struct rp_histogram_total *total, const struct rp_histogram *histogram,
			    enum rp_bucket_set set)
{
	uint64_t bits = atomic_load_explicit(&histogram->sum_bits, memory_order_relaxed);
	uint32_t bound_count = rp_bucket_bounds(set).count;
	double sum;

	memcpy(&sum, &bits, sizeof(sum));
	total->sum += sum;
	for (uint32_t i = 0; i <= bound_count; i++) {
		uint64_t n = atomic_load_explicit(&histogram->bucket[i], memory_order_relaxed);

		total->bucket[i] += n;
		total->count += n;
	}
}

/* ---- label values ---- */

void rp_prom_clean(char *text, size_t len)
{
	size_t i = 0;

	while (i < len) {
		size_t n = rp_bytes_utf8(rp_bytes(text + i, len - i), NULL);

		if (n == 0 || text[i] == '\0') {
			text[i] = '?';
			n = 1;
		}
		i += n;
	}
}
