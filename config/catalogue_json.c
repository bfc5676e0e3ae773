/* SPDX-License-Identifier: Apache-2.0 */
#include "config/catalogue.h"
#include "config/model.h"

/* A JSON string; the catalogue's texts are printable ASCII. */
static void put_str(FILE *out, struct rp_bytes text)
{
	fputc('"', out);
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"' || text.ptr[i] == '\\')
			fputc('\\', out);
		fputc(text.ptr[i], out);
	}
	fputc('"', out);
}

static void put(FILE *out, const char *key, const char *text)
{
	fprintf(out, "\"%s\": ", key);
	put_str(out, rp_bytes_str(text));
}

static void put_indent(FILE *out, unsigned depth)
{
	fputc('\n', out);
	while (depth-- > 0)
		fputs("  ", out);
}

static bool is_bare(const struct rp_param *param)
{
	return param->kind <= RP_PARAM_DOUBLE || param->kind == RP_PARAM_SECONDS ||
	       param->kind == RP_PARAM_MILLIS;
}

static void put_default(FILE *out, const struct rp_param *param)
{
	if (param->def == NULL || rp_param_is_required(param))
		return;
	if (is_bare(param))
		fprintf(out, ", \"default\": %s", param->def);
	else {
		fputs(", ", out);
		put(out, "default", param->def);
	}
}

static void put_param(FILE *out, const struct rp_param *param)
{
	char allowed[256];

	put_indent(out, 3);
	fputc('{', out);
	put(out, "name", param->name);
	fputs(", ", out);
	put(out, "value", rp_catalogue_value(param));
	if (rp_param_is_required(param))
		fputs(", \"required\": true", out);
	put_default(out, param);
	rp_catalogue_allowed(param, allowed, sizeof(allowed));
	if (allowed[0] != '\0') {
		fputs(", ", out);
		put(out, "allowed", allowed);
	}
	fputs(", ", out);
	put(out, "text", param->text);
	fputc('}', out);
}

static void put_type(FILE *out, enum rp_plugin_type type)
{
	char text[96];
	size_t count;
	const struct rp_param *param = rp_param_set(rp_plugin_type_params(type), &count);
	bool is_first = true;

	rp_catalogue_kinds(type, text, sizeof(text));
	put_indent(out, 1);
	fputc('{', out);
	put(out, "type", rp_plugin_type_name(type));
	fputs(", ", out);
	put(out, "kind", text);
	fputs(", ", out);
	put(out, "stability", rp_catalogue_stability(type));
	fputs(", ", out);
	put(out, "state", rp_catalogue_state(type));
	fputs(", ", out);
	put(out, "note", rp_plugin_type_text(type));
	fputs(",", out);
	put_indent(out, 2);
	fputs("\"parameters\": [", out);
	for (size_t i = 0; i < count; i++) {
		if (!rp_catalogue_is_listed(&param[i]))
			continue;
		if (!is_first)
			fputc(',', out);
		is_first = false;
		put_param(out, &param[i]);
	}
	fputs("]}", out);
}

void rp_catalogue_print_json(FILE *out, enum rp_plugin_type type)
{
	bool is_all = type == RP_PLUGIN_TYPE_COUNT;
	uint32_t first = is_all ? 0 : (uint32_t)type;
	uint32_t end = is_all ? RP_PLUGIN_TYPE_COUNT : first + 1;

	fputc('[', out);
	for (uint32_t t = first; t < end; t++) {
		if (t > first)
			fputc(',', out);
		put_type(out, (enum rp_plugin_type)t);
	}
	fputs("\n]\n", out);
}

/* The schema of one value. */
static void put_words(FILE *out, const struct rp_param *param)
{
	bool is_any = rp_param_has_flag(param, '~') || param->kind == RP_PARAM_LOOSE_WORD;

	if (is_any)
		fputs("\"type\": \"string\", \"examples\": [", out);
	else
		fputs("\"enum\": [", out);
	for (uint32_t i = 0; rp_param_word(param, i).len > 0; i++) {
		if (i > 0)
			fputs(", ", out);
		put_str(out, rp_param_word(param, i));
	}
	fputs(param->rule[0] == '|' && !is_any ? ", \"\"]" : "]", out);
}

static void put_bounds(FILE *out, const struct rp_param *param)
{
	struct rp_param_range range = rp_param_range(param);
	bool is_free = rp_param_has_flag(param, '~');

	if (range.has_min && !is_free)
		fprintf(out, ", \"%s\": %.10g", range.is_min_open ? "exclusiveMinimum" : "minimum",
			range.min);
	if (range.has_max && !is_free)
		fprintf(out, ", \"maximum\": %.10g", range.max);
}

