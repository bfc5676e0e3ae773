/* SPDX-License-Identifier: Apache-2.0
 *
 * header-based-testing-filter: the endpoints that a request header names, in its order (scheduling
 * reference 3.9). For conformance tests; a header is looked at as far as RP_TEST_SELECTION_MAX
 * entries.
 */
#include "dataplane/sched/sched_plugin.h"

/* "host", "host:port", "[v6]:port"; without a usable port all of it is the host. */
struct selected {
	struct rp_bytes host;
	struct rp_bytes port;
};

static bool is_bracket(uint8_t c)
{
	return c == '[' || c == ']';
}

static struct rp_bytes without_brackets(struct rp_bytes text)
{
	while (text.len > 0 && is_bracket(text.ptr[0]))
		text = rp_bytes_slice(text, 1, text.len);
	while (text.len > 0 && is_bracket(text.ptr[text.len - 1]))
		text.len--;
	return text;
}

static struct selected parse(struct rp_bytes item)
{
	struct selected whole = {without_brackets(item), rp_bytes("", 0)};
	struct selected parts;
	size_t colon = item.len;

	while (colon > 0 && item.ptr[colon - 1] != ':')
		colon--;
	if (colon == 0)
		return whole;
	parts.host = rp_bytes_slice(item, 0, colon - 1);
	parts.port = rp_bytes_slice(item, colon, item.len);
	if (parts.host.len >= 2 && parts.host.ptr[0] == '[' &&
	    parts.host.ptr[parts.host.len - 1] == ']')
		parts.host = rp_bytes_slice(parts.host, 1, parts.host.len - 2);
	else if (rp_bytes_find(parts.host, RP_BYTES_LIT(":")) != SIZE_MAX)
		return whole;
	for (size_t i = 0; i < item.len; i++) {
		bool is_inside = item.ptr + i >= parts.host.ptr &&
				 item.ptr + i < parts.host.ptr + parts.host.len;

		if (is_bracket(item.ptr[i]) && (is_inside || i >= colon))
			return whole;
	}
	return parts;
}

static bool is_selected(const struct rp_endpoint *endpoint, const struct selected *selected)
{
	struct rp_bytes address = rp_endpoint_address(endpoint);
	struct rp_bytes ip = rp_endpoint_ip(endpoint);

	if (!rp_bytes_equal(without_brackets(ip), selected->host))
		return false;
	return selected->port.len == 0 ||
	       rp_bytes_equal(rp_bytes_slice(address, ip.len + 1, address.len), selected->port);
}

static bool has_ip(const struct rp_call *call, const struct rp_candidates *in, const uint32_t *kept,
		   int count, struct rp_bytes ip)
{
	const struct rp_endpoint *endpoint = call->cycle->table->endpoint;

	for (int i = 0; i < count; i++) {
		if (rp_bytes_equal(rp_endpoint_ip(&endpoint[in->table_idx[kept[i]]]), ip))
			return true;
	}
	return false;
}

/* Of several the last one. @return in->count: none */
static uint32_t find(const struct rp_call *call, const struct rp_candidates *in,
		     struct rp_bytes item)
{
	const struct rp_endpoint *endpoint = call->cycle->table->endpoint;
	struct selected selected = parse(item);

	for (uint32_t i = in->count; i > 0; i--) {
		if (is_selected(&endpoint[in->table_idx[i - 1]], &selected))
			return i - 1;
	}
	return in->count;
}

static int filter(const struct rp_call *call, const struct rp_candidates *in, uint32_t *kept)
{
	const struct rp_endpoint *endpoint = call->cycle->table->endpoint;
	struct rp_bytes rest =
		rp_cycle_header(call->cycle, RP_BYTES_LIT("test-epp-endpoint-selection"));
	int count = 0;

	for (uint32_t n = 0; n < RP_TEST_SELECTION_MAX && rest.len > 0; n++) {
		size_t comma = rp_min_size(rp_bytes_find(rest, RP_BYTES_LIT(",")), rest.len);
		struct rp_bytes item = rp_bytes_trim(rp_bytes_slice(rest, 0, comma));
		uint32_t found = item.len == 0 ? in->count : find(call, in, item);

		rest = rp_bytes_slice(rest, comma + 1, rest.len);
		if (found == in->count)
			continue;
		if (!has_ip(call, in, kept, count, rp_endpoint_ip(&endpoint[in->table_idx[found]])))
			kept[count++] = found;
	}
	return count;
}

const struct rp_plugin_ops rp_header_based_testing_filter = {.filter = filter};
