/* SPDX-License-Identifier: Apache-2.0 */
#include "config/quantity.h"

#include <inttypes.h>
#include <stdio.h>

#include "shm/clock.h"

__extension__ typedef unsigned __int128 rp_wide;

enum { FRACTION_DIGITS_MAX = 18 };

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* A sign at the begin is taken off; true for a minus. */
static bool take_sign(struct rp_bytes *text)
{
	if (text->len == 0 || (text->ptr[0] != '-' && text->ptr[0] != '+'))
		return false;
	bool is_negative = text->ptr[0] == '-';

	*text = rp_bytes_slice(*text, 1, text->len);
	return is_negative;
}

/* "digits[.digits]": digits holds all of them without the point. */
struct decimal {
	uint64_t digits;
	uint32_t fraction; /* how many of them stand behind the point */
	bool has_rest;	   /* non-zero digits beyond FRACTION_DIGITS_MAX were cut */
};

/* Take a decimal off the begin. */
static int take_decimal(struct rp_bytes *text, struct decimal *ret)
{
	struct decimal d = {0};
	bool has_digit = false;
	bool has_point = false;
	size_t i = 0;

	for (; i < text->len; i++) {
		uint8_t c = text->ptr[i];

		if (c == '.' && !has_point) {
			has_point = true;
			continue;
		}
		if (!is_digit(c))
			break;
		has_digit = true;
		if (has_point &&
		    (d.fraction == FRACTION_DIGITS_MAX || d.digits > UINT64_MAX / 100)) {
			d.has_rest |= c != '0';
			continue;
		}
		if (__builtin_mul_overflow(d.digits, 10u, &d.digits) ||
		    __builtin_add_overflow(d.digits, (uint64_t)(c - '0'), &d.digits))
			return RP_ETOOBIG;
		d.fraction += has_point;
	}
	if (!has_digit)
		return RP_EFORMAT;
	*text = rp_bytes_slice(*text, i, text->len);
	*ret = d;
	return RP_OK;
}

static uint64_t power_of_ten(uint32_t n)
{
	uint64_t power = 1;

	RP_ASSERT(n <= FRACTION_DIGITS_MAX);
	while (n-- > 0)
		power *= 10;
	return power;
}

static const struct {
	const char *text;
	int64_t ns;
} duration_units[] = {
	{"ns", 1},
	{"us", RP_NS_PER_US},
	{"\xc2\xb5s", RP_NS_PER_US}, /* U+00B5, micro sign */
	{"\xce\xbcs", RP_NS_PER_US}, /* U+03BC, Greek mu */
	{"ms", RP_NS_PER_MS},
	{"s", RP_NS_PER_S},
	{"m", 60 * RP_NS_PER_S},
	{"h", 3600 * RP_NS_PER_S},
};

/* Nanoseconds of the unit at the begin of text, which ends at the next digit, point or the end. */
static int64_t take_duration_unit(struct rp_bytes *text)
{
	size_t len = 0;

	while (len < text->len && !is_digit(text->ptr[len]) && text->ptr[len] != '.')
		len++;
	struct rp_bytes unit = rp_bytes_slice(*text, 0, len);

	*text = rp_bytes_slice(*text, len, text->len);
	for (size_t i = 0; i < RP_ARRAY_LEN(duration_units); i++) {
		if (rp_bytes_equal_str(unit, duration_units[i].text))
			return duration_units[i].ns;
	}
	return 0;
}

int rp_duration_parse(struct rp_bytes text, int64_t *ret_ns)
{
	bool is_negative = take_sign(&text);
	int64_t total = 0;

	if (rp_bytes_equal_str(text, "0")) {
		*ret_ns = 0;
		return RP_OK;
	}
	if (text.len == 0)
		return RP_EFORMAT;
	while (text.len > 0) {
		struct decimal d;
		int64_t unit;

		if (take_decimal(&text, &d) != RP_OK)
			return RP_EFORMAT;
		unit = take_duration_unit(&text);
		if (unit == 0)
			return RP_EFORMAT;
		rp_wide ns = (rp_wide)d.digits * (rp_wide)unit / power_of_ten(d.fraction);

		if (ns > INT64_MAX || __builtin_add_overflow(total, (int64_t)ns, &total))
			return RP_EFORMAT;
	}
	*ret_ns = is_negative ? -total : total;
	return RP_OK;
}

