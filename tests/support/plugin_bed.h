/* SPDX-License-Identifier: Apache-2.0
 *
 * What one algorithm of the scheduler sees, for tests of it alone: a cycle put together by hand,
 * with endpoints, labels, headers, figures, and what other plugins would have found out.
 */
#ifndef RP_TESTS_SUPPORT_PLUGIN_BED_H
#define RP_TESTS_SUPPORT_PLUGIN_BED_H

#include "dataplane/director.h"
#include "dataplane/sched/sched_plugin.h"
#include "tests/support/sched_bed.h"

enum { PLUGIN_BED_ENDPOINTS = 64, PLUGIN_BED_HEADERS = 8, PLUGIN_BED_POOL = 4096 };

struct plugin_bed {
	struct rp_bed bed;
	struct rp_endpoint_table *table;
	struct {
		struct rp_config_blob head;
		struct rp_config_plugin plugin[8];
		uint8_t pool[PLUGIN_BED_POOL];
	} config;

	uint32_t slot[PLUGIN_BED_ENDPOINTS]; /* of endpoint i: 2 * i + 1 */
	uint32_t table_idx[PLUGIN_BED_ENDPOINTS];
	int32_t waiting[PLUGIN_BED_ENDPOINTS];
	int32_t running[PLUGIN_BED_ENDPOINTS];
	double kv_usage[PLUGIN_BED_ENDPOINTS];
	int64_t updated_ns[PLUGIN_BED_ENDPOINTS];
	struct rp_candidates candidates;

	struct rp_cycle cycle;
	struct rp_request request;
	struct rp_request_headers headers;
	struct rp_header header[PLUGIN_BED_HEADERS];
	struct rp_plugin_data data[8];
	struct rp_call call[8];
	void *state[8];
	uint8_t prepared[8][PLUGIN_BED_ENDPOINTS * 64];
};

/** A bed with `count` endpoints "ns/p1", "ns/p2", …, all of them candidates. */
struct plugin_bed *plugin_bed_new(uint32_t count);
void plugin_bed_free(struct plugin_bed *bed);

/** Before the plugins are set: a label of the endpoint, which must be the last that got one or a
 * later one. */
void plugin_bed_label(struct plugin_bed *bed, uint32_t table_idx, const char *key,
		      const char *value);
/** A string or list in the configuration's pool. */
struct rp_config_str plugin_bed_str(struct plugin_bed *bed, const char *text);
struct rp_config_list plugin_bed_list(struct plugin_bed *bed, const void *elements, uint32_t count,
				      size_t element_bytes);
/** Plugin number i, prepared for all endpoints. */
const struct rp_call *plugin_bed_set(struct plugin_bed *bed, uint32_t i, const char *name,
				     const struct rp_plugin_ops *ops, const void *params);
/** A request header; another value for a name that is there. */
void plugin_bed_header(struct plugin_bed *bed, const char *name, const char *value);
/** Another request: notes and what was left for the reply are forgotten. */
void plugin_bed_next_request(struct plugin_bed *bed);
/** All but the endpoints in this list (ends with -1) are candidates. */
void plugin_bed_leave_out(struct plugin_bed *bed, const int *table_idx);
/** Scores by candidate, valid until the next call; the short cut of a scorer is held to them. */
const double *plugin_bed_score(struct plugin_bed *bed, const struct rp_call *call);
/** The profile's pick. */
void plugin_bed_pick(struct plugin_bed *bed, uint32_t profile, uint32_t table_idx);

#endif /* RP_TESTS_SUPPORT_PLUGIN_BED_H */
