/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of disaggregatedset-rollout-screener's parameters that params.def cannot say.
 */
#include "config/label_text.h"
#include "config/param_decode.h"

static uint32_t count_values(struct rp_bytes values)
{
	struct rp_bytes value;
	uint32_t count = 0;

	while (rp_selector_next_value(&values, &value))
		count++;
	return count;
}

static int put_requirement(const struct rp_param_reader *reader, const struct rp_selector_text *one,
			   struct rp_selector_requirement *ret)
{
	bool has_values = one->op != RP_SELECTOR_EXISTS && one->op != RP_SELECTOR_DOES_NOT_EXIST;
	struct rp_bytes rest = one->values;
	struct rp_bytes text;
	int r = rp_param_put_str(reader, one->key, &ret->key);

	ret->op = (uint32_t)one->op;
	if (r != RP_OK || !has_values)
		return r;
	struct rp_config_str *value =
		rp_param_put_list(reader, count_values(rest), sizeof(*value), &ret->values);

	if (value == NULL)
		return RP_ETOOBIG;
	for (; r == RP_OK && rp_selector_next_value(&rest, &text); value++)
		r = rp_param_put_str(reader, text, value);
	return r;
}

static int parse_scope(const struct rp_param_reader *reader)
{
	struct rp_params_disaggregatedset_rollout_screener *params = reader->params;
	struct rp_bytes text = rp_param_str(reader, params->scope_selector);
	struct rp_selector_text one;
	struct rp_selector_requirement *requirement;
	struct rp_bytes rest = text;
	uint32_t count = 0;
	int r = RP_OK;

	for (; rest.len > 0 && r == RP_OK; count++)
		r = rp_selector_next(&rest, &one);
	if (r != RP_OK)
		return rp_param_fail(reader, "scope.labelSelector",
				     "scope.labelSelector is not a valid label selector: '%.*s'; "
				     "write for example app=llama,tier in (a,b)",
				     RP_SHOW(text));
	requirement =
		rp_param_put_list(reader, count, sizeof(*requirement), &params->scope_requirements);
	if (requirement == NULL)
		return RP_ETOOBIG;
	for (rest = text; rest.len > 0 && r == RP_OK; requirement++) {
		r = rp_selector_next(&rest, &one);
		if (r == RP_OK)
			r = put_requirement(reader, &one, requirement);
	}
	return r;
}

static int check_selectors(const struct rp_param_reader *reader)
{
	const struct rp_params_disaggregatedset_rollout_screener *params = reader->params;
	const struct rp_rollout_selector *selector =
		rp_pool_list(&reader->model->pool, params->header_selectors);

	if (params->header_selectors.count > RP_ROLLOUT_SELECTORS_MAX)
		return rp_param_fail(reader, "headerSelectors",
				     "headerSelectors must be at most %u",
				     RP_ROLLOUT_SELECTORS_MAX);
	for (uint32_t i = 0; i < params->header_selectors.count; i++) {
		struct rp_bytes name = rp_param_str(reader, selector[i].name);
		struct rp_bytes header = rp_param_str(reader, selector[i].header_name);

		for (uint32_t k = 0; k < i; k++) {
			bool is_name = rp_bytes_equal(name, rp_param_str(reader, selector[k].name));

			if (is_name ||
			    rp_bytes_equal(header, rp_param_str(reader, selector[k].header_name)))
				return rp_decode_fail(
					reader->model->diag,
					rp_param_element(rp_param_node(reader, "headerSelectors"),
							 i),
					"headerSelectors: duplicate %s \"%.*s\"",
					is_name ? "name" : "headerName",
					RP_SHOW(is_name ? name : header));
		}
	}
	return RP_OK;
}

static int check_roles(const struct rp_param_reader *reader)
{
	static const char field[] = "revisionGating.requireRoles.values";
	const struct rp_params_disaggregatedset_rollout_screener *params = reader->params;
	const struct rp_config_str *role =
		rp_pool_list(&reader->model->pool, params->require_roles);

	if (params->gating == RP_ROLLOUT_DISABLED)
		return RP_OK;
	if (!params->has_require_roles)
		return rp_param_fail(reader, "revisionGating",
				     "revisionGating.requireRoles is required unless "
				     "revisionGating.mode is disabled");
	if (params->require_roles.count == 0)
		return rp_param_fail(reader, "revisionGating.requireRoles",
				     "%s must contain at least one role", field);
	if (params->require_roles.count > RP_ROLLOUT_ROLES_MAX)
		return rp_param_fail(reader, "revisionGating.requireRoles",
				     "%s must be at most %u roles", field, RP_ROLLOUT_ROLES_MAX);
	for (uint32_t i = 0; i < params->require_roles.count; i++) {
		struct rp_bytes text = rp_param_str(reader, role[i]);

		if (text.len == 0)
			return rp_param_fail(reader, field, "%s[%u] must not be empty", field, i);
		for (uint32_t k = 0; k < i; k++) {
			if (rp_bytes_equal(text, rp_param_str(reader, role[k])))
				return rp_param_fail(reader, field,
						     "%s contains duplicate role \"%.*s\"", field,
						     RP_SHOW(text));
		}
	}
	return RP_OK;
}

int rp_params_check_rollout(const struct rp_param_reader *reader)
{
	int r = parse_scope(reader);

	if (r == RP_OK)
		r = check_selectors(reader);
	return r == RP_OK ? check_roles(reader) : r;
}