/* What a suffix multiplies with: 2 to the `binary`, times 10 to the `decimal`. */
struct suffix {
	uint32_t binary;
	int32_t decimal;
};

static const struct {
	const char *text;
	struct suffix suffix;
} quantity_suffixes[] = {
	{"", {0, 0}},	 {"n", {0, -9}},  {"u", {0, -6}},  {"m", {0, -3}},
	{"k", {0, 3}},	 {"M", {0, 6}},	  {"G", {0, 9}},   {"T", {0, 12}},
	{"P", {0, 15}},	 {"E", {0, 18}},  {"Ki", {10, 0}}, {"Mi", {20, 0}},
	{"Gi", {30, 0}}, {"Ti", {40, 0}}, {"Pi", {50, 0}}, {"Ei", {60, 0}},
};

static int suffix_parse(struct rp_bytes text, struct suffix *ret)
{
	for (size_t i = 0; i < RP_ARRAY_LEN(quantity_suffixes); i++) {
		if (rp_bytes_equal_str(text, quantity_suffixes[i].text)) {
			*ret = quantity_suffixes[i].suffix;
			return RP_OK;
		}
	}
	if (text.ptr[0] != 'e' && text.ptr[0] != 'E')
		return RP_EFORMAT;
	text = rp_bytes_slice(text, 1, text.len);
	bool is_negative = take_sign(&text);
	uint64_t exponent;

	if (rp_bytes_to_u64(text, 40, &exponent) != RP_OK)
		return RP_EFORMAT;
	*ret = (struct suffix){0, is_negative ? -(int32_t)exponent : (int32_t)exponent};
	return RP_OK;
}

/* digits * 2^binary * 10^exponent, rounded up. */
static int scale(struct decimal d, struct suffix suffix, int64_t *ret)
{
	rp_wide value = (rp_wide)d.digits << suffix.binary;
	int32_t exponent = suffix.decimal - (int32_t)d.fraction;
	bool has_rest = d.has_rest;

	for (; exponent > 0 && value > 0; exponent--) {
		value *= 10;
		if (value > INT64_MAX)
			return RP_ETOOBIG;
	}
	for (; exponent < 0 && value > 0; exponent++) {
		has_rest |= value % 10 != 0;
		value /= 10;
	}
	value += has_rest;
	if (value > INT64_MAX)
		return RP_ETOOBIG;
	*ret = (int64_t)value;
	return RP_OK;
}

int rp_quantity_parse(struct rp_bytes text, int64_t *ret_value)
{
	bool is_negative = take_sign(&text);
	struct decimal d;
	struct suffix suffix;
	int64_t value = 0;
	int r = take_decimal(&text, &d);

	if (r == RP_OK)
		r = suffix_parse(text, &suffix);
	if (r == RP_OK)
		r = scale(d, suffix, &value);
	if (r == RP_OK)
		*ret_value = is_negative ? -value : value;
	return r;
}

int rp_size_parse(struct rp_bytes text, int64_t *ret_bytes)
{
	text = rp_bytes_trim(text);
	if (text.len > 0 && (text.ptr[text.len - 1] == 'B' || text.ptr[text.len - 1] == 'b'))
		text.len--;
	return rp_quantity_parse(text, ret_bytes);
}

int rp_bool_parse(struct rp_bytes text, bool *ret_value)
{
	static const char *const is_true[] = {"1", "t", "T", "true", "TRUE", "True"};
	static const char *const is_false[] = {"0", "f", "F", "false", "FALSE", "False"};

	for (size_t i = 0; i < RP_ARRAY_LEN(is_true); i++) {
		if (rp_bytes_equal_str(text, is_true[i])) {
			*ret_value = true;
			return RP_OK;
		}
		if (rp_bytes_equal_str(text, is_false[i])) {
			*ret_value = false;
			return RP_OK;
		}
	}
	return RP_EFORMAT;
}

