/* SPDX-License-Identifier: Apache-2.0
 *
 * flowControl of an EndpointPickerConfig. Its form is checked always; what it means only with the
 * feature gate flowControl, as the reference implementation does.
 */
#include "config/model.h"

/* One priority band as configured. */
struct band {
	int64_t priority;
	int64_t max_bytes;
	int64_t max_requests;
	struct rp_bytes fairness;
	struct rp_bytes ordering;
};

static const struct rp_moved_field moved_saturation[] = {
	{"queueDepthThreshold", "set it in the parameters of a utilization-detector plugin"},
	{"kvCacheUtilThreshold", "set it in the parameters of a utilization-detector plugin"},
	{"metricsStalenessThreshold", "set it in the parameters of a utilization-detector plugin"},
	{NULL, NULL},
};

static int read_band(struct rp_model *model, const struct rp_path *path,
		     const struct rp_yaml_node *node, struct band *ret)
{
	const struct rp_field fields[] = {
		{"priority", RP_FIELD_INT, &ret->priority},
		{"maxBytes", RP_FIELD_QUANTITY, &ret->max_bytes},
		{"maxRequests", RP_FIELD_QUANTITY, &ret->max_requests},
		{"fairnessPolicyRef", RP_FIELD_STR, &ret->fairness},
		{"orderingPolicyRef", RP_FIELD_STR, &ret->ordering},
	};

	*ret = (struct band){0};
	return rp_decode_object(model->diag, path, node, fields, RP_ARRAY_LEN(fields), NULL);
}

/* The sections of flowControl that hold more than a value. */
struct sections {
	const struct rp_yaml_node *band;
	const struct rp_yaml_node *negative_band;
	const struct rp_yaml_node *bands;
	const struct rp_yaml_node *detector;
	int64_t max_bytes;
	int64_t max_requests;
	int64_t ttl_ns;
	int64_t no_endpoint_ttl_ns;
};

static int read_sections(struct rp_model *model, struct sections *s)
{
	const struct rp_path path = {NULL, "flowControl", 0};
	bool has_eviction;
	const struct rp_field fields[] = {
		{"maxBytes", RP_FIELD_QUANTITY, &s->max_bytes},
		{"maxRequests", RP_FIELD_QUANTITY, &s->max_requests},
		{"defaultRequestTTL", RP_FIELD_DURATION, &s->ttl_ns},
		{"noEndpointRequestTTL", RP_FIELD_DURATION, &s->no_endpoint_ttl_ns},
		{"defaultPriorityBand", RP_FIELD_MAP, &s->band},
		{"defaultNegativePriorityBand", RP_FIELD_MAP, &s->negative_band},
		{"priorityBands", RP_FIELD_LIST, &s->bands},
		{"usageLimitPolicyPluginRef", RP_FIELD_STR, &model->usage_limit.name},
		{"saturationDetector", RP_FIELD_MAP, &s->detector},
		{"enableEviction", RP_FIELD_BOOL, &has_eviction},
	};

	*s = (struct sections){0};
	return rp_decode_object(model->diag, &path, model->flow_node, fields, RP_ARRAY_LEN(fields),
				NULL);
}

/* Is there anything that only the queueing layer would heed? */
static bool has_settings(const struct rp_yaml_node *flow)
{
	const struct rp_yaml_node *key = flow == NULL ? NULL : rp_yaml_first(flow);

	while (key != NULL) {
		const struct rp_yaml_node *value = rp_yaml_next(flow, key);
		bool is_heeded = rp_bytes_equal_str(key->text, "saturationDetector") ||
				 rp_bytes_equal_str(key->text, "enableEviction");
		bool is_empty = value->kind == RP_YAML_NULL ||
				(value->kind == RP_YAML_SEQ && value->count == 0) ||
				(value->kind == RP_YAML_STR && value->text.len == 0);

		if (!is_heeded && !is_empty)
			return true;
		key = rp_yaml_next(flow, value);
	}
	return false;
}

static const struct rp_path flow_path = {NULL, "flowControl", 0};
static const struct rp_path bands_path = {&flow_path, "priorityBands", 0};

