/* SPDX-License-Identifier: Apache-2.0
 *
 * What all kinds have in common: metadata, and maps of strings. Reads take any JSON; what is of
 * another type than the schema says counts as absent.
 */
#ifndef RP_CONTROL_KUBE_OBJECT_H
#define RP_CONTROL_KUBE_OBJECT_H

#include <cjson/cJSON.h>

#include "shm/bytes.h"

/** A member that is an object; NULL: there is none. NULL as `object` is fine here and below. */
const cJSON *rp_kube_member(const cJSON *object, const char *name);

/** A member's text; empty if it is no string. */
struct rp_bytes rp_kube_text(const cJSON *object, const char *name);

/** metadata.name. @return RP_OK; RP_EFORMAT: none, or longer than a name may be */
RP_MUST_CHECK int rp_kube_name(const cJSON *object, struct rp_bytes *ret_name);

/** metadata.deletionTimestamp is set. */
bool rp_kube_is_deleting(const cJSON *object);

/** Order of Go's strings: bytewise, the shorter one first. */
int rp_kube_compare(struct rp_bytes a, struct rp_bytes b);

struct rp_kube_pair {
	struct rp_bytes key;
	struct rp_bytes value;
};

/**
 * The strings of a map in the order of their keys; of equal keys the last one counts.
 *
 * @param pair  room for `max`; of more than that the first `max` in their order are kept
 * @param key_value_bytes_max  longer pairs are left out
 * @param[out] ret_left_out  some were, for their number or length
 */
uint32_t rp_kube_pairs(const cJSON *map, size_t key_value_bytes_max, struct rp_kube_pair *pair,
		       uint32_t max, bool *ret_left_out);

#endif /* RP_CONTROL_KUBE_OBJECT_H */