/* The base that a prefix names, which is taken off. */
static uint64_t take_base(struct rp_bytes *text)
{
	uint64_t base = 8;
	size_t skip = 1;

	if (text->len < 2 || text->ptr[0] != '0')
		return 10;
	switch (text->ptr[1] | 0x20) {
	case 'x':
		base = 16;
		skip = 2;
		break;
	case 'b':
		base = 2;
		skip = 2;
		break;
	case 'o':
		skip = 2;
		break;
	default:
		break;
	}
	*text = rp_bytes_slice(*text, skip, text->len);
	return base;
}

static uint64_t digit_value(uint8_t c)
{
	if (is_digit(c))
		return (uint64_t)(c - '0');
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (uint64_t)(c - 'a') + 10 : UINT64_MAX;
}

int rp_int_parse(struct rp_bytes text, int64_t *ret_value)
{
	bool is_negative = take_sign(&text);
	uint64_t base = take_base(&text);
	uint64_t value = 0;

	if (text.len == 0)
		return RP_EFORMAT;
	for (size_t i = 0; i < text.len; i++) {
		uint64_t digit = digit_value(text.ptr[i]);

		if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, digit, &value) || value > INT64_MAX)
			return RP_EFORMAT;
	}
	*ret_value = is_negative ? -(int64_t)value : (int64_t)value;
	return RP_OK;
}

/* n / 10^digits with the decimals it takes, then the unit. */
static void format_fraction(uint64_t n, int digits, const char *unit, char *out, size_t out_bytes)
{
	char fraction[24] = "";
	uint64_t divisor = power_of_ten((uint32_t)digits);

	if (n % divisor != 0) {
		int len = snprintf(fraction, sizeof(fraction), ".%0*" PRIu64, digits, n % divisor);

		while (fraction[len - 1] == '0')
			fraction[--len] = '\0';
	}
	snprintf(out, out_bytes, "%" PRIu64 "%s%s", n / divisor, fraction, unit);
}

void rp_duration_format(int64_t ns, char *out, size_t out_bytes)
{
	uint64_t n = ns < 0 ? (uint64_t)0 - (uint64_t)ns : (uint64_t)ns;
	char head[48] = "";
	char tail[48];
	const uint64_t second = (uint64_t)RP_NS_PER_S;

	if (n == 0)
		snprintf(tail, sizeof(tail), "0s");
	else if (n < (uint64_t)RP_NS_PER_US)
		snprintf(tail, sizeof(tail), "%" PRIu64 "ns", n);
	else if (n < (uint64_t)RP_NS_PER_MS)
		format_fraction(n, 3, "us", tail, sizeof(tail));
	else if (n < second)
		format_fraction(n, 6, "ms", tail, sizeof(tail));
	else
		format_fraction(n % (60 * second), 9, "s", tail, sizeof(tail));
	if (n >= 3600 * second)
		snprintf(head, sizeof(head), "%" PRIu64 "h%" PRIu64 "m", n / (3600 * second),
			 n / (60 * second) % 60);
	else if (n >= 60 * second)
		snprintf(head, sizeof(head), "%" PRIu64 "m", n / (60 * second));
	snprintf(out, out_bytes, "%s%s%s", ns < 0 ? "-" : "", head, tail);
}

void rp_size_format(int64_t bytes, char *out, size_t out_bytes)
{
	static const char *const suffix[] = {"", "Ki", "Mi", "Gi", "Ti"};
	size_t i = 0;

	while (i + 1 < RP_ARRAY_LEN(suffix) && bytes != 0 && bytes % 1024 == 0) {
		bytes /= 1024;
		i++;
	}
	snprintf(out, out_bytes, "%" PRId64 "%s", bytes, suffix[i]);
}