int rp_model_decode_flow(struct rp_model *model, const struct rp_yaml_node *node)
{
	const struct rp_path detector_path = {&flow_path, "saturationDetector", 0};
	const struct rp_path band_path = {&flow_path, "defaultPriorityBand", 0};
	const struct rp_path negative_path = {&flow_path, "defaultNegativePriorityBand", 0};
	const struct rp_yaml_node *element;
	struct sections s;
	struct band band;
	uint32_t index = 0;
	int r;

	model->flow_node = node;
	model->has_flow_settings = has_settings(node);
	r = read_sections(model, &s);
	if (r == RP_OK)
		r = rp_model_decode_ref(model, &detector_path, s.detector, moved_saturation,
					&model->saturation);
	if (r == RP_OK)
		r = read_band(model, &band_path, s.band, &band);
	if (r == RP_OK)
		r = read_band(model, &negative_path, s.negative_band, &band);
	element = r != RP_OK || s.bands == NULL ? NULL : rp_yaml_first(s.bands);
	for (; element != NULL && r == RP_OK; element = rp_yaml_next(s.bands, element)) {
		const struct rp_path path = {&bands_path, NULL, index++};

		if (index > RP_PRIORITY_BANDS_MAX)
			return rp_decode_fail(model->diag, element, "more than %u priority bands",
					      RP_PRIORITY_BANDS_MAX);
		r = read_band(model, &path, element, &band);
	}
	return r;
}

int rp_model_decode_old_detector(struct rp_model *model, const struct rp_yaml_node *node)
{
	const struct rp_path path = {NULL, "saturationDetector", 0};
	struct rp_model_ref detector;
	int r = rp_model_decode_ref(model, &path, node, moved_saturation, &detector);
	const struct rp_yaml_node *newer = rp_yaml_get(model->flow_node, "saturationDetector");

	if (r != RP_OK || node == NULL)
		return r;
	rp_config_warn(model->control, "the top-level saturationDetector is deprecated; write "
				       "flowControl.saturationDetector");
	if (newer == NULL || newer->kind == RP_YAML_NULL)
		model->saturation = detector;
	return RP_OK;
}

/* What kind of policy a band or section asks for. */
enum policy { POLICY_ORDERING, POLICY_FAIRNESS, POLICY_USAGE_LIMIT };

static const struct {
	enum rp_plugin_type type;
	enum policy policy;
} policies[] = {
	{RP_PLUGIN_FCFS_ORDERING_POLICY, POLICY_ORDERING},
	{RP_PLUGIN_EDF_ORDERING_POLICY, POLICY_ORDERING},
	{RP_PLUGIN_SLO_DEADLINE_ORDERING_POLICY, POLICY_ORDERING},
	{RP_PLUGIN_GLOBAL_STRICT_FAIRNESS_POLICY, POLICY_FAIRNESS},
	{RP_PLUGIN_ROUND_ROBIN_FAIRNESS_POLICY, POLICY_FAIRNESS},
	{RP_PLUGIN_PROGRAM_AWARE_FAIRNESS, POLICY_FAIRNESS},
	{RP_PLUGIN_STATIC_USAGE_LIMIT_POLICY, POLICY_USAGE_LIMIT},
	{RP_PLUGIN_PRIORITY_HOLDBACK_POLICY, POLICY_USAGE_LIMIT},
	{RP_PLUGIN_SOFT_REFLECTIVE_CEILING_POLICY, POLICY_USAGE_LIMIT},
};

static bool is_policy(enum rp_plugin_type type, enum policy policy)
{
	for (size_t i = 0; i < RP_ARRAY_LEN(policies); i++) {
		if (policies[i].type == type)
			return policies[i].policy == policy;
	}
	return false;
}

static int check_policy(struct rp_model *model, const struct rp_yaml_node *at, struct rp_bytes name,
			enum policy policy)
{
	static const char *const words[] = {"ordering policy", "fairness policy",
					    "usage limit policy"};
	const struct rp_model_plugin *plugin = rp_model_find(model, name);

	if (name.len == 0)
		return RP_OK;
	if (plugin == NULL)
		return rp_decode_fail(model->diag, at,
				      "plugin \"%.*s\" not found; list the %s under plugins",
				      RP_SHOW(name), words[policy]);
	if (!is_policy(plugin->type, policy))
		return rp_decode_fail(model->diag, at,
				      "plugin '%.*s' (type: %.*s) is no %s; name one that is",
				      RP_SHOW(name), RP_SHOW(plugin->type_name), words[policy]);
	return RP_OK;
}

/* The key's value, or the mapping itself. */
static const struct rp_yaml_node *place(const struct rp_yaml_node *map, const char *key)
{
	const struct rp_yaml_node *value = rp_yaml_get(map, key);

	return value == NULL ? map : value;
}

