/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/sched/subset.h"

#include <stdlib.h>

#include "shm/hash.h"

enum subset_meaning {
	MEANS_ADDRESS = 1 << 0,	 /* "ip:port" */
	MEANS_ANY_PORT = 1 << 1, /* an IP named without port */
	MEANS_IP = 1 << 2,	 /* an IP named with a port */
};

static_assert((RP_SUBSET_KEYS & (RP_SUBSET_KEYS - 1)) == 0, "probing masks the hash");

int rp_subset_filter_new(uint32_t endpoints_max, struct rp_subset_filter **ret_filter)
{
	struct rp_subset_filter *filter = calloc(1, sizeof(*filter));

	if (filter == NULL)
		return RP_ENOMEM;
	filter->capacity = endpoints_max;
	filter->address_hash = calloc(endpoints_max, sizeof(*filter->address_hash));
	filter->ip_hash = calloc(endpoints_max, sizeof(*filter->ip_hash));
	if (filter->address_hash == NULL || filter->ip_hash == NULL) {
		rp_subset_filter_free(filter);
		return RP_ENOMEM;
	}
	*ret_filter = filter;
	return RP_OK;
}

void rp_subset_filter_free(struct rp_subset_filter *filter)
{
	if (filter == NULL)
		return;
	free(filter->address_hash);
	free(filter->ip_hash);
	free(filter);
}

static struct rp_bytes without_brackets(struct rp_bytes ip)
{
	if (ip.len >= 2 && ip.ptr[0] == '[' && ip.ptr[ip.len - 1] == ']')
		return rp_bytes_slice(ip, 1, ip.len - 2);
	return ip;
}

/* The key's place: where it stands, or a free one. */
static struct rp_subset_key *find(struct rp_subset_filter *filter, uint64_t hash,
				  struct rp_bytes text)
{
	size_t at = hash & (RP_SUBSET_KEYS - 1);

	while (filter->key[at].stamp == filter->stamp &&
	       !rp_bytes_equal(filter->key[at].text, text))
		at = (at + 1) & (RP_SUBSET_KEYS - 1);
	return &filter->key[at];
}

static void add(struct rp_subset_filter *filter, struct rp_bytes text, uint32_t means)
{
	struct rp_subset_key *key = find(filter, rp_hash64_bytes(text), text);

	if (key->stamp != filter->stamp)
		*key = (struct rp_subset_key){.text = text, .stamp = filter->stamp};
	key->means |= means;
}

/* Length of the IP part: up to the colon before the port; all of it without a port. */
static size_t ip_len(struct rp_bytes entry)
{
	size_t colon = rp_bytes_find(entry, RP_BYTES_LIT(":"));
	size_t bracket = rp_bytes_find(entry, RP_BYTES_LIT("]"));

	if (entry.len > 0 && entry.ptr[0] == '[')
		return bracket == SIZE_MAX ? entry.len : bracket + 1;
	if (colon == SIZE_MAX || rp_bytes_find(rp_bytes_slice(entry, colon + 1, SIZE_MAX),
					       RP_BYTES_LIT(":")) != SIZE_MAX)
		return entry.len; /* no colon, or a bare IPv6 address */
	return colon;
}

static void add_entry(struct rp_subset_filter *filter, struct rp_bytes entry)
{
	struct rp_bytes ip;

	entry = rp_bytes_trim(entry);
	ip = rp_bytes_slice(entry, 0, ip_len(entry));
	if (ip.len < entry.len) {
		add(filter, entry, MEANS_ADDRESS);
		add(filter, without_brackets(ip), MEANS_IP);
	} else {
		add(filter, without_brackets(ip), MEANS_ANY_PORT);
	}
}

static void begin(struct rp_subset_filter *filter, const struct rp_endpoint_table *table,
		  uint32_t endpoint_count)
{
	if (++filter->stamp == 0) {
		memset(filter->key, 0, sizeof(filter->key));
		filter->stamp = 1;
	}
	if (filter->has_hashes)
		return;
	for (uint32_t i = 0; i < endpoint_count; i++) {
		const struct rp_endpoint *endpoint = &table->endpoint[i];

		filter->address_hash[i] = rp_hash64_bytes(rp_endpoint_address(endpoint));
		filter->ip_hash[i] = rp_hash64_bytes(without_brackets(rp_endpoint_ip(endpoint)));
	}
	filter->has_hashes = true;
}

static uint32_t meaning(struct rp_subset_filter *filter, uint64_t hash, struct rp_bytes text)
{
	const struct rp_subset_key *key = find(filter, hash, text);

	return key->stamp == filter->stamp ? key->means : 0;
}

static uint32_t select_by(struct rp_subset_filter *filter, const struct rp_endpoint_table *table,
			  uint32_t endpoint_count, uint32_t ip_means, bool *ret_has_address,
			  uint32_t *table_idx)
{
	uint32_t count = 0;

	*ret_has_address = false;
	for (uint32_t i = 0; i < endpoint_count; i++) {
		const struct rp_endpoint *endpoint = &table->endpoint[i];
		bool is_named =
			(meaning(filter, filter->address_hash[i], rp_endpoint_address(endpoint)) &
			 MEANS_ADDRESS) != 0;

		*ret_has_address |= is_named;
		if (is_named || (meaning(filter, filter->ip_hash[i],
					 without_brackets(rp_endpoint_ip(endpoint))) &
				 ip_means) != 0)
			table_idx[count++] = i;
	}
	return count;
}

uint32_t rp_subset_filter_run(struct rp_subset_filter *filter, const struct rp_subset *subset,
			      const struct rp_endpoint_table *table, uint32_t endpoint_count,
			      uint32_t *table_idx)
{
	bool has_address;
	uint32_t count;

	RP_ASSERT(endpoint_count <= filter->capacity);
	begin(filter, table, endpoint_count);
	for (uint32_t i = 0; i < rp_min_size(subset->count, RP_SUBSET_ENDPOINTS_MAX); i++)
		add_entry(filter, subset->entry[i]);
	count = select_by(filter, table, endpoint_count, MEANS_ANY_PORT, &has_address, table_idx);
	if (!has_address)
		count = select_by(filter, table, endpoint_count, MEANS_ANY_PORT | MEANS_IP,
				  &has_address, table_idx);
	return count;
}
