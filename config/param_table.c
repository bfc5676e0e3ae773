/* SPDX-License-Identifier: Apache-2.0 */
#include "config/param_table.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/control_params.h"
#include "config/model.h"

/* Stands for a default that there is none of. */
static const char required[] = "";

/* clang-format off */
#define RP_REQUIRED required
#define AT(params, member) (uint32_t)offsetof(struct rp_params_##params, member)
#define ITEM_AT(tag, member) (uint32_t)offsetof(struct rp_##tag, member)

static const struct rp_param table[] = {
#define RP_PARAM(set, kind, name, params, member, def, rule, text) \
	{RP_PARAMS_##set, RP_PARAM_##kind, name, AT(params, member), 0, 0, def, rule, text},
#define RP_ITEM(set, kind, name, tag, member, def, rule, text) \
	{RP_PARAMS_##set, RP_PARAM_##kind, name, ITEM_AT(tag, member), 0, 0, def, rule, text},
#define RP_LIST(set, name, params, member, tag, rule, text) \
	{RP_PARAMS_##set, RP_PARAM_LIST, name, AT(params, member), sizeof(struct rp_##tag), 0, NULL, \
	 rule, text},
#define RP_ITEM_LIST(set, name, tag, member, element, rule, text) \
	{RP_PARAMS_##set, RP_PARAM_LIST, name, ITEM_AT(tag, member), sizeof(struct rp_##element), 0, \
	 NULL, rule, text},
#define RP_NAMES(set, kind, name, role, def, text) \
	{RP_PARAMS_##set, RP_PARAM_##kind, name, RP_PARAM_NO_MEMBER, 0, (uint32_t)(role), def, "", text},
#define RP_NOTE(set, kind, name, text) \
	{RP_PARAMS_##set, RP_PARAM_##kind, name, RP_PARAM_NO_MEMBER, 0, 0, NULL, "", text},
#define RP_INDEX(set, name, params, member) \
	{RP_PARAMS_##set, RP_PARAM_INDEX, name, AT(params, member), 0, 0, NULL, "", NULL},
#include "config/params.def"
};
/* clang-format on */

enum rp_param_set rp_plugin_type_params(enum rp_plugin_type type)
{
	static const uint8_t sets[] = {
#define RP_PLUGIN(id, name, kinds, stability, state, params, text)                                 \
	[RP_PLUGIN_##id] = RP_PARAMS_##params,
#include "config/plugins.def"
#undef RP_PLUGIN
	};

	RP_ASSERT((uint32_t)type < RP_PLUGIN_TYPE_COUNT);
	return (enum rp_param_set)sets[type];
}

size_t rp_param_set_bytes(enum rp_param_set set)
{
	static const uint16_t bytes[RP_PARAMS_SETS] = {
#define RP_PARAM_SET(id, name)	       [RP_PARAMS_##id] = sizeof(struct rp_params_##name),
#define RP_PARAM_SET_CONTROL(id, name) [RP_PARAMS_##id] = sizeof(struct rp_params_##name),
#include "config/params.def"
	};

	return bytes[set];
}

const struct rp_param *rp_param_set(enum rp_param_set set, size_t *ret_count)
{
	size_t first = 0;
	size_t count = 0;

	while (first < RP_ARRAY_LEN(table) && table[first].set != set)
		first++;
	while (first + count < RP_ARRAY_LEN(table) && table[first + count].set == set)
		count++;
	*ret_count = count;
	return &table[first % RP_ARRAY_LEN(table)];
}

bool rp_param_is_required(const struct rp_param *param)
{
	return param->def == required;
}

static bool has_range(const struct rp_param *param)
{
	return strchr(param->rule, ',') != NULL;
}

bool rp_param_has_flag(const struct rp_param *param, char flag)
{
	const char *flags = param->rule;

	if (has_range(param))
		flags += strcspn(flags, "])") + 1;
	return strchr(flags, flag) != NULL;
}

struct rp_param_range rp_param_range(const struct rp_param *param)
{
	struct rp_param_range range = {0};
	const char *open = strpbrk(param->rule, "[(");
	const char *comma = strchr(param->rule, ',');
	char *end;

	if (open == NULL || comma == NULL)
		return range;
	range.is_min_open = *open == '(';
	range.min = strtod(open + 1, &end);
	range.has_min = end == comma && comma > open + 1;
	range.max = strtod(comma + 1, &end);
	range.has_max = end > comma + 1;
	return range;
}

void rp_param_range_format(const struct rp_param *param, char *out, size_t out_bytes)
{
	struct rp_param_range range = rp_param_range(param);
	const char *above = range.is_min_open ? "above" : "at least";

	if (range.has_min && range.has_max && !range.is_min_open)
		snprintf(out, out_bytes, "must be between %.10g and %.10g", range.min, range.max);
	else if (range.has_min && range.has_max)
		snprintf(out, out_bytes, "must be above %.10g and at most %.10g", range.min,
			 range.max);
	else if (range.has_min && range.min == 0 && !range.is_min_open)
		snprintf(out, out_bytes, "must not be negative");
	else if (range.has_min)
		snprintf(out, out_bytes, "must be %s %.10g", above, range.min);
	else if (range.has_max)
		snprintf(out, out_bytes, "must be at most %.10g", range.max);
	else
		out[0] = '\0';
}

struct rp_bytes rp_param_word(const struct rp_param *param, uint32_t i)
{
	const char *word = param->rule + (param->rule[0] == '|');

	for (; i > 0 && *word != '\0'; i--) {
		word += strcspn(word, "|~");
		word += *word == '|';
		if (*word == '~')
			break;
	}
	return rp_bytes(word, strcspn(word, "|~"));
}
