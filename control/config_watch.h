/* SPDX-License-Identifier: Apache-2.0
 *
 * --config-file, read again when it changes. A file that is not good is reported, and the
 * configuration stays as it is.
 */
#ifndef RP_CONTROL_CONFIG_WATCH_H
#define RP_CONTROL_CONFIG_WATCH_H

#include "control/config_source.h"
#include "control/control.h"

struct rp_config_watch;

/** @param loaded  good; the receiver takes blob and stats and frees them */
typedef void rp_config_watch_fn(struct rp_control *control, struct rp_loaded_config *loaded);

/**
 * Start to watch; load the file after this call, so that no change is lost.
 * @param[out] ret_watch  NULL without --config-file: there is nothing to watch
 * @return RP_OK; RP_ETOOBIG; -errno
 */
RP_MUST_CHECK int rp_config_watch_new(struct rp_control *control, rp_config_watch_fn *on_config,
				      struct rp_config_watch **ret_watch);
void rp_config_watch_free(struct rp_config_watch *watch);

#endif /* RP_CONTROL_CONFIG_WATCH_H */
