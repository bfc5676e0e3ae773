/* SPDX-License-Identifier: Apache-2.0 */
#include "config/param_decode.h"

#include <stdio.h>

#include "config/yaml_scalar.h"
#include "shm/clock.h"

enum { NAME_BYTES = 160 };

/* Mapping that is being read: all parameters, or one element of a list. */
struct scope {
	const struct rp_param_reader *reader;
	const struct rp_param *param;
	size_t param_count;
	const char *prefix; /* of the names that belong here: "", "conditions[]." */
	uint8_t *base;	    /* struct that they fill */
	uint64_t seen;	    /* a bit for each parameter that is there */
};

static struct rp_diag *diag_of(const struct scope *scope)
{
	return scope->reader->model->diag;
}

/* What is left of a parameter's name behind the prefix, NULL if it belongs elsewhere. */
static const char *name_within(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	if (strncmp(name, prefix, len) != 0 || strstr(name + len, "[]") != NULL)
		return NULL;
	return name + len;
}

static void set_u32(const struct scope *scope, const struct rp_param *param, uint32_t value)
{
	memcpy(scope->base + param->offset, &value, sizeof(value));
}

static void set_i64(const struct scope *scope, const struct rp_param *param, int64_t value)
{
	memcpy(scope->base + param->offset, &value, sizeof(value));
}

static int fail_at(const struct scope *scope, const struct rp_path *path,
		   const struct rp_yaml_node *node, const char *what)
{
	char at[NAME_BYTES];

	rp_path_format(path, at, sizeof(at));
	return rp_decode_fail(diag_of(scope), node, "%s %s", at, what);
}

static int store(const struct scope *scope, const struct rp_param *param,
		 const struct rp_path *path, const struct rp_yaml_node *node);

static int store_default(const struct scope *scope, const struct rp_param *param)
{
	struct rp_yaml_node node = {.kind = RP_YAML_STR, .span = 1};
	const struct rp_path path = {NULL, param->name, 0};

	if (param->def == NULL || rp_param_is_required(param))
		return RP_OK;
	node.text = rp_bytes_str(param->def);
	if (param->kind <= RP_PARAM_DOUBLE || param->kind == RP_PARAM_SECONDS ||
	    param->kind == RP_PARAM_MILLIS)
		node.kind = rp_yaml_scalar_kind(node.text);
	return store(scope, param, &path, &node);
}

static bool is_in_range(const struct rp_param *param, double value)
{
	struct rp_param_range range = rp_param_range(param);

	if (range.has_min && (value < range.min || (range.is_min_open && value <= range.min)))
		return false;
	return !range.has_max || value <= range.max;
}

/* What the rule makes of a number: itself (RP_OK), its default (*ret_default), or an error. */
static int judge_number(const struct scope *scope, const struct rp_param *param,
			const struct rp_path *path, const struct rp_yaml_node *node, double value,
			bool *ret_default)
{
	char wanted[64];
	char what[192];

	*ret_default = value == 0.0 && rp_param_has_flag(param, '0');
	if (*ret_default || is_in_range(param, value))
		return RP_OK;
	*ret_default = rp_param_has_flag(param, '~');
	if (*ret_default)
		return RP_OK;
	rp_param_range_format(param, wanted, sizeof(wanted));
	snprintf(what, sizeof(what), "%s, got %.*s", wanted, (int)rp_min_size(node->text.len, 64),
		 (const char *)node->text.ptr);
	return fail_at(scope, path, node, what);
}

static void set_number(const struct scope *scope, const struct rp_param *param, int64_t value,
		       double exact)
{
	double seconds = exact * (double)RP_NS_PER_S;

	if (param->kind == RP_PARAM_UINT)
		set_u32(scope, param, value > UINT32_MAX ? UINT32_MAX : (uint32_t)value);
	else if (param->kind == RP_PARAM_DOUBLE)
		memcpy(scope->base + param->offset, &exact, sizeof(exact));
	else if (param->kind == RP_PARAM_SECONDS)
		set_i64(scope, param,
			seconds >= (double)INT64_MAX	? INT64_MAX
			: seconds <= -(double)INT64_MAX ? -INT64_MAX
							: (int64_t)seconds);
	else if (param->kind == RP_PARAM_MILLIS)
		set_i64(scope, param, value * RP_NS_PER_MS);
	else
		set_i64(scope, param, value);
}

