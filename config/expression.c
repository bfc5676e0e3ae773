/* SPDX-License-Identifier: Apache-2.0
 *
 * An operator-precedence parser: operands are checked and compiled as they come, operators wait on
 * a stack of their own until one that binds less follows.
 */
#include "config/expression.h"

#include <stdarg.h>
#include <stdio.h>

#include "config/expression_lex.h"
#include "config/expression_types.h"
#include "shm/limits.h"

enum role { ROLE_OPERATOR, ROLE_GROUP, ROLE_CALL, ROLE_INDEX, ROLE_QUESTION, ROLE_COLON };

enum { BINDS_OR = 1, BINDS_AND, BINDS_RELATION, BINDS_SUM, BINDS_PRODUCT, BINDS_SIGN };

struct pending {
	enum role role;
	uint32_t op;	/* enum rp_expression_op of operators and calls */
	uint32_t binds; /* of operators: how strongly */
	size_t at;
};

struct compiler {
	struct rp_bytes text;
	size_t at; /* behind the token */
	struct rp_expression_token token;
	struct rp_writer out;
	uint32_t operand_count;
	uint32_t operator_count;
	enum rp_expression_type operands[RP_EXPRESSION_DEPTH_MAX];
	bool is_member[RP_EXPRESSION_DEPTH_MAX]; /* the operand is made by a dot: has() takes it */
	struct pending operators[RP_EXPRESSION_DEPTH_MAX];
	int err; /* the first one */
	struct rp_expression_error *reterr;
};

static const struct {
	enum rp_expression_word word;
	enum rp_expression_op op;
	uint32_t binds;
} binaries[] = {
	{RP_WORD_OR, RP_EXPR_OR, BINDS_OR},
	{RP_WORD_AND, RP_EXPR_AND, BINDS_AND},
	{RP_WORD_LESS, RP_EXPR_LESS, BINDS_RELATION},
	{RP_WORD_LESS_EQUAL, RP_EXPR_LESS_EQUAL, BINDS_RELATION},
	{RP_WORD_GREATER, RP_EXPR_GREATER, BINDS_RELATION},
	{RP_WORD_GREATER_EQUAL, RP_EXPR_GREATER_EQUAL, BINDS_RELATION},
	{RP_WORD_EQUAL, RP_EXPR_EQUAL, BINDS_RELATION},
	{RP_WORD_NOT_EQUAL, RP_EXPR_NOT_EQUAL, BINDS_RELATION},
	{RP_WORD_IN, RP_EXPR_IN, BINDS_RELATION},
	{RP_WORD_PLUS, RP_EXPR_ADD, BINDS_SUM},
	{RP_WORD_MINUS, RP_EXPR_SUBTRACT, BINDS_SUM},
	{RP_WORD_TIMES, RP_EXPR_MULTIPLY, BINDS_PRODUCT},
	{RP_WORD_DIVIDE, RP_EXPR_DIVIDE, BINDS_PRODUCT},
	{RP_WORD_MODULO, RP_EXPR_MODULO, BINDS_PRODUCT},
};

static const struct {
	const char *name;
	uint32_t op;
} functions[] = {
	{"int", RP_EXPR_TO_INT}, {"uint", RP_EXPR_TO_UINT}, {"double", RP_EXPR_TO_DOUBLE},
	{"dyn", RP_EXPR_DYN},	 {"has", RP_EXPR_HAS},
};

RP_PRINTF(4, 5)
static void fail(struct compiler *c, int err, size_t at, const char *format, ...)
{
	struct rp_expression_error *e = c->reterr;
	va_list args;

	if (c->err != RP_OK)
		return;
	c->err = err;
	e->line = 1;
	e->column = 1;
	for (size_t i = 0; i < at; i++) {
		if (c->text.ptr[i] == '\n') {
			e->line++;
			e->column = 1;
		} else if ((c->text.ptr[i] & 0xc0) != 0x80) { /* not within a UTF-8 sequence */
			e->column++;
		}
	}
	va_start(args, format);
	vsnprintf(e->message, sizeof(e->message), format, args);
	va_end(args);
}

