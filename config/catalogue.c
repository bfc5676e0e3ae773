/* SPDX-License-Identifier: Apache-2.0 */
#include "config/catalogue.h"

#include "config/model.h"

static const struct {
	uint32_t kind;
	const char *name;
	const char *heading;
} kinds[] = {
	{RP_KIND_DETECTOR, "saturation detector", "Saturation detectors"},
	{RP_KIND_FILTER, "filter", "Filters"},
	{RP_KIND_SCORER, "scorer", "Scorers"},
	{RP_KIND_PICKER, "picker", "Pickers"},
	{RP_KIND_PROFILE_HANDLER, "profile handler", "Profile handlers"},
	{RP_KIND_DECIDER, "decider", "Deciders"},
	{RP_KIND_PRODUCER, "producer", "Data producers"},
	{RP_KIND_SCREENER, "screener", "Screeners"},
	{RP_KIND_ADMITTER, "admitter", "Admitters"},
	{RP_KIND_HEADER_PROCESSOR, "header processor", "Request header processors"},
	{RP_KIND_PRE_REQUEST, "pre-request", "Pre-request plugins"},
	{RP_KIND_RESPONSE, "response", "Response plugins"},
	{RP_KIND_PARSER, "parser", "Parsers"},
	{RP_KIND_SOURCE, "data source", "Data sources"},
	{RP_KIND_EXTRACTOR, "extractor", "Extractors"},
	{RP_KIND_DISCOVERY, "discovery", "Discovery"},
	{RP_KIND_POLICY, "queueing policy", "Policies of the queueing layer"},
};

const char *rp_catalogue_heading(uint32_t i)
{
	return i < RP_ARRAY_LEN(kinds) ? kinds[i].heading : NULL;
}

bool rp_catalogue_is_under(uint32_t i, enum rp_plugin_type type)
{
	uint32_t first = 0;

	while ((rp_plugin_type_kinds(type) & kinds[first].kind) == 0)
		first++;
	return first == i;
}

void rp_catalogue_kinds(enum rp_plugin_type type, char *out, size_t out_bytes)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < RP_ARRAY_LEN(kinds) && len < out_bytes; i++) {
		if ((rp_plugin_type_kinds(type) & kinds[i].kind) != 0)
			len += (size_t)snprintf(out + len, out_bytes - len, "%s%s",
						len == 0 ? "" : ", ", kinds[i].name);
	}
}

const char *rp_catalogue_stability(enum rp_plugin_type type)
{
	enum rp_stability stability = rp_plugin_type_stability(type);

	return stability == RP_BETA ? "beta" : stability == RP_ALPHA ? "alpha" : "deprecated";
}

const char *rp_catalogue_state(enum rp_plugin_type type)
{
	enum rp_plugin_state state = rp_plugin_type_state(type);

	if (state == RP_STATE_INERT)
		return "accepted, does nothing";
	return state < RP_STATE_INERT ? "built" : "not built yet";
}

bool rp_catalogue_is_listed(const struct rp_param *param)
{
	return param->text != NULL && param->kind != RP_PARAM_INDEX &&
	       param->kind != RP_PARAM_MOVED;
}

const char *rp_catalogue_value(const struct rp_param *param)
{
	static const char *const names[] = {
		[RP_PARAM_BOOL] = "true or false",
		[RP_PARAM_INT] = "whole number",
		[RP_PARAM_UINT] = "whole number",
		[RP_PARAM_DOUBLE] = "number",
		[RP_PARAM_STR] = "string",
		[RP_PARAM_HEADER] = "name of a header",
		[RP_PARAM_DURATION] = "duration",
		[RP_PARAM_SECONDS] = "number of seconds",
		[RP_PARAM_MILLIS] = "whole number",
		[RP_PARAM_WORD] = "word",
		[RP_PARAM_LOOSE_WORD] = "word",
		[RP_PARAM_STRS] = "list of strings",
		[RP_PARAM_HEADERS] = "list of headers",
		[RP_PARAM_LIST] = "list of mappings",
		[RP_PARAM_PROFILE] = "name of a profile",
		[RP_PARAM_OLD_PROFILE] = "name of a profile",
		[RP_PARAM_PRESENT] = "mapping",
		[RP_PARAM_INDEX] = "",
		[RP_PARAM_PRODUCER] = "name of a plugin",
		[RP_PARAM_DECIDER] = "name of a plugin",
		[RP_PARAM_OLD_DECIDER] = "name of a plugin",
		[RP_PARAM_MAPPING] = "mapping",
		[RP_PARAM_MAP] = "mapping of strings",
		[RP_PARAM_ANY_MAPPING] = "mapping",
		[RP_PARAM_ANY_STR] = "string",
		[RP_PARAM_IGNORED_STR] = "string",
		[RP_PARAM_IGNORED_BOOL] = "true or false",
		[RP_PARAM_MOVED] = "",
	};

	return names[param->kind];
}

static void list_words(const struct rp_param *param, char *out, size_t out_bytes)
{
	size_t len = 0;

	for (uint32_t i = 0; rp_param_word(param, i).len > 0 && len < out_bytes; i++) {
		struct rp_bytes word = rp_param_word(param, i);
		bool is_last = rp_param_word(param, i + 1).len == 0;

		len += (size_t)snprintf(out + len, out_bytes - len, "%s%.*s",
					i == 0	  ? ""
					: is_last ? " or "
						  : ", ",
					(int)word.len, (const char *)word.ptr);
	}
}