static int store_number(const struct scope *scope, const struct rp_param *param,
			const struct rp_path *path, const struct rp_yaml_node *node)
{
	bool is_double = param->kind == RP_PARAM_DOUBLE || param->kind == RP_PARAM_SECONDS;
	int64_t whole = 0;
	double value = 0;
	bool is_default;
	const struct rp_field field = {param->name,
				       is_double			  ? RP_FIELD_DOUBLE
				       : param->kind == RP_PARAM_DURATION ? RP_FIELD_DURATION
									  : RP_FIELD_INT,
				       is_double ? (void *)&value : (void *)&whole};
	int r;

	if (param->kind == RP_PARAM_DURATION && param->rule[0] == '|' &&
	    node->kind == RP_YAML_STR && node->text.len == 0)
		return store_default(scope, param);
	r = rp_decode_value(diag_of(scope), path, node, &field);
	if (r != RP_OK)
		return r;
	if (!is_double)
		value = (double)whole;
	r = judge_number(scope, param, path, node, value, &is_default);
	if (r == RP_OK && is_default)
		return store_default(scope, param);
	if (r == RP_OK)
		set_number(scope, param, whole, value);
	return r;
}

/* Into the pool, in lower case if it is the name of a header. */
static int put_text(const struct scope *scope, struct rp_bytes text, bool is_header,
		    struct rp_config_str *ret)
{
	struct rp_pool *pool = &scope->reader->model->pool;
	int r = rp_param_put_str(scope->reader, is_header ? rp_bytes_trim(text) : text, ret);

	for (uint32_t i = 0; r == RP_OK && is_header && i < ret->len; i++) {
		uint8_t *c = &pool->data[ret->offset + i];

		if (*c >= 'A' && *c <= 'Z')
			*c = (uint8_t)(*c + ('a' - 'A'));
	}
	return r;
}

static int store_text(const struct scope *scope, const struct rp_param *param,
		      const struct rp_path *path, const struct rp_yaml_node *node)
{
	bool is_header = param->kind == RP_PARAM_HEADER;
	struct rp_config_str str;
	struct rp_bytes text;
	int r = rp_decode_str(diag_of(scope), path, node, &text);

	if (r != RP_OK)
		return r;
	if (is_header || rp_param_has_flag(param, 't'))
		text = rp_bytes_trim(text);
	bool is_empty = text.len == 0;

	if (is_empty && rp_param_has_flag(param, '~'))
		return store_default(scope, param);
	if (is_empty && rp_param_has_flag(param, '+'))
		return fail_at(scope, path, node, "must not be empty");
	r = put_text(scope, text, is_header, &str);
	if (r == RP_OK)
		memcpy(scope->base + param->offset, &str, sizeof(str));
	return r;
}

/* Case, - and _ aside. */
static bool is_loosely_equal(struct rp_bytes a, struct rp_bytes b)
{
	size_t i = 0;
	size_t k = 0;

	for (;;) {
		while (i < a.len && (a.ptr[i] == '-' || a.ptr[i] == '_'))
			i++;
		while (k < b.len && (b.ptr[k] == '-' || b.ptr[k] == '_'))
			k++;
		if (i == a.len || k == b.len)
			return i == a.len && k == b.len;
		if ((a.ptr[i] | 0x20) != (b.ptr[k] | 0x20))
			return false;
		i++;
		k++;
	}
}

static int fail_word(const struct scope *scope, const struct rp_param *param,
		     const struct rp_path *path, const struct rp_yaml_node *node,
		     struct rp_bytes word)
{
	char at[NAME_BYTES];
	char known[256] = "";
	size_t len = 0;