static void next(struct compiler *c)
{
	c->token = rp_expression_lex(c->text, &c->at);
	if (c->token.word == RP_WORD_BAD)
		fail(c, RP_ECONFIG, c->token.at, "%s", c->token.error);
}

static void too_deep(struct compiler *c, size_t at)
{
	fail(c, RP_ETOOBIG, at, "nested too deep: at most %u levels", RP_EXPRESSION_DEPTH_MAX);
}

static void push_operand(struct compiler *c, enum rp_expression_type type)
{
	if (c->operand_count == RP_EXPRESSION_DEPTH_MAX) {
		too_deep(c, c->token.at);
		return;
	}
	c->is_member[c->operand_count] = false;
	c->operands[c->operand_count++] = type;
}

static void push_operator(struct compiler *c, enum role role, uint32_t op, uint32_t binds,
			  size_t at)
{
	if (c->operator_count == RP_EXPRESSION_DEPTH_MAX) {
		too_deep(c, at);
		return;
	}
	c->operators[c->operator_count++] = (struct pending){role, op, binds, at};
}

/* The operator that waits last, NULL if none does. */
static struct pending *top(struct compiler *c)
{
	return c->operator_count == 0 ? NULL : &c->operators[c->operator_count - 1];
}

static bool is_on_top(struct compiler *c, enum role role)
{
	const struct pending *o = top(c);

	return o != NULL && o->role == role;
}

/* Take the operands of an operation and put its result there. */
static void apply(struct compiler *c, uint32_t op, uint32_t operand_count, size_t at)
{
	enum rp_expression_type type = RP_TYPE_ANY;
	char message[sizeof(c->reterr->message)];

	RP_ASSERT(c->operand_count >= operand_count);
	c->operand_count -= operand_count;
	if (!rp_expression_type_check(op, &c->operands[c->operand_count], &type, message,
				      sizeof(message)))
		fail(c, RP_ECONFIG, at, "%s", message);
	if (op != RP_EXPR_DYN)
		rp_write_u8(&c->out, (uint8_t)op);
	push_operand(c, type);
}

/* has(a.b): the last instruction selects b; it asks for it instead. */
static void apply_has(struct compiler *c, size_t at)
{
	RP_ASSERT(c->operand_count > 0);
	if (!c->is_member[c->operand_count - 1])
		fail(c, RP_ECONFIG, at,
		     "has() takes a member behind a dot, as in has(usage.prompt_tokens)");
	else if (c->out.err == RP_OK)
		c->out.at[-2] = RP_EXPR_HAS;
	c->operand_count--;
	push_operand(c, RP_TYPE_BOOL);
}

/* Apply the waiting operators that bind at least so strongly. */
static void reduce(struct compiler *c, uint32_t binds)
{
	while (c->err == RP_OK && is_on_top(c, ROLE_OPERATOR) && top(c)->binds >= binds) {
		const struct pending *o = top(c);

		apply(c, o->op, o->binds == BINDS_SIGN ? 1 : 2, o->at);
		c->operator_count--;
	}
}

/* The same at the end of a whole expression, where every ?: is complete. */
static void reduce_all(struct compiler *c)
{
	reduce(c, 0);
	while (c->err == RP_OK && is_on_top(c, ROLE_COLON)) {
		apply(c, RP_EXPR_CHOOSE, 3, top(c)->at);
		c->operator_count--;
	}
	if (is_on_top(c, ROLE_QUESTION))
		fail(c, RP_ECONFIG, top(c)->at, "this ? has no : behind it");
}

static void put_number(struct compiler *c, enum rp_expression_op op, const void *eight_bytes,
		       enum rp_expression_type type)
{
	rp_write_u8(&c->out, (uint8_t)op);
	rp_write_bytes(&c->out, rp_bytes(eight_bytes, sizeof(uint64_t)));
	push_operand(c, type);
}

