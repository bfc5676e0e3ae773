/* SPDX-License-Identifier: Apache-2.0 */
#include "config/expression_run.h"

#include <math.h>

#include "shm/limits.h"

static const double two_to_63 = 9223372036854775808.0;
static const double two_to_64 = 18446744073709551616.0;

static struct rp_expression_value fail(enum rp_expression_fault fault)
{
	return (struct rp_expression_value){.kind = RP_EXPR_IS_ERROR, .fault = fault};
}

static struct rp_expression_value of_bool(bool is_true)
{
	return (struct rp_expression_value){.kind = RP_EXPR_IS_BOOL, .is_true = is_true};
}

static struct rp_expression_value of_int(int64_t i)
{
	return (struct rp_expression_value){.kind = RP_EXPR_IS_INT, .i = i};
}

static struct rp_expression_value of_uint(uint64_t u)
{
	return (struct rp_expression_value){.kind = RP_EXPR_IS_UINT, .u = u};
}

static struct rp_expression_value of_double(double d)
{
	return (struct rp_expression_value){.kind = RP_EXPR_IS_DOUBLE, .d = d};
}

enum rp_expression_field rp_expression_field(struct rp_bytes name)
{
	static const char *const names[RP_EXPR_NO_FIELD] = {
		[RP_EXPR_PROMPT_TOKENS] = "prompt_tokens",
		[RP_EXPR_COMPLETION_TOKENS] = "completion_tokens",
		[RP_EXPR_TOTAL_TOKENS] = "total_tokens",
		[RP_EXPR_DETAILS] = "prompt_tokens_details",
		[RP_EXPR_CACHED_TOKENS] = "cached_tokens",
	};

	for (uint32_t i = 0; i < RP_EXPR_NO_FIELD; i++) {
		if (rp_bytes_equal_str(name, names[i]))
			return (enum rp_expression_field)i;
	}
	return RP_EXPR_NO_FIELD;
}

static struct rp_expression_value member(const struct rp_expression_usage *usage, bool is_details,
					 uint32_t field)
{
	if (is_details) {
		if (field == RP_EXPR_CACHED_TOKENS)
			return of_double((double)usage->cached_tokens);
		return fail(RP_EXPR_NO_KEY);
	}
	if (field == RP_EXPR_PROMPT_TOKENS)
		return of_double((double)usage->prompt_tokens);
	if (field == RP_EXPR_COMPLETION_TOKENS)
		return of_double((double)usage->completion_tokens);
	if (field == RP_EXPR_TOTAL_TOKENS)
		return of_double((double)usage->total_tokens);
	if (field == RP_EXPR_DETAILS && usage->has_details)
		return (struct rp_expression_value){.kind = RP_EXPR_IS_MAP, .is_details = true};
	return fail(RP_EXPR_NO_KEY);
}

/* has(): no error on what is no map, it just has no members. */
static struct rp_expression_value has(const struct rp_expression_usage *usage,
				      const struct rp_expression_value *of, uint32_t field)
{
	if (of->kind == RP_EXPR_IS_ERROR)
		return *of;
	return of_bool(of->kind == RP_EXPR_IS_MAP &&
		       member(usage, of->is_details, field).kind != RP_EXPR_IS_ERROR);
}

static struct rp_expression_value select(const struct rp_expression_usage *usage,
					 const struct rp_expression_value *of, uint32_t field)
{
	if (of->kind == RP_EXPR_IS_ERROR)
		return *of;
	if (of->kind != RP_EXPR_IS_MAP)
		return fail(RP_EXPR_NO_KEY);
	return member(usage, of->is_details, field);
}

static uint32_t key_of(const struct rp_expression_value *key)
{
	return key->kind == RP_EXPR_IS_STRING ? rp_expression_field(key->text) : RP_EXPR_NO_FIELD;
}

