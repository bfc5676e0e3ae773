/* SPDX-License-Identifier: Apache-2.0 */
#include "config/expression_types.h"

#include <stdarg.h>
#include <stdio.h>

struct check {
	uint32_t op;
	const enum rp_expression_type *a;
	bool is_refused;
	char *error;
	size_t error_bytes;
};

static const char *const op_names[RP_EXPR_OPS + 1] = {
	[RP_EXPR_NOT] = "!",
	[RP_EXPR_NEGATE] = "-",
	[RP_EXPR_TO_INT] = "int",
	[RP_EXPR_TO_UINT] = "uint",
	[RP_EXPR_TO_DOUBLE] = "double",
	[RP_EXPR_DYN] = "dyn",
	[RP_EXPR_ADD] = "+",
	[RP_EXPR_SUBTRACT] = "-",
	[RP_EXPR_MULTIPLY] = "*",
	[RP_EXPR_DIVIDE] = "/",
	[RP_EXPR_MODULO] = "%",
	[RP_EXPR_LESS] = "<",
	[RP_EXPR_LESS_EQUAL] = "<=",
	[RP_EXPR_GREATER] = ">",
	[RP_EXPR_GREATER_EQUAL] = ">=",
	[RP_EXPR_EQUAL] = "==",
	[RP_EXPR_NOT_EQUAL] = "!=",
	[RP_EXPR_IN] = "in",
	[RP_EXPR_AND] = "&&",
	[RP_EXPR_OR] = "||",
};

static const char *type_name(enum rp_expression_type type)
{
	switch (type) {
	case RP_TYPE_ANY:
		return "a value of usage";
	case RP_TYPE_BOOL:
		return "bool";
	case RP_TYPE_INT:
		return "int";
	case RP_TYPE_UINT:
		return "uint";
	case RP_TYPE_DOUBLE:
		return "double";
	case RP_TYPE_STRING:
		return "string";
	case RP_TYPE_MAP:
		return "usage itself";
	}
	return "nothing";
}

RP_PRINTF(2, 3)
static void refuse(struct check *k, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(k->error, k->error_bytes, format, args);
	va_end(args);
	k->is_refused = true;
}

static void only_compared(struct check *k)
{
	refuse(k, "strings are supported only as names and in comparisons: report a number");
}

static void refuse_pair(struct check *k)
{
	refuse(k, "%s does not take %s and %s: make both the same type, as in 2.0 or double(x)",
	       op_names[k->op], type_name(k->a[0]), type_name(k->a[1]));
}

static bool may_be(enum rp_expression_type type, enum rp_expression_type wanted)
{
	return type == RP_TYPE_ANY || type == wanted;
}

static bool may_be_number(enum rp_expression_type type)
{
	return may_be(type, RP_TYPE_INT) || type == RP_TYPE_UINT || type == RP_TYPE_DOUBLE;
}

static bool are_alike(enum rp_expression_type a, enum rp_expression_type b)
{
	return a == b || a == RP_TYPE_ANY || b == RP_TYPE_ANY;
}

static enum rp_expression_type check_sign(struct check *k)
{
	bool is_not = k->op == RP_EXPR_NOT;
	bool fits = is_not ? may_be(k->a[0], RP_TYPE_BOOL)
			   : may_be_number(k->a[0]) && k->a[0] != RP_TYPE_UINT;

	if (!fits)
		refuse(k, "%s does not take %s: it needs %s", op_names[k->op], type_name(k->a[0]),
		       is_not ? "a bool" : "an int or a double");
	return is_not ? RP_TYPE_BOOL : k->a[0];
}

static enum rp_expression_type check_function(struct check *k)
{
	enum rp_expression_type a = k->a[0];

	if (a == RP_TYPE_STRING)
		only_compared(k);
	else if (k->op != RP_EXPR_DYN && !may_be_number(a))
		refuse(k, "%s() does not convert %s: give it a number", op_names[k->op],
		       type_name(a));
	if (k->op == RP_EXPR_TO_INT)
		return RP_TYPE_INT;
	if (k->op == RP_EXPR_TO_UINT)
		return RP_TYPE_UINT;
	return k->op == RP_EXPR_TO_DOUBLE ? RP_TYPE_DOUBLE : RP_TYPE_ANY;
}