static void put_int(struct compiler *c, bool is_negative)
{
	uint64_t magnitude = c->token.magnitude;
	uint64_t bits = is_negative ? 0 - magnitude : magnitude;

	if (magnitude > (uint64_t)INT64_MAX + (is_negative ? 1 : 0))
		fail(c, RP_ECONFIG, c->token.at,
		     "this number is too large for an int: write it as a double, as in 1e19");
	put_number(c, RP_EXPR_INT, &bits, RP_TYPE_INT);
}

static void put_double(struct compiler *c, bool is_negative)
{
	double number = is_negative ? -c->token.number : c->token.number;

	put_number(c, RP_EXPR_DOUBLE, &number, RP_TYPE_DOUBLE);
}

static void put_string(struct compiler *c)
{
	uint16_t len = (uint16_t)c->token.text.len; /* of RP_EXPRESSION_BYTES_MAX at most */

	rp_write_u8(&c->out, RP_EXPR_STRING);
	rp_write_bytes(&c->out, rp_bytes(&len, sizeof(len)));
	rp_write_bytes(&c->out, c->token.text);
	push_operand(c, RP_TYPE_STRING);
}

/* A name where an operand begins. @return the operand is complete */
static bool put_name(struct compiler *c)
{
	struct rp_expression_token name = c->token;
	int len = (int)rp_min_size(name.text.len, 64);

	next(c);
	if (c->token.word != RP_WORD_OPEN) {
		if (!rp_bytes_equal_str(name.text, "usage"))
			fail(c, RP_ECONFIG, name.at, "there is no variable %.*s: only usage is",
			     len, (const char *)name.text.ptr);
		rp_write_u8(&c->out, RP_EXPR_USAGE);
		push_operand(c, RP_TYPE_MAP);
		return true;
	}
	for (size_t i = 0; i < RP_ARRAY_LEN(functions); i++) {
		if (rp_bytes_equal_str(name.text, functions[i].name)) {
			push_operator(c, ROLE_CALL, functions[i].op, 0, name.at);
			next(c);
			return false;
		}
	}
	fail(c, RP_ECONFIG, name.at,
	     "the function %.*s is not supported: there are int(), uint(), double(), dyn() and "
	     "has()",
	     len, (const char *)name.text.ptr);
	return true;
}

/* Signs before an operand: ! any number of times, or - so; pairs cancel out, whatever the operand.
 * @return is the number that comes next negative? */
static bool put_signs(struct compiler *c)
{
	enum rp_expression_word word = c->token.word;
	size_t at = c->token.at;
	size_t count = 0;
	bool is_number;

	if (word != RP_WORD_NOT && word != RP_WORD_MINUS)
		return false;
	for (; c->token.word == word && c->err == RP_OK; count++)
		next(c);
	is_number = c->token.word == RP_WORD_INT || c->token.word == RP_WORD_DOUBLE;
	if (word == RP_WORD_MINUS && count == 1 && is_number)
		return true;
	if (count % 2 == 1)
		push_operator(c, ROLE_OPERATOR, word == RP_WORD_NOT ? RP_EXPR_NOT : RP_EXPR_NEGATE,
			      BINDS_SIGN, at);
	at = c->token.at;
	if (c->token.word == RP_WORD_MINUS) { /* behind !, where only a number may have it */
		next(c);
		is_number = c->token.word == RP_WORD_INT || c->token.word == RP_WORD_DOUBLE;
		if (is_number)
			return true;
	} else if (c->token.word != RP_WORD_NOT) {
		return false;
	}
	fail(c, RP_ECONFIG, at, "! and - do not mix: put parentheses between");
	return false;
}