	rp_path_format(path, at, sizeof(at));
	for (uint32_t i = 0; rp_param_word(param, i).len > 0 && len < sizeof(known); i++) {
		struct rp_bytes one = rp_param_word(param, i);
		bool is_last = rp_param_word(param, i + 1).len == 0;

		len += (size_t)snprintf(known + len, sizeof(known) - len, "%s\"%.*s\"",
					i == 0	  ? ""
					: is_last ? " or "
						  : ", ",
					(int)one.len, (const char *)one.ptr);
	}
	return rp_decode_fail(diag_of(scope), node, "%s must be %s, got \"%.*s\"", at, known,
			      RP_SHOW(word));
}

static int store_word(const struct scope *scope, const struct rp_param *param,
		      const struct rp_path *path, const struct rp_yaml_node *node)
{
	struct rp_bytes word;
	int r = rp_decode_str(diag_of(scope), path, node, &word);

	if (r != RP_OK)
		return r;
	for (uint32_t i = 0; rp_param_word(param, i).len > 0; i++) {
		struct rp_bytes known = rp_param_word(param, i);

		if (param->kind == RP_PARAM_WORD ? rp_bytes_equal(word, known)
						 : is_loosely_equal(word, known)) {
			set_u32(scope, param, i);
			return RP_OK;
		}
	}
	if ((word.len == 0 && param->rule[0] == '|') || rp_param_has_flag(param, '~'))
		return store_default(scope, param);
	return fail_word(scope, param, path, node, word);
}

static int store_strs(const struct scope *scope, const struct rp_param *param,
		      const struct rp_path *path, const struct rp_yaml_node *node)
{
	const struct rp_field field = {param->name, RP_FIELD_LIST, &node};
	struct rp_config_list list;
	int r = rp_decode_value(diag_of(scope), path, node, &field);

	if (r != RP_OK)
		return r;
	const struct rp_yaml_node *element = rp_yaml_first(node);
	struct rp_config_str *str =
		rp_param_put_list(scope->reader, node->count, sizeof(*str), &list);

	if (str == NULL)
		return RP_ETOOBIG;
	for (uint32_t i = 0; element != NULL && r == RP_OK; i++) {
		const struct rp_path here = {path, NULL, i};
		struct rp_bytes text = {0};

		r = rp_decode_str(diag_of(scope), &here, element, &text);
		if (r == RP_OK)
			r = put_text(scope, text, param->kind == RP_PARAM_HEADERS, &str[i]);
		element = rp_yaml_next(node, element);
	}
	memcpy(scope->base + param->offset, &list, sizeof(list));
	return r;
}

static int decode_struct(const struct scope *scope, const struct rp_path *path,
			 const struct rp_yaml_node *node);

static int store_list(const struct scope *scope, const struct rp_param *param,
		      const struct rp_path *path, const struct rp_yaml_node *node)
{
	const struct rp_field field = {param->name, RP_FIELD_LIST, &node};
	char prefix[NAME_BYTES];
	struct rp_config_list list;
	int r = rp_decode_value(diag_of(scope), path, node, &field);

	if (r != RP_OK)
		return r;
	if (node->count == 0 && rp_param_has_flag(param, '+'))
		return fail_at(scope, path, node, "must have at least one element");
	const struct rp_yaml_node *element = rp_yaml_first(node);
	uint8_t *base = rp_param_put_list(scope->reader, node->count, param->element_bytes, &list);

	if (base == NULL)
		return RP_ETOOBIG;
	snprintf(prefix, sizeof(prefix), "%s[].", param->name);
	for (uint32_t i = 0; element != NULL && r == RP_OK; i++) {
		const struct rp_path here = {path, NULL, i};
		struct scope inner = *scope;

		inner.prefix = prefix;
		inner.base = base + (size_t)i * param->element_bytes;
		r = decode_struct(&inner, &here, element);
		element = rp_yaml_next(node, element);
	}
	memcpy(scope->base + param->offset, &list, sizeof(list));
	return r;
}

