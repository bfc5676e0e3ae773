/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/endpoint_table.h"

#include <assert.h>

static_assert(RP_TABLE_POOL_BYTES <= UINT32_MAX, "pool offsets have 32 bits");
static_assert(RP_ENDPOINT_ADDRESS_MAX <= UINT8_MAX, "address lengths have 8 bits");

void rp_endpoint_table_reset(struct rp_endpoint_table *table)
{
	table->config_generation = 0;
	table->table_generation = 0;
	table->pool_name = (struct rp_table_str){0, 0};
	table->pool_namespace = (struct rp_table_str){0, 0};
	table->endpoint_count = 0;
	table->label_count = 0;
	table->pool_bytes = 0;
	rp_request_rules_reset(&table->rules);
}

int rp_endpoint_table_add_str(struct rp_endpoint_table *table, struct rp_bytes text,
			      struct rp_table_str *ret_str)
{
	RP_ASSERT(table->pool_bytes <= RP_TABLE_POOL_BYTES);
	if (text.len > RP_TABLE_POOL_BYTES - table->pool_bytes)
		return RP_ETOOBIG;
	if (text.len != 0)
		memcpy(table->pool + table->pool_bytes, text.ptr, text.len);
	*ret_str = (struct rp_table_str){table->pool_bytes, (uint32_t)text.len};
	table->pool_bytes += (uint32_t)text.len;
	return RP_OK;
}

int rp_endpoint_table_add(struct rp_endpoint_table *table, struct rp_bytes name_space,
			  struct rp_bytes name, struct rp_bytes address, struct rp_bytes ip,
			  uint16_t port, uint32_t slot, uint32_t generation)
{
	uint32_t pool_bytes = table->pool_bytes;
	struct rp_endpoint *endpoint;

	RP_ASSERT(slot < RP_ENDPOINTS_MAX);
	RP_ASSERT(rp_bytes_starts_with(address, ip));
	if (table->endpoint_count >= RP_ENDPOINTS_MAX || address.len >= RP_ENDPOINT_ADDRESS_MAX ||
	    name.len >= RP_ENDPOINT_NAME_MAX || name_space.len >= RP_ENDPOINT_NAME_MAX)
		return RP_ETOOBIG;
	endpoint = &table->endpoint[table->endpoint_count];
	*endpoint = (struct rp_endpoint){
		.slot = slot,
		.generation = generation,
		.port = port,
		.address_len = (uint8_t)address.len,
		.ip_len = (uint8_t)ip.len,
		.label_first = table->label_count,
	};
	(void)rp_bytes_to_str(address, endpoint->address, sizeof(endpoint->address));
	if (rp_endpoint_table_add_str(table, name, &endpoint->name) != RP_OK ||
	    rp_endpoint_table_add_str(table, name_space, &endpoint->name_space) != RP_OK) {
		table->pool_bytes = pool_bytes;
		return RP_ETOOBIG;
	}
	table->endpoint_count++;
	return RP_OK;
}

int rp_endpoint_table_add_label(struct rp_endpoint_table *table, struct rp_bytes key,
				struct rp_bytes value)
{
	uint32_t pool_bytes = table->pool_bytes;
	struct rp_endpoint_label *label;
	struct rp_endpoint *endpoint;

	RP_ASSERT(table->endpoint_count != 0);
	endpoint = &table->endpoint[table->endpoint_count - 1];
	if (table->label_count >= RP_TABLE_LABELS_MAX ||
	    endpoint->label_count >= RP_ENDPOINT_LABELS_MAX || key.len > RP_LABEL_BYTES_MAX ||
	    value.len > RP_LABEL_BYTES_MAX - key.len)
		return RP_ETOOBIG;
	label = &table->label[table->label_count];
	if (rp_endpoint_table_add_str(table, key, &label->key) != RP_OK ||
	    rp_endpoint_table_add_str(table, value, &label->value) != RP_OK) {
		table->pool_bytes = pool_bytes;
		return RP_ETOOBIG;
	}
	table->label_count++;
	endpoint->label_count++;
	return RP_OK;
}

struct rp_bytes rp_endpoint_table_borrow_str(const struct rp_endpoint_table *table,
					     struct rp_table_str str)
{
	size_t offset = rp_min_size(str.offset, RP_TABLE_POOL_BYTES);

	return rp_bytes(table->pool + offset, rp_min_size(str.len, RP_TABLE_POOL_BYTES - offset));
}

bool rp_endpoint_table_find_label(const struct rp_endpoint_table *table, uint32_t table_idx,
				  struct rp_bytes key, struct rp_bytes *ret_value)
{
	const struct rp_endpoint *endpoint = &table->endpoint[table_idx];

	for (uint32_t i = 0; i < endpoint->label_count; i++) {
		uint32_t at = endpoint->label_first + i;

		if (at >= RP_TABLE_LABELS_MAX)
			break;
		if (rp_bytes_equal(rp_endpoint_table_borrow_str(table, table->label[at].key),
				   key)) {
			*ret_value = rp_endpoint_table_borrow_str(table, table->label[at].value);
			return true;
		}
	}
	return false;
}
