/* SPDX-License-Identifier: Apache-2.0
 *
 * What an algorithm offers the scheduler. One file an algorithm, one object of struct rp_plugin_ops
 * a plugin type; sched/implementations.def lists them. A type fills in the functions of its kinds.
 */
#ifndef RP_DATAPLANE_SCHED_SCHED_PLUGIN_H
#define RP_DATAPLANE_SCHED_SCHED_PLUGIN_H

#include "config/plugin_params.h"
#include "dataplane/parsers/parser.h"
#include "dataplane/prefix_cache.h"
#include "dataplane/sched/cycle.h"

/* Live figures that a plugin's candidates must carry. */
enum rp_figure {
	RP_FIGURE_WAITING = 1 << 0,
	RP_FIGURE_RUNNING = 1 << 1,
	RP_FIGURE_KV_USAGE = 1 << 2,
	RP_FIGURE_UPDATED = 1 << 3,
};

enum { RP_KEEP_ALL = -1 };

/* A score that is none: the endpoint gets nothing from this scorer. Any NaN is one. */
#define RP_NO_SCORE ((double)NAN)

/* One plugin of the configuration, ready to be called. */
struct rp_call {
	struct rp_cycle *cycle;
	const struct rp_plugin_ops *ops; /* NULL: nothing of it runs in a worker */
	const void *params;		 /* its struct of plugin_params.h */
	uint32_t plugin;		 /* index */
	struct rp_plugin_data *data;	 /* its own */
	/* What prepare() made of each endpoint, by table index, prepared_bytes each. */
	const void *prepared;
	struct rp_prefix_lookup *lookup; /* wants_lookup */
	void *state;			 /* state_bytes */
	int64_t *load[3]; /* wants_load: requests, tokens, uncached; by table index */
};

struct rp_plugin_ops {
	uint32_t figures; /* enum rp_figure, or-ed */

	/* ---- what depends on the endpoint's labels and name alone is worked out once a table ----
	 */
	uint32_t prepared_bytes; /* an endpoint; 0: prepare is NULL */
	void (*prepare)(const struct rp_call *call, uint32_t table_idx, void *prepared);

	/* ---- filters, screeners ----
	 * Write the candidates to keep (their indices in `in`) in the order wanted.
	 * @return how many, or RP_KEEP_ALL: all, in order, nothing is written */
	int (*filter)(const struct rp_call *call, const struct rp_candidates *in, uint32_t *kept);
	/* It goes by what was prepared and by nothing of the request: kept ones hold for a table.
	 */
	bool is_of_labels;
	int (*screen)(const struct rp_call *call, const struct rp_candidates *in, uint32_t *kept);

	/* ---- scorers ----
	 * Write one score a candidate, RP_NO_SCORE for none; count >= 1. */
	void (*score)(const struct rp_call *call, const struct rp_candidates *in, double *score);
	/* It reads figures of the candidates and nothing of the request: scores hold until figures
	 * move. */
	bool is_of_figures;
	/* For one that gives 0 to all but a few: which slots those are, and their scores. They do
	 * not look at the candidates. NULL: no such. */
	uint32_t (*few)(const struct rp_call *call, const uint16_t **ret_slot);
	double (*score_slot)(const struct rp_call *call, uint32_t slot);

	/* ---- pickers ----
	 * Choose up to RP_PICKS_MAX candidates, best first. @return how many, >= 1 when count is */
	uint32_t (*pick)(const struct rp_call *call, const double *total, uint32_t count,
			 uint32_t *ret_pick);

	/* ---- profile handlers ----
	 * Profiles to run next, a bit each; 0: no more. Called again after they ran. */
	uint32_t (*choose)(const struct rp_call *call);
	/* Name cycle->primary, and what else follows from the results.
	 * @return RP_OK; RP_EUNSUPPORTED: there is no pick, cycle->reason says why */
	int (*conclude)(const struct rp_call *call);

	/* ---- deciders ---- */
	bool (*decide)(const struct rp_call *call, uint32_t table_idx);

	/* ---- request-header processors: cycle->request is not parsed yet ---- */
	void (*read_headers)(const struct rp_call *call);

	/* ---- admitters ----
	 * @return false: refused, cycle->reason says why */
	bool (*admit)(const struct rp_call *call, const struct rp_candidates *in);

	/* ---- saturation detectors: >= 1 is full; no candidates: 1 ---- */
	double (*saturation)(const struct rp_call *call, const struct rp_candidates *in);

	/* ---- data producers ---- */
	bool wants_lookup;
	bool wants_load;
	bool reads_uncached; /* of rp_load_info: nobody works it out for nothing */
	/* What it looks at of a prompt, with this CacheBlockSize; NULL: nothing. */
	struct rp_prompt_shape (*shape)(const void *params, int32_t reported_block_size);
	/* RP_OK, or an error that makes the later producers be skipped. */
	int (*produce)(const struct rp_call *call);
	/* What it knows of the candidates whatever becomes of the request's producers, before
	 * admission; NULL: nothing. */
	void (*measure)(const struct rp_call *call);

	/* ---- reporters: set cycle->followup.wants_usage before the request is sent ----
	 * A number from the answer's usage, for the gateway; of call->cycle only the configuration
	 * is there. Views of *ret_report are the configuration's. @return false: nothing to report
	 */
	bool (*report)(const struct rp_call *call, const struct rp_usage *usage,
		       struct rp_report *ret_report);

	/* ---- any kind ----
	 * Memory of its own in each worker, zero when a configuration begins; 0: none. */
	size_t state_bytes;
	/* Clear call->data when a cycle begins: for plugins that leave notes. Producers' always is.
	 */
	bool has_note;
	/* After the pick, before the request is sent; NULL: nothing to do. */
	void (*pre_request)(const struct rp_call *call);
};

/** The implementation of a plugin type; NULL: it has none in a worker. */
const struct rp_plugin_ops *rp_sched_ops(uint32_t type);
/** The parser of that type; NULL: the type is none. */
const struct rp_parser *rp_sched_parser(uint32_t type);

/** What all producers of a configuration together look at. */
struct rp_prompt_shape rp_sched_prompt_shape(const struct rp_config_blob *config,
					     int32_t reported_block_size);

/** The element of a prepared array. @param type  what prepare() writes */
#define RP_PREPARED(call, type, table_idx) (&((const type *)(call)->prepared)[table_idx])

/** A filter for ops whose prepare() writes one byte: not 0 is kept. */
int rp_filter_prepared(const struct rp_call *call, const struct rp_candidates *in, uint32_t *kept);

#endif /* RP_DATAPLANE_SCHED_SCHED_PLUGIN_H */