static uint32_t find_profile(const struct rp_model *model, struct rp_bytes name)
{
	for (uint32_t i = 0; i < model->profile_count; i++) {
		if (rp_bytes_equal(model->profile[i].name, name))
			return i;
	}
	/* The profile that is made where none is configured. */
	return model->profile_count == 0 && rp_bytes_equal_str(name, "default") ? 0
										: RP_CONFIG_NONE;
}

static void warn(const struct scope *scope, const struct rp_param *param)
{
	rp_config_warn(scope->reader->model->control, "%s of plugin '%.*s': %s", param->name,
		       RP_SHOW(scope->reader->plugin->name), param->text);
}

/* Names of profiles and of other plugins. */
static int store_name(const struct scope *scope, const struct rp_param *param,
		      const struct rp_path *path, const struct rp_yaml_node *node)
{
	struct rp_model_names *names = &scope->reader->plugin->names;
	struct rp_bytes name;
	int r = rp_decode_str(diag_of(scope), path, node, &name);

	if (r != RP_OK)
		return r;
	if (rp_param_has_flag(param, 't'))
		name = rp_bytes_trim(name);
	if (param->kind == RP_PARAM_OLD_PROFILE || param->kind == RP_PARAM_OLD_DECIDER) {
		warn(scope, param);
		if (name.len == 0)
			return RP_OK;
	}
	if (param->kind == RP_PARAM_PRODUCER)
		names->producer[param->role] = name;
	else if (param->kind == RP_PARAM_DECIDER || param->kind == RP_PARAM_OLD_DECIDER)
		names->decider[param->role] = name;
	else if (name.len == 0 && rp_param_has_flag(param, '~'))
		return store_default(scope, param);
	else
		set_u32(scope, param, find_profile(scope->reader->model, name));
	return RP_OK;
}

/* Fields that fill no member, or only say that they are there. */
static int store_note(const struct scope *scope, const struct rp_param *param,
		      const struct rp_path *path, const struct rp_yaml_node *node)
{
	bool is_str = param->kind == RP_PARAM_IGNORED_STR || param->kind == RP_PARAM_ANY_STR;
	bool flag;
	struct rp_bytes text;
	const struct rp_yaml_node *map;
	const struct rp_field field = {param->name,
				       is_str				      ? RP_FIELD_STR
				       : param->kind == RP_PARAM_IGNORED_BOOL ? RP_FIELD_BOOL
									      : RP_FIELD_MAP,
				       is_str				      ? (void *)&text
				       : param->kind == RP_PARAM_IGNORED_BOOL ? (void *)&flag
									      : (void *)&map};
	int r = rp_decode_value(diag_of(scope), path, node, &field);

	if (r == RP_OK && param->kind == RP_PARAM_PRESENT)
		set_u32(scope, param, 1);
	if (r == RP_OK && param->kind == RP_PARAM_IGNORED_STR)
		warn(scope, param);
	return r;
}

static int store_bool(const struct scope *scope, const struct rp_param *param,
		      const struct rp_path *path, const struct rp_yaml_node *node)
{
	bool value = false;
	const struct rp_field field = {param->name, RP_FIELD_BOOL, &value};
	int r = rp_decode_value(diag_of(scope), path, node, &field);

	if (r == RP_OK)
		set_u32(scope, param, value);
	return r;
}

static int fail_moved(const struct scope *scope, const struct rp_param *param,
		      const struct rp_path *path, const struct rp_yaml_node *node)
{
	char at[NAME_BYTES];

	rp_path_format(path, at, sizeof(at));
	return rp_decode_fail(diag_of(scope), node, "unknown field \"%s\"; %s", at, param->text);
}

