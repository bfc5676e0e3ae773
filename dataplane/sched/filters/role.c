/* SPDX-License-Identifier: Apache-2.0
 *
 * decode-filter, prefill-filter, encode-filter: endpoints whose role takes part in that stage
 * (scheduling reference 3.8).
 */
#include "dataplane/sched/sched_plugin.h"

enum stage {
	STAGE_DECODE = 1 << 0,
	STAGE_PREFILL = 1 << 1,
	STAGE_ENCODE = 1 << 2,
};

static const struct {
	const char *role;
	uint32_t stages;
} roles[] = {
	{"decode", STAGE_DECODE},
	{"prefill", STAGE_PREFILL},
	{"encode", STAGE_ENCODE},
	{"prefill-decode", STAGE_PREFILL | STAGE_DECODE},
	{"both", STAGE_PREFILL | STAGE_DECODE},
	{"encode-prefill", STAGE_ENCODE | STAGE_PREFILL},
	{"encode-prefill-decode", STAGE_ENCODE | STAGE_PREFILL | STAGE_DECODE},
};

static void prepare(const struct rp_call *call, uint32_t table_idx, enum stage stage,
		    bool keeps_unlabelled, uint8_t *is_kept)
{
	struct rp_bytes role;

	*is_kept = keeps_unlabelled;
	if (!rp_cycle_label(call->cycle, table_idx, RP_BYTES_LIT("llm-d.ai/role"), &role))
		return;
	*is_kept = 0;
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (rp_bytes_equal_str(role, roles[i].role))
			*is_kept = (roles[i].stages & stage) != 0;
	}
}

static void prepare_decode(const struct rp_call *call, uint32_t table_idx, void *prepared)
{
	prepare(call, table_idx, STAGE_DECODE, true, prepared);
}

static void prepare_prefill(const struct rp_call *call, uint32_t table_idx, void *prepared)
{
	prepare(call, table_idx, STAGE_PREFILL, false, prepared);
}

static void prepare_encode(const struct rp_call *call, uint32_t table_idx, void *prepared)
{
	prepare(call, table_idx, STAGE_ENCODE, false, prepared);
}

const struct rp_plugin_ops rp_decode_filter = {.prepared_bytes = 1,
					       .prepare = prepare_decode,
					       .filter = rp_filter_prepared,
					       .is_of_labels = true};
const struct rp_plugin_ops rp_prefill_filter = {.prepared_bytes = 1,
						.prepare = prepare_prefill,
						.filter = rp_filter_prepared,
						.is_of_labels = true};
const struct rp_plugin_ops rp_encode_filter = {.prepared_bytes = 1,
					       .prepare = prepare_encode,
					       .filter = rp_filter_prepared,
					       .is_of_labels = true};
