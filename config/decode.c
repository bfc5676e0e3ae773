/* SPDX-License-Identifier: Apache-2.0 */
#include "config/decode.h"

#include <stdarg.h>
#include <stdio.h>

#include "config/quantity.h"
#include "config/yaml_scalar.h"

enum { PATH_DEPTH_MAX = 16, PATH_BYTES = 256 };

void rp_path_format(const struct rp_path *path, char *out, size_t out_bytes)
{
	const struct rp_path *links[PATH_DEPTH_MAX];
	size_t depth = 0;
	size_t len = 0;

	for (; path != NULL && depth < PATH_DEPTH_MAX; path = path->parent)
		links[depth++] = path;
	out[0] = '\0';
	while (depth-- > 0 && len < out_bytes) {
		const struct rp_path *link = links[depth];
		int n = link->key == NULL
				? snprintf(out + len, out_bytes - len, "[%u]", link->index)
				: snprintf(out + len, out_bytes - len, "%s%s", len == 0 ? "" : ".",
					   link->key);

		len += (size_t)n;
	}
}

int rp_decode_fail(struct rp_diag *diag, const struct rp_yaml_node *node, const char *format, ...)
{
	va_list args;

	if (diag == NULL)
		return RP_ECONFIG;
	diag->line = node == NULL ? 0 : node->line;
	diag->column = node == NULL ? 0 : node->column;
	va_start(args, format);
	vsnprintf(diag->message, sizeof(diag->message), format, args);
	va_end(args);
	return RP_ECONFIG;
}

static int fail_kind(struct rp_diag *diag, const struct rp_path *path,
		     const struct rp_yaml_node *node, const char *wanted, const char *remedy)
{
	char at[PATH_BYTES];
	const char *quote = node->kind == RP_YAML_STR ? "\"" : "";
	struct rp_bytes found = rp_bytes_str(rp_yaml_kind_name(node->kind));

	rp_path_format(path, at, sizeof(at));
	if (node->kind > RP_YAML_NULL && node->kind <= RP_YAML_STR)
		found = node->text;
	return rp_decode_fail(diag, node, "%s must be %s, not %s%.*s%s%s",
			      at[0] == '\0' ? "this" : at, wanted, quote, RP_SHOW(found), quote,
			      remedy);
}

int rp_decode_str(struct rp_diag *diag, const struct rp_path *path, const struct rp_yaml_node *node,
		  struct rp_bytes *ret)
{
	if (node->kind != RP_YAML_STR)
		return fail_kind(diag, path, node, "a string",
				 node->kind > RP_YAML_NULL && node->kind < RP_YAML_STR
					 ? "; put it in quotes"
					 : "");
	if (memchr(node->text.ptr, '\0', node->text.len) != NULL)
		return fail_kind(diag, path, node, "free of NUL bytes", "");
	*ret = node->text;
	return RP_OK;
}

/* A number in quotes is a common slip. */
static const char *number_remedy(const struct rp_yaml_node *node)
{
	enum rp_yaml_kind kind = node->kind;

	if (kind == RP_YAML_STR)
		kind = rp_yaml_scalar_kind(node->text);
	return node->kind == RP_YAML_STR && (kind == RP_YAML_INT || kind == RP_YAML_FLOAT)
		       ? "; leave the quotes out"
		       : "";
}

static int decode_number(struct rp_diag *diag, const struct rp_path *path,
			 const struct rp_yaml_node *node, enum rp_field_kind kind, int64_t *ret)
{
	bool is_str = node->kind == RP_YAML_STR;

	if (kind == RP_FIELD_INT) {
		if (rp_yaml_int(node, ret) != RP_OK)
			return fail_kind(diag, path, node, "a whole number", number_remedy(node));
	} else if (kind == RP_FIELD_DURATION) {
		if (!is_str || rp_duration_parse(node->text, ret) != RP_OK)
			return fail_kind(diag, path, node, "a duration such as \"200ms\" or \"5s\"",
					 "");
	} else if (node->kind > RP_YAML_STR || rp_quantity_parse(node->text, ret) != RP_OK) {
		return fail_kind(diag, path, node, "a quantity such as 100, 1k or \"1Gi\"", "");
	}
	return RP_OK;
}

