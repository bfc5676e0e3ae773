/* SPDX-License-Identifier: Apache-2.0
 *
 * Records by name, what a store keeps of the objects of one kind: a hash table, one allocation a
 * record. A list is gathered beside what is known and takes its place as a whole. Equal objects
 * must have equal records, byte for byte: that is how changes are told from heartbeats.
 */
#ifndef RP_CONTROL_KUBE_OBJECT_MAP_H
#define RP_CONTROL_KUBE_OBJECT_MAP_H

#include "shm/bytes.h"

struct rp_object_entry; /* of object_map.c */

struct rp_object_table {
	struct rp_object_entry **bucket;
	size_t bucket_count; /* a power of two, or 0 */
	size_t count;
	size_t record_bytes; /* of all records and their names */
};

struct rp_object_map {
	struct rp_object_table known;
	struct rp_object_table gathered; /* of the list under way */
	size_t max;
	bool is_listing;
	bool is_synced; /* a list was complete */
};

/** A zeroed map with a bound for its objects is ready. */
void rp_object_map_fini(struct rp_object_map *map);

void rp_object_map_begin_list(struct rp_object_map *map);
/** @return true: it is the first list, or differs from what was known */
bool rp_object_map_end_list(struct rp_object_map *map);
void rp_object_map_fail_list(struct rp_object_map *map);

/**
 * Keep a record under a name, in the list if one is under way.
 * @return RP_OK: it is new or differs; RP_EAGAIN: it was known as it is; RP_ENOMEM; RP_ETOOBIG:
 * over map->max. What was known stays on an error.
 */
RP_MUST_CHECK int rp_object_map_put(struct rp_object_map *map, struct rp_bytes name,
				    struct rp_bytes record);
/** @return true: it was known */
bool rp_object_map_remove(struct rp_object_map *map, struct rp_bytes name);

/** Walk over what is known, in no order. NULL begins, and ends. */
const struct rp_object_entry *rp_object_map_next(const struct rp_object_map *map,
						 const struct rp_object_entry *entry);
/** Views that live until the map changes. */
struct rp_bytes rp_object_entry_name(const struct rp_object_entry *entry);
/** Begins where any type may. */
struct rp_bytes rp_object_entry_record(const struct rp_object_entry *entry);

#endif /* RP_CONTROL_KUBE_OBJECT_MAP_H */