/* @return an operand is complete: an operator must follow */
static bool parse_operand(struct compiler *c)
{
	bool is_negative = put_signs(c);
	bool is_complete = true;

	switch (c->token.word) {
	case RP_WORD_NAME:
		return put_name(c);
	case RP_WORD_TRUE:
	case RP_WORD_FALSE:
		rp_write_u8(&c->out, c->token.word == RP_WORD_TRUE ? RP_EXPR_TRUE : RP_EXPR_FALSE);
		push_operand(c, RP_TYPE_BOOL);
		break;
	case RP_WORD_INT:
		put_int(c, is_negative);
		break;
	case RP_WORD_UINT:
		put_number(c, RP_EXPR_UINT, &c->token.magnitude, RP_TYPE_UINT);
		break;
	case RP_WORD_DOUBLE:
		put_double(c, is_negative);
		break;
	case RP_WORD_STRING:
		put_string(c);
		break;
	case RP_WORD_OPEN:
		push_operator(c, ROLE_GROUP, 0, 0, c->token.at);
		is_complete = false;
		break;
	case RP_WORD_DOT: /* says that the name is absolute: all are */
		next(c);
		if (c->token.word == RP_WORD_NAME)
			return put_name(c);
		fail(c, RP_ECONFIG, c->token.at, "a name is missing behind the dot: write usage");
		break;
	case RP_WORD_NULL:
		fail(c, RP_ECONFIG, c->token.at,
		     "null is not supported: ask whether a member exists with has()");
		break;
	case RP_WORD_OPEN_INDEX:
		fail(c, RP_ECONFIG, c->token.at, "lists are not supported: compare with == and ||");
		break;
	case RP_WORD_END:
		fail(c, RP_ECONFIG, c->token.at,
		     "the expression ends too early: a value is missing");
		break;
	case RP_WORD_BAD:
	case RP_WORD_COMMA:
	case RP_WORD_CLOSE:
	case RP_WORD_CLOSE_INDEX:
	case RP_WORD_QUESTION:
	case RP_WORD_COLON:
	case RP_WORD_NOT:
	case RP_WORD_PLUS:
	case RP_WORD_MINUS:
	case RP_WORD_TIMES:
	case RP_WORD_DIVIDE:
	case RP_WORD_MODULO:
	case RP_WORD_LESS:
	case RP_WORD_LESS_EQUAL:
	case RP_WORD_GREATER:
	case RP_WORD_GREATER_EQUAL:
	case RP_WORD_EQUAL:
	case RP_WORD_NOT_EQUAL:
	case RP_WORD_IN:
	case RP_WORD_AND:
	case RP_WORD_OR:
		fail(c, RP_ECONFIG, c->token.at,
		     "a value is missing here: write a number or a member of usage");
		break;
	}
	next(c);
	return is_complete;
}

static void parse_member(struct compiler *c)
{
	size_t at = c->token.at;

	next(c);
	if (c->token.word != RP_WORD_NAME) {
		fail(c, RP_ECONFIG, c->token.at, "the name of a member is missing behind the dot");
		return;
	}
	apply(c, RP_EXPR_SELECT, 1, at);
	rp_write_u8(&c->out, (uint8_t)rp_expression_field(c->token.text));
	c->is_member[c->operand_count - 1] = true;
	next(c);
	if (c->token.word == RP_WORD_OPEN)
		fail(c, RP_ECONFIG, c->token.at,
		     "methods are not supported: there are int(), uint(), double(), dyn() and "
		     "has()");
}

static void parse_close(struct compiler *c)
{
	const struct pending *o;

	reduce_all(c);
	o = top(c);
	if (o == NULL || (o->role != ROLE_GROUP && o->role != ROLE_CALL)) {
		fail(c, RP_ECONFIG, c->token.at, "this ) closes nothing: take it out");
		return;
	}
	c->operator_count--;
	if (o->role == ROLE_CALL && o->op == RP_EXPR_HAS)
		apply_has(c, o->at);
	else if (o->role == ROLE_CALL)
		apply(c, o->op, 1, o->at);
}

