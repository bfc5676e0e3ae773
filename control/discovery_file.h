/* SPDX-License-Identifier: Apache-2.0
 *
 * Endpoints from a YAML or JSON file (data layer reference 14; --endpoints-file or the plugin
 * file-discovery), read once or watched.
 */
#ifndef RP_CONTROL_DISCOVERY_FILE_H
#define RP_CONTROL_DISCOVERY_FILE_H

#include "control/control.h"
#include "control/discovery.h"

/**
 * Parse the text of an endpoints file.
 *
 * @param file_name     for messages
 * @param endpoints_max entries beyond it are refused
 * @param[out] ret_set  the valid entries, normalised; written unless the file as a whole is
 * refused; the caller frees it
 * @param[out] ret_refused  entries left out because of a bad value; *reterr describes the first
 * @return RP_OK, also when entries were refused; RP_EFORMAT, RP_ETOOBIG: the file as a whole is
 *         refused, *reterr says where and why
 */
RP_MUST_CHECK int rp_discovery_file_parse(const char *file_name, struct rp_bytes text,
					  uint32_t endpoints_max, struct rp_endpoint_set *ret_set,
					  size_t *ret_refused, struct rp_diag *reterr);

/* Gets each new set; moves its contents out or lets them be freed. */
typedef void rp_discovery_fn(struct rp_control *control, struct rp_endpoint_set *set);

/**
 * Read the file and deliver its endpoints, before this returns; then, if asked, whenever it
 * changes.
 *
 * A bad entry is logged and left out, and a file that cannot be read or parsed is logged and
 * changes nothing.
 *
 * @param is_strict  the first reading fails instead, even because of a single bad entry
 * @return RP_OK, or an error with *reterr
 */
RP_MUST_CHECK int rp_discovery_file_new(struct rp_control *control, const char *path,
					bool is_watched, bool is_strict, rp_discovery_fn *on_set,
					struct rp_discovery_file **ret_discovery,
					struct rp_diag *reterr);
void rp_discovery_file_free(struct rp_discovery_file *discovery);

#endif /* RP_CONTROL_DISCOVERY_FILE_H */
