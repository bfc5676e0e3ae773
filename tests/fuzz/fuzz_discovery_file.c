/* SPDX-License-Identifier: Apache-2.0
 *
 * An endpoints file gives a sorted set of endpoints that differ and are within bounds; what it
 * leaves out has a message.
 */
#include <arpa/inet.h>

#include "control/discovery_file.h"
#include "tests/fuzz/fuzz.h"

enum { ENDPOINTS_MAX = 8 };

static int order(struct rp_bytes a, struct rp_bytes b)
{
	int diff = rp_min_size(a.len, b.len) == 0 ? 0
						  : memcmp(a.ptr, b.ptr, rp_min_size(a.len, b.len));

	return diff != 0 ? diff : (a.len > b.len) - (a.len < b.len);
}

static void check_endpoint(const struct rp_endpoint_set *set, size_t i)
{
	const struct rp_discovered_endpoint *endpoint = &set->endpoint[i];
	struct in_addr address;
	int diff;

	/* Upstream takes an empty name, too. */
	RP_ASSERT(endpoint->name.len < RP_ENDPOINT_NAME_MAX);
	RP_ASSERT(endpoint->name_space.len > 0 && endpoint->name_space.len < RP_ENDPOINT_NAME_MAX);
	RP_ASSERT(inet_pton(AF_INET, endpoint->ip, &address) == 1 && endpoint->port > 0);
	RP_ASSERT(endpoint->label_count <= RP_ENDPOINT_LABELS_MAX);
	RP_ASSERT((size_t)endpoint->label_first + endpoint->label_count <= set->label_count);
	for (uint32_t j = 0; j < endpoint->label_count; j++) {
		const struct rp_discovered_label *label = &set->label[endpoint->label_first + j];

		RP_ASSERT(label->key.len + label->value.len <= RP_LABEL_BYTES_MAX);
	}
	if (i == 0)
		return;
	diff = order(set->endpoint[i - 1].name_space, endpoint->name_space);
	RP_ASSERT(diff < 0 || (diff == 0 && order(set->endpoint[i - 1].name, endpoint->name) < 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rp_endpoint_set set = {0};
	struct rp_diag diag = {0};
	size_t refused = 0;
	int err = rp_discovery_file_parse("ep.yaml", rp_bytes(data, size), ENDPOINTS_MAX, &set,
					  &refused, &diag);

	if (err != RP_OK || refused > 0)
		RP_ASSERT(diag.message[0] != '\0');
	if (err == RP_OK) {
		RP_ASSERT(set.count <= ENDPOINTS_MAX);
		for (size_t i = 0; i < set.count; i++)
			check_endpoint(&set, i);
	}
	rp_endpoint_set_fini(&set);
	return 0;
}