void rp_catalogue_allowed(const struct rp_param *param, char *out, size_t out_bytes)
{
	char range[64];

	out[0] = '\0';
	if (param->kind == RP_PARAM_WORD || param->kind == RP_PARAM_LOOSE_WORD) {
		list_words(param, out, out_bytes);
	} else if (!rp_param_has_flag(param, '~')) {
		rp_param_range_format(param, range, sizeof(range));
		if (strncmp(range, "must be ", 8) == 0)
			snprintf(out, out_bytes, "%s", range + 8);
		else if (range[0] != '\0')
			snprintf(out, out_bytes, "not negative");
	}
}

static void print_default(FILE *out, const struct rp_param *param)
{
	if (rp_param_is_required(param))
		fputs(", required", out);
	else if (param->def != NULL)
		fprintf(out, " = %s", param->def);
}

/* A sentence about the type, where there is one to say. */
static void print_text(FILE *out, enum rp_plugin_type type)
{
	const char *text = rp_plugin_type_text(type);

	if (rp_plugin_type_stability(type) == RP_DEPRECATED)
		fprintf(out, "use %s", text);
	else
		fputs(text, out);
}

void rp_catalogue_print_all(FILE *out)
{
	char of_type[96];

	for (uint32_t t = 0; t < RP_PLUGIN_TYPE_COUNT; t++) {
		enum rp_plugin_type type = (enum rp_plugin_type)t;
		size_t count;
		const struct rp_param *param = rp_param_set(rp_plugin_type_params(type), &count);

		rp_catalogue_kinds(type, of_type, sizeof(of_type));
		fprintf(out, "%-42s %-28s %-11s %s\n", rp_plugin_type_name(type), of_type,
			rp_catalogue_stability(type), rp_catalogue_state(type));
		for (size_t i = 0; i < count; i++) {
			if (!rp_catalogue_is_listed(&param[i]))
				continue;
			fprintf(out, "    %s: %s", param[i].name, rp_catalogue_value(&param[i]));
			print_default(out, &param[i]);
			fputc('\n', out);
		}
	}
}

void rp_catalogue_print_type(FILE *out, enum rp_plugin_type type)
{
	char text[256];
	size_t count;
	const struct rp_param *param = rp_param_set(rp_plugin_type_params(type), &count);

	rp_catalogue_kinds(type, text, sizeof(text));
	fprintf(out, "%s\n  kind: %s\n  stability: %s\n  state: %s\n", rp_plugin_type_name(type),
		text, rp_catalogue_stability(type), rp_catalogue_state(type));
	if (rp_plugin_type_text(type)[0] != '\0') {
		fputs("  note: ", out);
		print_text(out, type);
		fputc('\n', out);
	}
	if (count == 0)
		fputs("  parameters: none; what is written there is not looked at\n", out);
	for (size_t i = 0; i < count; i++) {
		if (!rp_catalogue_is_listed(&param[i]))
			continue;
		fprintf(out, "\n  %s: %s", param[i].name, rp_catalogue_value(&param[i]));
		print_default(out, &param[i]);
		rp_catalogue_allowed(&param[i], text, sizeof(text));
		fprintf(out, "%s%s\n      %s\n", text[0] == '\0' ? "" : "; ", text, param[i].text);
	}
}

static void print_markdown_type(FILE *out, enum rp_plugin_type type)
{
	enum rp_plugin_state state = rp_plugin_type_state(type);
	char text[256];
	size_t count;
	const struct rp_param *param = rp_param_set(rp_plugin_type_params(type), &count);

	fprintf(out, "\n### `%s`\n\nStability: %s.%s", rp_plugin_type_name(type),
		rp_catalogue_stability(type),
		state == RP_STATE_MISSING ? " Not built yet"
		: state == RP_STATE_INERT ? " Accepted, and does nothing."
					  : "");
	if (rp_plugin_type_text(type)[0] != '\0') {
		fputs(state == RP_STATE_MISSING ? ": " : " Deprecated: ", out);
		print_text(out, type);
		fputc('.', out);
	}
	fputs(count == 0 ? " Parameters are not looked at.\n"
			 : "\n\n| parameter | value | default | allowed | meaning |\n"
			   "|---|---|---|---|---|\n",
	      out);
	for (size_t i = 0; i < count; i++) {
		const char *def = param[i].def == NULL ? "" : param[i].def;

		if (!rp_catalogue_is_listed(&param[i]))
			continue;
		rp_catalogue_allowed(&param[i], text, sizeof(text));
		fprintf(out, "| `%s` | %s | %s%s%s | %s | %s |\n", param[i].name,
			rp_catalogue_value(&param[i]), def[0] == '\0' ? "" : "`",
			rp_param_is_required(&param[i]) ? "required" : def,
			def[0] == '\0' ? "" : "`", text, param[i].text);
	}
}

void rp_catalogue_print_markdown(FILE *out)
{
	fputs("# Plugins\n\n"
	      "Made by `ringpick plugins --markdown` from `plugins.def` and `params.def`; do not "
	      "edit.\n"
	      "Types of stability alpha need `--allow-experimental-plugins`. Names of parameters "
	      "with a dot "
	      "stand\nfor nested mappings, `[]` for the elements of a list.\n",
	      out);
	for (uint32_t i = 0; rp_catalogue_heading(i) != NULL; i++) {
		fprintf(out, "\n## %s\n", rp_catalogue_heading(i));
		for (uint32_t t = 0; t < RP_PLUGIN_TYPE_COUNT; t++) {
			if (rp_catalogue_is_under(i, (enum rp_plugin_type)t))
				print_markdown_type(out, (enum rp_plugin_type)t);
		}
	}
}