static struct rp_expression_value in(const struct rp_expression_usage *usage,
				     const struct rp_expression_value *key,
				     const struct rp_expression_value *map)
{
	if (map->kind != RP_EXPR_IS_MAP)
		return fail(RP_EXPR_NO_OVERLOAD);
	return has(usage, map, key_of(key));
}

static struct rp_expression_value not(const struct rp_expression_value *a)
{
	return a->kind == RP_EXPR_IS_BOOL ? of_bool(!a->is_true) : fail(RP_EXPR_NO_OVERLOAD);
}

static struct rp_expression_value negate(const struct rp_expression_value *a)
{
	if (a->kind == RP_EXPR_IS_DOUBLE)
		return of_double(-a->d);
	if (a->kind != RP_EXPR_IS_INT)
		return fail(RP_EXPR_NO_OVERLOAD);
	return a->i == INT64_MIN ? fail(RP_EXPR_OVERFLOW) : of_int(-a->i);
}

static struct rp_expression_value to_int(const struct rp_expression_value *a)
{
	if (a->kind == RP_EXPR_IS_INT)
		return *a;
	if (a->kind == RP_EXPR_IS_UINT)
		return a->u > INT64_MAX ? fail(RP_EXPR_OVERFLOW) : of_int((int64_t)a->u);
	if (a->kind != RP_EXPR_IS_DOUBLE)
		return fail(RP_EXPR_NO_OVERLOAD);
	/* both ends are out of range there, though the lower one would fit */
	return a->d > -two_to_63 && a->d < two_to_63 ? of_int((int64_t)a->d)
						     : fail(RP_EXPR_OVERFLOW);
}

static struct rp_expression_value to_uint(const struct rp_expression_value *a)
{
	if (a->kind == RP_EXPR_IS_UINT)
		return *a;
	if (a->kind == RP_EXPR_IS_INT)
		return a->i < 0 ? fail(RP_EXPR_OVERFLOW) : of_uint((uint64_t)a->i);
	if (a->kind != RP_EXPR_IS_DOUBLE)
		return fail(RP_EXPR_NO_OVERLOAD);
	return a->d >= 0.0 && a->d < two_to_64 ? of_uint((uint64_t)a->d) : fail(RP_EXPR_OVERFLOW);
}

static bool is_number(const struct rp_expression_value *a)
{
	return a->kind == RP_EXPR_IS_INT || a->kind == RP_EXPR_IS_UINT ||
	       a->kind == RP_EXPR_IS_DOUBLE;
}

static double as_double(const struct rp_expression_value *a)
{
	if (a->kind == RP_EXPR_IS_INT)
		return (double)a->i;
	return a->kind == RP_EXPR_IS_UINT ? (double)a->u : a->d;
}

static struct rp_expression_value to_double(const struct rp_expression_value *a)
{
	return is_number(a) ? of_double(as_double(a)) : fail(RP_EXPR_NO_OVERLOAD);
}

static struct rp_expression_value on_ints(uint32_t op, int64_t a, int64_t b)
{
	int64_t result = 0;
	bool is_over = false;

	if (op == RP_EXPR_DIVIDE || op == RP_EXPR_MODULO) {
		if (b == 0)
			return fail(RP_EXPR_BY_ZERO);
		is_over = a == INT64_MIN && b == -1;
		if (!is_over)
			result = op == RP_EXPR_DIVIDE ? a / b : a % b;
	} else if (op == RP_EXPR_ADD) {
		is_over = __builtin_add_overflow(a, b, &result);
	} else if (op == RP_EXPR_SUBTRACT) {
		is_over = __builtin_sub_overflow(a, b, &result);
	} else {
		is_over = __builtin_mul_overflow(a, b, &result);
	}
	return is_over ? fail(RP_EXPR_OVERFLOW) : of_int(result);
}

static struct rp_expression_value on_uints(uint32_t op, uint64_t a, uint64_t b)
{
	uint64_t result = 0;
	bool is_over = false;