static int check_amount(struct rp_model *model, const struct rp_yaml_node *map, const char *key,
			int64_t value, const char *unit)
{
	if (value >= 0)
		return RP_OK;
	return rp_decode_fail(model->diag, place(map, key),
			      "%s must be non-negative, got %lld%s; leave it out for the default",
			      key, (long long)value, unit);
}

static int check_band(struct rp_model *model, const struct rp_path *path,
		      const struct rp_yaml_node *node, struct band *band)
{
	int r = read_band(model, path, node, band);

	if (r == RP_OK)
		r = check_amount(model, node, "maxBytes", band->max_bytes, "");
	if (r == RP_OK)
		r = check_amount(model, node, "maxRequests", band->max_requests, "");
	if (r == RP_OK)
		r = check_policy(model, place(node, "orderingPolicyRef"), band->ordering,
				 POLICY_ORDERING);
	if (r == RP_OK)
		r = check_policy(model, place(node, "fairnessPolicyRef"), band->fairness,
				 POLICY_FAIRNESS);
	return r;
}

static int check_bands(struct rp_model *model, const struct rp_yaml_node *list)
{
	const struct rp_yaml_node *node = list == NULL ? NULL : rp_yaml_first(list);
	int64_t seen[RP_PRIORITY_BANDS_MAX];
	uint32_t count = 0;

	for (; node != NULL; node = rp_yaml_next(list, node)) {
		const struct rp_path path = {&bands_path, NULL, count};
		struct band band;
		int r = check_band(model, &path, node, &band);

		if (r != RP_OK)
			return r;
		for (uint32_t i = 0; i < count; i++) {
			if (seen[i] == band.priority)
				return rp_decode_fail(model->diag, place(node, "priority"),
						      "duplicate priority level %lld; each band "
						      "has its own",
						      (long long)band.priority);
		}
		seen[count++] = band.priority;
	}
	return RP_OK;
}

/* Those that bands without a policy of their own have: nothing else may go by their names. */
static int check_default_policies(struct rp_model *model)
{
	static const struct {
		enum rp_plugin_type type;
		enum policy policy;
	} defaults[] = {
		{RP_PLUGIN_FCFS_ORDERING_POLICY, POLICY_ORDERING},
		{RP_PLUGIN_GLOBAL_STRICT_FAIRNESS_POLICY, POLICY_FAIRNESS},
		{RP_PLUGIN_STATIC_USAGE_LIMIT_POLICY, POLICY_USAGE_LIMIT},
	};
	int r = RP_OK;

	for (size_t i = 0; i < RP_ARRAY_LEN(defaults) && r == RP_OK; i++) {
		struct rp_bytes name = rp_bytes_str(rp_plugin_type_name(defaults[i].type));
		const struct rp_model_plugin *plugin = rp_model_find(model, name);

		if (defaults[i].policy != POLICY_USAGE_LIMIT || model->usage_limit.name.len == 0)
			r = check_policy(model, plugin->node, name, defaults[i].policy);
	}
	return r;
}

int rp_model_check_flow(struct rp_model *model)
{
	const struct rp_path band_path = {&flow_path, "defaultPriorityBand", 0};
	const struct rp_path negative_path = {&flow_path, "defaultNegativePriorityBand", 0};
	const struct rp_yaml_node *node = model->flow_node;
	struct sections s;
	struct band band;
	int r;

	if (!model->gates.has_flow_control) {
		if (model->has_flow_settings)
			rp_config_warn(model->control,
				       "flowControl is ignored, but for its saturationDetector, "
				       "while the feature gate flowControl is off");
		return RP_OK;
	}
	r = read_sections(model, &s);
	if (r == RP_OK)
		r = check_default_policies(model);
	if (r == RP_OK)
		r = check_amount(model, node, "maxBytes", s.max_bytes, "");
	if (r == RP_OK)
		r = check_amount(model, node, "maxRequests", s.max_requests, "");
	if (r == RP_OK)
		r = check_band(model, &band_path, s.band, &band);
	if (r == RP_OK)
		r = check_band(model, &negative_path, s.negative_band, &band);
	if (r == RP_OK)
		r = check_bands(model, s.bands);
	if (r == RP_OK)
		r = check_amount(model, node, "defaultRequestTTL", s.ttl_ns, " ns");
	if (r == RP_OK)
		r = check_amount(model, node, "noEndpointRequestTTL", s.no_endpoint_ttl_ns, " ns");
	if (r == RP_OK)
		r = check_policy(model, place(node, "usageLimitPolicyPluginRef"),
				 model->usage_limit.name, POLICY_USAGE_LIMIT);
	return r;
}
