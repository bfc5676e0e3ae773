/* SPDX-License-Identifier: Apache-2.0
 *
 * The flags that say which endpoints are ours in a cluster: --pool-name, --pool-namespace, or
 * --endpoint-selector with --endpoint-target-ports (Kubernetes reference 6, 8).
 */
#ifndef RP_CONFIG_POOL_FLAGS_H
#define RP_CONFIG_POOL_FLAGS_H

#include "config/flags.h"
#include "shm/limits.h"

struct rp_target_ports {
	uint16_t port[RP_POOL_PORTS_MAX];
	uint32_t count;
};

/** Name and namespace that metrics, logs and the lease go by. */
struct rp_pool_identity {
	char name[RP_ENDPOINT_NAME_MAX];
	char name_space[RP_ENDPOINT_NAME_MAX];
};

/** Check the combination of these flags. @return RP_OK; RP_ECONFIG */
RP_MUST_CHECK int rp_pool_flags_check(const struct rp_flags *flags, struct rp_diag *reterr);

/** Read "8000,8001": one to eight ports, each once. @return RP_OK; RP_ECONFIG */
RP_MUST_CHECK int rp_target_ports_parse(const char *text, struct rp_target_ports *ret,
					struct rp_diag *reterr);

/**
 * The namespace is --pool-namespace, $NAMESPACE or "default". The name is --pool-name; with a
 * selector that of the Deployment whose pod $POD_NAME is; else "epp".
 * @return RP_OK; RP_ECONFIG: no such pod name
 */
RP_MUST_CHECK int rp_pool_identity_find(const struct rp_flags *flags, struct rp_pool_identity *ret,
					struct rp_diag *reterr);

#endif /* RP_CONFIG_POOL_FLAGS_H */
