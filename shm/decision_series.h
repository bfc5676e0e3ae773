/* SPDX-License-Identifier: Apache-2.0
 *
 * disagg_decision_total and pd_decision_total{plugin_name, plugin_type, model_name, decision_type},
 * disaggregatedset_strict_header_no_match_total{plugin_name, plugin_type, selector}: what plugins
 * decided, by plugin and by a subject: the model, or the selector. One table a worker, keys
 * interned. What comes later than RP_DECISION_SERIES_MAX keys is counted as "other" plugin and
 * subject.
 */
#ifndef RP_SHM_DECISION_SERIES_H
#define RP_SHM_DECISION_SERIES_H

#include <stdalign.h>
#include <stdatomic.h>

#include "shm/bytes.h"
#include "shm/limits.h"

/* Values of decision_type: which stages got an endpoint of their own. */
#define RP_STAGE_DECISIONS(X)                                                                      \
	X(DECODE_ONLY, "decode-only")                                                              \
	X(PREFILL_DECODE, "prefill-decode")                                                        \
	X(ENCODE_DECODE, "encode-decode")                                                          \
	X(ENCODE_PREFILL_DECODE, "encode-prefill-decode")

enum rp_stage_decision {
#define RP_STAGE_DECISION_ENUM(id, text) RP_DECISION_##id,
	RP_STAGE_DECISIONS(RP_STAGE_DECISION_ENUM)
#undef RP_STAGE_DECISION_ENUM
		RP_STAGE_DECISION_COUNT
};

/* Who decided: family and plugin_type. */
enum rp_decision_family {
	RP_DECISION_DISAGG,
	RP_DECISION_PD,
	RP_DECISION_NO_MATCH, /* of one kind: the first of decisions[] */
	RP_DECISION_FAMILY_COUNT,
};

/** "decode-only", …: the label value. */
const char *rp_stage_decision_name(enum rp_stage_decision decision);

struct rp_decision_series {
	_Atomic uint32_t is_used; /* set last (release), so that readers see whole keys */
	uint32_t family;	  /* enum rp_decision_family */
	uint32_t plugin_len;
	uint32_t subject_len;
	char plugin[RP_PLUGIN_NAME_MAX + 1];
	char subject[RP_METRIC_LABEL_MAX + 4];
	_Atomic uint64_t decisions[RP_STAGE_DECISION_COUNT];
};

struct rp_decision_series_table {
	_Atomic uint32_t count; /* used cells */
	uint32_t reserved[15];
	struct rp_decision_series other[RP_DECISION_FAMILY_COUNT]; /* by family */
	struct rp_decision_series cell[RP_DECISION_SERIES_MAX];
};

/**
 * Count one decision of a profile handler. Owner only.
 *
 * @param plugin  name of the handler
 * @param model   after rewrite, cut to RP_METRIC_LABEL_MAX; "unknown" if empty
 * Context: worker turn, no allocation; O(keys), which are few.
 */
void rp_decision_series_count(struct rp_decision_series_table *table,
			      enum rp_decision_family family, struct rp_bytes plugin,
			      struct rp_bytes model, enum rp_stage_decision decision);

/** Count a strict header selection that left no endpoint. Owner only. */
void rp_decision_series_count_no_match(struct rp_decision_series_table *table,
				       struct rp_bytes plugin, struct rp_bytes selector);

#endif /* RP_SHM_DECISION_SERIES_H */
