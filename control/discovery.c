/* SPDX-License-Identifier: Apache-2.0 */
#include "control/discovery.h"

#include <errno.h>
#include <stdlib.h>

void rp_endpoint_set_fini(struct rp_endpoint_set *set)
{
	free(set->endpoint);
	free(set->label);
	if (set->free_text != NULL)
		set->free_text(set->text);
	*set = (struct rp_endpoint_set){0};
}

static int compare_bytes(struct rp_bytes a, struct rp_bytes b)
{
	size_t len = rp_min_size(a.len, b.len);
	int order = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_identity(const struct rp_discovered_endpoint *a,
			    const struct rp_discovered_endpoint *b)
{
	int order = compare_bytes(a->name_space, b->name_space);

	return order != 0 ? order : compare_bytes(a->name, b->name);
}

/* qsort() is not stable: equal identities are told apart by their places in the original array. */
static int compare_places(const void *left, const void *right)
{
	const struct rp_discovered_endpoint *const *a = left;
	const struct rp_discovered_endpoint *const *b = right;
	int order = compare_identity(*a, *b);

	return order != 0 ? order : (*a > *b) - (*a < *b);
}

int rp_endpoint_set_normalize(struct rp_endpoint_set *set)
{
	const struct rp_discovered_endpoint **place;
	struct rp_discovered_endpoint *sorted;
	size_t count = 0;

	if (set->count == 0)
		return RP_OK;
	place = calloc(set->count, sizeof(struct rp_discovered_endpoint *));
	sorted = calloc(set->count, sizeof(*sorted));
	if (place == NULL || sorted == NULL) {
		free(place);
		free(sorted);
		return -ENOMEM;
	}
	for (size_t i = 0; i < set->count; i++)
		place[i] = &set->endpoint[i];
	qsort(place, set->count, sizeof(struct rp_discovered_endpoint *), compare_places);
	for (size_t i = 0; i < set->count; i++) {
		if (i + 1 < set->count && compare_identity(place[i], place[i + 1]) == 0)
			continue;
		sorted[count++] = *place[i];
	}
	free(place);
	free(set->endpoint);
	set->endpoint = sorted;
	set->count = count;
	return RP_OK;
}