int rp_decode_value(struct rp_diag *diag, const struct rp_path *path,
		    const struct rp_yaml_node *node, const struct rp_field *field)
{
	switch (field->kind) {
	case RP_FIELD_STR:
		return rp_decode_str(diag, path, node, field->out);
	case RP_FIELD_BOOL:
		if (rp_yaml_bool(node, field->out) != RP_OK)
			return fail_kind(diag, path, node, "true or false",
					 node->kind == RP_YAML_STR &&
							 rp_yaml_scalar_kind(node->text) ==
								 RP_YAML_BOOL
						 ? "; leave the quotes out"
						 : "");
		return RP_OK;
	case RP_FIELD_DOUBLE:
		if (rp_yaml_double(node, field->out) != RP_OK)
			return fail_kind(diag, path, node, "a number", number_remedy(node));
		return RP_OK;
	case RP_FIELD_INT:
	case RP_FIELD_DURATION:
	case RP_FIELD_QUANTITY:
		return decode_number(diag, path, node, field->kind, field->out);
	case RP_FIELD_LIST:
		if (node->kind != RP_YAML_SEQ)
			return fail_kind(diag, path, node, "a list", "");
		break;
	case RP_FIELD_MAP:
		if (node->kind != RP_YAML_MAP)
			return fail_kind(diag, path, node, "a mapping", "");
		break;
	case RP_FIELD_ANY:
		break;
	}
	*(const struct rp_yaml_node **)field->out = node;
	return RP_OK;
}

static int fail_unknown(struct rp_diag *diag, const struct rp_path *path,
			const struct rp_yaml_node *key, const struct rp_field *fields,
			size_t field_count, const struct rp_moved_field *moved)
{
	char at[PATH_BYTES];
	char known[512] = "";
	size_t len = 0;

	rp_path_format(path, at, sizeof(at));
	for (; moved != NULL && moved->name != NULL; moved++) {
		if (rp_bytes_equal_str(key->text, moved->name))
			return rp_decode_fail(diag, key, "unknown field \"%s%s%s\"; %s", at,
					      at[0] == '\0' ? "" : ".", moved->name, moved->remedy);
	}
	for (size_t i = 0; i < field_count && len < sizeof(known); i++)
		len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s",
					i == 0 ? "" : ", ", fields[i].name);
	return rp_decode_fail(diag, key, "unknown field \"%s%s%.*s\"; known here: %s", at,
			      at[0] == '\0' ? "" : ".", RP_SHOW(key->text), known);
}

int rp_decode_object(struct rp_diag *diag, const struct rp_path *path,
		     const struct rp_yaml_node *node, const struct rp_field *fields,
		     size_t field_count, const struct rp_moved_field *moved)
{
	if (node == NULL || node->kind == RP_YAML_NULL)
		return RP_OK;
	if (node->kind != RP_YAML_MAP)
		return fail_kind(diag, path, node, "a mapping", "");
	for (const struct rp_yaml_node *key = rp_yaml_first(node); key != NULL;) {
		const struct rp_yaml_node *value = rp_yaml_next(node, key);
		size_t i = 0;

		while (i < field_count && !rp_bytes_equal_str(key->text, fields[i].name))
			i++;
		if (i == field_count)
			return fail_unknown(diag, path, key, fields, field_count, moved);
		if (value->kind != RP_YAML_NULL) {
			struct rp_path here = {path, fields[i].name, 0};
			int r = rp_decode_value(diag, &here, value, &fields[i]);

			if (r != RP_OK)
				return r;
		}
		key = rp_yaml_next(node, value);
	}
	return RP_OK;
}
