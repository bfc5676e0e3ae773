/* SPDX-License-Identifier: Apache-2.0
 *
 * What a source of endpoints delivers: always the whole set, owned by whoever holds it.
 */
#ifndef RP_CONTROL_DISCOVERY_H
#define RP_CONTROL_DISCOVERY_H

#include <netinet/in.h>

#include "shm/bytes.h"

struct rp_discovered_label {
	struct rp_bytes key;
	struct rp_bytes value;
};

/* The identity is (name_space, name). Views live as long as the set. */
struct rp_discovered_endpoint {
	struct rp_bytes name_space;
	struct rp_bytes name; /* of a pod's endpoint "<pod>-rank-<i>" */
	struct rp_bytes pod;  /* the name that all its ranks share; of a file's endpoint `name` */
	struct rp_bytes node; /* address of the pod's node; of a file's endpoint empty */
	char ip[INET6_ADDRSTRLEN]; /* IPv4 or IPv6, without brackets, terminated */
	uint16_t port;
	uint32_t rank;	      /* index of the port among the pool's; of a file's endpoint 0 */
	uint32_t label_first; /* into rp_endpoint_set.label */
	uint32_t label_count;
};

struct rp_endpoint_set {
	struct rp_discovered_endpoint *endpoint; /* identities differ */
	size_t count;
	struct rp_discovered_label *label;
	size_t label_count;
	void *text; /* what the views show */
	void (*free_text)(void *text);
	int64_t event_ns; /* when its first change was seen, monotonic; 0: unknown */
};

/** Free the set's contents; fine on a zeroed one. */
void rp_endpoint_set_fini(struct rp_endpoint_set *set);

/** Order by (name_space, name), bytewise. Of equal identities the last one wins and stays. */
RP_MUST_CHECK int rp_endpoint_set_normalize(struct rp_endpoint_set *set);

#endif /* RP_CONTROL_DISCOVERY_H */
