/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plugin_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "shm/hash.h"

extern const struct rp_plugin_ops rp_lora_affinity_scorer;

static uint64_t hash(const char *name)
{
	return rp_hash64_bytes(rp_bytes_str(name));
}

/* The worked example of the reference. */
static void loaded_beats_room_beats_waiting(void **state RP_UNUSED)
{
	const struct {
		struct rp_endpoint_figures figures;
		double score;
	} rows[] = {
		{{.lora_max = 1, .lora_active_count = 1, .lora_active = {hash("a1")}}, 1.0},
		{{.lora_max = 2, .lora_active_count = 1, .lora_active = {hash("x")}}, 0.8},
		{{.lora_max = 2,
		  .lora_active_count = 2,
		  .lora_active = {hash("x"), hash("y")},
		  .lora_waiting_count = 1,
		  .lora_waiting = {hash("a1")}},
		 0.6},
		{{.lora_max = 2, .lora_active_count = 2, .lora_active = {hash("x"), hash("y")}},
		 0.0},
		{{.lora_max = 0}, 0.0},
		{{.lora_max = 3,
		  .lora_active_count = 1,
		  .lora_active = {hash("x")},
		  .lora_waiting_count = 1,
		  .lora_waiting = {hash("a1")}},
		 0.8},
	};
	struct plugin_bed *bed = plugin_bed_new(RP_ARRAY_LEN(rows));
	const struct rp_call *call = plugin_bed_set(bed, 0, "lora", &rp_lora_affinity_scorer, NULL);
	const double *score;

	bed->request.target_model = RP_BYTES_LIT("a1");
	for (uint32_t i = 0; i < RP_ARRAY_LEN(rows); i++)
		rp_endpoint_metrics_write(&bed->bed.shared.live->metrics, bed->slot[i],
					  &rows[i].figures);
	score = plugin_bed_score(bed, call);
	for (uint32_t i = 0; i < RP_ARRAY_LEN(rows); i++)
		assert_true(score[i] == rows[i].score);
	plugin_bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loaded_beats_room_beats_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
