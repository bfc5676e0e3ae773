/* SPDX-License-Identifier: Apache-2.0 */
#include "config/label_match.h"

bool rp_selector_has(const struct rp_config_blob *config, struct rp_config_list list,
		     struct rp_bytes text)
{
	struct rp_config_array strings =
		rp_config_blob_list(config, list, sizeof(struct rp_config_str));
	const struct rp_config_str *str = strings.ptr;

	for (uint32_t i = 0; i < strings.count; i++) {
		if (rp_bytes_equal(rp_config_blob_str(config, str[i]), text))
			return true;
	}
	return false;
}

/* A decimal number of 64 bits as strconv.ParseInt takes it. */
static bool to_number(struct rp_bytes text, int64_t *ret_value)
{
	bool is_negative = text.len > 0 && text.ptr[0] == '-';
	bool is_signed = is_negative || (text.len > 0 && text.ptr[0] == '+');
	uint64_t max = (uint64_t)INT64_MAX + is_negative;
	uint64_t value;

	if (rp_bytes_to_u64(rp_bytes_slice(text, is_signed, text.len), max, &value) != RP_OK)
		return false;
	*ret_value = is_negative ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

static bool compares(const struct rp_config_blob *config,
		     const struct rp_selector_requirement *requirement, struct rp_bytes label)
{
	struct rp_config_array values =
		rp_config_blob_list(config, requirement->values, sizeof(struct rp_config_str));
	const struct rp_config_str *str = values.ptr;
	int64_t ours, bound;

	if (values.count != 1 || !to_number(label, &ours) ||
	    !to_number(rp_config_blob_str(config, str[0]), &bound))
		return false;
	return requirement->op == RP_SELECTOR_GREATER_THAN ? ours > bound : ours < bound;
}

static bool holds(const struct rp_config_blob *config,
		  const struct rp_selector_requirement *requirement,
		  const struct rp_endpoint_table *table, uint32_t table_idx)
{
	struct rp_bytes key = rp_config_blob_str(config, requirement->key);
	struct rp_bytes label;
	bool has_label = rp_endpoint_table_find_label(table, table_idx, key, &label);

	switch ((enum rp_selector_operator)requirement->op) {
	case RP_SELECTOR_IN:
		return has_label && rp_selector_has(config, requirement->values, label);
	case RP_SELECTOR_NOT_IN:
		return !has_label || !rp_selector_has(config, requirement->values, label);
	case RP_SELECTOR_EXISTS:
		return has_label;
	case RP_SELECTOR_DOES_NOT_EXIST:
		return !has_label;
	case RP_SELECTOR_GREATER_THAN:
	case RP_SELECTOR_LESS_THAN:
		return has_label && compares(config, requirement, label);
	}
	return false;
}

bool rp_label_match(const struct rp_config_blob *config, struct rp_config_list requirements,
		    const struct rp_endpoint_table *table, uint32_t table_idx)
{
	struct rp_config_array list =
		rp_config_blob_list(config, requirements, sizeof(struct rp_selector_requirement));
	const struct rp_selector_requirement *requirement = list.ptr;

	for (uint32_t i = 0; i < list.count; i++) {
		if (!holds(config, &requirement[i], table, table_idx))
			return false;
	}
	return true;
}
