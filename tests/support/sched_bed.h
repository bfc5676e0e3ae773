/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker's scheduler stands on, for tests: both segments in this process, a configuration
 * put together by hand, endpoints with figures.
 */
#ifndef RP_TESTS_SUPPORT_SCHED_BED_H
#define RP_TESTS_SUPPORT_SCHED_BED_H

#include "config/plugin_params.h"
#include "dataplane/director.h"

enum { RP_BED_PLUGINS_MAX = 16 };

struct rp_bed_config {
	const char *profile_name; /* NULL: empty */
	uint32_t plugin_count;
	struct {
		enum rp_plugin_type type;
		const void *params;
		uint32_t params_bytes;
		double weight; /* scorers */
	} plugin[RP_BED_PLUGINS_MAX];
};

struct rp_bed_endpoint {
	const char *ip; /* with brackets if it is IPv6 */
	uint16_t port;
	int32_t waiting;
	double kv_usage;
	int32_t block_size;
	int32_t num_blocks;
};

struct rp_bed {
	struct rp_shared shared;
	struct rp_env env;
	struct rp_arena arena;
	uint64_t generation;
	const struct rp_request_rules *rules; /* published from now on; NULL: none */
};

/** @param settings  NULL: 64 endpoints, smallest prefix index */
void rp_bed_init(struct rp_bed *bed, const struct rp_settings *settings);
void rp_bed_fini(struct rp_bed *bed);

/** Add a plugin; returns its index. */
uint32_t rp_bed_add(struct rp_bed_config *config, enum rp_plugin_type type, const void *params,
		    size_t params_bytes, double weight);

/** Parameters of a token-producer without any. */
extern const struct rp_params_token_producer rp_bed_token_params;

/** The default configuration: queue 2, kv 2, prefix 3, max score, all parsers, both producers. */
struct rp_bed_config rp_bed_default_config(void);

/** Publish; scorers, producers, parsers stand in the plugins' order. Endpoint i gets slot i. */
void rp_bed_publish(struct rp_bed *bed, const struct rp_bed_config *config,
		    const struct rp_bed_endpoint *endpoint, uint32_t endpoint_count);

/** A whole cycle in the bed's arena. @param subset  NULL: everybody may be picked */
enum rp_sched_result rp_bed_pick(struct rp_bed *bed, struct rp_request_parser *parser,
				 const struct rp_body *body, const struct rp_subset *subset,
				 struct rp_request *request, struct rp_pick *ret_pick);

#endif /* RP_TESTS_SUPPORT_SCHED_BED_H */