static void put_value(FILE *out, const struct rp_param *param)
{
	switch (param->kind) {
	case RP_PARAM_BOOL:
	case RP_PARAM_IGNORED_BOOL:
		fputs("\"type\": \"boolean\"", out);
		break;
	case RP_PARAM_INT:
	case RP_PARAM_UINT:
	case RP_PARAM_MILLIS:
		fputs("\"type\": \"integer\"", out);
		put_bounds(out, param);
		break;
	case RP_PARAM_DOUBLE:
	case RP_PARAM_SECONDS:
		fputs("\"type\": \"number\"", out);
		put_bounds(out, param);
		break;
	case RP_PARAM_WORD:
	case RP_PARAM_LOOSE_WORD:
		put_words(out, param);
		break;
	case RP_PARAM_STRS:
	case RP_PARAM_HEADERS:
		fputs("\"type\": \"array\", \"items\": {\"type\": \"string\"}", out);
		break;
	case RP_PARAM_MAP:
		fputs("\"type\": \"object\", \"additionalProperties\": {\"type\": \"string\"}",
		      out);
		break;
	case RP_PARAM_ANY_MAPPING:
		fputs("\"type\": \"object\"", out);
		break;
	case RP_PARAM_STR:
	case RP_PARAM_HEADER:
	case RP_PARAM_DURATION:
	case RP_PARAM_PROFILE:
	case RP_PARAM_OLD_PROFILE:
	case RP_PARAM_PRODUCER:
	case RP_PARAM_DECIDER:
	case RP_PARAM_OLD_DECIDER:
	case RP_PARAM_ANY_STR:
	case RP_PARAM_IGNORED_STR:
		fputs("\"type\": \"string\"", out);
		if (rp_param_has_flag(param, '+'))
			fputs(", \"minLength\": 1", out);
		break;
	case RP_PARAM_LIST:
	case RP_PARAM_PRESENT:
	case RP_PARAM_MAPPING:
	case RP_PARAM_INDEX:
	case RP_PARAM_MOVED:
		break; /* these have fields of their own, or none */
	}
}

struct level {
	const struct rp_param *param;
	size_t count;
	const char *prefix; /* "conditions[]." */
	unsigned depth;
};

/* The next name below the prefix: its length, 0 if the parameter is not there. */
static size_t component(const struct level *level, size_t i)
{
	size_t len = strlen(level->prefix);
	const char *name = level->param[i].name;

	if (!rp_catalogue_is_listed(&level->param[i]) || strncmp(name, level->prefix, len) != 0)
		return 0;
	return strcspn(name + len, ".[");
}

/* Has the same component come before? Then it was described there. */
static bool is_repeated(const struct level *level, size_t i)
{
	size_t prefix = strlen(level->prefix);
	size_t len = component(level, i);

	for (size_t k = 0; k < i; k++) {
		if (component(level, k) == len &&
		    strncmp(level->param[k].name + prefix, level->param[i].name + prefix, len) == 0)
			return true;
	}
	return false;
}

/* The parameter itself, not one below it; NULL if there are only those. */
static const struct rp_param *find_own(const struct level *level, size_t i)
{
	size_t len = strlen(level->prefix) + component(level, i);

	for (size_t k = i; k < level->count; k++) {
		if (component(level, k) > 0 &&
		    strncmp(level->param[k].name, level->param[i].name, len) == 0 &&
		    level->param[k].name[len] == '\0')
			return &level->param[k];
	}
	return NULL;
}

static void put_object(FILE *out, const struct level *level);

static void put_property(FILE *out, const struct level *level, size_t i)
{
	size_t prefix = strlen(level->prefix);
	size_t len = component(level, i);
	const struct rp_param *own = find_own(level, i);
	bool is_list = own != NULL && own->kind == RP_PARAM_LIST;
	bool is_object =
		own == NULL || own->kind == RP_PARAM_PRESENT || own->kind == RP_PARAM_MAPPING;
	char below[160];
	struct level inner = *level;

	put_indent(out, level->depth + 1);
	put_str(out, rp_bytes(level->param[i].name + prefix, len));
	fputs(": {", out);
	if (own != NULL) {
		put(out, "description", own->text);
		put_default(out, own);
		fputs(", ", out);
	}
	snprintf(below, sizeof(below), "%s%.*s%s", level->prefix, (int)len,
		 level->param[i].name + prefix, is_list ? "[]." : ".");
	inner.prefix = below;
	inner.depth = level->depth + 1;
	if (is_list) {
		fprintf(out, "\"type\": \"array\",%s \"items\": {",
			rp_param_has_flag(own, '+') ? " \"minItems\": 1," : "");
		put_object(out, &inner);
		fputc('}', out);
	} else if (is_object) {
		put_object(out, &inner);
	} else {
		put_value(out, own);
	}
	fputc('}', out);
}

