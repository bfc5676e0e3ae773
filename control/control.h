/* SPDX-License-Identifier: Apache-2.0
 *
 * The control process: loads the configuration, keeps the set of endpoints, publishes both to the
 * workers, scrapes the endpoints, hands out TLS material, writes the workers' log lines and serves
 * the metrics port. One thread, one loop; every part below hangs on it.
 */
#ifndef RP_CONTROL_CONTROL_H
#define RP_CONTROL_CONTROL_H

#include "config/flags.h"
#include "config/rp_config.h"
#include "control/event_loop.h"
#include "shm/layout.h"

struct rp_admin_http;
struct rp_cluster_source;
struct rp_config_watch;
struct rp_discovery_file;
struct rp_kube_client;
struct rp_leader;
struct rp_log_drain;
struct rp_publisher;
struct rp_reviews;
struct rp_scrape;
struct rp_secrets;

struct rp_control {
	/* Set before any part is made; parts may rely on all of it. */
	struct rp_events *loop;
	struct rp_shared shared;	    /* attached; control writes `tables` */
	const struct rp_settings *settings; /* in the segment, read-only */
	struct rp_flags flags;
	struct rp_config_control config;
	char pool_name[RP_ENDPOINT_NAME_MAX];
	char pool_namespace[RP_ENDPOINT_NAME_MAX];

	/* The table workers read now; NULL before the first publication. Valid until the next one:
	 * copy what is kept. */
	const struct rp_endpoint_table *table;
	bool is_pool_known; /* goes out with the next publication */

	/* Parts, owned by control.c. */
	struct rp_config_watch *config_watch;
	struct rp_publisher *publisher;
	struct rp_discovery_file *discovery; /* file mode; NULL: the pool is in a cluster */
	struct rp_kube_client *kube;	     /* NULL in file mode, and so are the next three */
	struct rp_cluster_source *cluster;
	struct rp_leader *leader; /* NULL, too, without leader election */
	struct rp_reviews *reviews;
	struct rp_scrape *scrape;
	struct rp_admin_http *admin;
	struct rp_secrets *secrets;
	struct rp_log_drain *log_drain;
};

/**
 * Be the control process until SIGTERM.
 *
 * @param argc, argv  the supervisor's own arguments (those after "--")
 * @return exit code of the process, enum rp_exit
 */
RP_MUST_CHECK int rp_control_run(int argc, char *const argv[]);

#endif /* RP_CONTROL_CONTROL_H */