	if (op == RP_EXPR_DIVIDE || op == RP_EXPR_MODULO) {
		if (b == 0)
			return fail(RP_EXPR_BY_ZERO);
		result = op == RP_EXPR_DIVIDE ? a / b : a % b;
	} else if (op == RP_EXPR_ADD) {
		is_over = __builtin_add_overflow(a, b, &result);
	} else if (op == RP_EXPR_SUBTRACT) {
		is_over = __builtin_sub_overflow(a, b, &result);
	} else {
		is_over = __builtin_mul_overflow(a, b, &result);
	}
	return is_over ? fail(RP_EXPR_OVERFLOW) : of_uint(result);
}

/* IEC 60559 arithmetic, where x / 0.0 is an infinity or NaN and no error. */
static struct rp_expression_value on_doubles(uint32_t op, double a, double b)
{
	if (op == RP_EXPR_ADD)
		return of_double(a + b);
	if (op == RP_EXPR_SUBTRACT)
		return of_double(a - b);
	if (op == RP_EXPR_MULTIPLY)
		return of_double(a * b);
	return op == RP_EXPR_DIVIDE ? of_double(a / b) : fail(RP_EXPR_NO_OVERLOAD);
}

static struct rp_expression_value arithmetic(uint32_t op, const struct rp_expression_value *a,
					     const struct rp_expression_value *b)
{
	if (a->kind != b->kind)
		return fail(RP_EXPR_NO_OVERLOAD);
	if (a->kind == RP_EXPR_IS_INT)
		return on_ints(op, a->i, b->i);
	if (a->kind == RP_EXPR_IS_UINT)
		return on_uints(op, a->u, b->u);
	if (a->kind == RP_EXPR_IS_DOUBLE)
		return on_doubles(op, a->d, b->d);
	return fail(RP_EXPR_NO_OVERLOAD);
}

