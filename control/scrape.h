/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is scraped when: every endpoint once a tick (or every Nth), spread over the tick, at most one
 * scrape in flight each, missed ticks dropped. What a whole page says goes into the live figures at
 * once; what failed is counted and leaves the last figures as they are, for ever (data layer
 * reference 9). Endpoints are kept by slot; a connection lives as long as its endpoint's address.
 *
 * What costs is not the page but waking up and the caches that are cold then: many endpoints are
 * asked in groups, and what they answered is read when the next group is asked.
 */
#ifndef RP_CONTROL_SCRAPE_H
#define RP_CONTROL_SCRAPE_H

#include "control/control.h"
#include "control/engine_metrics.h"

struct rp_scrape;

struct rp_scrape_options {
	struct rp_events *loop;
	struct rp_endpoint_metrics *metrics;
	const struct rp_engines *engines;
	const char *path;
	const char *engine_label_key;
	uint16_t port;	       /* 0: each endpoint's own */
	bool is_on;	       /* false: the configuration has no metrics source */
	int64_t tick_ns;       /* > 0 */
	uint32_t period_ticks; /* scrape on every Nth tick, >= 1 */
	int64_t timeout_ns;    /* > 0; of one scrape, from its connect or send to the last byte */
};

/* Counts since this process started. */
struct rp_scrape_stats {
	uint64_t pages;		 /* read whole */
	uint64_t poll_errors;	 /* datalayer_poll_errors_total */
	uint64_t extract_errors; /* datalayer_extract_errors_total */
	uint64_t updates;	 /* pages that wrote figures */
	uint32_t endpoint_count;
};

/**
 * Make the scraper that flags and configuration of *control ask for.
 * @return RP_OK; RP_ECONFIG: logged, an engine's entry is wrong; RP_ENOMEM
 */
RP_MUST_CHECK int rp_scrape_new(struct rp_control *control, struct rp_scrape **ret_scrape);

/** The same from parts; everything options points to must outlive the scraper. */
RP_MUST_CHECK int rp_scrape_new_with(const struct rp_scrape_options *options,
				     struct rp_scrape **ret_scrape);

/** Scrape exactly the endpoints of this table from now on. The table is read during the call only.
 */
void rp_scrape_set_endpoints(struct rp_scrape *scrape, const struct rp_endpoint_table *table);

const struct rp_scrape_stats *rp_scrape_stats(const struct rp_scrape *scrape);

/** Close all connections; scrapes in flight are forgotten. NULL is fine. */
void rp_scrape_free(struct rp_scrape *scrape);

#endif /* RP_CONTROL_SCRAPE_H */
