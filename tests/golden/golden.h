/* SPDX-License-Identifier: Apache-2.0
 *
 * ringpick-golden runs recorded cases of the reference implementation against the workers' own
 * objects. This is what its files share: access to a case's JSON, and verdicts.
 */
#ifndef RP_TESTS_GOLDEN_GOLDEN_H
#define RP_TESTS_GOLDEN_GOLDEN_H

#include <cjson/cJSON.h>

#include "tests/golden/world.h"

enum golden_verdict { GOLDEN_OK, GOLDEN_FAIL, GOLDEN_UNSUPPORTED };

enum { GOLDEN_WHY_BYTES = 256, GOLDEN_ENDPOINTS_MAX = 16 };

struct golden_case {
	const cJSON *json;
	const cJSON *expect;
	struct world *world;
	char why[GOLDEN_WHY_BYTES]; /* of a failure, or the plugin type that is missing */
};

/* ---- golden_json.c ---- */
const cJSON *golden_get(const cJSON *object, const char *name);
double golden_number(const cJSON *object, const char *name, double missing);
const char *golden_string(const cJSON *object, const char *name); /* "" if missing */

/* Endpoints of the case with their figures, names and given prefix matches. */
struct golden_pool {
	uint32_t count;
	const char *name[GOLDEN_ENDPOINTS_MAX];
	struct rp_bed_endpoint endpoint[GOLDEN_ENDPOINTS_MAX];
	uint16_t match[GOLDEN_ENDPOINTS_MAX];
	uint64_t total[GOLDEN_ENDPOINTS_MAX];
	int64_t block_tokens[GOLDEN_ENDPOINTS_MAX];
};

void golden_read_pool(const cJSON *endpoints, struct golden_pool *pool);
uint32_t golden_find_endpoint(const struct golden_pool *pool, const char *name);

/* Plugin type of a name; RP_PLUGIN_TYPE_COUNT and *why if this build has none. */
enum rp_plugin_type golden_type(struct golden_case *c, const char *name);

/* ---- golden_plan.c ---- */

/* A configuration in the making. */
struct golden_plan {
	cJSON *plugins;
	cJSON *refs; /* of its one profile */
	bool is_built;
};

struct golden_plan golden_plan_new(void);

/* Add a plugin of the case. A scorer's name begins with an s. */
void golden_plan_add(struct golden_plan *plan, struct golden_case *c, const cJSON *json,
		     const char *name);

/* Load it, and publish it with the case's endpoints; the plan is gone. */
enum golden_verdict golden_plan_publish(struct golden_plan *plan, struct golden_case *c);

/* The same for the case's plugin alone, whose scorer or filter is watched from now on. */
enum golden_verdict golden_load_one(struct golden_case *c, bool is_scorer);

/* Do all match against one prompt? Upstream's attribute has a total for each endpoint. */
bool golden_has_one_prompt(const cJSON *endpoints);

/* Publish a configuration with the case's endpoints, and take over its request. */
void golden_set_pool(struct golden_case *c, const struct world_config *config);

/* Are all plugin types of a configuration text built? If not, *why names one. */
bool golden_is_built(struct golden_case *c, const char *text);

/* Say what is wrong, as printf would. */
enum golden_verdict golden_fail(struct golden_case *c, const char *format, ...) RP_PRINTF(2, 3);

/* Compare a value with 16 hex digits under `name` in *bits. */
bool golden_same_bits(double value, const cJSON *bits, const char *name);

/* Parameters with upstream's defaults, and what the case says. */
struct rp_params_prefix_cache_scorer golden_prefix_params(const cJSON *parameters);
struct rp_params_approx_prefix_cache_producer golden_approx_params(const cJSON *parameters);

/* @return RP_OK, or an error: a configuration with them is refused */
int golden_token_params(const cJSON *parameters, struct rp_params_token_producer *ret);

/* ---- the kinds ---- */
enum golden_verdict golden_scorer(struct golden_case *c);
enum golden_verdict golden_filter(struct golden_case *c);
enum golden_verdict golden_profile(struct golden_case *c);
enum golden_verdict golden_sequence(struct golden_case *c);
enum golden_verdict golden_schedule(struct golden_case *c);
enum golden_verdict golden_factory(struct golden_case *c);
enum golden_verdict golden_config(struct golden_case *c);
enum golden_verdict golden_prefix_hash(struct golden_case *c);
enum golden_verdict golden_estimate_tokens(struct golden_case *c);
enum golden_verdict golden_approx_sequence(struct golden_case *c);

#endif /* RP_TESTS_GOLDEN_GOLDEN_H */
