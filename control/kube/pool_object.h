/* SPDX-License-Identifier: Apache-2.0
 *
 * What we read of an InferencePool, v1 or v1alpha2 (Kubernetes reference 2).
 */
#ifndef RP_CONTROL_KUBE_POOL_OBJECT_H
#define RP_CONTROL_KUBE_POOL_OBJECT_H

#include <cjson/cJSON.h>

#include "shm/bytes.h"
#include "shm/limits.h"

struct rp_pool_object {
	uint16_t port[RP_POOL_PORTS_MAX]; /* target ports in their order */
	uint32_t port_count;
	bool is_deleting;      /* metadata.deletionTimestamp is set */
	char app_protocol[64]; /* "http", "kubernetes.io/h2c"; empty: none is given */
	char selector[RP_KUBE_SELECTOR_BYTES_MAX]; /* canonical: key=value by key, comma-separated
						    */
};

/**
 * @param is_v1  false: the object is of v1alpha2
 * @return RP_OK; RP_EFORMAT: not a pool, or one that the schema would not let in; RP_ETOOBIG
 */
RP_MUST_CHECK int rp_pool_object_read(const cJSON *object, bool is_v1, struct rp_pool_object *ret);

/** Do both select the same pods and ports? */
bool rp_pool_object_equals(const struct rp_pool_object *a, const struct rp_pool_object *b);

#endif /* RP_CONTROL_KUBE_POOL_OBJECT_H */
