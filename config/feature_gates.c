/* SPDX-License-Identifier: Apache-2.0 */
#include "config/feature_gates.h"

#include "config/decode.h"
#include "config/quantity.h"

/* The value of "gate=value", trimmed and in any case; a gate alone is on. */
static int parse_value(struct rp_bytes text, bool *ret)
{
	char lower[8];

	text = rp_bytes_trim(text);
	if (text.len >= sizeof(lower))
		return RP_EFORMAT;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		lower[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	return rp_bool_parse(rp_bytes(lower, text.len), ret);
}

static int read_gate(struct rp_bytes text, const struct rp_yaml_node *node,
		     struct rp_feature_gates *gates, struct rp_diag *diag)
{
	size_t equals = rp_bytes_find(text, RP_BYTES_LIT("="));
	struct rp_bytes name = rp_bytes_slice(text, 0, equals);
	bool *gate;
	bool is_on = true;

	if (rp_bytes_equal_str(name, "flowControl"))
		gate = &gates->has_flow_control;
	else if (rp_bytes_equal_str(name, "haPopulateNonLeaderDatastore"))
		gate = &gates->has_non_leader_datastore;
	else
		return rp_decode_fail(diag, node,
				      "feature gate '%.*s' is unknown or unregistered; known are "
				      "flowControl and haPopulateNonLeaderDatastore",
				      RP_SHOW(name));
	if (equals != SIZE_MAX) {
		struct rp_bytes value = rp_bytes_slice(text, equals + 1, text.len);

		/* What follows a second sign is not looked at. */
		value = rp_bytes_slice(value, 0, rp_bytes_find(value, RP_BYTES_LIT("=")));
		if (parse_value(value, &is_on) != RP_OK)
			return rp_decode_fail(diag, node,
					      "feature gate '%.*s' must be set to true or false, "
					      "got '%.*s'",
					      RP_SHOW(name), RP_SHOW(value));
	}
	*gate = is_on;
	return RP_OK;
}

int rp_feature_gates_read(const struct rp_yaml_node *list, struct rp_feature_gates *ret,
			  struct rp_diag *diag)
{
	const struct rp_path list_path = {NULL, "featureGates", 0};
	const struct rp_yaml_node *node = list == NULL ? NULL : rp_yaml_first(list);
	uint32_t index = 0;

	*ret = (struct rp_feature_gates){.has_non_leader_datastore = true};
	for (; node != NULL; node = rp_yaml_next(list, node)) {
		const struct rp_path path = {&list_path, NULL, index++};
		struct rp_bytes text;
		int r = rp_decode_str(diag, &path, node, &text);

		if (r == RP_OK)
			r = read_gate(text, node, ret, diag);
		if (r != RP_OK)
			return r;
	}
	return RP_OK;
}
