/* SPDX-License-Identifier: Apache-2.0
 *
 * The pods that a selector shows, reduced to what makes endpoints of them (Kubernetes reference 4).
 * A list is gathered beside what is known and takes its place as a whole. Pods that are not
 * eligible are not kept. One allocation a pod: one of ten labels takes about half a KiB.
 */
#ifndef RP_CONTROL_KUBE_POD_STORE_H
#define RP_CONTROL_KUBE_POD_STORE_H

#include <cjson/cJSON.h>

#include "control/discovery.h"
#include "shm/limits.h"

struct rp_pod_store;

RP_MUST_CHECK int rp_pod_store_new(struct rp_pod_store **ret_store);
/** NULL is fine. */
void rp_pod_store_free(struct rp_pod_store *store);

/* The five of a reflector's. put() and remove() outside of a list change what is known at once. */
void rp_pod_store_begin_list(struct rp_pod_store *store);
/** @return true: something changed that endpoints are made of, or it was the first list */
bool rp_pod_store_end_list(struct rp_pod_store *store);
void rp_pod_store_fail_list(struct rp_pod_store *store);
/**
 * @return RP_OK: something changed that endpoints are made of; RP_EAGAIN: nothing did;
 *         RP_EFORMAT: not a pod; RP_ENOMEM; RP_ETOOBIG: over RP_KUBE_PODS_MAX
 */
int rp_pod_store_put(struct rp_pod_store *store, const cJSON *pod);
/** @return true: it was known, and eligible */
bool rp_pod_store_remove(struct rp_pod_store *store, const cJSON *pod);

/** A list was complete since the store was made. */
bool rp_pod_store_is_synced(const struct rp_pod_store *store);
/** Pods that are eligible. */
size_t rp_pod_store_count(const struct rp_pod_store *store);

/**
 * The endpoints of all eligible pods that have an address: one for each active target port, named
 * and ranked as in 4.2.
 *
 * @param port  target ports, in the pool's order
 * @param[out] ret_set  normalised, independent of the store; the caller's
 * @return RP_OK; RP_ENOMEM, -ENOMEM
 */
RP_MUST_CHECK int rp_pod_store_endpoints(const struct rp_pod_store *store, const uint16_t *port,
					 uint32_t port_count, struct rp_endpoint_set *ret_set);

#endif /* RP_CONTROL_KUBE_POD_STORE_H */
