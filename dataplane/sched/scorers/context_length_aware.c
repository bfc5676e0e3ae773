/* SPDX-License-Identifier: Apache-2.0
 *
 * context-length-aware: filter and scorer by a label that says for which prompt lengths an endpoint
 * is meant, "min-max" in tokens (scheduling reference 3.6).
 */
#include "dataplane/sched/sched_plugin.h"

#define FALLBACK_MAX 0.3

enum range_kind { RANGE_NONE, RANGE_BROKEN, RANGE_GIVEN };

/* What an endpoint's label says. */
struct range {
	uint64_t kind; /* enum range_kind */
	int64_t min;
	int64_t max;
	double width_part; /* the width's share of the score inside the range */
};

/* As Go's strconv.Atoi reads it; a minus never gets here. */
static bool read_int(struct rp_bytes text, int64_t *ret_value)
{
	uint64_t value = 0;

	text = rp_bytes_trim(text);
	if (text.len > 0 && text.ptr[0] == '+')
		text = rp_bytes_slice(text, 1, text.len);
	if (rp_bytes_to_u64(text, INT64_MAX, &value) != RP_OK)
		return false;
	*ret_value = (int64_t)value;
	return true;
}

static bool read_range(struct rp_bytes text, struct range *range)
{
	size_t dash = rp_bytes_find(text, RP_BYTES_LIT("-"));
	struct rp_bytes upper;

	if (dash == SIZE_MAX)
		return false;
	upper = rp_bytes_slice(text, dash + 1, text.len);
	return rp_bytes_find(upper, RP_BYTES_LIT("-")) == SIZE_MAX &&
	       read_int(rp_bytes_slice(text, 0, dash), &range->min) &&
	       read_int(upper, &range->max) && range->min <= range->max;
}

static void prepare(const struct rp_call *call, uint32_t table_idx, void *prepared)
{
	const struct rp_params_context_length_aware *params = call->params;
	struct rp_bytes label = rp_config_blob_str(call->cycle->config, params->label);
	struct range *range = prepared;
	struct rp_bytes text;

	*range = (struct range){.kind = RANGE_NONE};
	if (!rp_cycle_label(call->cycle, table_idx, label, &text))
		return;
	range->kind = read_range(text, range) ? RANGE_GIVEN : RANGE_BROKEN;
	range->width_part = 0.7 * (1.0 / (1.0 + (double)(range->max - range->min) / 10000.0));
}

static double score_range(const struct range *range, int64_t length)
{
	int64_t distance;
	double raw;

	if (length >= range->min && length <= range->max) {
		if (range->max == range->min)
			return 1.0;
		raw = range->width_part +
		      0.3 * ((double)(range->max - length) / (double)(range->max - range->min));
		return FALLBACK_MAX + raw * (1.0 - FALLBACK_MAX);
	}
	distance = length > range->max ? length - range->max : range->min - length;
	return FALLBACK_MAX / (1.0 + (double)distance / 1000.0);
}

static void score(const struct rp_call *call, const struct rp_candidates *in, double *score)
{
	int64_t length = (int64_t)rp_cycle_token_count(call->cycle);

	for (uint32_t i = 0; i < in->count; i++) {
		const struct range *range = RP_PREPARED(call, struct range, in->table_idx[i]);

		if (range->kind == RANGE_GIVEN)
			score[i] = score_range(range, length);
		else
			score[i] = range->kind == RANGE_NONE ? 0.5 : 0.0;
	}
}

static int filter(const struct rp_call *call, const struct rp_candidates *in, uint32_t *kept)
{
	const struct rp_params_context_length_aware *params = call->params;
	int64_t length;
	int count = 0;

	if (params->enable_filtering == 0)
		return RP_KEEP_ALL;
	length = (int64_t)rp_cycle_token_count(call->cycle);
	for (uint32_t i = 0; i < in->count; i++) {
		const struct range *range = RP_PREPARED(call, struct range, in->table_idx[i]);
		bool is_inside = length >= range->min && length <= range->max;

		kept[count] = i;
		count += range->kind == RANGE_NONE || (range->kind == RANGE_GIVEN && is_inside);
	}
	return count;
}

const struct rp_plugin_ops rp_context_length_aware = {
	.prepared_bytes = sizeof(struct range),
	.prepare = prepare,
	.filter = filter,
	.score = score,
};