/* "type", "properties" and the rest of a mapping; as deep as the names of the table are. */
static void put_object(FILE *out, const struct level *level)
{
	size_t prefix = strlen(level->prefix);
	const char *comma = "";

	fputs("\"type\": \"object\", \"additionalProperties\": false", out);
	for (size_t i = 0; i < level->count; i++) {
		const struct rp_param *own = component(level, i) == 0 || is_repeated(level, i)
						     ? NULL
						     : find_own(level, i);

		if (own == NULL || (!rp_param_is_required(own) &&
				    !(own->kind == RP_PARAM_LIST && rp_param_has_flag(own, '+'))))
			continue;
		fputs(comma[0] == '\0' ? ", \"required\": [" : ", ", out);
		put_str(out, rp_bytes(own->name + prefix, component(level, i)));
		comma = ",";
	}
	fputs(comma[0] == '\0' ? ", \"properties\": {" : "], \"properties\": {", out);
	comma = "";
	for (size_t i = 0; i < level->count; i++) {
		if (component(level, i) == 0 || is_repeated(level, i))
			continue;
		fputs(comma, out);
		put_property(out, level, i);
		comma = ",";
	}
	fputc('}', out);
}

/* A set is called after the first type that has it. */
static const char *set_name(uint32_t set)
{
	uint32_t t = 0;

	while ((uint32_t)rp_plugin_type_params((enum rp_plugin_type)t) != set)
		t++;
	return rp_plugin_type_name((enum rp_plugin_type)t);
}

static void put_sets(FILE *out)
{
	for (uint32_t set = RP_PARAMS_NONE + 1; set < RP_PARAMS_SETS; set++) {
		struct level level = {.prefix = "", .depth = 2};

		level.param = rp_param_set((enum rp_param_set)set, &level.count);
		fprintf(out, ",\n    \"%s\": {", set_name(set));
		put_object(out, &level);
		fputc('}', out);
	}
}

/* The types of one set. */
static void put_types(FILE *out, uint32_t set)
{
	const char *comma = "";

	for (uint32_t t = 0; t < RP_PLUGIN_TYPE_COUNT; t++) {
		if ((uint32_t)rp_plugin_type_params((enum rp_plugin_type)t) != set)
			continue;
		fprintf(out, "%s\"%s\"", comma, rp_plugin_type_name((enum rp_plugin_type)t));
		comma = ", ";
	}
}

static void put_plugin(FILE *out)
{
	char text[96];

	fputs("    \"plugin\": {\n"
	      "      \"type\": \"object\", \"additionalProperties\": false, \"required\": "
	      "[\"type\"],\n"
	      "      \"properties\": {\n"
	      "        \"name\": {\"type\": \"string\", \"description\": \"What others refer to it "
	      "by; "
	      "without it, its type.\"},\n"
	      "        \"parameters\": {},\n"
	      "        \"type\": {\"enum\": [",
	      out);
	for (uint32_t t = 0; t < RP_PLUGIN_TYPE_COUNT; t++)
		fprintf(out, "%s\n          \"%s\"", t == 0 ? "" : ",",
			rp_plugin_type_name((enum rp_plugin_type)t));
	fputs("],\n        \"enumDescriptions\": [", out);
	for (uint32_t t = 0; t < RP_PLUGIN_TYPE_COUNT; t++) {
		enum rp_plugin_type type = (enum rp_plugin_type)t;

		rp_catalogue_kinds(type, text, sizeof(text));
		fprintf(out, "%s\n          \"%s; %s%s\"", t == 0 ? "" : ",", text,
			rp_catalogue_stability(type),
			rp_plugin_type_state(type) == RP_STATE_MISSING ? "; not built yet" : "");
	}
	fputs("]}},\n      \"allOf\": [", out);
	for (uint32_t set = RP_PARAMS_NONE + 1; set < RP_PARAMS_SETS; set++) {
		fprintf(out, "%s\n        {\"if\": {\"properties\": {\"type\": {\"enum\": [",
			set == RP_PARAMS_NONE + 1 ? "" : ",");
		put_types(out, set);
		fprintf(out,
			"]}}}, \"then\": {\"properties\": {\"parameters\": {\"anyOf\": "
			"[{\"$ref\": \"#/definitions/%s\"}, {\"type\": \"null\"}]}}}}",
			set_name(set));
	}
	fputs("]}", out);
}

void rp_catalogue_print_schema(FILE *out)
{
	/* Everything but the plugins' parameters (scheduling reference 1.3). */
	static const char begin[] =
#include "config/schema_begin.inc"
		;

	fputs(begin, out);
	put_plugin(out);
	put_sets(out);
	fputs("\n  }\n}\n", out);
}
