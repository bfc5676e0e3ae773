/* SPDX-License-Identifier: Apache-2.0 */
#include "control/kube/object_map.h"

#include <stdlib.h>

#include "shm/hash.h"

enum { BUCKETS_MIN = 64 };

struct rp_object_entry {
	struct rp_object_entry *next;
	uint64_t hash;
	uint32_t record_bytes;
	uint32_t name_bytes;
	uint64_t data[]; /* the record, then the name */
};

static void clear(struct rp_object_table *table)
{
	for (size_t i = 0; i < table->bucket_count; i++) {
		struct rp_object_entry *entry = table->bucket[i];

		while (entry != NULL) {
			struct rp_object_entry *next = entry->next;

			free(entry);
			entry = next;
		}
	}
	free(table->bucket);
	*table = (struct rp_object_table){0};
}

/* Where the entry hangs, or would. Needs buckets. */
static struct rp_object_entry **find(const struct rp_object_table *table, struct rp_bytes name,
				     uint64_t hash)
{
	struct rp_object_entry **at = &table->bucket[hash & (table->bucket_count - 1)];

	while (*at != NULL &&
	       ((*at)->hash != hash || !rp_bytes_equal(rp_object_entry_name(*at), name)))
		at = &(*at)->next;
	return at;
}

static bool grow(struct rp_object_table *table)
{
	size_t count = table->bucket_count == 0 ? BUCKETS_MIN : 2 * table->bucket_count;
	struct rp_object_entry **bucket = calloc(count, sizeof(*bucket));

	if (bucket == NULL)
		return false;
	for (size_t i = 0; i < table->bucket_count; i++) {
		struct rp_object_entry *entry = table->bucket[i];

		while (entry != NULL) {
			struct rp_object_entry *next = entry->next;

			entry->next = bucket[entry->hash & (count - 1)];
			bucket[entry->hash & (count - 1)] = entry;
			entry = next;
		}
	}
	free(table->bucket);
	table->bucket = bucket;
	table->bucket_count = count;
	return true;
}

static struct rp_object_entry *new_entry(struct rp_bytes name, struct rp_bytes record,
					 uint64_t hash)
{
	struct rp_object_entry *entry = malloc(sizeof(*entry) + record.len + name.len);

	if (entry == NULL)
		return NULL;
	*entry = (struct rp_object_entry){.hash = hash,
					  .record_bytes = (uint32_t)record.len,
					  .name_bytes = (uint32_t)name.len};
	if (record.len != 0)
		memcpy(entry->data, record.ptr, record.len);
	if (name.len != 0)
		memcpy((char *)entry->data + record.len, name.ptr, name.len);
	return entry;
}

static size_t size_of(const struct rp_object_entry *entry)
{
	return (size_t)entry->record_bytes + entry->name_bytes;
}

static void unhang(struct rp_object_table *table, struct rp_object_entry **at)
{
	struct rp_object_entry *entry = *at;

	*at = entry->next;
	table->count--;
	table->record_bytes -= size_of(entry);
	free(entry);
}

static void hang(struct rp_object_table *table, struct rp_object_entry **at,
		 struct rp_object_entry *entry)
{
	entry->next = *at;
	*at = entry;
	table->count++;
	table->record_bytes += size_of(entry);
}

static struct rp_object_table *current(struct rp_object_map *map)
{
	return map->is_listing ? &map->gathered : &map->known;
}

void rp_object_map_fini(struct rp_object_map *map)
{
	clear(&map->known);
	clear(&map->gathered);
}

void rp_object_map_begin_list(struct rp_object_map *map)
{
	clear(&map->gathered);
	map->is_listing = true;
}

void rp_object_map_fail_list(struct rp_object_map *map)
{
	clear(&map->gathered);
	map->is_listing = false;
}

static bool tables_equal(const struct rp_object_map *map)
{
	if (map->known.count != map->gathered.count)
		return false;
	for (const struct rp_object_entry *entry = rp_object_map_next(map, NULL); entry != NULL;
	     entry = rp_object_map_next(map, entry)) {
		const struct rp_object_entry *other =
			*find(&map->gathered, rp_object_entry_name(entry), entry->hash);

		if (other == NULL ||
		    !rp_bytes_equal(rp_object_entry_record(entry), rp_object_entry_record(other)))
			return false;
	}
	return true;
}

bool rp_object_map_end_list(struct rp_object_map *map)
{
	bool differs = !map->is_synced || !tables_equal(map);

	if (!map->is_listing)
		return false;
	clear(&map->known);
	map->known = map->gathered;
	map->gathered = (struct rp_object_table){0};
	map->is_listing = false;
	map->is_synced = true;
	return differs;
}

int rp_object_map_put(struct rp_object_map *map, struct rp_bytes name, struct rp_bytes record)
{
	struct rp_object_table *table = current(map);
	uint64_t hash = rp_hash64_bytes(name);
	struct rp_object_entry **at;
	struct rp_object_entry *entry;

	RP_ASSERT(record.len <= UINT32_MAX && name.len <= UINT32_MAX);
	if (table->count >= table->bucket_count && !grow(table))
		return RP_ENOMEM;
	at = find(table, name, hash);
	if (*at != NULL && rp_bytes_equal(rp_object_entry_record(*at), record))
		return RP_EAGAIN;
	if (*at == NULL && table->count >= map->max)
		return RP_ETOOBIG;
	entry = new_entry(name, record, hash);
	if (entry == NULL)
		return RP_ENOMEM;
	if (*at != NULL)
		unhang(table, at);
	hang(table, at, entry);
	return RP_OK;
}

bool rp_object_map_remove(struct rp_object_map *map, struct rp_bytes name)
{
	struct rp_object_table *table = current(map);
	struct rp_object_entry **at;

	if (table->bucket_count == 0)
		return false;
	at = find(table, name, rp_hash64_bytes(name));
	if (*at == NULL)
		return false;
	unhang(table, at);
	return true;
}

const struct rp_object_entry *rp_object_map_next(const struct rp_object_map *map,
						 const struct rp_object_entry *entry)
{
	const struct rp_object_table *table = &map->known;
	size_t i = 0;

	if (entry != NULL) {
		if (entry->next != NULL)
			return entry->next;
		i = (entry->hash & (table->bucket_count - 1)) + 1;
	}
	for (; i < table->bucket_count; i++) {
		if (table->bucket[i] != NULL)
			return table->bucket[i];
	}
	return NULL;
}

struct rp_bytes rp_object_entry_name(const struct rp_object_entry *entry)
{
	return rp_bytes((const char *)entry->data + entry->record_bytes, entry->name_bytes);
}

struct rp_bytes rp_object_entry_record(const struct rp_object_entry *entry)
{
	return rp_bytes(entry->data, entry->record_bytes);
}
