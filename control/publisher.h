/* SPDX-License-Identifier: Apache-2.0
 *
 * Publishes configuration, endpoints and rules to the workers: fills free slots of the tables
 * segment and makes them current together. What changes while no slot is free is coalesced: only
 * the newest state is published. Also keeps the endpoint registry: who gets which slot, and what is
 * cleared before a slot goes to another endpoint.
 */
#ifndef RP_CONTROL_PUBLISHER_H
#define RP_CONTROL_PUBLISHER_H

#include "control/control.h"
#include "control/discovery.h"

/**
 * @param on_published  called after each publication, with control->table moved on
 */
RP_MUST_CHECK int rp_publisher_new(struct rp_control *control,
				   void (*on_published)(struct rp_control *control),
				   struct rp_publisher **ret_publisher);
void rp_publisher_free(struct rp_publisher *publisher);

/**
 * Go on with what a former control published, until there is something new.
 * @return false if nothing was published yet; else control->table is set
 */
RP_MUST_CHECK bool rp_publisher_resume(struct rp_publisher *publisher);

/** Generation that the next configuration must carry: it goes on where a former control stopped. */
uint64_t rp_publisher_next_config_generation(const struct rp_publisher *publisher);

/**
 * Publish this configuration from now on, as soon as there are endpoints, too.
 *
 * @param blob   taken: heap memory of which blob->bytes are used; freed by the publisher
 * @param stats  RP_PLUGIN_STATS_MAX names; copied, and the blob told where they are now
 */
void rp_publisher_take_config(struct rp_publisher *publisher, struct rp_config_blob *blob,
			      const struct rp_plugin_stat *stats);

/** Publish this set from now on; its contents are moved out. It must be normalised. */
void rp_publisher_take_endpoints(struct rp_publisher *publisher, struct rp_endpoint_set *set);

/** Publish these rules from now on, with the endpoints; copied. */
void rp_publisher_take_rules(struct rp_publisher *publisher, const struct rp_request_rules *rules);

#endif /* RP_CONTROL_PUBLISHER_H */