static int store(const struct scope *scope, const struct rp_param *param,
		 const struct rp_path *path, const struct rp_yaml_node *node)
{
	switch (param->kind) {
	case RP_PARAM_BOOL:
		return store_bool(scope, param, path, node);
	case RP_PARAM_INT:
	case RP_PARAM_UINT:
	case RP_PARAM_DOUBLE:
	case RP_PARAM_DURATION:
	case RP_PARAM_SECONDS:
	case RP_PARAM_MILLIS:
		return store_number(scope, param, path, node);
	case RP_PARAM_STR:
	case RP_PARAM_HEADER:
		return store_text(scope, param, path, node);
	case RP_PARAM_WORD:
	case RP_PARAM_LOOSE_WORD:
		return store_word(scope, param, path, node);
	case RP_PARAM_STRS:
	case RP_PARAM_HEADERS:
		return store_strs(scope, param, path, node);
	case RP_PARAM_LIST:
		return store_list(scope, param, path, node);
	case RP_PARAM_PROFILE:
	case RP_PARAM_OLD_PROFILE:
	case RP_PARAM_PRODUCER:
	case RP_PARAM_DECIDER:
	case RP_PARAM_OLD_DECIDER:
		return store_name(scope, param, path, node);
	case RP_PARAM_PRESENT:
	case RP_PARAM_MAPPING:
	case RP_PARAM_MAP:
	case RP_PARAM_ANY_MAPPING:
	case RP_PARAM_ANY_STR:
	case RP_PARAM_IGNORED_STR:
	case RP_PARAM_IGNORED_BOOL:
		return store_note(scope, param, path, node);
	case RP_PARAM_MOVED:
		return fail_moved(scope, param, path, node);
	case RP_PARAM_INDEX:
		break;
	}
	return RP_OK;
}

static int store_defaults(const struct scope *scope)
{
	int r = RP_OK;

	for (size_t i = 0; i < scope->param_count && r == RP_OK; i++) {
		const struct rp_param *param = &scope->param[i];

		if (name_within(param->name, scope->prefix) == NULL)
			continue;
		if (param->kind == RP_PARAM_INDEX || param->kind == RP_PARAM_PROFILE)
			set_u32(scope, param, RP_CONFIG_NONE);
		if (param->kind != RP_PARAM_PRODUCER)
			r = store_default(scope, param);
	}
	return r;
}

static int check_required(const struct scope *scope, const struct rp_yaml_node *node)
{
	for (size_t i = 0; i < scope->param_count; i++) {
		const struct rp_param *param = &scope->param[i];
		const char *name = name_within(param->name, scope->prefix);
		bool is_list = param->kind == RP_PARAM_LIST && rp_param_has_flag(param, '+');

		if (name != NULL && (scope->seen & UINT64_C(1) << i) == 0 &&
		    (rp_param_is_required(param) || is_list))
			return rp_decode_fail(diag_of(scope), node, "'%s' must be set: %s", name,
					      param->text);
	}
	return RP_OK;
}

/* What may stand here, each once, for a message. */
static void list_known(const struct scope *scope, const char *prefix, char *out, size_t out_bytes)
{
	size_t len = 0;
	const char *last = "";
	size_t last_len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < scope->param_count && len < out_bytes; i++) {
		const struct rp_param *param = &scope->param[i];
		const char *name = name_within(param->name, prefix);
		size_t name_len = name == NULL ? 0 : strcspn(name, ".");

		if (name_len == 0 || param->kind == RP_PARAM_MOVED ||
		    (name_len == last_len && strncmp(name, last, name_len) == 0))
			continue;
		len += (size_t)snprintf(out + len, out_bytes - len, "%s%.*s", len == 0 ? "" : ", ",
					(int)name_len, name);
		last = name;
		last_len = name_len;
	}
}

static int decode_mapping(struct scope *scope, const struct rp_path *path, const char *prefix,
			  const struct rp_yaml_node *node);

/*
 * How many bytes of a parameter's name the field stands for, 0 if it is not the field or what lies
 * below it. Case does not matter, as in the reference implementation.
 */
static size_t match_field(const struct rp_param *param, const char *prefix, struct rp_bytes key)
{
	size_t above = strlen(prefix);
	size_t len = above + key.len;

	if (key.len == 0 || strncmp(param->name, prefix, above) != 0 ||
	    strcspn(param->name + above, ".") != key.len ||
	    !rp_bytes_equal_nocase(rp_bytes(param->name + above, key.len), key))
		return 0;
	return len;
}

