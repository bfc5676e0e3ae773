/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/metadata.h"

#include "dataplane/ext_proc_fields.h"

/* The value of the last map entry with this key; field `number` of the message holds the map. */
static int find_entry(struct rp_bytes message, uint32_t number, const char *key,
		      struct rp_bytes *ret_value)
{
	struct rp_reader r = rp_reader(message), inner;
	struct rp_pb_field field, part;
	struct rp_bytes name, value;
	int err = RP_ENOTFOUND;

	while (rp_pb_next(&r, &field)) {
		if (field.number != number || field.type != RP_PB_LEN)
			continue;
		name = value = rp_bytes(NULL, 0);
		inner = rp_reader(field.bytes);
		while (rp_pb_next(&inner, &part)) {
			if (part.type == RP_PB_LEN && part.number == RP_PB_ENTRY_KEY)
				name = part.bytes;
			else if (part.type == RP_PB_LEN && part.number == RP_PB_ENTRY_VALUE)
				value = part.bytes;
		}
		if (inner.err != RP_OK)
			return inner.err;
		if (rp_bytes_equal_str(name, key)) {
			*ret_value = value;
			err = RP_OK;
		}
	}
	return r.err != RP_OK ? r.err : err;
}

int rp_metadata_find(struct rp_bytes metadata, const char *name_space, const char *key,
		     struct rp_bytes *ret_value)
{
	struct rp_bytes fields;
	int err = find_entry(metadata, RP_PB_METADATA_FILTER_METADATA, name_space, &fields);

	return err != RP_OK ? err : find_entry(fields, RP_PB_STRUCT_FIELDS, key, ret_value);
}

int rp_metadata_value(struct rp_bytes value, uint32_t *ret_kind, struct rp_bytes *ret_bytes)
{
	struct rp_reader r = rp_reader(value);
	struct rp_pb_field field;

	*ret_kind = 0;
	*ret_bytes = rp_bytes(NULL, 0);
	while (rp_pb_next(&r, &field)) {
		if (field.number < RP_PB_VALUE_NULL || field.number > RP_PB_VALUE_LIST)
			continue;
		*ret_kind = field.number;
		*ret_bytes = field.bytes;
	}
	return r.err;
}

struct rp_bytes rp_metadata_served(struct rp_bytes metadata)
{
	struct rp_bytes fields, value, text;
	uint32_t kind;

	if (find_entry(metadata, RP_PB_METADATA_FILTER_METADATA, "envoy.lb", &fields) != RP_OK)
		return RP_BYTES_LIT("fail: missing envoy lb metadata");
	if (find_entry(fields, RP_PB_STRUCT_FIELDS, "x-gateway-destination-endpoint-served",
		       &value) != RP_OK ||
	    rp_metadata_value(value, &kind, &text) != RP_OK || kind != RP_PB_VALUE_STRING)
		return RP_BYTES_LIT("fail: missing destination endpoint served metadata");
	return text;
}
