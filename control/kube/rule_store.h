/* SPDX-License-Identifier: Apache-2.0
 *
 * InferenceObjectives and InferenceModelRewrites of the pool (Kubernetes reference 3), and the
 * rules that are published of them. A list is gathered beside what is known and takes its place as
 * a whole.
 */
#ifndef RP_CONTROL_KUBE_RULE_STORE_H
#define RP_CONTROL_KUBE_RULE_STORE_H

#include <cjson/cJSON.h>

#include "shm/request_rules.h"

enum rp_rule_kind { RP_RULE_OBJECTIVES, RP_RULE_REWRITES, RP_RULE_KIND_COUNT };

struct rp_rule_store;

/** @param pool_group, pool_name  what poolRef must name; copied */
RP_MUST_CHECK int rp_rule_store_new(const char *pool_group, const char *pool_name,
				    struct rp_rule_store **ret_store);
/** NULL is fine. */
void rp_rule_store_free(struct rp_rule_store *store);

void rp_rule_store_begin_list(struct rp_rule_store *store, enum rp_rule_kind kind);
void rp_rule_store_end_list(struct rp_rule_store *store, enum rp_rule_kind kind);
void rp_rule_store_fail_list(struct rp_rule_store *store, enum rp_rule_kind kind);
/**
 * One that names another pool, or is being deleted, counts as removed.
 * @return RP_OK: rules changed; RP_EAGAIN: they did not; RP_EFORMAT; RP_ENOMEM; RP_ETOOBIG
 */
int rp_rule_store_put(struct rp_rule_store *store, enum rp_rule_kind kind, const cJSON *object);
bool rp_rule_store_remove(struct rp_rule_store *store, enum rp_rule_kind kind, const cJSON *object);

/**
 * Write all rules in their total order: (creationTimestamp, namespace, name, index).
 * @return RP_OK; RP_ETOOBIG: what did not fit is left out, in full objects
 */
RP_MUST_CHECK int rp_rule_store_write(const struct rp_rule_store *store,
				      struct rp_request_rules *ret_rules);

#endif /* RP_CONTROL_KUBE_RULE_STORE_H */
