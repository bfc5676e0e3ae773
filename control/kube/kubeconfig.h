/* SPDX-License-Identifier: Apache-2.0
 *
 * kubeconfig files, YAML or JSON, and what a context of theirs gives. Of several files the first
 * one that has a cluster, a user, a context or a current-context by a name wins; entries are not
 * mixed (Kubernetes: "Organizing Cluster Access Using kubeconfig Files").
 */
#ifndef RP_CONTROL_KUBE_KUBECONFIG_H
#define RP_CONTROL_KUBE_KUBECONFIG_H

#include "config/yaml_tree.h"
#include "control/kube/access.h"

struct rp_kubeconfig_file {
	char *path; /* relative paths in it begin in its directory */
	struct rp_yaml_tree tree;
};

/* On its owner's storage, zeroed at first. */
struct rp_kubeconfig {
	struct rp_kubeconfig_file file[RP_KUBE_CONFIG_FILES_MAX];
	uint32_t count;
};

/**
 * Add a file's text. @return RP_OK; RP_ECONFIG, *reterr says why; RP_ENOMEM
 */
RP_MUST_CHECK int rp_kubeconfig_add(struct rp_kubeconfig *config, const char *path,
				    struct rp_bytes text, struct rp_diag *reterr);
/**
 * Access as a context says; files that it names are read. Exec plugins, auth providers, passwords
 * and impersonation are refused.
 *
 * @param context  empty: the current one
 * @return RP_OK: the caller frees *ret; RP_ECONFIG; RP_ENOMEM
 */
RP_MUST_CHECK int rp_kubeconfig_access(const struct rp_kubeconfig *config, const char *context,
				       struct rp_kube_access *ret, struct rp_diag *reterr);
/** Texts are wiped. */
void rp_kubeconfig_fini(struct rp_kubeconfig *config);

#endif /* RP_CONTROL_KUBE_KUBECONFIG_H */
