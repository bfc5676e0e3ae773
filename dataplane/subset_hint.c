/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/subset_hint.h"

#include "dataplane/ext_proc_fields.h"
#include "dataplane/metadata.h"

#define HINT_NAMESPACE "envoy.lb.subset_hint"
#define HINT_KEY       "x-gateway-destination-endpoint-subset"

int rp_subset_hint_find(struct rp_bytes metadata, struct rp_bytes *ret_value)
{
	return rp_metadata_find(metadata, HINT_NAMESPACE, HINT_KEY, ret_value);
}

/* The next entry of a comma list; empty ones are skipped. */
static bool next_entry(struct rp_bytes *text, struct rp_bytes *ret_entry)
{
	size_t comma;

	while (text->len > 0) {
		comma = rp_bytes_find(*text, RP_BYTES_LIT(","));
		*ret_entry = rp_bytes_trim(rp_bytes_slice(*text, 0, comma));
		*text = comma == SIZE_MAX ? rp_bytes(text->ptr, 0)
					  : rp_bytes_slice(*text, comma + 1, text->len);
		if (ret_entry->len > 0)
			return true;
	}
	return false;
}

static int add_text(struct rp_arena *arena, struct rp_bytes text, struct rp_subset *subset)
{
	struct rp_bytes entry, copy;

	while (subset->count < RP_SUBSET_ENDPOINTS_MAX && next_entry(&text, &entry)) {
		copy = rp_arena_copy(arena, entry);
		if (copy.ptr == NULL)
			return RP_ENOMEM;
		subset->entry[subset->count++] = copy;
	}
	return RP_OK;
}

static int add_list(struct rp_arena *arena, struct rp_bytes list, struct rp_subset *subset)
{
	struct rp_reader r = rp_reader(list);
	struct rp_pb_field field;
	struct rp_bytes text;
	uint32_t kind;
	int err;

	while (rp_pb_next(&r, &field)) {
		if (field.number != RP_PB_LIST_VALUES || field.type != RP_PB_LEN)
			continue;
		err = rp_metadata_value(field.bytes, &kind, &text);
		if (err == RP_OK && kind == RP_PB_VALUE_STRING)
			err = add_text(arena, text, subset);
		if (err != RP_OK)
			return err;
	}
	return r.err;
}

/* Entries a value can give at most: each takes a byte and a separator or tag. */
static uint32_t entry_count_max(struct rp_bytes value)
{
	return (uint32_t)rp_min_size(value.len / 2 + 1, RP_SUBSET_ENDPOINTS_MAX);
}

int rp_subset_hint_add(struct rp_arena *arena, struct rp_bytes value, struct rp_subset *subset)
{
	struct rp_bytes *entry;
	struct rp_bytes bytes;
	uint32_t kind;
	int err;

	err = rp_metadata_value(value, &kind, &bytes);
	if (err != RP_OK || (kind != RP_PB_VALUE_STRING && kind != RP_PB_VALUE_LIST))
		return err;
	subset->is_given = true;
	entry = rp_arena_alloc(arena, (subset->count + entry_count_max(bytes)) * sizeof(*entry));
	if (entry == NULL)
		return RP_ENOMEM;
	if (subset->count > 0)
		memcpy(entry, subset->entry, subset->count * sizeof(*entry));
	subset->entry = entry;
	return kind == RP_PB_VALUE_STRING ? add_text(arena, bytes, subset)
					  : add_list(arena, bytes, subset);
}