static enum rp_expression_type check_member(struct check *k)
{
	if (!may_be(k->a[0], RP_TYPE_MAP))
		refuse(k, "%s has no members: only usage has", type_name(k->a[0]));
	else if (k->op == RP_EXPR_INDEX && k->a[0] == RP_TYPE_MAP &&
		 !may_be(k->a[1], RP_TYPE_STRING))
		refuse(k, "a member is named by a string, not by %s: write it in quotes",
		       type_name(k->a[1]));
	return RP_TYPE_ANY;
}

/* One side known makes the other and the result known. */
static enum rp_expression_type check_arithmetic(struct check *k)
{
	enum rp_expression_type type = k->a[0] == RP_TYPE_ANY ? k->a[1] : k->a[0];

	if (!are_alike(k->a[0], k->a[1]))
		refuse_pair(k);
	else if (k->op == RP_EXPR_ADD && type == RP_TYPE_STRING)
		only_compared(k);
	else if (k->op == RP_EXPR_MODULO && type == RP_TYPE_DOUBLE)
		refuse(k, "%% does not take doubles: convert them with int()");
	else if (!may_be_number(type))
		refuse_pair(k);
	return type;
}

static enum rp_expression_type check_relation(struct check *k)
{
	bool is_order = k->op != RP_EXPR_EQUAL && k->op != RP_EXPR_NOT_EQUAL;
	bool has_map = k->a[0] == RP_TYPE_MAP || k->a[1] == RP_TYPE_MAP;

	if (!are_alike(k->a[0], k->a[1]) || (is_order && has_map))
		refuse_pair(k);
	return RP_TYPE_BOOL;
}

static enum rp_expression_type check_in(struct check *k)
{
	if (!may_be(k->a[1], RP_TYPE_MAP))
		refuse(k, "in looks into usage, not into %s", type_name(k->a[1]));
	else if (k->a[1] == RP_TYPE_MAP && !may_be(k->a[0], RP_TYPE_STRING))
		refuse(k, "in looks for a name, not for %s: write it in quotes",
		       type_name(k->a[0]));
	return RP_TYPE_BOOL;
}

static enum rp_expression_type check_logic(struct check *k)
{
	enum rp_expression_type wrong = may_be(k->a[0], RP_TYPE_BOOL) ? k->a[1] : k->a[0];

	if (!may_be(wrong, RP_TYPE_BOOL))
		refuse(k, "%s does not take %s: it needs bools, as in x > 0", op_names[k->op],
		       type_name(wrong));
	return RP_TYPE_BOOL;
}

static enum rp_expression_type check_choose(struct check *k)
{
	enum rp_expression_type a = k->a[1];
	enum rp_expression_type b = k->a[2];

	if (!may_be(k->a[0], RP_TYPE_BOOL))
		refuse(k, "?: needs a bool before the ?, not %s", type_name(k->a[0]));
	else if (a != b && (a == RP_TYPE_STRING || b == RP_TYPE_STRING))
		only_compared(k);
	else if (!are_alike(a, b))
		refuse(k, "?: chooses between %s and %s: make both the same type, as in 0.0",
		       type_name(a), type_name(b));
	return a == b ? a : RP_TYPE_ANY;
}

static enum rp_expression_type check(struct check *k)
{
	if (k->op == RP_EXPR_SELECT || k->op == RP_EXPR_INDEX)
		return check_member(k);
	if (k->op <= RP_EXPR_NEGATE)
		return check_sign(k);
	if (k->op <= RP_EXPR_TO_DOUBLE || k->op == RP_EXPR_DYN)
		return check_function(k);
	if (k->op <= RP_EXPR_MODULO)
		return check_arithmetic(k);
	if (k->op <= RP_EXPR_NOT_EQUAL)
		return check_relation(k);
	if (k->op == RP_EXPR_IN)
		return check_in(k);
	return k->op == RP_EXPR_CHOOSE ? check_choose(k) : check_logic(k);
}

bool rp_expression_type_check(uint32_t op, const enum rp_expression_type *a,
			      enum rp_expression_type *ret, char *error, size_t error_bytes)
{
	struct check k = {.op = op, .a = a, .error = error, .error_bytes = error_bytes};
	enum rp_expression_type type = check(&k);

	if (!k.is_refused)
		*ret = type;
	return !k.is_refused;
}