static int order_texts(struct rp_bytes a, struct rp_bytes b)
{
	size_t both = rp_min_size(a.len, b.len);
	int order = both == 0 ? 0 : memcmp(a.ptr, b.ptr, both);

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Numbers of different types compare by value, beside a double as doubles. Neither is NaN. */
static int order_numbers(const struct rp_expression_value *a, const struct rp_expression_value *b)
{
	double x, y;

	if (a->kind == RP_EXPR_IS_INT && b->kind == RP_EXPR_IS_INT)
		return (a->i > b->i) - (a->i < b->i);
	if (a->kind == RP_EXPR_IS_UINT && b->kind == RP_EXPR_IS_UINT)
		return (a->u > b->u) - (a->u < b->u);
	if (a->kind == RP_EXPR_IS_INT && b->kind == RP_EXPR_IS_UINT)
		return a->i < 0 ? -1 : ((uint64_t)a->i > b->u) - ((uint64_t)a->i < b->u);
	if (a->kind == RP_EXPR_IS_UINT && b->kind == RP_EXPR_IS_INT)
		return b->i < 0 ? 1 : (a->u > (uint64_t)b->i) - (a->u < (uint64_t)b->i);
	x = as_double(a);
	y = as_double(b);
	return (x > y) - (x < y);
}

static bool is_nan(const struct rp_expression_value *a)
{
	return a->kind == RP_EXPR_IS_DOUBLE && isnan(a->d);
}

static bool is_equal(const struct rp_expression_value *a, const struct rp_expression_value *b)
{
	if (is_number(a) && is_number(b))
		return !is_nan(a) && !is_nan(b) && order_numbers(a, b) == 0;
	if (a->kind != b->kind)
		return false;
	if (a->kind == RP_EXPR_IS_BOOL)
		return a->is_true == b->is_true;
	if (a->kind == RP_EXPR_IS_STRING)
		return rp_bytes_equal(a->text, b->text);
	return a->is_details == b->is_details; /* the two maps have different members */
}

static struct rp_expression_value order(uint32_t op, const struct rp_expression_value *a,
					const struct rp_expression_value *b)
{
	int way;

	if (is_number(a) && is_number(b)) {
		if (is_nan(a) || is_nan(b))
			return fail(RP_EXPR_NAN_ORDER);
		way = order_numbers(a, b);
	} else if (a->kind != b->kind) {
		return fail(RP_EXPR_NO_OVERLOAD);
	} else if (a->kind == RP_EXPR_IS_BOOL) {
		way = (a->is_true ? 1 : 0) - (b->is_true ? 1 : 0);
	} else if (a->kind == RP_EXPR_IS_STRING) {
		way = order_texts(a->text, b->text);
	} else {
		return fail(RP_EXPR_NO_OVERLOAD);
	}
	if (op == RP_EXPR_LESS)
		return of_bool(way < 0);
	if (op == RP_EXPR_LESS_EQUAL)
		return of_bool(way <= 0);
	return of_bool(op == RP_EXPR_GREATER ? way > 0 : way >= 0);
}

/* The side that decides wins over an error on the other one. */
static struct rp_expression_value logical(const struct rp_expression_value *a,
					  const struct rp_expression_value *b, bool decides)
{
	if (a->kind == RP_EXPR_IS_BOOL && a->is_true == decides)
		return *a;
	if (b->kind == RP_EXPR_IS_BOOL)
		return b->is_true == decides || a->kind == RP_EXPR_IS_BOOL ? *b
		       : a->kind == RP_EXPR_IS_ERROR			   ? *a
						     : fail(RP_EXPR_NO_OVERLOAD);
	if (a->kind == RP_EXPR_IS_ERROR)
		return *a;
	return b->kind == RP_EXPR_IS_ERROR ? *b : fail(RP_EXPR_NO_OVERLOAD);
}

static struct rp_expression_value choose(const struct rp_expression_value *condition,
					 const struct rp_expression_value *yes,
					 const struct rp_expression_value *no)
{
	if (condition->kind == RP_EXPR_IS_ERROR)
		return *condition;
	if (condition->kind != RP_EXPR_IS_BOOL)
		return fail(RP_EXPR_NO_OVERLOAD);
	return condition->is_true ? *yes : *no;
}

static struct rp_expression_value unary(uint32_t op, const struct rp_expression_value *a)
{
	if (a->kind == RP_EXPR_IS_ERROR)
		return *a;
	if (op == RP_EXPR_NOT)
		return not(a);
	if (op == RP_EXPR_NEGATE)
		return negate(a);
	if (op == RP_EXPR_TO_INT)
		return to_int(a);
	return op == RP_EXPR_TO_UINT ? to_uint(a) : to_double(a);
}

static struct rp_expression_value binary(const struct rp_expression_usage *usage, uint32_t op,
					 const struct rp_expression_value *a,
					 const struct rp_expression_value *b)
{
	if (op == RP_EXPR_AND || op == RP_EXPR_OR)
		return logical(a, b, op == RP_EXPR_OR);
	if (a->kind == RP_EXPR_IS_ERROR)
		return *a;
	if (b->kind == RP_EXPR_IS_ERROR)
		return *b;
	if (op == RP_EXPR_INDEX)
		return select(usage, a, key_of(b));
	if (op == RP_EXPR_IN)
		return in(usage, a, b);
	if (op == RP_EXPR_EQUAL || op == RP_EXPR_NOT_EQUAL)
		return of_bool(is_equal(a, b) == (op == RP_EXPR_EQUAL));
	return op >= RP_EXPR_LESS ? order(op, a, b) : arithmetic(op, a, b);
}

/* What an instruction takes off the stack; each one puts a value there. */
static uint32_t taken(uint32_t op)
{
	if (op <= RP_EXPR_STRING)
		return 0;
	if (op == RP_EXPR_CHOOSE)
		return 3;
	return op == RP_EXPR_INDEX || op >= RP_EXPR_ADD ? 2 : 1;
}

static struct rp_expression_value constant(struct rp_reader *r, uint32_t op)
{
	struct rp_expression_value v = {.kind = RP_EXPR_IS_MAP};
	struct rp_bytes bytes;
	uint16_t len = 0;

	if (op == RP_EXPR_USAGE)
		return v;
	if (op == RP_EXPR_FALSE || op == RP_EXPR_TRUE)
		return of_bool(op == RP_EXPR_TRUE);
	if (op == RP_EXPR_STRING) {
		bytes = rp_read_bytes(r, sizeof(len));
		if (bytes.len > 0)
			memcpy(&len, bytes.ptr, sizeof(len));
		v.kind = RP_EXPR_IS_STRING;
		v.text = rp_read_bytes(r, len);
		return v;
	}
	bytes = rp_read_bytes(r, sizeof(v.u));
	if (bytes.len > 0)
		memcpy(&v.u, bytes.ptr, sizeof(v.u)); /* the union's i, u and d */
	v.kind = op == RP_EXPR_INT    ? RP_EXPR_IS_INT
		 : op == RP_EXPR_UINT ? RP_EXPR_IS_UINT
				      : RP_EXPR_IS_DOUBLE;
	return v;
}

struct rp_expression_value rp_expression_run(struct rp_bytes code,
					     const struct rp_expression_usage *usage)
{
	struct rp_expression_value stack[RP_EXPRESSION_DEPTH_MAX];
	struct rp_reader r = rp_reader(code);
	uint32_t depth = 0;

	while (rp_reader_left(&r) > 0) {
		uint32_t op = rp_read_u8(&r);
		uint32_t count = taken(op);
		struct rp_expression_value *a;

		if (op >= RP_EXPR_OPS || count > depth || depth - count >= RP_EXPRESSION_DEPTH_MAX)
			return fail(RP_EXPR_BAD_CODE);
		depth -= count;
		a = &stack[depth++];
		if (count == 0)
			*a = constant(&r, op);
		else if (count == 3)
			*a = choose(&a[0], &a[1], &a[2]);
		else if (count == 2)
			*a = binary(usage, op, &a[0], &a[1]);
		else if (op == RP_EXPR_SELECT)
			*a = select(usage, a, rp_read_u8(&r));
		else if (op == RP_EXPR_HAS)
			*a = has(usage, a, rp_read_u8(&r));
		else
			*a = unary(op, a);
		if (r.err != RP_OK)
			return fail(RP_EXPR_BAD_CODE);
	}
	return depth == 1 ? stack[0] : fail(RP_EXPR_BAD_CODE);
}

bool rp_expression_is_met(const struct rp_expression_value *value)
{
	return value->kind == RP_EXPR_IS_BOOL && value->is_true;
}

int64_t rp_expression_amount(const struct rp_expression_value *value)
{
	double d;
	int64_t amount;

	if (value->kind != RP_EXPR_IS_INT && value->kind != RP_EXPR_IS_DOUBLE)
		return 0;
	d = as_double(value);
	amount = d >= -two_to_63 && d < two_to_63 ? (int64_t)d : INT64_MIN;
	return amount == -1 ? 0 : amount;
}

const char *rp_expression_fault_text(enum rp_expression_fault fault)
{
	switch (fault) {
	case RP_EXPR_NO_KEY:
		return "no such key";
	case RP_EXPR_NO_OVERLOAD:
		return "no such overload: the operands' types do not fit";
	case RP_EXPR_OVERFLOW:
		return "integer overflow";
	case RP_EXPR_BY_ZERO:
		return "division by zero";
	case RP_EXPR_NAN_ORDER:
		return "NaN values cannot be ordered";
	case RP_EXPR_BAD_CODE:
		return "the compiled expression is damaged";
	}
	return "unknown";
}