static void parse_close_index(struct compiler *c)
{
	reduce_all(c);
	if (!is_on_top(c, ROLE_INDEX)) {
		fail(c, RP_ECONFIG, c->token.at, "this ] closes nothing: take it out");
		return;
	}
	apply(c, RP_EXPR_INDEX, 2, top(c)->at);
	c->operator_count--;
}

static void parse_question(struct compiler *c)
{
	reduce(c, 0);
	if (is_on_top(c, ROLE_QUESTION))
		fail(c, RP_ECONFIG, c->token.at, "put the ?: between ? and : in parentheses");
	push_operator(c, ROLE_QUESTION, 0, 0, c->token.at);
}

static void parse_colon(struct compiler *c)
{
	reduce(c, 0);
	if (is_on_top(c, ROLE_QUESTION))
		top(c)->role = ROLE_COLON;
	else
		fail(c, RP_ECONFIG, c->token.at, "this : has no ? before it");
}

static void parse_binary(struct compiler *c)
{
	for (size_t i = 0; i < RP_ARRAY_LEN(binaries); i++) {
		if (binaries[i].word == c->token.word) {
			reduce(c, binaries[i].binds);
			push_operator(c, ROLE_OPERATOR, binaries[i].op, binaries[i].binds,
				      c->token.at);
			return;
		}
	}
	fail(c, RP_ECONFIG, c->token.at,
	     c->token.word == RP_WORD_COMMA ? "functions take one value here: take the comma out"
					    : "an operator is missing here");
}

/* What follows an operand. @return that is complete still */
static bool parse_operator(struct compiler *c)
{
	bool is_complete = false;

	if (c->token.word == RP_WORD_DOT) {
		parse_member(c);
		return true;
	}
	if (c->token.word == RP_WORD_CLOSE || c->token.word == RP_WORD_CLOSE_INDEX) {
		if (c->token.word == RP_WORD_CLOSE)
			parse_close(c);
		else
			parse_close_index(c);
		is_complete = true;
	} else if (c->token.word == RP_WORD_OPEN_INDEX) {
		push_operator(c, ROLE_INDEX, 0, 0, c->token.at);
	} else if (c->token.word == RP_WORD_QUESTION) {
		parse_question(c);
	} else if (c->token.word == RP_WORD_COLON) {
		parse_colon(c);
	} else {
		parse_binary(c);
	}
	next(c);
	return is_complete;
}

static void finish(struct compiler *c)
{
	reduce_all(c);
	if (c->operator_count > 0)
		fail(c, RP_ECONFIG, top(c)->at,
		     top(c)->role == ROLE_INDEX ? "this [ is not closed: write the ]"
						: "this ( is not closed: write the )");
	if (c->out.err != RP_OK)
		fail(c, RP_ETOOBIG, 0, "the expression is too long: shorten it");
	RP_ASSERT(c->err != RP_OK || c->operand_count == 1);
}

int rp_expression_compile(struct rp_bytes text, uint8_t *out, size_t out_bytes, size_t *ret_bytes,
			  struct rp_expression_error *reterr)
{
	struct compiler c = {.text = text, .reterr = reterr};
	bool is_complete = false;

	c.out = rp_writer(out, rp_min_size(out_bytes, RP_EXPRESSION_CODE_MAX));
	if (text.len > RP_EXPRESSION_BYTES_MAX)
		fail(&c, RP_ETOOBIG, 0, "the expression is too long: at most %u bytes",
		     RP_EXPRESSION_BYTES_MAX);
	else
		next(&c);
	while (c.err == RP_OK && !(is_complete && c.token.word == RP_WORD_END))
		is_complete = is_complete ? parse_operator(&c) : parse_operand(&c);
	if (c.err == RP_OK)
		finish(&c);
	if (c.err == RP_OK)
		*ret_bytes = rp_written(&c.out);
	return c.err;
}
