/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of the parameters that select by label.
 */
#include "config/label_text.h"
#include "config/param_decode.h"

static int check_requirement(const struct rp_param_reader *reader, uint32_t i,
			     const struct rp_selector_requirement *requirement)
{
	const struct rp_yaml_node *at =
		rp_param_element(rp_param_node(reader, "matchExpressions"), i);
	bool has_values = requirement->values.count > 0;
	bool needs_values = requirement->op <= RP_SELECTOR_NOT_IN;
	struct rp_bytes key = rp_param_str(reader, requirement->key);
	const struct rp_config_str *value = rp_pool_list(&reader->model->pool, requirement->values);

	if (needs_values && !has_values)
		return rp_decode_fail(reader->model->diag, at,
				      "for 'In' and 'NotIn', values must be non-empty");
	if (!needs_values && has_values)
		return rp_decode_fail(reader->model->diag, at,
				      "for 'Exists' and 'DoesNotExist', values must be empty");
	if (!rp_label_is_key(key))
		return rp_decode_fail(reader->model->diag, at, "'%.*s' is no key of a label",
				      RP_SHOW(key));
	for (uint32_t k = 0; k < requirement->values.count; k++) {
		struct rp_bytes text = rp_param_str(reader, value[k]);

		if (!rp_label_is_value(text))
			return rp_decode_fail(reader->model->diag, at,
					      "'%.*s' is no value of a label", RP_SHOW(text));
	}
	return RP_OK;
}

/* A requirement that the label has just that value. */
static int put_match(const struct rp_param_reader *reader, const struct rp_path *path,
		     const struct rp_yaml_node *key, const struct rp_yaml_node *node,
		     struct rp_selector_requirement *ret)
{
	const struct rp_path here = {path, (const char *)key->text.ptr, 0};
	struct rp_bytes text = RP_BYTES_LIT("");
	struct rp_config_str *value;
	int r = node->kind == RP_YAML_NULL ? RP_OK
					   : rp_decode_str(reader->model->diag, &here, node, &text);

	if (r == RP_OK && (!rp_label_is_key(key->text) || !rp_label_is_value(text)))
		r = rp_decode_fail(reader->model->diag, key,
				   "matchLabels: '%.*s: %.*s' is no label and its value",
				   RP_SHOW(key->text), RP_SHOW(text));
	if (r != RP_OK)
		return r;
	ret->op = RP_SELECTOR_IN;
	value = rp_param_put_list(reader, 1, sizeof(*value), &ret->values);
	if (value == NULL)
		return RP_ETOOBIG;
	r = rp_param_put_str(reader, key->text, &ret->key);
	return r == RP_OK ? rp_param_put_str(reader, text, value) : r;
}

/* matchLabels are requirements too, in front of matchExpressions. */
static int add_match_labels(const struct rp_param_reader *reader, const struct rp_yaml_node *map)
{
	const struct rp_path path = {reader->path, "matchLabels", 0};
	struct rp_params_label_selector *params = reader->params;
	struct rp_config_list given = params->requirements;
	uint32_t count = map->count / 2;
	struct rp_selector_requirement *all =
		rp_param_put_list(reader, count + given.count, sizeof(*all), &params->requirements);
	int r = RP_OK;

	if (all == NULL)
		return RP_ETOOBIG;
	if (given.count > 0)
		memcpy(&all[count], rp_pool_list(&reader->model->pool, given),
		       given.count * sizeof(*all));
	for (const struct rp_yaml_node *key = rp_yaml_first(map); key != NULL && r == RP_OK;
	     all++) {
		const struct rp_yaml_node *value = rp_yaml_next(map, key);

		r = put_match(reader, &path, key, value, all);
		key = rp_yaml_next(map, value);
	}
	return r;
}

int rp_params_check_selector(const struct rp_param_reader *reader)
{
	const struct rp_params_label_selector *params = reader->params;
	const struct rp_yaml_node *labels = rp_param_node(reader, "matchLabels");
	const struct rp_selector_requirement *requirement =
		rp_pool_list(&reader->model->pool, params->requirements);
	int r = RP_OK;

	for (uint32_t i = 0; i < params->requirements.count && r == RP_OK; i++)
		r = check_requirement(reader, i, &requirement[i]);
	if (r == RP_OK && labels != NULL && labels->kind == RP_YAML_MAP)
		r = add_match_labels(reader, labels);
	return r;
}

int rp_params_check_by_label(const struct rp_param_reader *reader)
{
	const struct rp_params_by_label *params = reader->params;

	if (params->valid_values.count == 0 && !params->allows_no_label)
		return rp_param_fail(reader, "validValues",
				     "either 'validValues' must be non-empty or 'allowsNoLabel' "
				     "must be true");
	return RP_OK;
}