/* One field: the parameters of its name, and those below it. */
static int decode_field(struct scope *scope, const struct rp_path *path, const char *prefix,
			const struct rp_yaml_node *key, const struct rp_yaml_node *value)
{
	const struct rp_path here = {path, (const char *)key->text.ptr, 0};
	char name[NAME_BYTES]; /* as the table spells it */
	bool is_known = false;
	bool has_more = false;
	int r = RP_OK;
	size_t len = 0;

	for (size_t i = 0; i < scope->param_count && r == RP_OK; i++) {
		const struct rp_param *param = &scope->param[i];
		size_t matched = name_within(param->name, scope->prefix) == NULL
					 ? 0
					 : match_field(param, prefix, key->text);

		if (matched == 0 || matched + 1 >= sizeof(name))
			continue;
		len = matched;
		rp_bytes_to_str(rp_bytes(param->name, len), name, sizeof(name));
		has_more |= param->name[len] == '.' || param->kind == RP_PARAM_PRESENT ||
			    param->kind == RP_PARAM_MAPPING;
		if (param->name[len] != '\0')
			continue;
		is_known = true;
		if (value->kind == RP_YAML_NULL && param->kind != RP_PARAM_MOVED)
			continue;
		scope->seen |= UINT64_C(1) << i;
		r = store(scope, param, &here, value);
	}
	if (r != RP_OK || (is_known && !has_more) || (has_more && value->kind == RP_YAML_NULL))
		return r;
	if (has_more) {
		const struct rp_yaml_node *map;
		const struct rp_field field = {name, RP_FIELD_MAP, &map};

		memcpy(name + len, ".", 2);
		r = rp_decode_value(diag_of(scope), &here, value, &field);
		return r == RP_OK ? decode_mapping(scope, &here, name, value) : r;
	}
	char at[NAME_BYTES];
	char known[512];

	rp_path_format(path, at, sizeof(at));
	list_known(scope, prefix, known, sizeof(known));
	return rp_decode_fail(diag_of(scope), key, "unknown field \"%s.%.*s\"; known here: %s", at,
			      RP_SHOW(key->text), known);
}

/* As deep as the names of the table are. */
static int decode_mapping(struct scope *scope, const struct rp_path *path, const char *prefix,
			  const struct rp_yaml_node *node)
{
	const struct rp_yaml_node *key = rp_yaml_first(node);
	int r = RP_OK;

	while (key != NULL && r == RP_OK) {
		const struct rp_yaml_node *value = rp_yaml_next(node, key);

		r = decode_field(scope, path, prefix, key, value);
		key = rp_yaml_next(node, value);
	}
	return r;
}

static int decode_struct(const struct scope *outer, const struct rp_path *path,
			 const struct rp_yaml_node *node)
{
	struct scope scope = *outer;
	const struct rp_yaml_node *map;
	const struct rp_field field = {"", RP_FIELD_MAP, &map};
	const struct rp_yaml_node *place = node != NULL ? node : scope.reader->plugin->node;
	int r;

	scope.seen = 0;
	r = store_defaults(&scope);
	if (r == RP_OK && node != NULL && node->kind != RP_YAML_NULL) {
		r = rp_decode_value(diag_of(&scope), path, node, &field);
		if (r == RP_OK)
			r = decode_mapping(&scope, path, scope.prefix, node);
	}
	return r == RP_OK ? check_required(&scope, place) : r;
}

int rp_params_decode(const struct rp_param_reader *reader)
{
	struct scope scope = {.reader = reader, .prefix = "", .base = reader->params};

	scope.param = rp_param_set(reader->set, &scope.param_count);
	RP_ASSERT(scope.param_count <= 64);
	memset(reader->params, 0, rp_param_set_bytes(reader->set));
	memset(&reader->plugin->names, 0, sizeof(reader->plugin->names));
	return decode_struct(&scope, reader->path, reader->plugin->parameters);
}
